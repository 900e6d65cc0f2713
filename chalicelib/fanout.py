"""Frames to many connections side by side, within a deadline, and what came of them."""

import logging
import random
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from heapq import heappop, heappush
from threading import Event, Lock

from chalicelib.gateway import Gateway, PostResult

DEADLINE_SECONDS = 3.0
THREADS = 50
"""A full room in one wave. They only wait for answers; they are started when first needed."""
FIRST_RETRY_SECONDS = 0.05
LONGEST_RETRY_SECONDS = 1.0
UNANSWERED = PostResult(None, "the deadline came first")

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Post:
    """One message for one connection. What it says is nobody's business: it stays out of the logs."""

    endpoint: str
    connection_id: str
    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Close:
    """The end of one connection."""

    endpoint: str
    connection_id: str


@dataclass(frozen=True)
class DeliveryReport:
    """How many were sent, the connection ids of the others (the caller deletes those that are gone), what it took."""

    sent: int = 0
    gone: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()
    seconds: float = 0.0
    retries: int = 0


@dataclass(frozen=True)
class Pace:
    """The clock, and how retries wait."""

    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    spread: Callable[[float, float], float] = random.SystemRandom().uniform

    def retry_after(self, tries: int) -> float:
        """Full jitter: anything up to a ceiling that doubles."""
        return self.spread(0, min(LONGEST_RETRY_SECONDS, FIRST_RETRY_SECONDS * 2**tries))


class Fanout:
    """Delivers with threads that it keeps: one is enough for a process, and free until it is used."""

    def __init__(self, gateway: Gateway, *, threads: int = THREADS, pace: Pace | None = None) -> None:
        self._gateway = gateway
        self._threads = threads
        self._pace = pace or Pace()
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="fanout")

    def deliver(self, posts: Iterable[Post | Close], deadline_seconds: float = DEADLINE_SECONDS) -> DeliveryReport:
        """Send each of them, in no order; what isn't sent by the deadline has failed.

        429, 5xx and network errors are tried again until then. A single post is sent by the caller's own
        thread, and each of its waits ends with the deadline.

        Raises whatever isn't the network's doing, such as having no credentials.
        """
        started = self._pace.clock()
        delivery = _Delivery(tuple(posts), self._gateway, self._pace, started + deadline_seconds)
        if len(delivery.posts) == 1:
            delivery.work()
        elif delivery.posts:
            for _ in range(min(len(delivery.posts), self._threads)):
                self._pool.submit(delivery.work)
            delivery.wait()
        return delivery.report(self._pace.clock() - started)

    def close(self, endpoint: str, connection_id: str) -> DeliveryReport:
        """Close a connection; one that was closed already is reported as gone."""
        return self.deliver([Close(endpoint, connection_id)])

    def shutdown(self) -> None:
        """End the threads, once they have done what they were given, and hang up."""
        self._pool.shutdown()
        self._gateway.shutdown()


class _Delivery:
    """One fan-out under way: posts on a heap by the time they are due, worked off by any number of threads.

    What has to be tried again goes back with a later time, so nobody waits while there is something to send.
    """

    def __init__(self, posts: Sequence[Post | Close], gateway: Gateway, pace: Pace, deadline: float) -> None:
        self.posts = posts
        self._gateway = gateway
        self._pace = pace
        self._deadline = deadline
        self._heap = [(0.0, index, 0) for index in range(len(posts))]
        self._results: dict[int, PostResult] = {}
        self._unsettled = len(posts)
        self._retries = 0
        self._lock = Lock()
        self._finished = Event()
        self._error: Exception | None = None

    def work(self) -> None:
        """Post until nothing is left to do. Runs in as many threads as there are."""
        try:
            while job := self._take():
                self._try(*job)
        except Exception as error:
            self._error = error
            self._finished.set()
            raise

    def wait(self) -> None:
        """Until all is settled or the deadline has come, whatever a thread may still be stuck in."""
        self._finished.wait(max(0.0, self._deadline - self._pace.clock()))
        if self._error:
            raise self._error

    def report(self, seconds: float) -> DeliveryReport:
        sent, gone, failed = 0, [], []
        for index, post in enumerate(self.posts):
            result = self._results.get(index, UNANSWERED)
            if result.sent:
                sent += 1
            elif result.gone:
                gone.append(post.connection_id)
            else:
                failed.append(post.connection_id)
                _log.warning("not delivered to connection %s: %s", post.connection_id, result.reason)
        return DeliveryReport(sent, tuple(dict.fromkeys(gone)), tuple(dict.fromkeys(failed)), seconds, self._retries)

    def _take(self) -> tuple[int, int] | None:
        with self._lock:
            if not self._heap:
                return None
            due, index, tries = heappop(self._heap)
        if (early := due - self._pace.clock()) > 0:
            self._pace.sleep(early)
        return index, tries

    def _try(self, index: int, tries: int) -> None:
        if (left := self._deadline - self._pace.clock()) > 0:
            result = self._results[index] = self._send(self.posts[index], left)
            if result.retryable and self._put_off(index, tries):
                return
        with self._lock:
            self._unsettled -= 1
            if not self._unsettled:
                self._finished.set()

    def _put_off(self, index: int, tries: int) -> bool:
        due = self._pace.clock() + self._pace.retry_after(tries)
        if due >= self._deadline:
            return False
        with self._lock:
            self._retries += 1
            heappush(self._heap, (due, index, tries + 1))
        return True

    def _send(self, post: Post | Close, timeout: float) -> PostResult:
        if isinstance(post, Close):
            return self._gateway.close(post.endpoint, post.connection_id, timeout)
        return self._gateway.post(post.endpoint, post.connection_id, post.data, timeout)
