"""What happens at a quota, played through: posts that are refused and tried again, people who all come back at once,
people who all come at once.

Time is simulated, in seconds; chance comes from a seed, so that a run can be repeated. How posts are tried again is the
product's own code (`chalicelib.fanout.Pace`), how browsers come back is read from the client library.
"""

import heapq
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from bench.report import percentile
from chalicelib.delivery.fanout import DEADLINE_SECONDS, Pace

SDK = Path(__file__).parent.parent / "web" / "sdk" / "socket.js"
POST_SECONDS = 0.010


@dataclass
class Bucket:
    """A token bucket, as API Gateway throttles: so many a second, and so many at once after a rest.
    What is refused takes no token."""

    rate: float
    burst: float
    _tokens: float = -1.0
    _filled: float = 0.0

    def take(self, now: float) -> bool:
        if self._tokens < 0:
            self._tokens = self.burst
        self._tokens = min(self.burst, self._tokens + (now - self._filled) * self.rate)
        self._filled = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True


@dataclass
class FanoutOutcome:
    """What became of messages, and of their copies."""

    messages: int = 0
    refused: int = 0
    """Messages that API Gateway turned away at the door."""
    copies: int = 0
    failed: int = 0
    delays: list[float] = field(default_factory=list)
    busy_seconds: float = 0.0
    """How long functions were held up by posting, altogether."""

    @property
    def delivered(self) -> float:
        """Of all copies that should have been."""
        return len(self.delays) / max(1, self.copies)

    def delay(self, percent: float) -> float:
        return percentile(self.delays, percent) if self.delays else float("inf")


def arrivals(rate: float, seconds: float, random: Random) -> Iterator[float]:
    """Moments at which something happens that nobody arranges."""
    now = random.expovariate(rate)
    while now < seconds:
        yield now
        now += random.expovariate(rate)


def play_fanout(bucket: Bucket, rate: float, room: int, seconds: float = 20.0, seed: int = 1) -> FanoutOutcome:
    """`rate` messages a second in rooms of one size, under a throttle that frames and posts share."""
    random = Random(seed)
    pace = Pace(spread=random.uniform)
    outcome = FanoutOutcome()
    ended: dict[float, float] = {}
    # When, which try of a post (-1: a message comes in), and when its message came.
    queue = [(moment, -1, moment) for moment in arrivals(rate, seconds, random)]
    heapq.heapify(queue)
    while queue:
        now, tries, started = heapq.heappop(queue)
        if tries < 0:
            outcome.messages += 1
            outcome.copies += room
            if bucket.take(now):
                queue_posts(queue, room, now)
            else:
                outcome.refused += 1
            continue
        if bucket.take(now):
            outcome.delays.append(now + POST_SECONDS - started)
        elif (again := now + pace.retry_after(tries)) < started + DEADLINE_SECONDS:
            heapq.heappush(queue, (again, tries + 1, started))
            continue
        else:
            outcome.failed += 1
        ended[started] = now + POST_SECONDS - started
    outcome.busy_seconds = sum(ended.values())
    return outcome


def queue_posts(queue: list[tuple[float, int, float]], room: int, now: float) -> None:
    """A message got in: a copy for each connection, all at once."""
    for _ in range(room):
        heapq.heappush(queue, (now, 0, now))


@dataclass(frozen=True)
class Backoff:
    """How the client library comes back: anything up to a ceiling that doubles."""

    first: float
    longest: float

    @classmethod
    def of_sdk(cls) -> "Backoff":
        text = SDK.read_text()
        first, longest = (
            int(re.search(rf"const {name} = ([\d_]+);", text)[1].replace("_", ""))  # type: ignore[index]
            for name in ("FIRST_MS", "LONGEST_MS")
        )
        return cls(first / 1000, longest / 1000)

    def delay(self, attempt: int, random: Random) -> float:
        """Before the first attempt, the second, .."""
        return random.uniform(0, min(self.longest, self.first * 2**attempt))


@dataclass
class Return:
    """When people are back, and how often they knocked."""

    back: list[float]
    attempts: int

    def share_by(self, seconds: float) -> float:
        return sum(moment <= seconds for moment in self.back) / len(self.back)


def play_return(people: int, bucket: Bucket, backoff: Backoff, seed: int = 1) -> Return:
    """Everybody's connection ends at the same moment."""
    random = Random(seed)
    queue = [(backoff.delay(1, random), 1) for _ in range(people)]
    heapq.heapify(queue)
    back, attempts = [], 0
    while queue:
        now, attempt = heapq.heappop(queue)
        attempts += 1
        if bucket.take(now):
            back.append(now)
        else:
            heapq.heappush(queue, (now + backoff.delay(attempt + 1, random), attempt + 1))
    return Return(back, attempts)


@dataclass(frozen=True)
class Step:
    """One call of somebody who comes in: of which function, how long it lasts, how long a new process needs before."""

    function: str
    seconds: float
    start_seconds: float


@dataclass
class Rush:
    """What people who come in at once get to feel."""

    waited: list[float] = field(default_factory=list)
    throttled: int = 0
    most: int = 0
    processes: Counter[str] = field(default_factory=Counter)


def play_rush(
    people: int, within: float, steps: Sequence[Step], concurrency: int = 1000, pause: float = 0.1, seed: int = 1
) -> Rush:
    """People come within some seconds, each taking step after step; what is throttled is tried again a second later."""
    random = Random(seed)
    rush, running, idle = Rush(), 0, Counter[str]()
    # When, in order of: a process is free (0), somebody's step begins (1); whose, which step, since when.
    queue: list[tuple[float, int, int, int]] = [(random.random() * within, 1, who, 0) for who in range(people)]
    came = {who: moment for moment, _, who, _ in queue}
    heapq.heapify(queue)
    while queue:
        now, kind, who, place = heapq.heappop(queue)
        step = steps[place]
        if kind == 0:
            running -= 1
            idle[step.function] += 1
            if place + 1 < len(steps):
                heapq.heappush(queue, (now + pause, 1, who, place + 1))
            else:
                rush.waited.append(now - came[who])
        elif running >= concurrency:
            rush.throttled += 1
            heapq.heappush(queue, (now + 0.5 + random.random(), 1, who, place))
        else:
            running += 1
            rush.most = max(rush.most, running)
            is_warm = idle[step.function] > 0
            idle[step.function] -= is_warm
            rush.processes[step.function] += not is_warm
            heapq.heappush(queue, (now + step.seconds + (0 if is_warm else step.start_seconds), 0, who, place))
    return rush
