"""Calls that run in parallel, as one round trip."""

from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor, wait
from contextvars import copy_context
from typing import Any, TypeVar, overload

A = TypeVar("A")
B = TypeVar("B")
C = TypeVar("C")
D = TypeVar("D")
E = TypeVar("E")
F = TypeVar("F")
G = TypeVar("G")

THREADS = 32


class Parallel:
    """Runs calls in a pool of threads that starts when it is first used.

    Example: `room, members = store.run_parallel(partial(get_room, ...), partial(list_members, ...))`
    """

    def __init__(self) -> None:
        self.pool: Executor = ThreadPoolExecutor(THREADS, thread_name_prefix="parallel")

    @overload
    def __call__(self, first: Callable[[], A], second: Callable[[], B], /) -> tuple[A, B]: ...
    @overload
    def __call__(
        self, first: Callable[[], A], second: Callable[[], B], third: Callable[[], C], /
    ) -> tuple[A, B, C]: ...
    @overload
    def __call__(
        self, first: Callable[[], A], second: Callable[[], B], third: Callable[[], C], fourth: Callable[[], D], /
    ) -> tuple[A, B, C, D]: ...
    @overload
    def __call__(
        self,
        first: Callable[[], A],
        second: Callable[[], B],
        third: Callable[[], C],
        fourth: Callable[[], D],
        fifth: Callable[[], E],
        /,
    ) -> tuple[A, B, C, D, E]: ...
    @overload
    def __call__(
        self,
        first: Callable[[], A],
        second: Callable[[], B],
        third: Callable[[], C],
        fourth: Callable[[], D],
        fifth: Callable[[], E],
        sixth: Callable[[], F],
        /,
    ) -> tuple[A, B, C, D, E, F]: ...
    @overload
    def __call__(
        self,
        first: Callable[[], A],
        second: Callable[[], B],
        third: Callable[[], C],
        fourth: Callable[[], D],
        fifth: Callable[[], E],
        sixth: Callable[[], F],
        seventh: Callable[[], G],
        /,
    ) -> tuple[A, B, C, D, E, F, G]: ...
    @overload
    def __call__(self, *calls: Callable[[], A]) -> tuple[A, ...]: ...

    def __call__(self, *calls: Callable[[], Any]) -> tuple[Any, ...]:
        """Run independent calls at the same time. Returns their results; raises the first failure.

        A call must not run parallel calls itself: all threads could be waiting for one another.
        """
        others = [self.pool.submit(copy_context().run, call) for call in calls[1:]]
        try:
            return (calls[0](), *(other.result() for other in others))
        finally:
            wait(others)
