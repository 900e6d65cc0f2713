"""Entries of the room's log, as the members see them."""

from collections.abc import Sequence
from functools import partial

from chalicelib import log
from chalicelib.contract import Context
from chalicelib.delivery import OutboundFrame
from chalicelib.log import Draft, LogPosition, Message
from chalicelib.rooms.table import get_room
from chalicelib.seats.broadcast import deliver
from chalicelib.seats.connections import get_roster
from chalicelib.seats.schemas import SeqUnused
from chalicelib.seats.table import Participant
from chalicelib.store import Write


def joined(member: Participant) -> Draft:
    """The system message about a new member."""
    return Draft(f"{member.name} joined the room", event="user_joined", about_id=member.user_id, about_name=member.name)


def left(member: Participant) -> Draft:
    """The system message about a member who left, or lost the seat."""
    return Draft(f"{member.name} left the room", event="user_left", about_id=member.user_id, about_name=member.name)


def commit(
    context: Context, draft: Draft, writes: Sequence[Write], *, position: LogPosition | None = None
) -> Message | None:
    """Commit an entry to the log. If a write is refused, returns None, and the room hears that the number is unused."""
    entry = log.commit(context, draft, writes, position=position)
    if isinstance(entry, Message):
        return entry
    store, room_id = context.store, context.room_id
    room, roster = store.run_parallel(partial(get_room, store, room_id), partial(get_roster, store, room_id))
    if room is None:
        # The room may have been purged before the number was allocated. Then nothing else deletes these items.
        log.delete_page(store, room_id)
    else:
        skipped = context.stamp(SeqUnused, seq=entry.seq).encode()
        deliver(context, [OutboundFrame(one, skipped) for one in roster], roster)
    return None
