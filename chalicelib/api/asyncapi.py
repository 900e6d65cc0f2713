"""The AsyncAPI 3.0 document of the WebSocket: every frame that clients send and get, made from `protocol`."""

from collections.abc import Iterable, Iterator
from functools import lru_cache
from inspect import getdoc
from typing import Any
from urllib.parse import urlsplit

from pydantic import BaseModel

from chalicelib import __version__, errors
from chalicelib.api.components import describe
from chalicelib.api.openapi import FRAME_ERRORS, summarize
from chalicelib.limits import FRAMES, SIGNALS, WINDOW_MS
from chalicelib.protocol import (
    CLIENT_FRAMES,
    MAX_FRAME_BYTES,
    RESERVED_TYPES,
    SERVER_FRAMES,
    ClientFrame,
    Relay,
    ServerFrame,
    Signal,
)
from chalicelib.realtime import HANDLERS, relay
from chalicelib.schemas import FieldError
from chalicelib.sockets import MOST_CONNECTIONS

Json = dict[str, Any]

ERRORS = (
    *FRAME_ERRORS,
    errors.InvalidRequestError,
    errors.NotInRoomError,
    errors.RoomNotFoundError,
    errors.MutedError,
    errors.RateLimitedError,
    errors.UnavailableError,
    errors.InternalError,
)
"""What an `error` frame can tell."""

RELAYED = ("typing", "offer", "answer", "ice-candidate", "relay")
"""What others get as the client shaped it; `relay` stands for every name that nobody has taken."""

_REPLIES = {"sync": ("snapshot",), "ping": ("pong",), "leave": ("ack", "bye")}
_EXAMPLES: dict[str, Json] = {
    "sync": {"last_seq": 41},
    "ping": {"last_seq": 42},
    "message": {"id": "c-17", "text": "Good morning!"},
    "emoji": {"data": {"emoji": "🎉"}},
    "mic": {"is_muted": False},
    "speaking": {"is_speaking": True},
    "typing": {"is_typing": True},
    "offer": {"to": "user-2", "data": {"sdp": "v=0"}},
    "answer": {"to": "user-1", "data": {"sdp": "v=0"}},
    "ice-candidate": {"to": "user-2", "data": {"candidate": "candidate:1 1 udp 1 192.0.2.1 5000 typ host"}},
    "relay": {"type": "whiteboard", "data": {"x": 3, "y": 4}},
}
_SOMEWHERE = "wss://{host}/api"

_ABOUT = f"""\
What is said in a room while it happens. A connection is one person in one room; a person may have
{MOST_CONNECTIONS} in a room at once.

**Connecting.** `POST /coworking/rooms/{{room_id}}/join` answers with `websocket.url`: open it within a minute, once.
`POST .../ticket` gives another. A client that has no ticket may open `?room_id=ROOM&token=JWT`, where the service lets
it. Both credentials can also be offered as subprotocols, which keeps them out of addresses. Whoever is refused gets a
status: 401 without a credential that holds, 403 without a seat, 404 where there is no such room, 429 with too many
connections.

**Talking.** Frames are JSON objects with a `type`, in text messages of at most {MAX_FRAME_BYTES} bytes: {FRAMES} in
{WINDOW_MS // 1000} seconds at most, and {SIGNALS} more for signalling. Begin with `sync`: the answer is the room as it
is. Send `ping` every 30 seconds: it keeps your seat. Give a frame an `id`, and what answers it has that as its `ref`.
What a frame is about stands under `data` or beside `type`; beside `type` wins.

**Losing nothing.** What goes into the room's log has a `seq`, which only grows. A single push may come late, twice or
never. When you meet a number that you can't account for, or `pong` is ahead of you, send `sync` with the last number
up to which you have everything, and you get what you lack.
"""

_SECURITY: Json = {
    "ticket": {"type": "httpApiKey", "in": "query", "name": "ticket", "description": "From a join or ticket answer."},
    "token": {"type": "httpApiKey", "in": "query", "name": "token", "description": "A JWT; `room_id` goes with it."},
    "subprotocol": {
        "type": "httpApiKey",
        "in": "header",
        "name": "Sec-WebSocket-Protocol",
        "description": "`coworking.v1` and `ticket.<ticket>` or `bearer.<JWT>`; `room_id` goes with the latter.",
    },
}
_BINDING: Json = {
    "method": "GET",
    "query": {
        "type": "object",
        "properties": {
            "ticket": {"type": "string", "description": "Opens one connection, within a minute of its making."},
            "token": {"type": "string", "description": "A JWT, for clients that have no ticket."},
            "room_id": {"type": "string", "format": "uuid", "description": "The room, where there is no ticket."},
        },
    },
    "headers": {
        "type": "object",
        "properties": {"Sec-WebSocket-Protocol": {"type": "string", "examples": ["coworking.v1, ticket.<ticket>"]}},
    },
    "bindingVersion": "0.1.0",
}
_STAMPS: Json = {
    "description": "What the server puts on a frame that it passes on; a client's own are never believed.",
    "type": "object",
    "properties": {
        "from": {"type": "string", "description": "The sender's user id."},
        "connection": {"type": "string", "description": "The sender's connection id."},
        "roomId": {"type": "string", "format": "uuid"},
        "ts": {"type": "string", "format": "date-time"},
    },
    "required": ["from", "connection", "roomId", "ts"],
}


