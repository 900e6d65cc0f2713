"""Go on with the erasures that are under way, once a minute."""

import logging
from collections.abc import Callable

from chalicelib.account.service import SWEEP_PAGES, work_on
from chalicelib.backend import Backend
from chalicelib.identity.accounts import list_erasures
from chalicelib.kernel import telemetry
from chalicelib.kernel.times import Moment

_MOST = 10
"""Erasures that one sweep works on. The next sweep begins with the next ones."""
_TIME_MS = 20_000
"""No erasure begins later in a sweep: the function has a minute for everything."""
_MINUTE_MS = 60_000

_log = logging.getLogger(__name__)


def sweep_erasures(backend: Backend, clock: Callable[[], Moment]) -> None:
    """Do a part of each erasure. One that fails does not stop the others."""
    pending, start = list(list_erasures(backend.store)), clock()
    failed = 0
    for n in range(min(len(pending), _MOST)):
        erasure = pending[(start // _MINUTE_MS * _MOST + n) % len(pending)]
        if clock() - start >= _TIME_MS:
            break
        try:
            work_on(backend, erasure, clock(), SWEEP_PAGES)
        except Exception:  # noqa: BLE001  # logged without the user's id, counted, and raised at the end
            failed += 1
            _log.exception("the erasure %s failed", erasure.kind_id)
    telemetry.current().note(erasures=len(pending) or None)
    if failed:
        raise RuntimeError(f"{failed} erasures failed")
