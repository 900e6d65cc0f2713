"""A client of API Gateway's connections API: it posts bytes to one WebSocket connection, or closes it.

Functions do nothing more often than this, so the client is our own: SigV4 with a cached signing key, over
`http.client` connections that stay open. `bench/posting.py` compares it with botocore's client.
"""

import hmac
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from threading import Lock
from typing import Protocol
from urllib.parse import quote, urlsplit

CONNECT_SECONDS = 1.0
ANSWER_SECONDS = 2.5
IDLE_SECONDS = 50.0
"""A connection that was idle for longer is not used again: it may be lost, and then a request can only time out. The
age is in wall-clock time, because `time.monotonic` stands still while Lambda freezes the process
(hashicorp/vault-lambda-extension#150)."""
POOL_SIZE = 64
"""The most idle connections kept to one endpoint."""


class Keys(Protocol):
    """A snapshot of AWS credentials, as botocore's `get_frozen_credentials()` returns it."""

    @property
    def access_key(self) -> str: ...
    @property
    def secret_key(self) -> str: ...
    @property
    def token(self) -> str | None: ...


@dataclass(frozen=True, slots=True)
class PostResult:
    """The result of one request: the status of the answer, or the reason why there was none."""

    status: int | None
    reason: str

    @property
    def sent(self) -> bool:
        return self.status is not None and 200 <= self.status < 300

    @property
    def gone(self) -> bool:
        return self.status == 410

    @property
    def retryable(self) -> bool:
        return self.status is None or self.status == 429 or self.status >= 500


@dataclass(frozen=True, slots=True)
class Endpoint:
    """The parts of a callback endpoint such as `https://HOST/STAGE`."""

    secure: bool
    host: str
    port: int
    authority: str
    path: str

    @classmethod
    def parse(cls, url: str) -> "Endpoint":
        """Raises ValueError for anything but an http or https URL."""
        parts = urlsplit(url)
        default_port = {"http": 80, "https": 443}.get(parts.scheme)
        if not default_port or not parts.hostname:
            raise ValueError(f"{url!r} is not an http or https URL")
        port = parts.port or default_port
        host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
        authority = host if port == default_port else f"{host}:{port}"
        return cls(parts.scheme == "https", parts.hostname, port, authority, parts.path.rstrip("/"))


parse_endpoint = lru_cache(maxsize=16)(Endpoint.parse)


