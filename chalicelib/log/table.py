"""The `messages` table: one log for each room. The item with `seq` 0 holds the position of the log."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, get_args

from chalicelib.kernel.times import Moment
from chalicelib.store import Condition, Put, Store, Table, Update
from chalicelib.store.tables import Item

MessageType = Literal["text", "emoji", "system"]
MESSAGE_TYPES = get_args(MessageType)
SystemEvent = Literal["user_joined", "user_left"]
LeaveReason = Literal["left", "timed_out", "removed", "room_closed"]

_DAY_SECONDS = 86_400
_POSITION = 0
_PART_BYTES = 54_000


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
    event: SystemEvent | None = None
    """The event that a system message reports, the user of the event, and why."""
    about_id: str | None = None
    about_name: str | None = None
    about_role: str | None = None
    """The role with which the user took the seat."""
    reason: LeaveReason | None = None
    reply_to: int | None = None
    """The number of the message that this one answers."""
    mentions: frozenset[str] = frozenset()
    """User ids."""
    reactions: frozenset[str] = frozenset()
    """One element for each reaction: the emoji, a space, and the fingerprint of the user."""
    reacted_seq: int | None = None
    """The number of the last event that changed the reactions."""
    edited_at: Moment | None = None
    edited_seq: int | None = None
    """The number of the last edit. A lower one is out of date."""
    edit_keys: str | None = None
    """Hashes of the client keys of the last edits, separated by spaces: an edit is made once for each key."""
    deleted_at: Moment | None = None
    """Since then the text is empty."""
    chat_n: int | None = None
    """How many text messages the log had, this one included."""


@dataclass(frozen=True, slots=True)
class Event:
    """An entry that is no message: a change that all members must agree on, as it is pushed.

    `user_id` made the change; None means the room itself.
    """

    room_id: str
    seq: int
    kind: str
    """The type of its frame."""
    user_id: str | None
    data: str
    """JSON: the `data` of its frame."""
    created_at: Moment
    private: str | None = None
    """JSON: more of `data`, for moderators and for the user `about_id`."""
    about_id: str | None = None
    target_seq: int | None = None
    """The message that was changed. Its text is not copied into the event: it must be gone when it is deleted."""
    target_bytes: int | None = None
    """The size of the target, if its text is read when the event is shown."""
    message_seq: int | None = None
    """The number of the last message before it. All numbers between are events: readers of messages skip them."""
    chat_n: int | None = None
    type: Literal["event"] = "event"

    def is_in(self, message: Message) -> bool:
        """True if the message, as it was read, has the change. One query can read the message before the change."""
        last = message.edited_seq if self.target_bytes else message.reacted_seq
        return message.seq == self.target_seq and (message.deleted_at is not None or (last or 0) >= self.seq)


@dataclass(frozen=True, slots=True)
class Void:
    """The entry of a number that nothing has: the transaction of its entry was refused.

    Clients wait for a number that is missing. A void entry tells them at once that they miss nothing.
    """

    room_id: str
    seq: int
    created_at: Moment
    chat_n: int | None = None
    type: Literal["void"] = "void"


Entry = Message | Event | Void


@dataclass(frozen=True, slots=True)
class LogPosition:
    """The last number of a log, when it was allocated, and the sizes of the newest entries.

    The log is cut into parts of 54 KB. The present part and the part before it have known sizes.
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
    chat_n: int | None = None
    """How many text messages the log has had. They are counted in the update that gives out their number."""
    message_seq: int | None = None
    """The number of the last message."""
    retention_days: int | None = None
    """How long entries stay. None: the default of the deployment."""
    least_retention_days: int | None = None
    """The shortest time that ever was in force: entries of that time may be gone."""

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
EVENTS = Table("messages", Event, also={"expires_at": int})
VOIDS = Table("messages", Void, also={"expires_at": int})
POSITIONS = Table("messages", LogPosition)


