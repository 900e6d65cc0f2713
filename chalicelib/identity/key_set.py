"""Key sets: the public keys (JWKS) of an identity provider. Moments (`now`) are milliseconds since the epoch."""

import json
import logging
import math
import threading
import time
from dataclasses import dataclass, replace
from http.client import HTTPException, IncompleteRead
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from chalicelib.kernel.errors import AuthUnavailableError, UnauthorizedError

if TYPE_CHECKING:  # PyJWT imports cryptography, 30 ms and more: the first fetch imports it
    from jwt import PyJWK

KEYS_LIVE = 3_600_000
REFETCH_GAP = 60_000
FIRST_FETCH_GAP = 5_000
"""How long a process without any key waits after a failed fetch, in milliseconds."""
FETCH_TIMEOUT = 3.0
"""Seconds to connect, and seconds to wait for each part of the answer."""
FETCH_DEADLINE = 5.0
"""Seconds for all parts of the answer."""
MAX_BYTES = 256 * 1024

_HEADERS = {"User-Agent": "coworking-rooms"}
_ALGORITHM_OF = {"RSA": "RS256", "EC": "ES256"}
ALGORITHMS = tuple(_ALGORITHM_OF.values())

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Known:
    """The known state of a key set. A fetch replaces it as a whole, so readers need no lock."""

    keys: "tuple[PyJWK, ...]" = ()
    failed: bool = False
    fetched_at: float = -math.inf
    tried_at: float = -math.inf
    missed_at: float = -math.inf
    """When it was last fetched because a key was missing."""

    def is_due(self, now: int) -> bool:
        gap = REFETCH_GAP if self.keys else FIRST_FETCH_GAP
        return now - self.fetched_at >= KEYS_LIVE and now - self.tried_at >= gap

    def find(self, kid: str | None, algorithm: str) -> "PyJWK | None":
        """The key with this id. A token without a key id fits only a set of one key."""
        if kid is None and len(self.keys) > 1:
            return None
        fitting = (key for key in self.keys if kid in (None, key.key_id) and key.algorithm_name == algorithm)
        return next(fitting, None)


class KeySet:
    """The public keys at one address, kept for an hour.

    A failed fetch keeps the known keys. Unknown keys cause at most one fetch a minute.
    One thread fetches; only threads whose key is missing wait for it.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._known = _Known()
        self._fetching = threading.Lock()

    def find(self, kid: str | None, algorithm: str, now: int) -> "PyJWK":
        """The key that a token names by its `kid` header.

        Raises:
            UnauthorizedError: the set has no such key.
            AuthUnavailableError: the set can't be fetched, so the key may exist.
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
        """The state after a fetch by this thread, or by the thread that came first."""
        if not self._fetching.acquire(blocking=wait):
            return seen
        try:
            if self._known is seen:
                self._known = self._fetch(seen, now, missed_at)
            return self._known
        finally:
            self._fetching.release()

    def _fetch(self, seen: _Known, now: int, missed_at: float) -> _Known:
        try:
            keys = _parse_keys(json.loads(_download(self._url)))
        except (OSError, HTTPException, ValueError, RecursionError) as error:
            log.error("AUTH_JWKS_URL gives no keys: %s", error)
            return replace(seen, failed=True, tried_at=now, missed_at=missed_at)
        return _Known(keys, fetched_at=now, tried_at=now, missed_at=missed_at)


class _NoRedirects(HTTPRedirectHandler):
    """Redirects are errors: the operator names the final address."""

    def redirect_request(self, *_: Any) -> None:
        """Follow none."""


def _download(url: str) -> bytes:
    """The answer at an http(s) address, which the operator chose. The proxy of the environment is used, as for AWS.

    PyJWT's own client reads an answer of any size, for any time.

    Raises:
        OSError, HTTPException: there is no answer, or not in time.
        ValueError: the address or the answer is not usable.
    """
    if urlsplit(url).scheme not in ("http", "https"):
        raise ValueError("the address is not http or https")
    request = Request(url, headers=_HEADERS)  # noqa: S310  # the scheme is checked
    deadline, body = time.monotonic() + FETCH_DEADLINE, b""
    try:
        with build_opener(_NoRedirects).open(request, timeout=FETCH_TIMEOUT) as response:
            while part := response.read1(MAX_BYTES):
                body += part
                if len(body) > MAX_BYTES:
                    raise ValueError(f"its answer has more than {MAX_BYTES} bytes")
                if time.monotonic() > deadline:
                    raise TimeoutError("its answer takes too long")
            if response.length:
                raise IncompleteRead(body, response.length)
    except HTTPError as error:
        error.close()
        raise
    return body


def _parse_keys(document: Any) -> "tuple[PyJWK, ...]":
    members = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(members, list):
        raise ValueError("its answer is not a key set")
    parsed = (_parse_key(jwk) for jwk in members if isinstance(jwk, dict))
    keys = tuple(key for key in parsed if key is not None)
    if not keys:
        raise ValueError("its answer has no key for RS256 or ES256")
    return keys


def _parse_key(jwk: dict[str, Any]) -> "PyJWK | None":
    """A key, or None if it is malformed or not for RS256 or ES256: the other keys still work."""
    from jwt import PyJWK, PyJWTError

    algorithm = _ALGORITHM_OF.get(str(jwk.get("kty")))
    fits = jwk.get("alg") in (None, algorithm) and jwk.get("use") in (None, "sig")
    # A private key does not belong in a public key set.
    if algorithm is None or not fits or "d" in jwk:
        return None
    try:
        key = PyJWK(jwk, algorithm)
        too_short = key.Algorithm.check_key_length(key.Algorithm.prepare_key(key.key))
    except PyJWTError as error:
        log.warning("A key at AUTH_JWKS_URL can't be read: %s", type(error).__name__)
        return None
    return None if too_short else key
