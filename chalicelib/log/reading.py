"""Read a part of a room's log, within a limit of bytes.

DynamoDB bills what a query reads, and a text may have 16 KB. Two limits keep a read below `READ_BYTES`:

* The position of the log counts bytes. It knows where the newest entries begin that fit in one read: the window.
  One query reads from there, up to the requested number of messages.
* Below the window sizes are unknown. Each query reads only as many entries as fit if all have the largest size: 8 at
  first.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from chalicelib.log.table import MESSAGES, Entry, LogPosition, Message, get_position, read_entry
from chalicelib.store import Store
from chalicelib.store.tables import item_bytes

READ_BYTES = 150_000
"""The window has at most two parts of 56 KB, and the two entries that end them: 2 x (56,000 + 17,500) = 147,000."""
ENTRY_BYTES = 17_500
"""The largest entry: 4,000 characters of 4 bytes, and names. Entries from before avatars were left out may have 26 KB:
8 of them are 208 KB."""


@dataclass(frozen=True)
class Page:
    """Entries in order. `is_complete`: the requested range has no others."""

    entries: list[Entry]
    is_complete: bool

    @property
    def messages(self) -> list[Message]:
        """The entries that are shown."""
        return messages_of(self.entries)


def messages_of(entries: Iterable[Entry]) -> list[Message]:
    """The entries that are messages."""
    return [entry for entry in entries if isinstance(entry, Message)]


def list_newest(store: Store, position: LogPosition, limit: int, *, after: int = 0, before: int | None = None) -> Page:
    """The last entries above `after` and below `before`: at most `limit` messages, and about 150 KB."""
    reading = _Reading(store, position.room_id, limit, forward=False)
    window = position.window
    for lowest in sorted({after, max(after, window)}, reverse=True) if position.counted else [after]:
        in_window = lowest >= window and bool(position.counted)
        is_done = False
        while not is_done and (size := reading.size(position, in_window=in_window)) > 0:
            is_done = reading.read(lowest, reading.entries[-1].seq if reading.entries else before, size)
    return Page(reading.entries[::-1], is_done)


def list_following(store: Store, position: LogPosition, limit: int, *, after: int, before: int | None = None) -> Page:
    """The first entries above `after` and below `before`: at most `limit` messages, and about 150 KB."""
    reading = _Reading(store, position.room_id, limit, forward=True)
    is_done, last = False, after
    while not is_done and (size := reading.size(position, in_window=last >= position.window)) > 0:
        is_done = reading.read(last, before, size)
        last = reading.entries[-1].seq if reading.entries else last
    return Page(reading.entries, is_done)


def read_newest(store: Store, room_id: str, limit: int) -> Page:
    """The last entries of a log whose position is not known yet. Two round trips."""
    return list_newest(store, get_position(store, room_id, consistent=True), limit)


@dataclass
class _Reading:
    """The entries that were read, and how much more may be read."""

    store: Store
    room_id: str
    wanted: int
    """Messages."""
    forward: bool
    left: int = READ_BYTES
    entries: list[Entry] = field(default_factory=list)
    """In the order in which they were read."""

    def size(self, position: LogPosition, *, in_window: bool) -> int:
        """How many entries the next query may read."""
        if in_window and position.window_bytes <= self.left:
            return self.wanted
        return min(self.wanted, self.left // ENTRY_BYTES)

    def read(self, after: int, before: int | None, size: int) -> bool:
        """Read up to `size` entries. True if the range has no more."""
        if before is not None and before - after < 2:
            return True
        between = MESSAGES.seq > after if before is None else MESSAGES.seq.between(after + 1, before - 1)
        pages = self.store.pages(MESSAGES, self.room_id, between, consistent=True, forward=self.forward, limit=size)
        items = [item for page in pages for item in page]
        found = [read_entry(item) for item in items]
        self.entries += found
        self.wanted -= len(messages_of(found))
        self.left -= sum(map(item_bytes, items))
        return len(items) < size
