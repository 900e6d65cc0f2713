"""An identity provider on localhost, with real keys, real tokens and a real JWKS URL."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from typing import Any, Literal, Self

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

Algorithm = Literal["RS256", "ES256"]
PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
Answer = tuple[int, dict[str, str], bytes]

_PATH = "/.well-known/jwks.json"


@cache
def private_key(algorithm: Algorithm, number: int) -> PrivateKey:
    """A key by its number. Tests share the keys, because RSA keys are slow to generate."""
    if algorithm == "RS256":
        return rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return ec.generate_private_key(ec.SECP256R1())


def public_jwk(key: PrivateKey, **members: Any) -> dict[str, Any]:
    """The entry of a key in a key set."""
    public = key.public_key()
    if isinstance(public, rsa.RSAPublicKey):
        return RSAAlgorithm.to_jwk(public, as_dict=True) | members
    return ECAlgorithm.to_jwk(public, as_dict=True) | members


@dataclass(frozen=True)
class SigningKey:
    """A key of the issuer, which signs tokens and is published."""

    kid: str
    algorithm: Algorithm
    private: PrivateKey

    def sign(self, claims: dict[str, Any], **header: Any) -> str:
        """A token. `header` adds members to its header; the value None removes a member."""
        headers = {name: value for name, value in ({"kid": self.kid} | header).items() if value is not None}
        return jwt.encode(claims, self.private, self.algorithm, headers)

    def jwk(self) -> dict[str, Any]:
        return public_jwk(self.private, kid=self.kid, alg=self.algorithm, use="sig")


class Issuer:
    """Publishes its keys while it is on, and counts the fetches.

        with Issuer() as issuer:
            settings = Settings(auth_jwks_url=issuer.url)
            token = issuer.sign({"sub": "ada", "exp": ...})

    `answer` replaces the published key set: a status, headers and a body.
    """

    def __init__(self, algorithm: Algorithm = "RS256") -> None:
        self.algorithm: Algorithm = algorithm
        self.fetches = 0
        self.answer: Answer | None = None
        self._numbers = count()
        self.keys = [self._make_key()]
        self._counting = threading.Lock()
        self._asked = threading.Event()
        self._open = threading.Event()
        self._open.set()
        self._port = 0
        self._server: ThreadingHTTPServer | None = None

    def __enter__(self) -> Self:
        self.switch_on()
        return self

    def __exit__(self, *_: object) -> None:
        self._open.set()
        self.switch_off()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}{_PATH}"

    def sign(self, claims: dict[str, Any], **header: Any) -> str:
        return self.keys[-1].sign(claims, **header)

    def rotate(self) -> SigningKey:
        """Replace the key with a new one. Returns the old key."""
        old, self.keys = self.keys[-1], [self._make_key()]
        return old

    def publish(self, *jwks: Any) -> None:
        """Answer with exactly these keys."""
        self.answer = (200, {}, json.dumps({"keys": jwks}).encode())

    def switch_on(self) -> None:
        """Listen, on the same port as before."""
        if self._server is None:
            self._server = ThreadingHTTPServer(("127.0.0.1", self._port), self._handler())
            self._port = self._server.server_address[1]
            threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def switch_off(self) -> None:
        """Stop listening: connections are refused."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    @contextmanager
    def held(self) -> Iterator[threading.Event]:
        """Hold all answers until the end of the block. The event is set when a request arrives."""
        self._asked.clear()
        self._open.clear()
        try:
            yield self._asked
        finally:
            self._open.set()

    def _make_key(self) -> SigningKey:
        number = next(self._numbers)
        return SigningKey(f"key-{number}", self.algorithm, private_key(self.algorithm, number))

    def respond(self, method: str, target: str, _: bytes, /) -> Answer:
        """The answer to a request: its status, headers and body."""
        if (method, target) != ("GET", _PATH):
            return 404, {}, b""
        with self._counting:
            self.fetches += 1
        self._asked.set()
        self._open.wait()
        return self.answer or (200, {}, json.dumps({"keys": [key.jwk() for key in self.keys]}).encode())

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        issuer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                status, headers, body = issuer.respond("GET", self.path, b"")
                self.send_response(status)
                for name, value in ({"Content-Length": str(len(body))} | headers).items():
                    self.send_header(name, value)
                # The client may have closed the connection.
                with suppress(ConnectionError):
                    self.end_headers()
                    self.wfile.write(body)

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
                """Write no access log."""

        return Handler
