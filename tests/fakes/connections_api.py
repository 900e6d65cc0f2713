"""API Gateway's connections API as a real HTTP server on localhost. A test sets its answers.

It checks the signature of every request with botocore's signer, and answers 403 if it is wrong.
"""

import datetime
import ipaddress
import socket
import ssl
import sys
from collections import defaultdict, deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Lock, Thread
from typing import Any, Self
from urllib.parse import unquote

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

REGION = "eu-west-1"
KEYS = Credentials("AKIDEXAMPLE", "a-secret-of-the-tests")


@dataclass(frozen=True)
class Received:
    """A request. `connection` is the port of the client: it differs for each TCP connection."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    connection: int

    @property
    def connection_id(self) -> str:
        return unquote(self.path.rpartition("/")[2])


@dataclass(frozen=True)
class Answer:
    status: int = 200
    cut: bool = False
    """Close the TCP connection without an answer."""
    last: bool = False
    """Close the TCP connection after the answer, with `Connection: close`."""


class ConnectionsApi:
    """The server, with all received requests. It answers 200, or with the `answers` for a connection."""

    def __init__(self, certificate: Path | None = None) -> None:
        self.received: list[Received] = []
        self.answers: dict[str, deque[Answer]] = defaultdict(deque)
        self.before_answer: Callable[[], object] = lambda: None
        self.secrets = {KEYS.access_key: KEYS.secret_key}
        self._scheme = "https" if certificate else "http"
        self._open: set[socket.socket] = set()
        self._lock = Lock()
        self._server = _Server(("127.0.0.1", 0), self._handler())
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self._thread = Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self.hang_up()
        self._server.server_close()

    def endpoint(self, stage: str = "api") -> str:
        return f"{self._scheme}://127.0.0.1:{self._server.server_port}/{stage}".rstrip("/")

    def answer(self, connection_id: str, *answers: Answer | int) -> None:
        """Set the answers to the next requests about a connection. The last one also answers all later requests."""
        self.answers[connection_id] = deque(one if isinstance(one, Answer) else Answer(one) for one in answers)

    def hang_up(self) -> None:
        """Close every TCP connection, as a server does with idle ones."""
        with self._lock:
            for connection in self._open:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    def bodies(self, connection_id: str) -> list[bytes]:
        return [request.body for request in self.received if request.connection_id == connection_id]

    def _decide(self, request: Received) -> Answer:
        if not self._is_signed(request):
            return Answer(403)
        with self._lock:
            answers = self.answers[request.connection_id]
            if len(answers) > 1:
                return answers.popleft()
            return answers[0] if answers else Answer(204 if request.method == "DELETE" else 200)

    def _is_signed(self, request: Received) -> bool:
        given = request.headers.get("authorization", "")
        access_key = given.partition("Credential=")[2].partition("/")[0]
        keys = Credentials(access_key, self.secrets.get(access_key, ""), request.headers.get("x-amz-security-token"))
        signed = given.partition("SignedHeaders=")[2].partition(",")[0].split(";")
        return access_key in self.secrets and given == sign_as_botocore(
            request.method,
            f"{self._scheme}://{request.headers['host']}{request.path}",
            {name: request.headers[name] for name in signed},
            request.body,
            keys,
        )

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        api = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def setup(self) -> None:
                super().setup()
                with api._lock:
                    api._open.add(self.connection)

            def finish(self) -> None:
                with api._lock:
                    api._open.discard(self.connection)
                with suppress(OSError):  # the client closed before the answer
                    super().finish()

            def do_POST(self) -> None:
                headers = {name.lower(): value for name, value in self.headers.items()}
                body = self.rfile.read(int(headers.get("content-length", 0)))
                request = Received(self.command, self.path, headers, body, self.client_address[1])
                api.received.append(request)
                answer = api._decide(request)
                api.before_answer()
                if answer.cut:
                    self.close_connection = True
                    return
                self.send_response(answer.status)
                if answer.status != 204:
                    self.send_header("Content-Length", "0")
                if answer.last:
                    self.send_header("Connection", "close")
                self.end_headers()

            do_DELETE = do_POST  # noqa: N815  # its name in the base

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # its name in the base
                """Write no access log."""

        return Handler


class _Server(ThreadingHTTPServer):
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore closed connections. Other errors are bugs of this server."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


def sign_as_botocore(method: str, url: str, headers: dict[str, str], body: bytes, keys: Credentials) -> str:
    """The `authorization` that botocore computes for a request with these headers and this `x-amz-date`."""
    request = AWSRequest(method=method, url=url, headers=headers, data=body)
    request.context["timestamp"] = headers["x-amz-date"]
    signer = SigV4Auth(keys, "execute-api", REGION)
    to_sign = signer.string_to_sign(request, signer.canonical_request(request))
    signer._inject_signature_to_request(request, signer.signature(to_sign, request))
    return str(request.headers["authorization"])


def write_certificate(path: Path) -> Path:
    """Write a self-signed certificate for 127.0.0.1 and its key into one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "loopback")])
    now = datetime.datetime.now(datetime.UTC)
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    uses = dict.fromkeys(
        ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "crl_sign"), False
    )
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.KeyUsage(digital_signature=True, key_cert_sign=True, encipher_only=False, decipher_only=False, **uses),
            critical=True,
        )
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))
    return path