@lru_cache(maxsize=1)
def derive_signing_key(secret_key: str, date: str, region: str) -> bytes:
    """The SigV4 key for one day, one region and the service `execute-api`."""
    key = f"AWS4{secret_key}".encode()
    for part in (date, region, "execute-api", "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return key


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request before it is signed; `path` is quoted."""

    method: str
    endpoint: Endpoint
    path: str
    body: bytes


def build_request(method: str, endpoint: str, connection_id: str, body: bytes) -> Request:
    """A request about one connection; `endpoint` is a URL."""
    to = parse_endpoint(endpoint)
    return Request(method, to, f"{to.path}/@connections/{quote(connection_id, safe='')}", body)


def sign_request(request: Request, keys: Keys, region: str, now: float) -> dict[str, str]:
    """All headers of a request, with the SigV4 `authorization` header that signs the others."""
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now))
    headers = {"host": request.endpoint.authority, "x-amz-date": stamp}
    if keys.token:
        headers["x-amz-security-token"] = keys.token
    names = ";".join(headers)  # SigV4 wants them sorted, and they are
    lines = "".join(f"{name}:{value}\n" for name, value in headers.items())
    path = quote(request.path, safe="/~")  # SigV4 encodes the path twice, for every service but S3
    canonical = f"{request.method}\n{path}\n\n{lines}\n{names}\n{sha256(request.body).hexdigest()}"
    scope = f"{stamp[:8]}/{region}/execute-api/aws4_request"
    digest = sha256(canonical.encode()).hexdigest()
    key = derive_signing_key(keys.secret_key, stamp[:8], region)
    signature = hmac.digest(key, f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{digest}".encode(), "sha256").hex()
    headers["authorization"] = (
        f"AWS4-HMAC-SHA256 Credential={keys.access_key}/{scope}, SignedHeaders={names}, Signature={signature}"
    )
    return headers


def session_keys() -> Callable[[], Keys]:
    """A function that returns the keys valid now, from botocore's usual chain; botocore refreshes them.

    Raises:
        botocore.exceptions.NoCredentialsError: the chain has none.
    """
    from botocore.exceptions import NoCredentialsError
    from botocore.session import get_session

    credentials = get_session().get_credentials()
    if credentials is None:
        raise NoCredentialsError
    find_keys: Callable[[], Keys] = credentials.get_frozen_credentials
    return find_keys


class ConnectionPool:
    """HTTP connections that stay open, for any number of threads. The connection used last is used first."""

    def __init__(self, now: Callable[[], float], ca_bundle: str = "") -> None:
        self._now = now
        self._ca_bundle = ca_bundle
        self._idle: dict[Endpoint, list[tuple[HTTPConnection, float]]] = {}
        self._tls: ssl.SSLContext | None = None
        self._lock = Lock()

    def take(self, endpoint: Endpoint) -> HTTPConnection | None:
        """An open connection that is not in use, if there is one. The server may have cut it."""
        with self._lock:
            idle = self._idle.get(endpoint)
            while idle:
                connection, since = idle.pop()
                if abs(self._now() - since) < IDLE_SECONDS:
                    return connection
                connection.close()
        return None

    def put(self, endpoint: Endpoint, connection: HTTPConnection) -> None:
        """Keep a connection for the next request, unless the server has closed it."""
        with self._lock:
            idle = self._idle.setdefault(endpoint, [])
            if connection.sock is not None and len(idle) < POOL_SIZE:
                idle.append((connection, self._now()))
                return
        connection.close()

    def open(self, endpoint: Endpoint, timeout: float) -> HTTPConnection:
        connection = (
            HTTPSConnection(endpoint.host, endpoint.port, timeout=timeout, context=self._context())
            if endpoint.secure
            else HTTPConnection(endpoint.host, endpoint.port, timeout=timeout)
        )
        try:
            connection.connect()
        except OSError:
            connection.close()
            raise
        return connection

    def drop(self, endpoint: Endpoint) -> None:
        """Close the idle connections to an endpoint."""
        with self._lock:
            idle = self._idle.pop(endpoint, [])
        for connection, _ in idle:
            connection.close()

    def shutdown(self) -> None:
        """Close all idle connections."""
        for endpoint in list(self._idle):
            self.drop(endpoint)

    def _context(self) -> ssl.SSLContext:
        with self._lock:  # loading the certificates takes 20 ms: do it once
            if self._tls is None:
                self._tls = ssl.create_default_context(cafile=self._ca_bundle or None)
            return self._tls


class Gateway:
    """A client of the connections API, for any number of threads.

    It opens nothing until the first request, and looks up keys and certificates then.
    """

    def __init__(
        self,
        *,
        find_keys: Callable[[], Keys] | None = None,
        region: str = "",
        ca_bundle: str = "",
        now: Callable[[], float] = time.time,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._find_keys = find_keys
        self._region = region
        self._now = now
        self._clock = clock
        self._pool = ConnectionPool(now, ca_bundle)
        self._lock = Lock()

    def post(self, endpoint: str, connection_id: str, data: bytes, timeout: float = ANSWER_SECONDS) -> PostResult:
        """Send one message to one connection, within about `timeout` seconds."""
        return self._send("POST", endpoint, connection_id, data, timeout)

    def close(self, endpoint: str, connection_id: str, timeout: float = ANSWER_SECONDS) -> PostResult:
        """Close one connection. The result is `gone` if it was closed already."""
        return self._send("DELETE", endpoint, connection_id, b"", timeout)

    def shutdown(self) -> None:
        """Close all idle HTTP connections."""
        self._pool.shutdown()

    def _send(self, method: str, endpoint: str, connection_id: str, body: bytes, timeout: float) -> PostResult:
        request = build_request(method, endpoint, connection_id, body)
        headers = sign_request(request, self._keys(), self._region, self._now())
        try:
            status = self._exchange(request, headers, self._clock() + timeout)
        except (OSError, HTTPException) as error:
            return PostResult(None, f"{type(error).__name__}: {error}")
        return PostResult(status, f"status {status}")

    def _exchange(self, request: Request, headers: dict[str, str], expires: float) -> int:
        if connection := self._pool.take(request.endpoint):
            try:
                return self._ask(connection, request, headers, expires)
            except TimeoutError:  # the others were idle for as long, and may be lost, too
                self._pool.drop(request.endpoint)
                raise
            except (ConnectionError, ssl.SSLError):  # it was cut while idle: open a new one
                pass
        connection = self._pool.open(request.endpoint, min(CONNECT_SECONDS, self._left(expires)))
        return self._ask(connection, request, headers, expires)

    def _ask(self, connection: HTTPConnection, request: Request, headers: dict[str, str], expires: float) -> int:
        try:
            connection.sock.settimeout(min(ANSWER_SECONDS, self._left(expires)))
            connection.request(request.method, request.path, request.body or None, headers)
            response = connection.getresponse()
            response.read()
        except (OSError, HTTPException):
            connection.close()
            raise
        self._pool.put(request.endpoint, connection)
        return response.status

    def _left(self, expires: float) -> float:
        left = expires - self._clock()
        if left <= 0:
            raise TimeoutError("no time left")
        return left

    def _keys(self) -> Keys:
        if not self._region:
            from botocore.exceptions import NoRegionError

            raise NoRegionError
        with self._lock:
            if self._find_keys is None:
                self._find_keys = session_keys()
        return self._find_keys()
