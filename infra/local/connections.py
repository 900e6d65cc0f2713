"""The open connections, and API Gateway's `@connections` API for them."""

import asyncio
import contextlib
from collections.abc import Awaitable
from datetime import UTC, datetime

import anyio
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Message
from starlette.websockets import WebSocket, WebSocketDisconnect

from infra.local.events import SocketEvents
from infra.local.faults import Faults
from infra.local.hosts import LOOPBACK
from infra.local.options import MESSAGE_BYTES, Options
from infra.local.rest import read_body, refuse
from infra.local.signature import SignatureChecker, SignatureError

ERRORS = {
    410: ("Gone", "GoneException"),
    413: ("Message too long", "PayloadTooLargeException"),
    429: ("Limit exceeded", "LimitExceededException"),
    500: ("Internal server error", "InternalServerErrorException"),
}


WRITE_PATIENCE = 1.0
"""How many seconds a client may not read before a post to it is answered 429, as on AWS."""


class ConnectionGoneError(Exception):
    """The connection ended before a message was sent."""


class BufferFullError(Exception):
    """The client doesn't read what it was sent."""


class Connection:
    """One accepted WebSocket. It ends after an idle time and after a maximum life."""

    def __init__(self, websocket: WebSocket, events: SocketEvents, options: Options) -> None:
        self.websocket = websocket
        self.events = events
        self.last_active = datetime.now(UTC)
        self._idle = options.idle
        self._ends_at = anyio.current_time() + options.life
        self._receiving = anyio.CancelScope()

    @property
    def id(self) -> str:
        """The id that the functions know."""
        return self.events.connection_id

    async def receive(self) -> Message:
        """The next message, or the disconnect after the idle time or the maximum life."""
        self._receiving = anyio.CancelScope()
        self._touch()
        with self._receiving:
            return await self.websocket.receive()
        return await self.end(1001, "Going away")

    async def end(self, code: int, reason: str) -> Message:
        """Close the connection, and return its disconnect."""
        await self.close(code, reason)
        return await self.websocket.receive()

    async def send(self, data: bytes) -> None:
        """Send as text if it is text; raises ConnectionGoneError or BufferFullError."""
        await self._write(self.websocket.send(_frame(data)))
        self._touch()

    async def close(self, code: int, reason: str) -> None:
        """Start the closing handshake. If the client doesn't read, drop the connection."""
        try:
            await self._write(self.websocket.close(code, reason))
        except ConnectionGoneError:
            return
        except BufferFullError:
            self.cut()

    def cut(self) -> None:
        """Drop the TCP connection without a closing handshake, as a network failure does."""
        self.websocket.scope["extensions"]["local.cut"]["abort"]()

    def describe(self) -> dict[str, object]:
        """The answer to `GET @connections`."""
        connected = datetime.fromtimestamp(self.events.connected_at / 1000, UTC)
        return {
            "connectedAt": connected.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "lastActiveAt": self.last_active.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "identity": {"sourceIp": self.events.source_ip, "userAgent": self.events.user_agent},
        }

    async def _write(self, writing: Awaitable[None]) -> None:
        try:
            with anyio.fail_after(WRITE_PATIENCE):
                await writing
        except TimeoutError as error:
            raise BufferFullError from error
        except (OSError, WebSocketDisconnect, RuntimeError) as error:  # closed by the client, or by us
            raise ConnectionGoneError from error

    def _touch(self) -> None:
        self.last_active = datetime.now(UTC)
        self._receiving.deadline = min(anyio.current_time() + self._idle, self._ends_at)


def _frame(data: bytes) -> Message:
    try:
        return {"type": "websocket.send", "text": data.decode()}
    except UnicodeDecodeError:
        return {"type": "websocket.send", "bytes": data}


class Connections:
    """The accepted connections by id. During its `$connect` a connection isn't here: posts are answered 410."""

    def __init__(self, checker: SignatureChecker, faults: Faults) -> None:
        self._open: dict[str, Connection] = {}
        self._checker = checker
        self._faults = faults
        self._late: set[asyncio.Task[None]] = set()

    def add(self, connection: Connection) -> None:
        """Make a connection reachable."""
        self._open[connection.id] = connection

    def remove(self, connection: Connection) -> None:
        """Make a closing connection unreachable."""
        self._open.pop(connection.id, None)

    def __len__(self) -> int:
        return len(self._open)

    async def answer(self, request: Request) -> Response:
        """`POST`, `GET` and `DELETE /@connections/{connection_id}`. Only this machine may: everybody knows the key."""
        if request.client is None or request.client.host not in LOOPBACK:
            return refuse(403, "Only this machine may post to connections", "ForbiddenException")
        body = await read_body(request, MESSAGE_BYTES)
        if body is None:
            return _error(413)
        try:
            self._checker.check(request.method, raw_url(request), request.headers, body, datetime.now(UTC))
        except SignatureError as error:
            return refuse(403, str(error), error.kind)
        if request.method == "POST" and (status := self._faults.pick_post_status()):
            return _error(status)
        connection = self._open.get(request.path_params["connection_id"])
        if connection is None:
            return _error(410)
        try:
            return await self._act(request.method, connection, body)
        except ConnectionGoneError:
            return _error(410)
        except BufferFullError:
            return _error(429)

    async def _act(self, method: str, connection: Connection, body: bytes) -> Response:
        if method == "GET":
            return JSONResponse(connection.describe())
        if method == "DELETE":
            self.remove(connection)
            await connection.close(1000, "")
            return Response(status_code=204)
        if seconds := self._faults.delay():
            late = asyncio.create_task(self._send_late(connection, body, seconds))
            self._late.add(late)
            late.add_done_callback(self._late.discard)
        else:
            await connection.send(body)
        return Response(status_code=200)

    async def _send_late(self, connection: Connection, body: bytes, seconds: float) -> None:
        await anyio.sleep(seconds)
        with contextlib.suppress(ConnectionGoneError, BufferFullError):  # as on AWS, the post is already answered 200
            await connection.send(body)

    async def cut(self, request: Request) -> Response:
        """`POST /dev/cut`: drop one connection (`?connection=ID`), or all."""
        chosen = request.query_params.get("connection")
        if chosen is not None and chosen not in self._open:
            return _error(410)
        for connection in [self._open[chosen]] if chosen else list(self._open.values()):
            connection.cut()
        return Response(status_code=204)


def raw_url(request: Request) -> str:
    """The URL as the client sent it, undecoded: that is what was signed."""
    query = request.scope["query_string"].decode("ascii")
    path = request.scope["raw_path"].decode("ascii")
    return f"http://{request.headers['host']}{path}{'?' if query else ''}{query}"


def _error(status: int) -> Response:
    message, kind = ERRORS[status]
    return refuse(status, message, kind)