@lru_cache(maxsize=8)
def document(websocket_url: str) -> Json:
    """The document for a WebSocket at this address, or, where none is set, at the one that a join answer tells."""
    address = urlsplit(websocket_url or _SOMEWHERE)
    messages = dict(_messages())
    room = {
        "title": "A room",
        "address": address.path or "/",
        "messages": {name: _reference("components", "messages", name) for name in messages},
        "bindings": {"ws": _BINDING},
    }
    return {
        "asyncapi": "3.0.0",
        "info": {"title": "Coworking Rooms, live", "version": __version__, "description": _ABOUT},
        "defaultContentType": "application/json",
        "servers": {"rooms": _server(address.scheme, address.netloc)},
        "channels": {"room": room},
        "operations": dict(_operations(messages)),
        "components": {"schemas": _schemas(), "messages": messages, "securitySchemes": _SECURITY},
    }


def _server(scheme: str, host: str) -> Json:
    security = [_reference("components", "securitySchemes", name) for name in _SECURITY]
    told = {"variables": {"host": {"description": "As in the `websocket.url` of a join answer."}}}
    return {"host": host, "protocol": scheme, "security": security} | (told if "{host}" in host else {})


def _messages() -> Iterator[tuple[str, Json]]:
    for kind, frame in _client_frames():
        example = {"payload": {"type": kind} | _EXAMPLES.get(kind, {})}
        yield f"client-{kind}", _message(kind, "from a client", frame, _payload(kind, frame)) | {"examples": [example]}
    for answer in SERVER_FRAMES:
        kind = _type_of(answer)
        yield f"server-{kind}", _message(kind, "from the server", answer, _schema_of(answer))
    for kind, frame in _client_frames():
        if kind in RELAYED:
            stamped = _payload(kind, frame, _reference("components", "schemas", "Stamps"))
            yield f"relayed-{kind}", _message(kind, "from a peer", frame, stamped)


def _message(kind: str, source: str, frame: type[BaseModel], payload: Json) -> Json:
    return {"name": kind, "title": f"{kind}, {source}", **summarize(frame), "payload": payload}


def _operations(messages: Iterable[str]) -> Iterator[tuple[str, Json]]:
    for kind, _ in _client_frames():
        about = summarize(HANDLERS.get(kind, relay))
        answers = [f"server-{answer}" for answer in (*_REPLIES.get(kind, ("ack",)), "error")]
        yield kind, {"action": "receive", **about, **_exchange([f"client-{kind}"]), "reply": _exchange(answers)}
    pushed = [name for name in messages if not name.startswith("client-")]
    yield "push", {"action": "send", "summary": "What members are told, each when it happens", **_exchange(pushed)}


def _exchange(messages: Iterable[str]) -> Json:
    channel = _reference("channels", "room")
    return {"channel": channel, "messages": [_reference("channels", "room", "messages", name) for name in messages]}


def _client_frames() -> list[tuple[str, type[ClientFrame]]]:
    return [*CLIENT_FRAMES.items(), ("relay", Relay)]


def _type_of(frame: type[ServerFrame]) -> str:
    return str(frame.model_fields["type"].default)


def _schemas() -> dict[str, Json]:
    clients = dict.fromkeys(frame for _, frame in _client_frames())
    _, schemas = describe(
        [
            *((frame, "validation") for frame in clients),
            *((frame, "serialization") for frame in SERVER_FRAMES),
            (FieldError, "serialization"),
        ]
    )
    for frame in clients:
        schemas[frame.__name__] = _in_two_places(schemas[frame.__name__])
    schemas["Relay"]["properties"]["type"]["not"] = {"enum": [*CLIENT_FRAMES, *sorted(RESERVED_TYPES)]}
    schemas["ErrorData"] = _with_codes(schemas["ErrorData"])
    return schemas | {"Stamps": _STAMPS}


def _in_two_places(schema: Json) -> Json:
    """A client's frame with its fields beside `type` or under `data`, as both are read."""
    envelope = {name: schema["properties"].pop(name) for name in ("type", "id")}
    fields, required = schema["properties"], [name for name in schema["required"] if name not in envelope]
    under = {"properties": fields} | ({"type": "object", "required": required} if required else {})
    whole = schema | {"properties": envelope, "required": ["type"]}
    if not fields:
        return whole
    if not required:
        return whole | {"properties": envelope | fields | {"data": under}}
    beside = {"title": "beside `type`", "properties": fields, "required": required}
    inside = {
        "title": "under `data`",
        "properties": {"data": under},
        "required": ["data"],
        "not": {"required": required},
    }
    return whole | {"anyOf": [beside, inside]}


def _with_codes(schema: Json) -> Json:
    table = [f"| `{error.code}` | {getdoc(error)} |" for error in ERRORS]
    about = "\n".join([schema["description"], "", "| code | meaning |", "|---|---|", *table])
    codes = {"type": "string", "enum": [error.code for error in ERRORS]}
    added = {
        "errors": {"type": "array", "items": _reference("components", "schemas", "FieldError")},
        "retry_after": {"type": "integer", "description": "Whole seconds to wait."},
    }
    return schema | {"description": about, "properties": schema["properties"] | {"code": codes} | added}


def _payload(kind: str, frame: type[ClientFrame], *more: Json) -> Json:
    """The frame as the type of this name, since several can share a schema, and as what else it is."""
    if frame is Signal:
        more = (*more, {"properties": {"type": {"const": kind}}})
    return {"allOf": [_schema_of(frame), *more]} if more else _schema_of(frame)


def _schema_of(frame: type[BaseModel]) -> Json:
    return _reference("components", "schemas", frame.__name__)


def _reference(*path: str) -> Json:
    return {"$ref": "/".join(("#", *path))}
