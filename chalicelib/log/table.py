"""The `messages` table: one log for each room. The item with `seq` 0 holds the position of the log."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from chalicelib.kernel.times import Moment
from chalicelib.store import Put, Store, Table
from chalicelib.store.tables import Item

MessageType = Literal["text", "emoji", "system"]

_DAY_SECONDS = 86_400
_POSITION = 0
_DELETE_PAGE = 500


@dataclass(frozen=True, slots=True)
class Message:
    """One entry of a room's log. `user_id` is None if the room itself speaks."""

    room_id: str
    seq: int
    message_id: str
    type: MessageType
    user_id: str | None
    user: str
    avatar: str | None
    text: str
    created_at: Moment


@dataclass(frozen=True, slots=True)
class Void:
    """The entry of a number that no message has: the transaction of its message was refused.

    Clients wait for a number that is missing. A void entry tells them at once that they miss nothing.
    """

    room_id: str
    seq: int
    created_at: Moment
    type: Literal["void"] = "void"


Entry = Message | Void


@dataclass(frozen=True, slots=True)
class LogPosition:
    """The last number of a log, and when it was allocated."""

    room_id: str
    seq: int
    last_seq: int
    allocated_at: Moment


MESSAGES = Table("messages", Message, also={"expires_at": int})
VOIDS = Table("messages", Void, also={"expires_at": int})
POSITIONS = Table("messages", LogPosition)


def allocate(store: Store, room_id: str, now: Moment) -> int:
    """The room's next number. It is never allocated again, used or not. 1 write unit."""
    actions = [POSITIONS.last_seq.add(1), POSITIONS.allocated_at.set(now)]
    position = store.update(POSITIONS, (room_id, _POSITION), actions, returns="ALL_NEW")
    if position is None:
        raise RuntimeError("DynamoDB returned no position")
    return position.last_seq


def get_position(store: Store, room_id: str) -> LogPosition:
    """The position of the log, read eventually consistent. 0.5 read units."""
    found = store.get(POSITIONS, (room_id, _POSITION), consistent=False)
    return found or LogPosition(room_id, _POSITION, 0, 0)


def put_message(message: Message, retention_days: int) -> Put:
    """The write that stores a message at its number."""
    return Put(MESSAGES, message, also={"expires_at": _expiry(message, retention_days)})


def put_void(store: Store, void: Void, retention_days: int) -> None:
    """Fill a number that stays unused. 1 write unit."""
    store.put(VOIDS, void, expires_at=_expiry(void, retention_days))


def get_message(store: Store, room_id: str, seq: int) -> Message | None:
    """One message, or None if retention has deleted it."""
    return store.get(MESSAGES, (room_id, seq))


def list_newest(store: Store, room_id: str, limit: int, *, after: int = 0, before: int | None = None) -> list[Entry]:
    """The last `limit` entries above `after` and below `before`, oldest first."""
    return _list(store, room_id, after, before, limit, forward=False)[::-1]


def list_messages(store: Store, room_id: str, limit: int) -> list[Message]:
    """The messages among the last `limit` entries, oldest first."""
    return messages_of(list_newest(store, room_id, limit))


def messages_of(entries: Iterable[Entry]) -> list[Message]:
    """The entries that are messages. Only these are shown."""
    return [entry for entry in entries if isinstance(entry, Message)]


def list_following(store: Store, room_id: str, limit: int, *, after: int, before: int | None = None) -> list[Entry]:
    """The first `limit` entries above `after` and below `before`, oldest first."""
    return _list(store, room_id, after, before, limit, forward=True)


def delete_page(store: Store, room_id: str) -> bool:
    """Delete up to 500 items of a log, position included. False if nothing is left."""
    pages = store.pages(MESSAGES, room_id, consistent=True, limit=_DELETE_PAGE, attributes=["room_id", "seq"])
    items = [item for page in pages for item in page]
    store.delete_all(MESSAGES, items)
    return len(items) == _DELETE_PAGE


def _list(store: Store, room_id: str, after: int, before: int | None, limit: int, *, forward: bool) -> list[Entry]:
    if before is not None and before - after < 2:
        return []
    between = MESSAGES.seq > after if before is None else MESSAGES.seq.between(after + 1, before - 1)
    pages = store.pages(MESSAGES, room_id, between, consistent=True, forward=forward, limit=limit)
    return [_read(item) for page in pages for item in page]


def _expiry(entry: Entry, retention_days: int) -> int:
    return entry.created_at // 1000 + retention_days * _DAY_SECONDS


def _read(item: Item) -> Entry:
    return VOIDS.read(item) if item["type"]["S"] == "void" else MESSAGES.read(item)
