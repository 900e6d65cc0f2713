"""The OpenAPI 3.1 document, made from the routes, the views and the types that validate requests."""

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from http import HTTPStatus
from importlib import import_module
from inspect import getdoc
from itertools import groupby
from types import NoneType
from typing import Any, get_args, get_origin

from pydantic.json_schema import JsonSchemaMode

from chalicelib import __version__
from chalicelib.api.components import SchemaGenerator, describe
from chalicelib.api.http import PROBLEM
from chalicelib.api.problems import InvalidRequestProblem, Problem, RateLimitedProblem
from chalicelib.api.routes import ROUTES
from chalicelib.contract import Access, Page, Reply, Route
from chalicelib.contract.fields import MAX_INTEGER, NO_CONTROLS
from chalicelib.contract.routes import MAX_CLIENT_KEY
from chalicelib.kernel import errors
from chalicelib.kernel.errors import CoworkingError
from chalicelib.reactions.schemas import MAX_CODE_POINTS

Json = dict[str, Any]
ErrorTypes = Iterable[type[CoworkingError]]

FRAME_ERRORS = (
    errors.FrameTooLargeError,
    errors.InvalidFrameError,
    errors.ReservedTypeError,
    errors.PeerUnavailableError,
)
"""Errors that occur over a WebSocket only."""

LICENSE = "MIT"

_SIGNED_IN = (errors.UnauthorizedError, errors.AuthUnavailableError, errors.UnavailableError, errors.RateLimitedError)
_BODY = (errors.InvalidJsonError, errors.PayloadTooLargeError, errors.UnsupportedMediaTypeError)
_EXAMPLES: dict[type[CoworkingError], CoworkingError] = {
    errors.InvalidRequestError: errors.InvalidRequestError(
        [{"loc": ["name"], "msg": "must not be blank", "type": "string_too_short"}]
    ),
    errors.RateLimitedError: errors.RateLimitedError(7),
}
_PROBLEMS: dict[type[CoworkingError], type[Problem]] = {
    errors.InvalidRequestError: InvalidRequestProblem,
    errors.RateLimitedError: RateLimitedProblem,
}

BAN_END: Json = {"type": ["string", "null"], "description": "The end of a ban, if it has one."}

_ABOUT = """\
Rooms to work in together: seats, presence, chat that loses nothing, and WebRTC signalling.

**Signing in.** Send `Authorization: Bearer <JWT>` with every call that asks for it. The token's `sub` is your user id.

**Live events.** `POST /coworking/rooms/{room_id}/join` answers with `websocket.url`. Open it to connect to the room.
[asyncapi.json](asyncapi.json) describes the frames.

**Retries.** Calls that accept an `Idempotency-Key` can be repeated with the same key for 24 hours. They answer the
first result again and change nothing.

**Errors** are RFC 9457 problem details, `application/problem+json`. `code` is for programs and never changes;
`detail` is a sentence for people.

| status | code | meaning |
|---|---|---|
"""

