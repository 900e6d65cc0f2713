"""A number of the log for an act that may need several tries."""

import random
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from types import TracebackType
from typing import Any, Self, TypeVar

from chalicelib import log
from chalicelib.contract import Context
from chalicelib.log import Entry, Event, LogPosition, Message, Numbered
from chalicelib.seats.entries import tell_unused
from chalicelib.store import Write
from chalicelib.store.client import DEADLINE_SECONDS

E = TypeVar("E", Message, Event)
R = TypeVar("R")
_STEP_SECONDS = 0.01
_LONGEST_PAUSE_SECONDS = 0.5
_OVERTAKEN = 20
"""As many steps an act waits at most that needs a new number."""


class HeldNumber:
    """A number for a transaction that is tried again if it is refused. At the end of the block, it is used or void.

    A message has the number of its last change of a kind. A change is refused if this is not as it was read, and is
    useless if it is higher than the own number. So a number is kept for the next try while it is the higher one.

    Example:
        with HeldNumber(context) as number:
            for message in number.tries(read(), read, lambda message: message.edited_seq or message.seq):
                seq = number.take(draft, above=message.edited_seq or message.seq)
                if event := number.try_commit(draft, [edit_text(message, edited, seq)]):
                    return event
    """

    def __init__(self, context: Context) -> None:
        self._context = context
        self._position: LogPosition | None = None
        self._draft: Numbered[Any] | None = None
        self._unused: list[Entry] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._position:
            self._unused += self._fill(self._position)
        if self._unused:
            tell_unused(self._context, self._unused)

    def tries(self, found: R, read: Callable[[], R], number_of: Callable[[R], int]) -> Iterator[R]:
        """What was found, for the first try; after a pause what `read` finds, for the next one; and so on, for 8 s.

        `number_of` is the number that the message has. Of many acts on one message, the one with the lowest number
        should be first: when a higher one succeeds, the lower ones are void. So each waits the longer, the more numbers
        are before its own. While others succeed, it lets them go on, for half of the time.
        """
        connection = self._context.store.connection
        began = connection.monotonic()
        last = None
        while True:
            present = number_of(found)
            is_patient = connection.monotonic() < began + DEADLINE_SECONDS / 2
            if not (is_patient and self._is_behind(present)) or present == last:
                yield found
            last = present
            pause = self._pause_after(present)
            if connection.monotonic() + pause >= began + DEADLINE_SECONDS:
                return
            connection.sleep(pause)
            found = read()

    def is_below(self, present: int) -> bool:
        """True if a number is held, and the message has a higher one."""
        return self._position is not None and self._position.last_seq <= present

    def take(self, draft: Numbered[Any], *, above: int) -> int:
        """The number that is held, if it is above that of the message; else a new one."""
        self._draft = draft
        held, allocate = self._position, partial(log.allocate, self._context, draft)
        if held and held.last_seq > above:
            return held.last_seq
        if held:
            voids, taken = self._context.store.run_parallel(partial(self._fill, held), allocate)
            self._unused += voids
        else:
            taken = allocate()
        self._position = taken
        return taken.last_seq

    def try_commit(self, draft: Numbered[E], writes: Sequence[Write]) -> E | None:
        """The entry, or None if a write is refused. The number is still held then."""
        if (position := self._position) is None:
            raise ValueError("no number is held")
        self._position = None  # without an answer, it is unknown whether the number is used
        entries = log.try_commit(self._context, [draft], writes, position)
        if entries:
            return entries[0]
        self._position = position
        return None

    def _fill(self, position: LogPosition) -> list[Entry]:
        return log.fill(self._context, [self._draft] if self._draft else [], position)

    def _is_behind(self, present: int) -> bool:
        """True if others may be before this act, or it needs a new number."""
        return self._position is not None and self._position.last_seq != present + 1

    def _pause_after(self, present: int) -> float:
        held = self._position
        steps = held.last_seq - present if held else 0
        if steps <= 0:
            return random.uniform(0, _OVERTAKEN * _STEP_SECONDS)  # noqa: S311  # nosec B311  # jitter, not a secret
        longest = min(steps * _STEP_SECONDS, _LONGEST_PAUSE_SECONDS)
        return random.uniform(longest / 2, longest)  # noqa: S311  # nosec B311  # jitter, not a secret
