"""Read a part of a room's log, within a limit of bytes.

DynamoDB bills what a query reads, and a text may have 16 KB. Two limits keep a read below `READ_BYTES`, or
below what its caller has left of them:

* The position of the log counts bytes. It knows where the newest entries begin that fit in the limit: the window.
  One query reads from there, up to the requested number of messages.
* Below the window sizes are unknown. Each query reads only as many entries as fit if all have the largest size: 6 at
  first.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from chalicelib.log.table import MESSAGES, Entry, Event, LogPosition, Message, Void, get_messages, read_entry
from chalicelib.store import Store
from chalicelib.store.tables import item_bytes

READ_BYTES = 160_000
"""The window has at most two parts of 56 KB, and the two entries that end them: 2 x (56,000 + 23,500) = 159,000."""
ENTRY_BYTES = 23_500
"""The largest entry: 4,000 characters of 4 bytes, names, 20 mentions, and some 200 reactions. Entries from before
avatars were left out may have 26 KB."""
QUERY_BYTES = 4_096
"""What DynamoDB bills for a query at least. It counts where less than `READ_BYTES` may be read. Otherwise, 300 short
messages of a log without sizes would not fit."""


@dataclass(frozen=True)
class Page:
    """Entries in order. `is_complete`: the requested range has no others. `left`: how many bytes may still be read."""

    entries: list[Entry]
    is_complete: bool
    left: int = 0

    @property
    def messages(self) -> list[Message]:
        """The entries that are shown as messages."""
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
    reading = _Reading(store, position, limit, most_bytes, forward=False)
    window = reading.window
    for lowest in sorted({after, max(after, window.start)}, reverse=True) if window else [after]:
        is_done = False
        while not is_done and (size := reading.size(lowest)) > 0:
            is_done = reading.read(lowest, reading.entries[-1].seq if reading.entries else before, size)
    return Page(reading.entries[::-1], is_done, reading.left)


def list_following(
    store: Store,
    position: LogPosition,
    limit: int,
    *,
    after: int,
    before: int | None = None,
    most_bytes: int = READ_BYTES,
    counts_events: bool = False,
) -> Page:
    """The first entries above `after` and below `before`: at most `limit` messages, and about `most_bytes`.

    `counts_events`: the limit holds for messages and events together.
    """
    reading = _Reading(store, position, limit, most_bytes, forward=True, counts_events=counts_events)
    is_done, last = False, after
    while not is_done and (size := reading.size(last)) > 0:
        is_done = reading.read(last, before, size)
        last = reading.entries[-1].seq if reading.entries else last
    return Page(reading.entries, is_done, reading.left)


def read_messages(store: Store, room_id: str, seqs: Sequence[int], most_bytes: int) -> dict[int, Message]:
    """The messages of these numbers, the newest first, within about `most_bytes`. Those that do not fit are left out.

    Their sizes are unknown. Each request reads as many as fit if all have the largest size.
    """
    found: dict[int, Message] = {}
    missing = sorted(set(seqs), reverse=True)
    while missing and (size := most_bytes // ENTRY_BYTES) > 0:
        batch, missing = missing[:size], missing[size:]
        read = get_messages(store, room_id, batch)
        found |= read
        most_bytes -= sum(item_bytes(MESSAGES.write(message)) for message in read.values())
    return found


class _Reading:
    """The entries that were read, and how much more may be read."""

    def __init__(
        self,
        store: Store,
        position: LogPosition,
        limit: int,
        most_bytes: int,
        *,
        forward: bool,
        counts_events: bool = False,
    ) -> None:
        self.entries: list[Entry] = []
        """In the order in which they were read."""
        self.window = position.find_window(most_bytes)
        self._store, self._room_id, self._forward = store, position.room_id, forward
        self._counts_events = counts_events
        self._wanted, self.left = limit, most_bytes
        self._least = 0 if most_bytes == READ_BYTES else QUERY_BYTES

    def size(self, after: int) -> int:
        """How many entries above `after` the next query may read."""
        if self.window and after >= self.window.start and self.window.size <= self.left:
            return self._wanted
        return min(self._wanted, self.left // ENTRY_BYTES)

    def read(self, after: int, before: int | None, size: int) -> bool:
        """Read up to `size` entries. True if the range has no more."""
        if before is not None and before - after < 2:
            return True
        between = MESSAGES.seq > after if before is None else MESSAGES.seq.between(after + 1, before - 1)
        pages = self._store.pages(MESSAGES, self._room_id, between, consistent=True, forward=self._forward, limit=size)
        items = [item for page in pages for item in page]
        found = [read_entry(item) for item in items]
        self.entries += found
        self._wanted -= sum(self._counts(entry) for entry in found)
        self.left -= max(self._least, sum(map(item_bytes, items)) + sum(map(_target_bytes, found)))
        return len(items) < size

    def _counts(self, entry: Entry) -> bool:
        return not isinstance(entry, Void) if self._counts_events else isinstance(entry, Message)


def _target_bytes(entry: Entry) -> int:
    """What showing an event reads in addition."""
    return entry.target_bytes or 0 if isinstance(entry, Event) else 0
