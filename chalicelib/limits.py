"""How many frames a connection may send: counted in the process, since a relayed frame writes nothing.

Lambda may spread a connection's frames over several processes, so that the real limit can be higher than the
number; it keeps one client from drowning a room, it is not bookkeeping.
"""

from collections import OrderedDict
from dataclasses import dataclass
from threading import Lock

from chalicelib.times import Moment

FRAMES = 60
SIGNALS = 200
WINDOW_MS = 10_000
STRIKES = 3
STRIKE_WINDOW_MS = 60_000
_REMEMBERED = 10_000


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
    """The windows of the connections that this process sees."""

    def __init__(self) -> None:
        self._windows: OrderedDict[tuple[str, str], _Window] = OrderedDict()
        self._lock = Lock()

    def check(self, connection_id: str, is_signal: bool, now: Moment) -> int:
        """Count a frame. 0 where it is within the limit, else the whole seconds to wait.

        A window that is over its limit is one strike, however many frames are over it.
        """
        kind, limit = ("signals", SIGNALS) if is_signal else ("frames", FRAMES)
        with self._lock:
            window = self._window(connection_id, kind)
            over = window.count(WINDOW_MS, now) - limit
            if over <= 0:
                return 0
            if over == 1:
                self._window(connection_id, "strikes").count(STRIKE_WINDOW_MS, now)
            return -(-(window.ends_at - now) // 1000)

    def is_out(self, connection_id: str, now: Moment) -> bool:
        """Whether a connection has been over its limit too often."""
        with self._lock:
            strikes = self._windows.get((connection_id, "strikes"))
            return strikes is not None and strikes.ends_at > now and strikes.used >= STRIKES

    def _window(self, connection_id: str, kind: str) -> _Window:
        window = self._windows.setdefault((connection_id, kind), _Window())
        self._windows.move_to_end((connection_id, kind))
        while len(self._windows) > _REMEMBERED:
            self._windows.popitem(last=False)
        return window


class Intervals:
    """What is done once in a while at most, by name, as far as this process knows."""

    def __init__(self) -> None:
        self._last: OrderedDict[str, Moment] = OrderedDict()
        self._lock = Lock()

    def is_due(self, name: str, interval: int, now: Moment) -> bool:
        """Whether `interval` ms have passed since this last said so."""
        with self._lock:
            if now - self._last.get(name, now - interval) < interval:
                return False
            self._last[name] = now
            self._last.move_to_end(name)
            while len(self._last) > _REMEMBERED:
                self._last.popitem(last=False)
            return True
