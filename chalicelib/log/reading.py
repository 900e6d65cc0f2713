"""Read a part of a room's log, within a limit of bytes.

DynamoDB bills what a query reads, and a text may have 16 KB. Two limits keep a read below `READ_BYTES`, or
below what its caller has left of them:

* The position of the log counts bytes. It knows where the newest entries begin that fit in the limit: the window.
  One query reads from there, up to the requested number of messages.
* Below the window sizes are unknown. Each query reads only as many entries as fit if all have the largest size: 8 at
  first.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from chalicelib.log.table import MESSAGES, Entry, LogPosition, Message, Window, read_entry
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


def list_newest(
    store: Store,
    position: LogPosition,
    limit: int,
    *,
    after: int = 0,
    before: int | None = None,
    most_bytes: int = READ_BYTES,
) -> Page:
    """The last entries above `after` and below `before`: at most `limit` messages, and about `most_bytes`."""
    window = position.find_window(most_bytes)
    reading = _Reading(store, position.room_id, limit, most_bytes, window, forward=False)
    for lowest in sorted({after, max(after, window.start)}, reverse=True) if window else [after]:
        is_done = False
        while not is_done and (size := reading.size(lowest)) > 0:
            is_done = reading.read(lowest, reading.entries[-1].seq if reading.entries else before, size)
    return Page(reading.entries[::-1], is_done)


def list_following(
    store: Store,
    position: LogPosition,
    limit: int,
    *,
    after: int,
    before: int | None = None,
    most_bytes: int = READ_BYTES,
) -> Page:
    """The first entries above `after` and below `before`: at most `limit` messages, and about `most_bytes`."""
    reading = _Reading(store, position.room_id, limit, most_bytes, position.find_window(most_bytes), forward=True)
    is_done, last = False, after
    while not is_done and (size := reading.size(last)) > 0:
        is_done = reading.read(last, before, size)
        last = reading.entries[-1].seq if reading.entries else last
    return Page(reading.entries, is_done)


@dataclass
class _Reading:
    """The entries that were read, and how much more may be read."""

    store: Store
    room_id: str
    wanted: int
    """Messages."""
    left: int
    """Bytes."""
    window: Window | None
    forward: bool
    entries: list[Entry] = field(default_factory=list)
    """In the order in which they were read."""

    def size(self, after: int) -> int:
        """How many entries above `after` the next query may read."""
        if self.window and after >= self.window.start and self.window.size <= self.left:
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
