"""API Gateway's WebSocket APIs: turns upgrades, messages and disconnects into events for the app's three handlers."""

import difflib
import json
import logging
import re
import time
from collections.abc import Collection, Mapping
from typing import Any
from urllib.parse import parse_qsl

import anyio
from anyio.abc import TaskGroup
from starlette.responses import JSONResponse, Response
from starlette.types import Message
from starlette.websockets import WebSocket, WebSocketDisconnect

from infra.local.connections import BufferFullError, Connection, ConnectionGoneError, Connections
from infra.local.events import Pairs, SocketEvents
from infra.local.faults import Faults
from infra.local.functions import FunctionError, Functions
from infra.local.options import Options
from infra.local.rest import build_response

log = logging.getLogger("gateway")
FUNCTIONS = {
    "$connect": "websocket_connect",
    "$default": "websocket_message",
    "$disconnect": "websocket_disconnect",
}
"""The names that Chalice gives to the handlers' functions."""
ABRUPT_END: Message = {"type": "websocket.disconnect", "code": 1006, "reason": "Connection Closed Abnormally"}
FRAME_TYPE = re.compile(r"[A-Za-z0-9_.:-]{1,64}")


class SocketApi:
    """Handles the WebSockets of one app."""

    def __init__(self, functions: Functions, connections: Connections, faults: Faults, options: Options) -> None:
        self._functions = functions
        self._connections = connections
        self._faults = faults
        self._options = options
        app = functions.app
        self._frame_types = functions.frame_types
        self._handlers = {route: app.handler_map[config.name] for route, config in app.websocket_handlers.items()}

    async def serve(self, websocket: WebSocket) -> None:
        """One connection, from upgrade to `$disconnect`. Its frames are handled concurrently, as on AWS."""
        events = make_events(websocket)
        started = time.monotonic()
        answer = await self._connect(websocket, events)
        log.info("ws $connect %d %d ms", answer.status_code, (time.monotonic() - started) * 1000)
        try:
            if not 200 <= answer.status_code < 300:
                await websocket.send_denial_response(answer)
                return
            await websocket.accept(subprotocol=answer.headers.get("sec-websocket-protocol"))
        except (OSError, WebSocketDisconnect):  # the client went away: undo the connect
            await self._disconnect(events, ABRUPT_END)
            return
        await self._converse(Connection(websocket, events, self._options))

    async def _converse(self, connection: Connection) -> None:
        self._connections.add(connection)
        async with anyio.create_task_group() as tasks:
            end = await self._read(connection, tasks)
            self._connections.remove(connection)
            tasks.start_soon(self._disconnect, connection.events, end)

    async def _connect(self, websocket: WebSocket, events: SocketEvents) -> Response:
        event = events.connect(websocket.headers.items(), read_query(websocket))
        try:
            return build_response(await self._handle("$connect", event))
        except FunctionError as error:
            return JSONResponse(describe_error(error, event), error.status)

    async def _read(self, connection: Connection, tasks: TaskGroup) -> Message:
        while (message := await connection.receive())["type"] == "websocket.receive":
            if message.get("text") is None:
                return await connection.end(1003, "Binary messages are not supported")
            tasks.start_soon(self._frame, connection, message["text"])
        return message

    async def _frame(self, connection: Connection, body: str) -> None:
        await self._faults.delay_frame()
        event = connection.events.message(body)
        started = time.monotonic()
        for _ in range(self._faults.count_runs()):
            try:
                await self._handle("$default", event)
            except FunctionError as error:
                await self._report(connection, error, event)
        name = name_frame(body)
        log.info("ws %s %d ms%s", name, (time.monotonic() - started) * 1000, suggest_type(name, self._frame_types))

    async def _report(self, connection: Connection, error: FunctionError, event: dict[str, Any]) -> None:
        """Tell the client that the function failed. API Gateway sends this, but never the function's result."""
        try:
            await connection.send(json.dumps(describe_error(error, event)).encode())
        except (ConnectionGoneError, BufferFullError):
            log.info("ws error not delivered: the client is gone, or does not read")

    async def _disconnect(self, events: SocketEvents, end: Message) -> None:
        if self._faults.plan.lose_disconnects:
            return
        code, reason = explain_end(end)
        event = events.disconnect(code, reason)
        for _ in range(self._faults.count_runs()):
            try:
                await self._handle("$disconnect", event)
            except FunctionError:  # logged already; the client is gone
                continue
        log.info("ws $disconnect %d", code)

    async def _handle(self, route: str, event: dict[str, Any]) -> Mapping[str, Any]:
        result: Mapping[str, Any] = await self._functions.invoke(FUNCTIONS[route], self._handlers[route], event)
        return result


def make_events(websocket: WebSocket) -> SocketEvents:
    """The events of a new connection."""
    return SocketEvents(
        domain=websocket.headers.get("host", "localhost").partition(":")[0],
        source_ip=websocket.client.host if websocket.client else "127.0.0.1",
        user_agent=websocket.headers.get("user-agent", ""),
    )


def read_query(websocket: WebSocket) -> Pairs:
    """The query. A room in the path becomes `room_id`: API Gateway's WebSocket APIs have no paths."""
    pairs = parse_qsl(websocket.scope["query_string"].decode("latin-1"), keep_blank_values=True)
    room = websocket.path_params.get("room_id")
    if room is None:
        return pairs
    return [("room_id", room), *((name, value) for name, value in pairs if name != "room_id")]


def describe_error(error: FunctionError, event: Mapping[str, Any]) -> dict[str, str]:
    """API Gateway's message to the client when a WebSocket function fails."""
    context = event["requestContext"]
    return {
        "message": error.message,
        "connectionId": context["connectionId"],
        "requestId": context["requestId"],
    }


def explain_end(message: Message) -> tuple[int, str]:
    """The close code and reason; without a close frame the code is 1006 (RFC 6455)."""
    if "reason" in message:
        return message["code"], message["reason"] or ""
    if message["code"] == 1005:
        return ABRUPT_END["code"], ABRUPT_END["reason"]
    return message["code"], "Going away"


def name_frame(body: str) -> str:
    """The type of a frame for the log. Nothing else of a frame is logged."""
    try:
        frame = json.loads(body)
    except (ValueError, RecursionError):
        frame = None
    name = frame.get("type") if isinstance(frame, dict) else None
    return name if isinstance(name, str) and FRAME_TYPE.fullmatch(name) else "(no type)"


def suggest_type(name: str, known: Collection[str]) -> str:
    """The type that was probably meant, if a type is nearly one that the service handles itself, for the log."""
    nearest = difflib.get_close_matches(name, known, n=1, cutoff=0.75)
    return f"; relayed as it is: did you mean {nearest[0]}?" if nearest and name not in known else ""
