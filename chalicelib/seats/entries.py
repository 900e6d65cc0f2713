"""Entries of the room's log, as the members see them."""

from collections.abc import Sequence
from functools import partial

from chalicelib import log
from chalicelib.contract import Context
from chalicelib.delivery import OutboundFrame
from chalicelib.log import Draft, Message
from chalicelib.rooms.table import get_room
from chalicelib.seats.broadcast import deliver
from chalicelib.seats.connections import get_roster
from chalicelib.seats.schemas import SeqUnused
from chalicelib.store import Write


def commit(context: Context, draft: Draft, writes: Sequence[Write], *, seq: int | None = None) -> Message | None:
    """Commit an entry to the log. If a write is refused, returns None, and the room hears that the number is unused."""
    entry = log.commit(context, draft, writes, seq=seq)
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
