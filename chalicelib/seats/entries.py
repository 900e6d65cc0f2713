"""Entries of the room's log, as the members see them."""

import json
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple, TypeVar, cast

from chalicelib import log
from chalicelib.contract import Context
from chalicelib.delivery import OutboundFrame
from chalicelib.kernel.times import iso
from chalicelib.log import Draft, Entry, Event, LogPosition, Message, Numbered, Void
from chalicelib.log.schemas import EntryFrame
from chalicelib.log.table import LeaveReason
from chalicelib.rooms.table import get_room
from chalicelib.seats.broadcast import deliver
from chalicelib.seats.connections import get_roster
from chalicelib.seats.schemas import SeqUnused
from chalicelib.seats.table import Participant
from chalicelib.store import Write

E = TypeVar("E", Message, Event)


def joined(member: Participant) -> Draft:
    """The system message about a new member."""
    return Draft(
        f"{member.name} joined the room",
        event="user_joined",
        about_id=member.user_id,
        about_name=member.name,
        about_role=member.role,
    )


def left(member: Participant, reason: LeaveReason) -> Draft:
    """The system message about a member who left, or lost the seat."""
    text = f"{member.name} left the room"
    return Draft(text, event="user_left", about_id=member.user_id, about_name=member.name, reason=reason)


def commit(
    context: Context, draft: Numbered[E], writes: Sequence[Write], *, position: LogPosition | None = None
) -> E | None:
    """Commit an entry to the log. If a write is refused, returns None, and the room hears that the number is unused."""
    entries = commit_all(context, [draft], writes, position=position)
    return cast(E, entries[0]) if entries else None


def commit_all(
    context: Context,
    drafts: Sequence[Numbered[Any]],
    writes: Sequence[Write],
    *,
    position: LogPosition | None = None,
) -> list[Entry]:
    """Commit entries with consecutive numbers. If a write is refused, the list is empty, as with `commit`."""
    entries = log.commit_all(context, drafts, writes, position=position)
    if not isinstance(entries[0], Void):
        return entries
    tell_unused(context, entries)
    return []


def tell_unused(context: Context, voids: Sequence[Entry]) -> None:
    """Tell the room that nothing will have these numbers."""
    store, room_id = context.store, context.room_id
    room, roster = store.run_parallel(partial(get_room, store, room_id), partial(get_roster, store, room_id))
    if room is None:
        # The room may have been purged before the number was allocated. Then nothing else deletes these items.
        log.delete_page(store, room_id)
    else:
        skipped = [context.stamp(SeqUnused, seq=entry.seq).encode() for entry in voids]
        deliver(context, [OutboundFrame(one, text) for one in roster for text in skipped], roster)


def show_events(
    context: Context, events: Sequence[Event], targets: Mapping[int, Message | None], *, sees_all: bool
) -> list[EntryFrame]:
    """Events as frames. `targets` are the messages that were changed; `sees_all` is true for moderators.

    An edit shows the text and the mentions as they are now. It is left out if its message is not kept any more.
    """
    shown = []
    for event in events:
        data = json.loads(event.data)
        if event.private and (sees_all or event.about_id == context.user_id):
            data |= json.loads(event.private)
        if event.target_bytes:
            if (target := targets.get(event.target_seq or 0)) is None:
                continue
            data |= {"text": target.text, "mentions": sorted(target.mentions)}
        shown.append(
            EntryFrame(
                type=event.kind,
                room_id=event.room_id,
                ts=iso(event.created_at),
                seq=event.seq,
                sender=event.user_id,
                data=data,
            )
        )
    return shown


class Targets(NamedTuple):
    """The messages whose text events show: None if there is none. `left`: how many bytes may still be read."""

    found: dict[int, Message | None]
    first_unread: int | None
    """The number of the first event whose message did not fit."""
    left: int


def read_targets(context: Context, events: Sequence[Event], known: Sequence[Message], most_bytes: int) -> Targets:
    """Read the messages whose text the events show, as far as `known` does not have them with the change.

    `most_bytes`: without those that the log has counted for these messages.
    """
    messages = {message.seq: message for message in known}
    edits = [(event, event.target_seq) for event in events if event.target_bytes and event.target_seq]
    missing = [seq for event, seq in edits if seq not in messages or not event.is_in(messages[seq])]
    counted = sum(event.target_bytes or 0 for event, _ in edits)
    read = log.read_messages(context.store, context.room_id, missing, most_bytes + counted)
    unread = set(missing) - read.found.keys()
    found = {**messages, **read.found}
    return Targets(found, next((event.seq for event, seq in edits if seq in unread), None), read.left)