_PARAMETERS: Json = {
    "room_id": {
        "name": "room_id",
        "in": "path",
        "required": True,
        "description": "The room's id.",
        "schema": {"type": "string", "format": "uuid"},
    },
    "user_id": {
        "name": "user_id",
        "in": "path",
        "required": True,
        "description": "The id of a user, who may have no seat.",
        "schema": {"type": "string", "minLength": 1, "maxLength": 128, "pattern": NO_CONTROLS},
    },
    "invite_id": {
        "name": "invite_id",
        "in": "path",
        "required": True,
        "description": "The id of an invitation, from the list.",
        "schema": {"type": "string", "minLength": 1, "maxLength": 64},
    },
    "report_id": {
        "name": "report_id",
        "in": "path",
        "required": True,
        "description": "The id of a report, from the list.",
        "schema": {"type": "string", "minLength": 1, "maxLength": 64},
    },
    "token": {
        "name": "token",
        "in": "path",
        "required": True,
        "description": "The token of an invitation.",
        "schema": {"type": "string", "minLength": 1, "maxLength": 128},
    },
    "seq": {
        "name": "seq",
        "in": "path",
        "required": True,
        "description": "The message's number.",
        "schema": {"type": "integer", "minimum": 1, "maximum": MAX_INTEGER},
    },
    "emoji": {
        "name": "emoji",
        "in": "path",
        "required": True,
        "description": "Exactly one emoji.",
        "schema": {"type": "string", "minLength": 1, "maxLength": MAX_CODE_POINTS, "format": "emoji"},
        "example": "👍",
    },
    "Idempotency-Key": {
        "name": "Idempotency-Key",
        "in": "header",
        "description": "Your own key for this request. A repetition with the same key changes nothing.",
        "schema": {"type": "string", "minLength": 1, "maxLength": MAX_CLIENT_KEY},
    },
}
_REMAPPED = "x-amzn-Remapped-"
_HEADERS: Json = {
    "Link": {
        "description": 'The next page as `rel="next"`, if there is one.',
        "schema": {"type": "string"},
    },
    "Retry-After": {
        "description": "Whole seconds to wait.",
        "required": True,
        "schema": {"type": "integer", "minimum": 1},
    },
    f"{_REMAPPED}WWW-Authenticate": {
        "description": "How to sign in. API Gateway renames `WWW-Authenticate` to this.",
        "required": True,
        "schema": {"type": "string", "const": "Bearer"},
    },
}


@lru_cache(maxsize=8)
def document(base_url: str) -> Json:
    """The document for an API at this address; the same object again for the same address."""
    schemas, components = describe(_types())
    components["Problem"]["properties"]["code"]["enum"] = list(dict.fromkeys(error.code for error in http_errors()))
    paths: Json = {}
    for route in ROUTES:
        paths.setdefault(route.path, {})[route.method.lower()] = _describe(route, schemas)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Coworking Rooms",
            "version": __version__,
            "description": _ABOUT + _error_table(),
            "license": {"name": LICENSE, "identifier": LICENSE},
        },
        "servers": [{"url": base_url}],
        "security": [{"bearer": []}],
        "tags": _tags(),
        "paths": paths,
        "components": {
            "schemas": components,
            "parameters": _PARAMETERS,
            "headers": _HEADERS,
            "responses": dict(_error_responses(schemas)),
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}},
        },
    }


def http_errors() -> list[type[CoworkingError]]:
    """All errors that occur over HTTP, in the order of the tree."""
    every = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, CoworkingError)]
    return [error for error in every if error not in (CoworkingError, *FRAME_ERRORS)]


def summarize(documented: object) -> Json:
    """The `summary` and the `description` from a docstring."""
    summary, _, description = re.sub(r"(?<!\n)\n(?!\n)", " ", getdoc(documented) or "").partition(".")
    return {"summary": summary} | ({"description": description.strip()} if description.strip() else {})


def _types() -> Iterator[tuple[Any, JsonSchemaMode]]:
    yield from ((problem, "serialization") for problem in (Problem, *_PROBLEMS.values()))
    for route in ROUTES:
        if route.body:
            yield route.body, "validation"
        if (answer := _answer_type(route)) not in (NoneType, Page):
            yield answer, "serialization"


def _answer_type(route: Route) -> Any:
    answer = route.types["return"]
    return get_args(answer)[0] if get_origin(answer) is Reply else answer


def _describe(route: Route, schemas: dict[Any, Json]) -> Json:
    described = {
        "operationId": route.name,
        "tags": [route.feature],
        **summarize(route.view),
        "parameters": _parameters(route),
        "responses": {str(route.status): _success(route, schemas)}
        | {str(group[0].status): _reference("responses", _name(group)) for group in _groups(route)},
    }
    if route.body:
        content = {"application/json": {"schema": schemas[route.body]}}
        described["requestBody"] = {"required": not route.is_body_optional, "content": content}
    return described | ({"security": []} if route.access is Access.OPEN else {})


def _parameters(route: Route) -> list[Json]:
    names = route.path_names + ["Idempotency-Key"] * route.idempotent
    return [*(_reference("parameters", name) for name in names), *_query_parameters(route)]


