"""Budgets: what all acts of one user may cost together, over HTTP and WebSocket.

The unit is about a millionth of a dollar: one frame to one connection. The `guards` table counts the units of each
user. A process takes them from there in blocks, so most acts write nothing.
"""

import logging
from dataclasses import dataclass, field
from threading import Lock

from chalicelib.kernel.limits import Cache
from chalicelib.kernel.settings import Limit
from chalicelib.kernel.times import Moment
from chalicelib.store.rate_limits import RateLimits

UNIT_BYTES = 4_000
"""API Gateway takes a dollar for a million posts, and AWS some 9 cents for a GB. So a unit holds this many bytes."""
STORED_UNIT_BYTES = 500
"""A KB of the log takes two write units in its transaction, storage for three months, and one write unit to delete."""
_SMALLEST_BLOCK, _LARGEST_BLOCK = 64, 8
"""As parts of the limit."""

_log = logging.getLogger(__name__)


def count_units(size: int) -> int:
    """The units of one frame of `size` bytes to one connection."""
    return 1 + size // UNIT_BYTES


@dataclass
class Account:
    """The units that this process has taken for a user and not used. A negative number is a debt."""

    credit: int = 0
    block: int = 0
    taken_at: Moment = 0
    taking: Lock = field(default_factory=Lock)


class Budgets:
    """Counts the units of users, in all processes together.

    An act is allowed while its user has units left. Its cost is known only afterwards. If it used more units than were
    left, the user has a debt. Each of many processes may hold a block, so a process that a user seldom reaches takes
    small ones.

    Example:
        if wait := backend.budgets.check(user_id, 2, now):
            raise RateLimitedError(wait)
        backend.budgets.charge(user_id, count_units(len(data)), now)
    """

    def __init__(self, rate_limits: RateLimits, limit: Limit) -> None:
        self._rate_limits = rate_limits
        self._limit = limit
        self._accounts: Cache[str, Account] = Cache()
        self._lock = Lock()

    def check(self, user_id: str, price: int, now: Moment) -> int:
        """Charge the price of an act, in units, if the user has any left. Returns 0, or the seconds to wait."""
        account = self._account(user_id)
        if wait := self._take_below(user_id, account, 1, now):
            return wait
        with self._lock:
            account.credit -= price
        return 0

    def charge(self, user_id: str, units: int, now: Moment) -> None:
        """Charge units that an act has used. A large debt is written at once: another process must see it."""
        account = self._account(user_id)
        with self._lock:
            account.credit -= units
        try:
            self._take_below(user_id, account, -self._limit.count // _LARGEST_BLOCK, now)
        except Exception:  # noqa: BLE001  # logged; the act is done, and the debt stays in memory
            _log.exception("a debt could not be written")

    def _take_below(self, user_id: str, account: Account, least: int, now: Moment) -> int:
        """If the credit is below `least`, take a block and pay the debt. Returns the seconds to wait, as `check`."""
        if account.credit >= least:
            return 0
        with account.taking:  # otherwise each thread of a burst takes a block
            if account.credit >= least:
                return 0
            amount = self._next_block(account, now) - min(account.credit, 0)
            if wait := self._rate_limits.check(f"budget#{user_id}", self._limit, now, amount):
                return wait
            with self._lock:
                account.credit += amount
            return 0

    def _next_block(self, account: Account, now: Moment) -> int:
        """Twice the last block if the user needed it within one window, else a small one."""
        smallest = max(1, self._limit.count // _SMALLEST_BLOCK)
        is_busy = now - account.taken_at < self._limit.seconds * 1000
        block = min(account.block * 2, self._limit.count // _LARGEST_BLOCK) if is_busy else 0
        account.block, account.taken_at = max(block, smallest), now
        return account.block

    def _account(self, user_id: str) -> Account:
        with self._lock:
            account = self._accounts.get(user_id)
            if account is None:
                account = Account()
                self._accounts.put(user_id, account)
            return account
