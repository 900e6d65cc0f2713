"""Commit an entry to a room's log, and recover what a client missed."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from chalicelib.contract import Context
from chalicelib.kernel import telemetry
from chalicelib.kernel.times import Moment
from chalicelib.log import table
from chalicelib.log.reading import READ_BYTES, list_newest, messages_of
from chalicelib.log.table import (
    Entry,
    EventKind,
    LogPosition,
    Message,
    MessageType,
    Void,
    find_before,
    get_message,
    put_message,
    put_void,
)
from chalicelib.store import Store, Write

MAX_RECOVERED = 300
SHOWN = 50
"""The number of messages for a client that has no messages yet."""
SETTLED_MS = 60_000
"""A number that is unused after this time is never used. A function stops after 29 s, and the clock that dates the
number may be as late as that again."""
_ITEM_BYTES = 300
"""The rest of an item: names of attributes, ids, times."""


@dataclass(frozen=True)
class Draft:
    """An entry before it has a number. `user_id` None means that the room itself speaks."""

    text: str
    type: MessageType = "system"
    user_id: str | None = None
    user: str = "System"
    event: EventKind | None = None
    about_id: str | None = None
    about_name: str | None = None

    @property
    def size(self) -> int:
        """The bytes of its item, or a few more."""
        texts = (self.text, self.user, self.user_id, self.about_id, self.about_name)
        return _ITEM_BYTES + sum(len(text.encode()) for text in texts if text)


def allocate(context: Context, draft: Draft) -> LogPosition:
    """Allocate a number for an entry."""
    return table.allocate(context.store, context.room_id, context.now, draft.size)


def commit(context: Context, draft: Draft, writes: Sequence[Write], *, position: LogPosition | None = None) -> Entry:
    """Number an entry, then store it together with `writes` in one transaction. Returns what the number has now.

    `position` has the number if it was allocated before. If the condition of a write is not met, nothing is written,
    and the number gets a void entry: without it, all clients would wait for the number.
    """
    number = (position or allocate(context, draft)).last_seq
    days = context.settings.message_retention_days
    fields = {name: getattr(draft, name) for name in draft.__dataclass_fields__}
    message = Message(context.room_id, number, str(uuid.uuid4()), created_at=context.now, **fields)
    if not context.store.transact([put_message(message, days), *writes]):
        void = Void(context.room_id, number, context.now)
        put_void(context.store, void, days)
        return void
    telemetry.current().note_message(
        message.room_id, message.seq, message.message_id, is_system=message.type == "system"
    )
    return message


@dataclass(frozen=True)
class Recovery:
    """Entries in order. Up to `last_seq` the client misses nothing."""

    entries: list[Entry]
    recovered: bool
    last_seq: int

    @property
    def messages(self) -> list[Message]:
        """The entries that are shown."""
        return messages_of(self.entries)

    def as_incomplete(self) -> "Recovery":
        """The newest of these messages, marked as incomplete."""
        return Recovery(self.entries[-SHOWN:], False, self.last_seq)


def recover(
    store: Store, position: LogPosition, last_seq: int | None, now: Moment, most_bytes: int = READ_BYTES
) -> Recovery:
    """All entries after `last_seq` if they are 300 or fewer and fit in one read, else the last 50.

    The position is read before the log: each number up to it is in the log, or its message is not stored yet.
    """
    is_near = last_seq is not None and position.last_seq - last_seq <= MAX_RECOVERED
    if last_seq is not None and is_near and _is_in_log(store, last_seq, position):
        page = list_newest(store, position, MAX_RECOVERED + 1, after=last_seq, most_bytes=most_bytes)
        if page.is_complete:
            return Recovery(page.entries, True, stable_seq(last_seq, page.entries, position, now))
    else:
        page = list_newest(store, position, SHOWN, most_bytes=most_bytes)
    entries = page.entries[-SHOWN:]
    start = entries[0].seq - 1 if entries and not page.is_complete else 0
    return Recovery(entries, False, stable_seq(start, entries, position, now))


def _is_in_log(store: Store, seq: int, position: LogPosition) -> bool:
    """True if a client can know this number. If the table was restored to an earlier state, a client may know higher
    numbers than the log has. It would ignore new messages as old ones."""
    return seq <= position.last_seq or get_message(store, position.room_id, seq) is not None


def stable_seq(after: int, found: Sequence[Entry], position: LogPosition, now: Moment) -> int:
    """The last final number: no message can still appear at or below it. `found` are all entries above `after`.

    Messages are numbered before they are stored, so a message can still appear below others. A number that is
    unused for a minute is skipped for good.
    """
    stable = after
    final_below = max((m.seq for m in found if m.created_at <= now - SETTLED_MS), default=0)
    for message in found:
        if message.seq > stable + 1 and message.seq > final_below:
            return stable
        stable = message.seq
    if position.last_seq > stable and position.allocated_at <= now - SETTLED_MS:
        return position.last_seq
    return stable


def has_retention_gap(
    store: Store, room_id: str, created_at: Moment, last_seq: int | None, missed: Recovery, due: Moment
) -> bool:
    """True if retention may have deleted messages after `last_seq`. Messages created before `due` may be deleted.

    DynamoDB deletes due items within days and in no order. If a message is not due, no later message is due either.
    """
    if last_seq is None or created_at > due:
        return False
    contiguous = last_seq
    for message in missed.entries:
        if message.seq != contiguous + 1:
            break
        if message.created_at > due:
            return False
        contiguous = message.seq
    before = find_before(store, room_id, contiguous + 1)
    return before is None or before.created_at <= due