def _query_parameters(route: Route) -> Iterator[Json]:
    schema = route.query.model_json_schema(schema_generator=SchemaGenerator) if route.query else {}
    for name, field in schema.get("properties", {}).items():
        # A parameter is absent, never null.
        kind = field | {"type": field["type"][0]} if isinstance(field["type"], list) else field
        default = {"default": field["default"]} if field.get("default") is not None else {}
        about = {"description": field["description"]} if "description" in field else {}
        bare = {key: value for key, value in kind.items() if key not in ("description", "default")}
        yield {"name": name, "in": "query", **about, "schema": bare | default}


def _success(route: Route, schemas: dict[Any, Json]) -> Json:
    response: Json = {"description": HTTPStatus(route.status).phrase}
    if get_origin(route.types["return"]) is Reply:
        response["headers"] = {"Link": _reference("headers", "Link")}
    if (answer := _answer_type(route)) is Page:
        kind = route.content_type.partition(";")[0]
        schema = {"type": "object", "additionalProperties": True} if kind == "application/json" else {"type": "string"}
        response["content"] = {kind: {"schema": schema}}
    elif answer is not NoneType:
        response["content"] = {"application/json": {"schema": schemas[answer]}}
    return response


def _groups(route: Route) -> list[tuple[type[CoworkingError], ...]]:
    """The errors of an operation by status: its own, and those that follow from its access, body, query and path."""
    possible = [*route.errors, errors.InternalError]
    possible += () if route.access is Access.OPEN else _SIGNED_IN
    possible += [errors.ForbiddenError] * (route.access is Access.ADMIN)
    possible += _BODY if route.body and not route.is_body_optional else ()
    possible += [errors.PayloadTooLargeError] * route.is_body_optional
    is_checked = route.body or route.query or route.idempotent or "user_id" in route.path_names
    possible += [errors.InvalidRequestError] * bool(is_checked)
    possible += [errors.RoomNotFoundError] * route.has_room
    listed = [error for error in http_errors() if error in possible]
    listed.sort(key=lambda error: error.status)
    return [tuple(group) for _, group in groupby(listed, key=lambda error: error.status)]


def _error_responses(schemas: dict[Any, Json]) -> Iterator[tuple[str, Json]]:
    for group in sorted({group for route in ROUTES for group in _groups(route)}, key=lambda group: group[0].status):
        yield _name(group), _error_response(group, schemas)


def _error_response(group: tuple[type[CoworkingError], ...], schemas: dict[Any, Json]) -> Json:
    examples = [_EXAMPLES.get(error) or error() for error in group]
    codes = [error.code for error in group]
    response: Json = {
        "description": " or ".join(dict.fromkeys(error.title for error in group)),
        "content": {
            PROBLEM: {
                "schema": {
                    "allOf": [schemas[_PROBLEMS.get(group[0], Problem)]],
                    "properties": {
                        "status": {"const": group[0].status},
                        "code": {"enum": codes},
                        **({"until": BAN_END} if errors.BannedError in group else {}),
                    },
                },
                "examples": {error.code: {"summary": error.title, "value": error.problem()} for error in examples},
            }
        },
    }
    if headers := examples[0].headers():
        response["headers"] = {name: _reference("headers", name) for name in map(_arriving_name, headers)}
    return response


def _arriving_name(header: str) -> str:
    return _REMAPPED + header if header == "WWW-Authenticate" else header


def _name(group: ErrorTypes) -> str:
    return "Or".join(error.__name__.removesuffix("Error") for error in group)


def _reference(kind: str, name: str) -> Json:
    return {"$ref": f"#/components/{kind}/{name}"}


def _tags() -> list[Json]:
    names = dict.fromkeys(route.feature for route in ROUTES)
    return [{"name": name, "description": getdoc(import_module(f"chalicelib.{name}"))} for name in names]


def _error_table() -> str:
    return "\n".join(
        f"| {error.status} | `{error.code}` | {getdoc(error)} |"
        for error in sorted(http_errors(), key=lambda error: error.status)
    )
