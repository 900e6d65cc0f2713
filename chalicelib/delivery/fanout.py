"""Fan-out: frames to many connections in parallel, within a deadline."""

import logging
import random
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from heapq import heappop, heappush
from threading import Event, Lock

from chalicelib.delivery.connection import Close, Connection, OutboundFrame
from chalicelib.delivery.gateway import Gateway, PostResult
from chalicelib.kernel.limits import Cache
from chalicelib.kernel.times import Moment, now_ms

DEADLINE_SECONDS = 3.0
THREADS = 50
"""Enough for all connections of ten people at the same time. Threads start when they are first needed."""
FIRST_RETRY_SECONDS = 0.05
LONGEST_RETRY_SECONDS = 1.0
NEWBORN_MS = 10_000
"""A connection younger than this may answer 410 because its own `$connect` has not finished."""
UNOPENED_MS = 60_000
"""For this time after a connection never opened, fan-outs do not wait for new connections of its user."""
UNANSWERED = PostResult(None, "the deadline passed")

Act = OutboundFrame | Close

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class DeliveryReport:
    """How many frames were sent, and which connections are gone (410) or could not be reached by the deadline."""

    sent: int = 0
    gone: tuple[Connection, ...] = ()
    failed: tuple[Connection, ...] = ()
    seconds: float = 0.0
    retries: int = 0


@dataclass(frozen=True)
class Pace:
    """The clocks, and the waits between retries."""

    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    spread: Callable[[float, float], float] = random.SystemRandom().uniform
    now: Callable[[], Moment] = now_ms

    def retry_after(self, tries: int) -> float:
        """A wait with full jitter: from 0 to a maximum that doubles with each try."""
        return self.spread(0, min(LONGEST_RETRY_SECONDS, FIRST_RETRY_SECONDS * 2**tries))


class Missed:
    """Connections that retries until the deadline did not reach. Their next frames get one try.

    Otherwise one member could make every act in a room take three seconds. Connections that never open are enough, or a
    client that does not read: API Gateway answers 429.
    """

    def __init__(self) -> None:
        self._connections: Cache[str, bool] = Cache()
        self._users: Cache[str, Moment] = Cache()

    def has(self, connection: Connection, result: PostResult, now: Moment) -> bool:
        """True if a frame with this result is not worth another try."""
        if result.gone:
            return now - (self._users.get(connection.user_id) or 0) < UNOPENED_MS
        return self._connections.get(connection.connection_id) or False

    def note(self, connection: Connection, result: PostResult, now: Moment, *, is_missed: bool) -> None:
        """Note the last result of a frame. A connection that is reached is no longer missed."""
        if is_missed and result.gone:
            self._users.put(connection.user_id, now)
        elif is_missed or self._connections.get(connection.connection_id):
            self._connections.put(connection.connection_id, is_missed)


class Fanout:
    """Delivers frames with a pool of threads. A process has one."""

    def __init__(self, gateway: Gateway, *, threads: int = THREADS, pace: Pace | None = None) -> None:
        self._gateway = gateway
        self._threads = threads
        self._pace = pace or Pace()
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="fanout")
        self._missed = Missed()

    def deliver(self, acts: Iterable[Act], deadline_seconds: float = DEADLINE_SECONDS) -> DeliveryReport:
        """Send or close each, in no order. An act that is not done by the deadline has failed.

        429, 5xx, network errors, and the 410 of a new connection are retried until the deadline. A single act runs in
        the caller's thread.

        Raises errors that are not the network's, such as missing credentials.
        """
        started = self._pace.clock()
        delivery = _Delivery(tuple(acts), self._gateway, self._pace, started + deadline_seconds, self._missed)
        if len(delivery.acts) == 1:
            delivery.work()
        elif delivery.acts:
            for _ in range(min(len(delivery.acts), self._threads)):
                self._pool.submit(delivery.work)
            delivery.wait()
        return delivery.report(self._pace.clock() - started)

    def shutdown(self) -> None:
        """End the threads once their work is done, and close idle HTTP connections."""
        self._pool.shutdown()
        self._gateway.shutdown()


class _Delivery:
    """A running fan-out: a heap of acts, ordered by the time when they are due. Any number of threads work on it.

    An act that must be retried goes back with a later time, so a thread never waits while another act is due.
    """

    def __init__(self, acts: Sequence[Act], gateway: Gateway, pace: Pace, deadline: float, missed: Missed) -> None:
        self.acts = acts
        self._gateway = gateway
        self._pace = pace
        self._started = pace.clock()
        self._deadline = deadline
        self._missed = missed
        self._heap = [(0.0, index, 0) for index in range(len(acts))]
        self._results: dict[int, PostResult] = {}
        self._unsettled = len(acts)
        self._retries = 0
        self._lock = Lock()
        self._finished = Event()
        self._error: Exception | None = None

    def work(self) -> None:
        """Work until nothing is left to do. Each thread of the fan-out runs this."""
        try:
            while job := self._take():
                self._try(*job)
        except Exception as error:
            self._error = error
            self._finished.set()
            raise

    def wait(self) -> None:
        """Wait until all acts are settled or the deadline has passed."""
        self._finished.wait(max(0.0, self._deadline - self._pace.clock()))
        if self._error:
            raise self._error

    def report(self, seconds: float) -> DeliveryReport:
        sent, gone, failed = 0, [], []
        for index, act in enumerate(self.acts):
            result = self._results.get(index, UNANSWERED)
            if result.sent:
                sent += 1
            elif result.gone:
                gone.append(act.connection)
            else:
                failed.append(act.connection)
                _log.warning("not delivered to connection %s: %s", act.connection.connection_id, result.reason)
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
            act, now = self.acts[index], self._pace.now()
            result = self._results[index] = self._send(act, left)
            again = result.retryable or (result.gone and self._may_open(act))
            was_missed = isinstance(act, OutboundFrame) and self._missed.has(act.connection, result, now)
            if again and not was_missed and self._put_off(index, tries):
                return
            self._missed.note(act.connection, result, now, is_missed=again)
        with self._lock:
            self._unsettled -= 1
            if not self._unsettled:
                self._finished.set()

    def _may_open(self, act: Act) -> bool:
        is_new = self._pace.now() - act.connection.connected_at < NEWBORN_MS
        return is_new and (isinstance(act, Close) or self._pace.clock() - self._started < act.opens_within)

    def _put_off(self, index: int, tries: int) -> bool:
        due = self._pace.clock() + self._pace.retry_after(tries)
        if due >= self._deadline:
            return False
        with self._lock:
            self._retries += 1
            heappush(self._heap, (due, index, tries + 1))
        return True

    def _send(self, act: Act, timeout: float) -> PostResult:
        to = act.connection
        if isinstance(act, Close):
            return self._gateway.close(to.endpoint, to.connection_id, timeout)
        return self._gateway.post(to.endpoint, to.connection_id, act.data, timeout)
