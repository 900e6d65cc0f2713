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
from chalicelib.api.openapi import BAN_END, FRAME_ERRORS, LICENSE, summarize
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
    errors.ForbiddenError,
    errors.BannedError,
    errors.MutedError,
    errors.MutedByModeratorError,
    errors.MessageNotFoundError,
    errors.MessageDeletedError,
    errors.TooManyReactionsError,
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
of a frame are under `data`. The server also reads them beside `type`, and relays a frame in the shape in which it came.

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
            "join": {"type": "string", "enum": ["1"], "description": "With a token: take a seat if you have none."},
        },
    },
    "headers": {
        "type": "object",
        "properties": {"Sec-WebSocket-Protocol": {"type": "string", "examples": ["coworking.v1, ticket.<ticket>"]}},
    },
    "bindingVersion": "0.1.0",
}
_STAMPS: Json = {
    "from": {"type": "string", "description": "The sender's user id."},
    "connection": {"type": "string", "description": "The sender's connection id."},
    "roomId": {"type": "string", "format": "uuid"},
    "ts": {"type": "string", "format": "date-time"},
}
"""The fields that the server sets on a relayed frame. They replace what a client sent."""
_ENVELOPE = ("type", "id", "to")
"""The fields of a client frame that are beside `type`. All others are under `data`."""
_ANYTHING: Json = {"description": "Your own content: any JSON value."}


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
        "info": _info(),
        "defaultContentType": "application/json",
        "servers": {"rooms": _server(address.scheme, address.netloc)},
        "channels": {"room": room},
        "operations": dict(_operations(messages)),
        "components": {"schemas": _schemas(), "messages": messages, "securitySchemes": _SECURITY},
    }


def _info() -> Json:
    licence = {"name": LICENSE, "url": "https://opensource.org/license/mit"}
    about = {"title": "Coworking Rooms, live", "version": __version__, "description": _ABOUT}
    tags = [{"name": "rooms", "description": "Presence, chat and signalling in one room."}]
    return about | {"license": licence, "tags": tags}


def _server(scheme: str, host: str) -> Json:
    security = [_reference("components", "securitySchemes", name) for name in _SECURITY]
    told = {"variables": {"host": {"description": "As in the `websocket.url` of a join answer."}}}
    return {"host": host, "protocol": scheme, "security": security} | (told if "{host}" in host else {})


def _messages() -> Iterator[tuple[str, Json]]:
    for spec in SPECS:
        example = {"payload": {"type": spec.name} | spec.example}
        message = _message(spec.name, "client", spec.model, _name(spec))
        yield f"client-{spec.name}", message | {"examples": [example]}
    for event in EVENTS:
        kind = event.type_name()
        yield f"server-{kind}", _message(kind, "server", event, event.__name__)
    for spec in SPECS:
        if spec.is_relayed:
            yield f"relayed-{spec.name}", _message(spec.name, "peer", spec.model, f"Relayed{_name(spec)}")


def _message(kind: str, source: str, frame: type[BaseModel], schema: str) -> Json:
    title = f"{schema}, from a {source}"
    return {"name": kind, "title": title, **summarize(frame), "payload": _schema_named(schema)}


def _operations(messages: Iterable[str]) -> Iterator[tuple[str, Json]]:
    for spec in SPECS:
        answers = [f"server-{answer}" for answer in (*spec.answers, "error")]
        about = summarize(spec.handler)
        sent = _exchange([f"client-{spec.name}"])
        yield spec.name, {"action": "receive", **about, **sent, "reply": _exchange(answers)}
    pushed = [name for name in messages if not name.startswith("client-")]
    about = {
        "summary": "The frames that members receive as events happen",
        "description": "Ignore a frame whose `type` you do not know: later versions may add types.",
    }
    yield "push", {"action": "send", **about, **_exchange(pushed)}


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
    sent = {model: schemas.pop(model.__name__) for model in models}
    for spec in SPECS:
        schemas |= _client_frame(spec, sent[spec.model])
    schemas["Relay"]["properties"]["type"]["not"] = {"enum": [*FRAMES, *sorted(RESERVED_TYPES)]}
    schemas["ErrorData"] = _with_codes(schemas["ErrorData"])
    schemas["Ack"]["properties"]["data"] = {"anyOf": [_schema_named(result.__name__) for result in results]}
    del schemas["BaseModel"]  # the type of an ack's data in Python
    return schemas


def _client_frame(spec: FrameSpec, schema: Json) -> Iterator[tuple[str, Json]]:
    """The schemas of a frame: its `data`, the frame as it is sent, and as it is relayed."""
    name, fields = _name(spec), schema["properties"]
    properties = {key: fields[key] for key in _ENVELOPE if key in fields}
    content = {key: field for key, field in fields.items() if key not in properties}
    required = [key for key in schema["required"] if key in content]
    if spec is not OTHER_FRAMES:
        properties["type"] = {"type": "string", "const": spec.name}
    if content:
        title, about = f"{name}Data", f"The content of `{spec.name}`."
        data = {"title": title, "description": about, "type": "object", "properties": content}
        yield title, data | ({"required": required} if required else {})
        properties["data"] = _schema_named(title)
    elif spec.is_relayed:
        properties["data"] = _ANYTHING
    frame = {"title": name, "description": schema["description"], "type": "object"}
    yield name, frame | {"properties": properties, "required": ["type", *["data"] * bool(required)]}
    if spec.is_relayed:
        relayed = {"properties": properties | _STAMPS, "required": ["type", *_STAMPS]}
        yield f"Relayed{name}", frame | {"title": f"Relayed{name}"} | relayed


def _name(spec: FrameSpec) -> str:
    """The name of the schema: that of the type, or that of the frame if several frames share a type."""
    shared = sum(other.model is spec.model for other in SPECS) > 1
    return "".join(word.capitalize() for word in spec.name.split("-")) if shared else spec.model.__name__


def _with_codes(schema: Json) -> Json:
    table = [f"| `{error.code}` | {getdoc(error)} |" for error in ERRORS]
    about = "\n".join([schema["description"], "", "| code | meaning |", "|---|---|", *table])
    codes = {"type": "string", "enum": [error.code for error in ERRORS]}
    added = {
        "errors": {"type": "array", "items": _reference("components", "schemas", "FieldError")},
        "retry_after": {"type": "integer", "description": "Whole seconds to wait."},
        "until": BAN_END,
    }
    return schema | {"description": about, "properties": schema["properties"] | {"code": codes} | added}


def _schema_named(name: str) -> Json:
    return _reference("components", "schemas", name)


def _reference(*path: str) -> Json:
    return {"$ref": "/".join(("#", *path))}