def allocate(
    store: Store, room_id: str, now: Moment, size: int, *, numbers: int = 1, texts: int = 0, message: int | None = None
) -> LogPosition:
    """Allocate the room's next numbers, for entries of `size` bytes. They are never allocated again, used or not.

    `texts`: how many of the entries are text messages. `message`: which of them is the last message, from 1. 1 write
    unit, and another one every 54 KB.
    """
    actions = [
        POSITIONS.last_seq.add(numbers),
        POSITIONS.allocated_at.set(now),
        POSITIONS.counted.add(numbers),
        POSITIONS.size.add(size),
        POSITIONS.chat_n.add(texts),
    ]
    if message:
        actions.append(POSITIONS.message_seq.set((POSITIONS.last_seq | 0) + message))
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


def keep_for(position: LogPosition, days: int, default: int) -> Update:
    """The write that sets how long a room keeps new entries. `default` held before the first such write.

    It is refused if another one came between. Entries keep the expiry with which they were stored.
    """
    least = min(days, position.least_retention_days or default)
    actions = [
        POSITIONS.retention_days.set(days),
        POSITIONS.least_retention_days.set(least),
        POSITIONS.last_seq.add(0),  # the room may have no entry yet
        POSITIONS.allocated_at.add(0),
    ]
    known, read = POSITIONS.least_retention_days, position.least_retention_days
    is_as_read = known.does_not_exist() if read is None else known == read
    return Update(POSITIONS, (position.room_id, _POSITION), actions, is_as_read)


def get_positions(store: Store, room_ids: Sequence[str]) -> dict[str, LogPosition]:
    """The positions of several logs by room, as far as they exist. 0.5 read units for each room."""
    found = store.get_many(POSITIONS, [(room_id, _POSITION) for room_id in room_ids]) if room_ids else []
    return {one.room_id: one for one in found}


def put_entry(entry: Entry, retention_days: int) -> Put:
    """The write that stores an entry at its number."""
    tables: dict[type[Entry], Table[Any]] = {Message: MESSAGES, Event: EVENTS, Void: VOIDS}
    return Put(tables[type(entry)], entry, also={"expires_at": _expiry(entry, retention_days)})


def uncount_texts(position: LogPosition, texts: int) -> Update:
    """The write that takes texts off the count which were not stored. It is refused if a number was allocated since:
    the entry with that number has counted them."""
    is_last: Condition = POSITIONS.last_seq == position.last_seq
    return Update(POSITIONS, (position.room_id, _POSITION), [POSITIONS.chat_n.add(-texts)], is_last)


def put_void(store: Store, void: Void, retention_days: int) -> None:
    """Fill a number that stays unused. 1 write unit."""
    store.put(VOIDS, void, expires_at=_expiry(void, retention_days))


def get_message(store: Store, room_id: str, seq: int) -> Message | None:
    """One message, or None if no message has this number, or retention has deleted it."""
    found = store.get(MESSAGES, (room_id, seq)) if seq > 0 else None
    return found if found and found.type in MESSAGE_TYPES else None


def get_entry(store: Store, room_id: str, seq: int) -> Entry | None:
    """One entry, or None if retention has deleted it. The number 0 has none."""
    return find_before(store, room_id, seq + 1, least=seq)


def get_messages(store: Store, room_id: str, seqs: Sequence[int]) -> dict[int, Message]:
    """The messages of these numbers, as far as they exist."""
    found = store.get_many(MESSAGES, [(room_id, seq) for seq in seqs], consistent=True) if seqs else []
    return {one.seq: one for one in found if one.type in MESSAGE_TYPES}


def find_before(store: Store, room_id: str, seq: int, *, least: int = 1) -> Entry | None:
    """The last entry below a number, and not below `least`."""
    if seq <= least:
        return None
    below = MESSAGES.seq.between(least, seq - 1)
    pages = store.pages(MESSAGES, room_id, below, consistent=True, forward=False, limit=1)
    return next((read_entry(item) for page in pages for item in page), None)


def read_entry(item: Item) -> Entry:
    """The entry in an item of DynamoDB."""
    tables: dict[str, Table[Any]] = {"void": VOIDS, "event": EVENTS}
    entry: Entry = tables.get(item["type"]["S"], MESSAGES).read(item)
    return entry


def delete_page(store: Store, room_id: str) -> bool:
    """Delete up to 500 items of a log, position included. False if nothing is left."""
    return store.delete_page(MESSAGES, room_id)


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
