"""Rate limits per user, counted in the `guards` table."""

from dataclasses import dataclass

from chalicelib.kernel.fingerprints import digest
from chalicelib.kernel.limits import Cache
from chalicelib.kernel.settings import Limit
from chalicelib.kernel.times import Moment
from chalicelib.store.store import Put, Store, Update
from chalicelib.store.tables import Table


@dataclass(frozen=True)
class RateWindow:
    """How many acts a window has counted, and when it ends."""

    key: str
    used: int
    window_ends_at: Moment
    expires_at: int
    """Seconds since the epoch. DynamoDB deletes the item within days after that."""


WINDOWS = Table("guards", RateWindow)


def window_key(subject: str) -> str:
    """The key of the window of a subject, such as `join#user-1`. It holds no user id."""
    return f"rate#{digest(subject)}"


class RateLimits:
    """Counts acts of a subject in windows of time.

    A window opens with its first act, so a limit of 30 in 10 s holds from any moment on. Each check is normally one
    write unit: this process remembers which windows are open, and tries the likely write first. The condition of
    the write decides, not the memory. A window that is used up stays so until its end: this process refuses
    further acts without a request.

    Example: `if wait := backend.rate_limits.check(f"join#{user_id}", settings.joins_limit, now): ...`
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._open_windows: Cache[str, Moment] = Cache()
        self._used_up: Cache[str, Moment] = Cache()

    def check(self, subject: str, limit: Limit, now: Moment, amount: int = 1) -> int:
        """Count an act of `subject` as `amount`. Returns 0 if the window has room for it, or the seconds to wait."""
        key = window_key(subject)
        if (ends_at := self._used_up.get(key) or 0) > now:
            return _seconds(ends_at - now)
        if (self._open_windows.get(key) or 0) <= now and self._open(key, limit, now, amount):
            return 0
        while not self._count(key, limit, now, amount):
            window = self._store.get(WINDOWS, key)
            ends_at = window.window_ends_at if window else 0
            self._open_windows.put(key, ends_at)
            if window and ends_at > now:
                if window.used >= limit.count:
                    self._used_up.put(key, ends_at)
                    return _seconds(ends_at - now)
            elif self._open(key, limit, now, amount):
                return 0
        return 0

    def plan(self, subject: str, limit: Limit, now: Moment) -> Put | Update | int:
        """The write that counts an act as part of a transaction, or the seconds to wait. 1 read unit."""
        key = window_key(subject)
        window = self._store.get(WINDOWS, key)
        if window is None or window.window_ends_at <= now:
            return _opening(key, limit, now, 1)
        if window.used >= limit.count:
            return _seconds(window.window_ends_at - now)
        return _counting(key, limit, now, 1)

    def _open(self, key: str, limit: Limit, now: Moment, amount: int) -> bool:
        write = _opening(key, limit, now, amount)
        if not self._store.put(WINDOWS, write.record, write.condition):
            return False
        self._open_windows.put(key, write.record.window_ends_at)
        return True

    def _count(self, key: str, limit: Limit, now: Moment, amount: int) -> bool:
        write = _counting(key, limit, now, amount)
        return self._store.update(WINDOWS, key, write.actions, write.condition) is not None


def _opening(key: str, limit: Limit, now: Moment, amount: int) -> Put:
    ends_at = now + limit.seconds * 1000
    window = RateWindow(key, amount, ends_at, ends_at // 1000 + 1)
    return Put(WINDOWS, window, WINDOWS.key.does_not_exist() | (WINDOWS.window_ends_at <= now))


def _counting(key: str, limit: Limit, now: Moment, amount: int) -> Update:
    condition = (WINDOWS.window_ends_at > now) & (WINDOWS.used < limit.count)
    return Update(WINDOWS, key, [WINDOWS.used.add(amount)], condition)


def _seconds(milliseconds: int) -> int:
    """Whole seconds, rounded up."""
    return -(-milliseconds // 1000)
