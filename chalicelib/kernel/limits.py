"""Limits and caches in the memory of one process, all bounded in size.

Lambda may spread the frames of one connection over several processes, so a limit counted here can be passed.
These limits protect a room from one client; they are not exact.
"""

from collections import OrderedDict
from dataclasses import dataclass
from threading import Lock
from typing import Generic, TypeVar

from chalicelib.kernel.times import Moment

K = TypeVar("K")
V = TypeVar("V")

MAX_FRAMES = 60
MAX_SIGNALS = 200
WINDOW_MS = 10_000
WARN_EVERY_MS = 10_000
"""A connection that sends too much is told so once in this time."""
STRIKES = 3
STRIKE_WINDOW_MS = 60_000
MAX_IGNORED = 200
"""Ignored frames of a user in `IGNORED_WINDOW_MS`. One connection that keeps the limit of frames sends at most 180."""
IGNORED_WINDOW_MS = 30_000
MAX_ENTRIES = 10_000


class Cache(Generic[K, V]):
    """A dictionary for several threads that forgets the entry written longest ago when it is full."""

    def __init__(self, max_entries: int = MAX_ENTRIES) -> None:
        self._entries: OrderedDict[K, V] = OrderedDict()
        self._max_entries = max_entries
        self._lock = Lock()

    def get(self, key: K) -> V | None:
        with self._lock:
            return self._entries.get(key)

    def put(self, key: K, value: V) -> None:
        with self._lock:
            self._entries[key] = value
            self._entries.move_to_end(key)
            if len(self._entries) > self._max_entries:
                self._entries.popitem(last=False)


class Throttle:
    """Allows an act once in an interval, by name.

    Example: `if backend.expiry_checks.allow(room_id, 15_000, now): ...`
    """

    def __init__(self) -> None:
        self._last: Cache[str, Moment] = Cache()
        self._lock = Lock()

    def allow(self, name: str, interval: int, now: Moment) -> bool:
        """True if `interval` milliseconds have passed since the last True for this name."""
        with self._lock:
            last = self._last.get(name)
            if last is not None and now - last < interval:
                return False
            self._last.put(name, now)
            return True


@dataclass
class _Window:
    ends_at: Moment = 0
    used: int = 0

    def count(self, length: int, now: Moment) -> int:
        if now >= self.ends_at:
            self.ends_at, self.used = now + length, 0
        self.used += 1
        return self.used


class FrameLimits:
    """Counts the frames of each connection: 60 in 10 s, and 200 signalling frames. Also ignored frames of each user."""

    def __init__(self) -> None:
        self._windows: Cache[tuple[str, str], _Window] = Cache()
        self._lock = Lock()

    def check(self, connection_id: str, is_signal: bool, now: Moment) -> int:
        """Count a frame. Returns 0 if it is within the limit, or the seconds to wait.

        The first frame over the limit is a strike, and so is each half of the limit more in the same window.
        """
        kind, limit = ("signals", MAX_SIGNALS) if is_signal else ("frames", MAX_FRAMES)
        with self._lock:
            window = self._window(connection_id, kind)
            over = window.count(WINDOW_MS, now) - limit
            if over <= 0:
                return 0
            if over in (1, limit // 2, limit):
                self._window(connection_id, "strikes").count(STRIKE_WINDOW_MS, now)
            return -(-(window.ends_at - now) // 1000)

    def is_out(self, connection_id: str, now: Moment) -> bool:
        """True if the connection has had three strikes within a minute: it is to be closed."""
        with self._lock:
            strikes = self._windows.get((connection_id, "strikes"))
            return strikes is not None and strikes.ends_at > now and strikes.used >= STRIKES

    def ignore(self, user_id: str, now: Moment) -> bool:
        """Count an ignored frame of a user, on any connection. True if there are too many: close the connection."""
        with self._lock:
            return self._window(user_id, "ignored").count(IGNORED_WINDOW_MS, now) > MAX_IGNORED

    def _window(self, name: str, kind: str) -> _Window:
        window = self._windows.get((name, kind)) or _Window()
        self._windows.put((name, kind), window)
        return window
