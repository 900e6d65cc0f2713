"""The `messages` table: one log for each room. The item with `seq` 0 holds the position of the log."""

from dataclasses import dataclass
from typing import Literal, NamedTuple

from chalicelib.kernel.times import Moment
from chalicelib.store import Put, Store, Table
from chalicelib.store.tables import Item

MessageType = Literal["text", "emoji", "system"]
EventKind = Literal["user_joined", "user_left"]

_DAY_SECONDS = 86_400
_POSITION = 0
_DELETE_PAGE = 500
_PART_BYTES = 56_000


@dataclass(frozen=True, slots=True)
class Message:
    """One entry of a room's log. `user_id` is None if the room itself speaks."""

    room_id: str
    seq: int
    message_id: str
    type: MessageType
    user_id: str | None
    user: str
    text: str
    created_at: Moment
    event: EventKind | None = None
    """The event that a system message reports, and the user of the event."""
    about_id: str | None = None
    about_name: str | None = None


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
    """The last number of a log, when it was allocated, and the sizes of the newest entries.

    The log is cut into parts of 56 KB. The present part and the part before it have known sizes.
    """

    room_id: str
    seq: int
    last_seq: int
    allocated_at: Moment
    counted: int | None = None
    """How many numbers `size` counts. It is less than `last_seq` if the log is older than the count."""
    size: int | None = None
    """In bytes. The messages of unused numbers count, too."""
    part: int | None = None
    """The number before the present part."""
    part_size: int | None = None
    """`size` at that number."""
    former_part: int | None = None
    former_size: int | None = None

    def find_window(self, most_bytes: int) -> "Window | None":
        """The newest two parts, or the newest one, if they have at most `most_bytes`."""
        uncounted, size = self.last_seq - (self.counted or 0), self.size or 0
        for before, size_before in ((self.former_part, self.former_size), (self.part, self.part_size)):
            if self.counted and size - (size_before or 0) <= most_bytes:
                return Window(max(uncounted, before or 0), size - (size_before or 0))
        return None


class Window(NamedTuple):
    """The newest entries of a log: the number before them, and their size in bytes, at most."""

    start: int
    size: int


MESSAGES = Table("messages", Message, also={"expires_at": int})
VOIDS = Table("messages", Void, also={"expires_at": int})
POSITIONS = Table("messages", LogPosition)


def allocate(store: Store, room_id: str, now: Moment, size: int) -> LogPosition:
    """Allocate the room's next number, for an entry of `size` bytes. It is never allocated again, used or not.

    1 write unit, and another one every 56 KB.
    """
    actions = [
        POSITIONS.last_seq.add(1),
        POSITIONS.allocated_at.set(now),
        POSITIONS.counted.add(1),
        POSITIONS.size.add(size),
    ]
    position = store.update(POSITIONS, (room_id, _POSITION), actions, returns="ALL_NEW")
    if position is None:
        raise RuntimeError("DynamoDB returned no position")
    if (position.size or 0) - (position.part_size or 0) >= _PART_BYTES:
        _cut(store, position)
    return position


def get_position(store: Store, room_id: str, *, consistent: bool = False) -> LogPosition:
    """The position of the log. 0.5 read units, twice that if consistent."""
    found = store.get(POSITIONS, (room_id, _POSITION), consistent=consistent)
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


def find_before(store: Store, room_id: str, seq: int) -> Entry | None:
    """The last entry below a number."""
    if seq < 2:
        return None
    below = MESSAGES.seq.between(1, seq - 1)
    pages = store.pages(MESSAGES, room_id, below, consistent=True, forward=False, limit=1)
    return next((read_entry(item) for page in pages for item in page), None)


def read_entry(item: Item) -> Entry:
    """The entry in an item of DynamoDB."""
    return VOIDS.read(item) if item["type"]["S"] == "void" else MESSAGES.read(item)


def delete_page(store: Store, room_id: str) -> bool:
    """Delete up to 500 items of a log, position included. False if nothing is left."""
    pages = store.pages(MESSAGES, room_id, consistent=True, limit=_DELETE_PAGE, attributes=["room_id", "seq"])
    items = [item for page in pages for item in page]
    store.delete_all(MESSAGES, items)
    return len(items) == _DELETE_PAGE


def _cut(store: Store, position: LogPosition) -> None:
    """Begin a new part of the log. Of several processes, one does it."""
    actions = [
        POSITIONS.former_part.set(position.part or position.last_seq - (position.counted or 0)),
        POSITIONS.former_size.set(position.part_size or 0),
        POSITIONS.part.set(position.last_seq),
        POSITIONS.part_size.set(position.size),
    ]
    part = POSITIONS.part
    is_as_read = part.does_not_exist() if position.part is None else part == position.part
    store.update(POSITIONS, (position.room_id, _POSITION), actions, is_as_read)


def _expiry(entry: Entry, retention_days: int) -> int:
    return entry.created_at // 1000 + retention_days * _DAY_SECONDS
