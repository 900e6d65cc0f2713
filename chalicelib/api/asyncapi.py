"""The AsyncAPI 3.0 document of the WebSocket, made from the frames and events that features declare."""

from collections.abc import Iterable, Iterator
from functools import lru_cache
from inspect import getdoc
from typing import Any
from urllib.parse import urlsplit

from pydantic import BaseModel

from chalicelib import __version__
from chalicelib.api.components import describe
from chalicelib.api.frames import MAX_FRAME_BYTES
from chalicelib.api.openapi import FRAME_ERRORS, summarize
from chalicelib.api.problems import FieldError
from chalicelib.contract import FrameSpec
from chalicelib.features import EVENTS, FRAMES, OTHER_FRAMES, RESERVED_TYPES
from chalicelib.kernel import errors
from chalicelib.kernel.limits import MAX_FRAMES, MAX_SIGNALS, WINDOW_MS
from chalicelib.seats.sockets import MAX_CONNECTIONS

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
"""The errors of `error` frames."""

SPECS = (*FRAMES.values(), OTHER_FRAMES)
_SOMEWHERE = "wss://{host}/api"

_ABOUT = f"""\
The live events of a room. A connection belongs to one user in one room; a user may have {MAX_CONNECTIONS} connections
in a room.

**Connecting.** `POST /coworking/rooms/{{room_id}}/join` answers with `websocket.url`. Open it within a minute; it works
once. `POST .../ticket` gives another one. A client without a ticket may open `?room_id=ROOM&token=JWT`, if the service
allows it. Both credentials can also be offered as subprotocols, which keeps them out of addresses. A refusal is an HTTP
status: 401 if the credential is missing or invalid, 403 without a seat, 404 if the room does not exist.

**Frames** are JSON objects with a `type`, in text messages of at most {MAX_FRAME_BYTES} bytes: at most {MAX_FRAMES} in
{WINDOW_MS // 1000} seconds, and {MAX_SIGNALS} more for signalling. Start with `sync`; the answer is the room as it is
now. Send `ping` every 30 seconds to keep your seat. If you give a frame an `id`, its answer has it as `ref`. The fields
of a frame are under `data` or beside `type`; beside `type` wins.

**Recovery.** Each entry of the room's log has a `seq`, which only grows. A push may come late, twice or never. If you
receive a `seq` with a gap before it, or `pong` has a higher `last_seq` than you, send `sync` with the last number up to
which you have everything. You receive what you miss.
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
    "description": "The fields that the server sets on a relayed frame. They replace what a client sent.",
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
    """The document for a WebSocket at this address. If it is empty, the address is the one in a join answer."""
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
    for spec in SPECS:
        example = {"payload": {"type": spec.name} | spec.example}
        message = _message(spec.name, "from a client", spec.model, _payload(spec))
        yield f"client-{spec.name}", message | {"examples": [example]}
    for event in EVENTS:
        kind = event.type_name()
        yield f"server-{kind}", _message(kind, "from the server", event, _schema_of(event))
    for spec in SPECS:
        if spec.is_relayed:
            stamped = _payload(spec, _reference("components", "schemas", "Stamps"))
            yield f"relayed-{spec.name}", _message(spec.name, "from a peer", spec.model, stamped)


def _message(kind: str, source: str, frame: type[BaseModel], payload: Json) -> Json:
    return {"name": kind, "title": f"{kind}, {source}", **summarize(frame), "payload": payload}


def _operations(messages: Iterable[str]) -> Iterator[tuple[str, Json]]:
    for spec in SPECS:
        answers = [f"server-{answer}" for answer in (*spec.answers, "error")]
        about = summarize(spec.handler)
        sent = _exchange([f"client-{spec.name}"])
        yield spec.name, {"action": "receive", **about, **sent, "reply": _exchange(answers)}
    pushed = [name for name in messages if not name.startswith("client-")]
    yield "push", {"action": "send", "summary": "The frames that members receive as events happen", **_exchange(pushed)}


def _exchange(messages: Iterable[str]) -> Json:
    channel = _reference("channels", "room")
    return {"channel": channel, "messages": [_reference("channels", "room", "messages", name) for name in messages]}


def _schemas() -> dict[str, Json]:
    models = dict.fromkeys(spec.model for spec in SPECS)
    results = list(dict.fromkeys(spec.result for spec in SPECS if spec.result))
    _, schemas = describe(
        [
            *((model, "validation") for model in models),
            *((event, "serialization") for event in EVENTS),
            *((result, "serialization") for result in results),
            (FieldError, "serialization"),
        ]
    )
    for model in models:
        schemas[model.__name__] = _in_two_places(schemas[model.__name__])
    schemas["Relay"]["properties"]["type"]["not"] = {"enum": [*FRAMES, *sorted(RESERVED_TYPES)]}
    schemas["ErrorData"] = _with_codes(schemas["ErrorData"])
    schemas["Ack"]["properties"]["data"] = {"anyOf": [_schema_of(result) for result in results]}
    del schemas["BaseModel"]  # the type of an ack's data in Python
    return schemas | {"Stamps": _STAMPS}


def _in_two_places(schema: Json) -> Json:
    """A client frame with its fields beside `type` or under `data`: both are read."""
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


def _payload(spec: FrameSpec, *more: Json) -> Json:
    """The schema of a frame; with its own type name if several frames share a schema, and with further schemas."""
    if sum(other.model is spec.model for other in SPECS) > 1:
        more = (*more, {"properties": {"type": {"const": spec.name}}})
    return {"allOf": [_schema_of(spec.model), *more]} if more else _schema_of(spec.model)


def _schema_of(frame: type[BaseModel]) -> Json:
    return _reference("components", "schemas", frame.__name__)


def _reference(*path: str) -> Json:
    return {"$ref": "/".join(("#", *path))}
