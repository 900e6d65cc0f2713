"""Key sets: the public keys (JWKS) that an identity provider signs its tokens with.

Moments (`now`) are milliseconds since the epoch.
"""

import json
import logging
import math
import threading
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from chalicelib.errors import AuthUnavailableError, UnauthorizedError

if TYPE_CHECKING:  # slow to import: left to the first fetch
    from jwt import PyJWK

KEYS_LIVE = 3_600_000
REFETCH_GAP = 60_000
FIRST_FETCH_GAP = 5_000
"""How long a process without any key waits after a fetch that failed."""
FETCH_TIMEOUT = 3.0
"""Seconds to connect, and seconds to wait for each part of the answer."""
MAX_BODY = 262_144

_ALGORITHM_OF = {"RSA": "RS256", "EC": "ES256"}
ALGORITHMS = tuple(_ALGORITHM_OF.values())

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Known:
    """What a process knows of a key set. A fetch replaces it whole, so that readers need no lock."""

    keys: "tuple[PyJWK, ...]" = ()
    failed: bool = False
    fetched_at: float = -math.inf
    tried_at: float = -math.inf
    missed_at: float = -math.inf
    """When it was last fetched for the sake of a key that wasn't in it."""

    def is_due(self, now: int) -> bool:
        gap = REFETCH_GAP if self.keys else FIRST_FETCH_GAP
        return now - self.fetched_at >= KEYS_LIVE and now - self.tried_at >= gap

    def find(self, kid: str | None, algorithm: str) -> "PyJWK | None":
        """A token that names no key can only mean the one key of a set of one."""
        if kid is None and len(self.keys) > 1:
            return None
        fitting = (key for key in self.keys if kid in (None, key.key_id) and key.algorithm_name == algorithm)
        return next(fitting, None)


class KeySet:
    """The public keys at one address, kept for an hour.

    A fetch that fails keeps the keys there are. A key that isn't among them makes one fetch a minute at most.
    One thread fetches; only those that have no key wait for it.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._known = _Known()
        self._fetching = threading.Lock()

    def find(self, kid: str | None, algorithm: str, now: int) -> "PyJWK":
        """The key that a token names.

        Raises:
            UnauthorizedError: the set has no such key.
            AuthUnavailableError: it can't be told, since the set can't be fetched.
        """
        seen = known = self._known
        missing = seen.find(kid, algorithm) is None
        if seen.is_due(now):
            known = self._refresh(seen, now, seen.missed_at, wait=missing)
        elif missing and seen.keys and now - seen.missed_at >= REFETCH_GAP:
            known = self._refresh(seen, now, missed_at=now, wait=True)
        key = known.find(kid, algorithm)
        if key is not None:
            return key
        raise AuthUnavailableError() if known.failed else UnauthorizedError("The token's key is not known")

    def _refresh(self, seen: _Known, now: int, missed_at: float, *, wait: bool) -> _Known:
        """What is known after a fetch: this thread's, or that of the thread which came first."""
        if not self._fetching.acquire(blocking=wait):
            return seen
        try:
            if self._known is seen:
                self._known = self._fetch(seen, now, missed_at)
            return self._known
        finally:
            self._fetching.release()

    def _fetch(self, seen: _Known, now: int, missed_at: float) -> _Known:
        from urllib3.exceptions import HTTPError

        try:
            keys = _parse_keys(_download(self._url))
        except (HTTPError, OSError, ValueError, RecursionError) as error:
            log.error("AUTH_JWKS_URL gives no keys: %s", error)
            return replace(seen, failed=True, tried_at=now, missed_at=missed_at)
        return _Known(keys, fetched_at=now, tried_at=now, missed_at=missed_at)


_key_sets: dict[str, KeySet] = {}


def key_set(url: str) -> KeySet:
    """The key set at this address, one for the whole process."""
    return _key_sets.setdefault(url, KeySet(url))


def _download(url: str) -> bytes:
    """The body at `url`; redirects are not followed, so it is the configured host that speaks."""
    import urllib3

    if not url.startswith(("https://", "http://")):
        raise ValueError("it must start with https://")
    timeout = urllib3.Timeout(connect=FETCH_TIMEOUT, read=FETCH_TIMEOUT)
    with (
        urllib3.PoolManager(timeout=timeout, retries=False) as pool,
        pool.request("GET", url, redirect=False, preload_content=False) as answer,
    ):
        if answer.status != 200:
            raise ValueError(f"it answers {answer.status}")
        body = answer.read(MAX_BODY + 1)
    if len(body) > MAX_BODY:
        raise ValueError("its answer is too large")
    return body


def _parse_keys(body: bytes) -> "tuple[PyJWK, ...]":
    document = json.loads(body)
    members = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(members, list):
        raise ValueError("its answer is not a key set")
    parsed = (_parse_key(jwk) for jwk in members if isinstance(jwk, dict))
    keys = tuple(key for key in parsed if key is not None)
    if not keys:
        raise ValueError("its answer holds no key for RS256 or ES256")
    return keys


def _parse_key(jwk: dict[str, Any]) -> "PyJWK | None":
    """A key made for something else, or badly, is passed over: the others still work."""
    from jwt import PyJWK, PyJWTError

    algorithm = _ALGORITHM_OF.get(str(jwk.get("kty")))
    fits = jwk.get("alg") in (None, algorithm) and jwk.get("use") in (None, "sig")
    # A private key can't verify, and has no place there.
    if algorithm is None or not fits or "d" in jwk:
        return None
    try:
        key = PyJWK(jwk, algorithm)
        too_short = key.Algorithm.check_key_length(key.Algorithm.prepare_key(key.key))
    except PyJWTError as error:
        log.warning("A key at AUTH_JWKS_URL can't be read: %s", type(error).__name__)
        return None
    return None if too_short else key
