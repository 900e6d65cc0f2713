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
from typing import NamedTuple

from chalicelib.log.table import MESSAGES, Entry, Event, LogPosition, Message, Void, get_messages, read_entry
from chalicelib.store import Store
from chalicelib.store.tables import item_bytes

READ_BYTES = 156_000
"""The window has at most two parts of 54 KB, and the two entries that end them: 2 x (54,000 + 23,500) = 155,000."""
ENTRY_BYTES = 23_500
"""The largest entry: 4,000 characters of 4 bytes, names, 20 mentions, and some 200 reactions. Entries from before
avatars were left out may have 26 KB."""
QUERY_BYTES = 4_096
"""What DynamoDB bills for a query at least. It counts where less than `READ_BYTES` may be read. Otherwise, 300 short
messages of a log without sizes would not fit."""
LOOKUP_BYTES = 6 * QUERY_BYTES
"""What DynamoDB bills for the largest entry, if it is read alone: its size, rounded up."""


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
    skips_events: bool = True,
) -> Page:
    """The last entries above `after` and below `before`: at most `limit` messages, and about `most_bytes`.

    `skips_events`: a query without messages is not followed by others, but by the next message. The page lacks the
    events between: otherwise, a long series of events would leave no bytes for messages.
    """
    reading = _Reading(store, position, limit, most_bytes, forward=False)
    window = reading.window
    for lowest in sorted({after, max(after, window.start)}, reverse=True) if window else [after]:
        is_done = False
        while not is_done and (size := reading.size(lowest)) > 0:
            is_done = reading.read(lowest, reading.next_before(before, skips_events=skips_events), size)
    entries, is_whole = reading.limited()
    return Page(entries[::-1], is_done and is_whole, reading.left)


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
    entries, is_whole = reading.limited()
    return Page(entries, is_done and is_whole, reading.left)


class Lookup(NamedTuple):
    """Messages by number: None if there is none. `left`: how many bytes may still be read."""

    found: dict[int, Message | None]
    left: int


def read_messages(store: Store, room_id: str, seqs: Sequence[int], most_bytes: int) -> Lookup:
    """The messages of these numbers. Those that do not fit in `most_bytes` are left out, the last ones first.

    Their sizes are unknown. Each request reads as many as fit if all have the largest size.
    """
    found: dict[int, Message | None] = {}
    missing = list(dict.fromkeys(seqs))
    while missing and (size := most_bytes // LOOKUP_BYTES) > 0:
        batch, missing = missing[:size], missing[size:]
        read = get_messages(store, room_id, batch)
        found |= dict.fromkeys(batch) | read
        most_bytes -= sum(_billed_bytes(read.get(seq)) for seq in batch)
    return Lookup(found, most_bytes)


def _billed_bytes(message: Message | None) -> int:
    size = item_bytes(MESSAGES.write(message)) if message else 0
    return max(1, -(-size // QUERY_BYTES)) * QUERY_BYTES


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
        self._limit, self.left = limit, most_bytes
        self._counted, self._queries, self._is_between_messages = 0, 0, False
        self._window_left = self.window.size if self.window else 0
        self._least = 0 if most_bytes == READ_BYTES else QUERY_BYTES

    def size(self, after: int) -> int:
        """How many entries above `after` the next query may read. More and more, if many do not count."""
        if self._counted >= self._limit:
            return 0
        wanted = max(self._limit - self._counted, 4 << self._queries if self._queries else 0)
        if self.window and after >= self.window.start and self._window_left <= self.left and self.left > 0:
            return wanted
        return min(wanted, self.left // ENTRY_BYTES)

    def next_before(self, before: int | None, *, skips_events: bool) -> int | None:
        """The number below which the next query begins, backward."""
        if not self.entries:
            return before
        last = self.entries[-1]
        if skips_events and self._is_between_messages and isinstance(last, Event) and last.message_seq:
            return last.message_seq + 1
        return last.seq

    def limited(self) -> tuple[list[Entry], bool]:
        """The entries up to the limit, and whether these are all."""
        counted = 0
        for number, entry in enumerate(self.entries, 1):
            counted += self._counts(entry)
            if counted == self._limit:
                return self.entries[:number], number == len(self.entries)
        return self.entries, True

    def read(self, after: int, before: int | None, size: int) -> bool:
        """Read up to `size` entries. True if the range has no more."""
        if before is not None and before - after < 2:
            return True
        between = MESSAGES.seq > after if before is None else MESSAGES.seq.between(after + 1, before - 1)
        pages = self._store.pages(MESSAGES, self._room_id, between, consistent=True, forward=self._forward, limit=size)
        items = [item for page in pages for item in page]
        found = [read_entry(item) for item in items]
        self.entries += found
        self._counted += sum(self._counts(entry) for entry in found)
        self._queries += 1
        self._is_between_messages = not messages_of(found)
        used = max(self._least, sum(map(item_bytes, items)) + sum(map(_target_bytes, found)))
        self.left -= used
        if self.window and after >= self.window.start:
            self._window_left -= used
        return len(items) < size

    def _counts(self, entry: Entry) -> bool:
        return not isinstance(entry, Void) if self._counts_events else isinstance(entry, Message)


def _target_bytes(entry: Entry) -> int:
    """What showing an event reads in addition."""
    return entry.target_bytes or 0 if isinstance(entry, Event) else 0
