"""Commit an entry to a room's log, and recover what a client missed."""

import json
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, TypeVar, cast

from pydantic import BaseModel

from chalicelib.contract import Context
from chalicelib.kernel import telemetry
from chalicelib.kernel.times import Moment
from chalicelib.log import table
from chalicelib.log.reading import READ_BYTES, list_newest, messages_of
from chalicelib.log.table import (
    Entry,
    Event,
    LeaveReason,
    LogPosition,
    Message,
    MessageType,
    SystemEvent,
    Void,
    find_before,
    get_entry,
    put_entry,
    put_void,
    uncount_texts,
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
E = TypeVar("E", Message, Event)
E_co = TypeVar("E_co", Message, Event, covariant=True)


class Numbered(Protocol[E_co]):
    """What `commit` takes: a draft, which becomes an entry when it has a number."""

    @property
    def size(self) -> int:
        """The bytes of its item without the id of its user, or a few more. Reading it may cost as much."""

    def at(self, context: Context, seq: int, chat_n: int, message_seq: int | None) -> E_co:
        """The entry with this number. `chat_n` and `message_seq`: see `Event`."""


@dataclass(frozen=True)
class Draft:
    """A message before it has a number. `user_id` None means that the room itself speaks."""

    text: str
    type: MessageType = "system"
    user_id: str | None = None
    user: str = "System"
    event: SystemEvent | None = None
    about_id: str | None = None
    about_name: str | None = None
    about_role: str | None = None
    reason: LeaveReason | None = None
    reply_to: int | None = None
    mentions: frozenset[str] = frozenset()

    @property
    def size(self) -> int:
        return _ITEM_BYTES + _size(self.text, self.user, self.about_id, self.about_name, *self.mentions)

    def at(self, context: Context, seq: int, chat_n: int, message_seq: int | None) -> Message:  # noqa: ARG002
        fields = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return Message(context.room_id, seq, str(uuid.uuid4()), created_at=context.now, chat_n=chat_n, **fields)


@dataclass(frozen=True)
class EventDraft:
    """An event before it has a number. `data` is the data of the frame that tells it.

    `private` are more fields of `data`, for moderators and for the user `about_id`. An event that changes a message
    names it in `target`. With `shows_text`, the text of the target and its mentions are read when the event is shown.

    Example: `commit(context, EventDraft("role_changed", RoleChangedData(...)), writes)`
    """

    kind: str
    data: BaseModel
    private: dict[str, Any] | None = None
    about_id: str | None = None
    target: Message | None = None
    shows_text: bool = False

    @property
    def size(self) -> int:
        return _ITEM_BYTES + _size(self._json, self._private, self.about_id) + self._target_bytes

    def at(self, context: Context, seq: int, chat_n: int, message_seq: int | None) -> Event:
        return Event(
            context.room_id,
            seq,
            self.kind,
            context.user_id or None,
            self._json,
            context.now,
            private=self._private,
            about_id=self.about_id,
            target_seq=self.target.seq if self.target else None,
            target_bytes=self._target_bytes or None,
            message_seq=message_seq if message_seq and message_seq < seq else None,
            chat_n=chat_n,
        )

    @property
    def _json(self) -> str:
        return self.data.model_dump_json(exclude={"text", "mentions"} if self.shows_text else None)

    @property
    def _private(self) -> str | None:
        return json.dumps(self.private, ensure_ascii=False) if self.private else None

    @property
    def _target_bytes(self) -> int:
        if not self.shows_text or self.target is None:
            return 0
        text: str = getattr(self.data, "text", "")
        return _ITEM_BYTES + _size(text, self.target.user, *self.target.mentions, *self.target.reactions)


def allocate(context: Context, *drafts: Numbered[Any]) -> LogPosition:
    """Allocate a number for each entry. The last one is `last_seq`."""
    return table.allocate(
        context.store,
        context.room_id,
        context.now,
        sum(draft.size + _size(context.user_id) for draft in drafts),
        numbers=len(drafts),
        texts=sum(map(_is_text, drafts)),
        message=max((n for n, draft in enumerate(drafts, 1) if isinstance(draft, Draft)), default=None),
    )


def _is_text(draft: Numbered[Any]) -> bool:
    return isinstance(draft, Draft) and draft.type == "text"


def commit(
    context: Context, draft: Numbered[E], writes: Sequence[Write], *, position: LogPosition | None = None
) -> E | Void:
    """Number an entry, then store it together with `writes` in one transaction. Returns what the number has now.

    `position` has the number if it was allocated before. If the condition of a write is not met, nothing is written,
    and the number gets a void entry: without it, all clients would wait for the number.
    """
    (entry,) = commit_all(context, [draft], writes, position=position)
    return cast("E | Void", entry)


def commit_all(
    context: Context,
    drafts: Sequence[Numbered[Any]],
    writes: Sequence[Write],
    *,
    position: LogPosition | None = None,
) -> list[Entry]:
    """`commit` for several entries with consecutive numbers: all of them and all writes, or only void entries."""
    position = position or allocate(context, *drafts)
    return [*try_commit(context, drafts, writes, position)] or fill(context, drafts, position)


def try_commit(
    context: Context, drafts: Sequence[Numbered[E]], writes: Sequence[Write], position: LogPosition
) -> list[E]:
    """Store entries under allocated numbers, together with `writes`. If a write is refused, the list is empty.

    Then nothing is written: try again with the same numbers, or call `fill`.
    """
    entries = _number(context, drafts, position)
    days = _days_kept(context, position)
    puts: list[Write] = [put_entry(entry, days) for entry in entries]
    if not context.store.transact([*puts, *writes]):
        return []
    for entry in entries:
        _note(entry)
    return entries


def fill(context: Context, drafts: Sequence[Numbered[Any]], position: LogPosition) -> list[Entry]:
    """Store void entries under the numbers that were allocated for these drafts, as nothing else will have them.

    Texts are taken off the count of messages if no number was allocated since. If one was, the count stays as it is.
    """
    days, texts = _days_kept(context, position), sum(map(_is_text, drafts))
    entries = _number(context, drafts, position)
    counted = [Void(context.room_id, entry.seq, context.now, entry.chat_n) for entry in entries]
    uncounted = [replace(void, chat_n=(position.chat_n or 0) - texts) for void in counted]
    writes: list[Write] = [uncount_texts(position, texts), *(put_entry(void, days) for void in uncounted)]
    if texts and context.store.transact(writes):
        return [*uncounted]
    for void in counted:
        put_void(context.store, void, days)
    return [*counted]


def _days_kept(context: Context, position: LogPosition) -> int:
    return position.retention_days or context.settings.message_retention_days


def _number(context: Context, drafts: Sequence[Numbered[E]], position: LogPosition) -> list[E]:
    """The entries of the position's last numbers."""
    entries: list[E] = []
    chat_n = position.chat_n or 0
    for draft in reversed(drafts):
        entries.append(draft.at(context, position.last_seq - len(entries), chat_n, position.message_seq))
        chat_n -= _is_text(draft)
    return entries[::-1]


def _note(entry: Message | Event) -> None:
    if isinstance(entry, Event):
        telemetry.current().note_event(entry.room_id, entry.seq, entry.kind)
    else:
        is_system = entry.type == "system"
        telemetry.current().note_message(entry.room_id, entry.seq, entry.message_id, is_system=is_system)


def _size(*texts: str | None) -> int:
    return sum(len(text.encode()) + 1 for text in texts if text)


@dataclass(frozen=True)
class Recovery:
    """Entries in order. Up to `last_seq` the client misses nothing."""

    entries: list[Entry]
    recovered: bool
    last_seq: int
    left: int = 0
    """How many bytes may still be read."""

    @property
    def messages(self) -> list[Message]:
        """The entries that are shown as messages."""
        return messages_of(self.entries)

    @property
    def events(self) -> list[Event]:
        """The entries that change what a client has. Without `recovered` it has nothing: everything is as it is now."""
        return [one for one in self.entries if isinstance(one, Event)] if self.recovered else []

    def as_incomplete(self) -> "Recovery":
        """The newest of these messages, marked as incomplete."""
        return Recovery(_newest(self.entries), False, self.last_seq, self.left)


def recover(
    store: Store, position: LogPosition, last_seq: int | None, now: Moment, most_bytes: int = READ_BYTES
) -> Recovery:
    """All entries after `last_seq` if they are 300 or fewer and fit in one read, else the last 50.

    The position is read before the log: each number up to it is in the log, or its message is not stored yet.
    """
    is_near = last_seq is not None and position.last_seq - last_seq <= MAX_RECOVERED
    if last_seq is not None and is_near and _is_in_log(store, last_seq, position):
        page = list_newest(
            store, position, MAX_RECOVERED + 1, after=last_seq, most_bytes=most_bytes, skips_events=False
        )
        if page.is_complete:
            stable = stable_seq(last_seq, page.entries, position, now)
            return Recovery(page.entries, True, stable, page.left)
    else:
        page = list_newest(store, position, SHOWN, most_bytes=most_bytes)
    entries = _newest(page.entries)
    start = entries[0].seq - 1 if entries and not page.is_complete else 0
    return Recovery(entries, False, stable_seq(start, entries, position, now), page.left)


def _newest(entries: Sequence[Entry]) -> list[Entry]:
    """The last 50 messages, and the other entries after the first of them."""
    seqs = [entry.seq for entry in entries if isinstance(entry, Message)][-SHOWN:]
    return [entry for entry in entries if len(seqs) < SHOWN or entry.seq >= seqs[0]]


def _is_in_log(store: Store, seq: int, position: LogPosition) -> bool:
    """True if a client can know this number. If the table was restored to an earlier state, a client may know higher
    numbers than the log has. It would ignore new messages as old ones."""
    return seq <= position.last_seq or get_entry(store, position.room_id, seq) is not None


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
