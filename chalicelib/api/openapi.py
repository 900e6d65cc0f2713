"""The OpenAPI 3.1 document, made from the table of routes, the views and the types that validate what they get."""

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

from chalicelib import __version__, errors
from chalicelib.api.components import SchemaGenerator, describe
from chalicelib.api.dispatch import PROBLEM, find_operation
from chalicelib.api.operation import MAX_CLIENT_KEY, Operation, Page, Reply
from chalicelib.api.routes import ROUTES, Route
from chalicelib.errors import CoworkingError
from chalicelib.schemas import InvalidRequestProblem, Problem, RateLimitedProblem

Json = dict[str, Any]
ErrorTypes = Iterable[type[CoworkingError]]

FRAME_ERRORS = (
    errors.FrameTooLargeError,
    errors.InvalidFrameError,
    errors.ReservedTypeError,
    errors.PeerUnavailableError,
)
"""Only ever told over a WebSocket, as frames."""

_SIGN_IN = (errors.UnauthorizedError, errors.AuthUnavailableError, errors.UnavailableError)
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

_ABOUT = """\
Rooms to work in together: seats, presence, chat that loses nothing, and WebRTC signalling.

**Signing in.** Send `Authorization: Bearer <JWT>` with every call that asks for it. The token's `sub` is your user id.

**Live events.** `POST /coworking/rooms/{room_id}/join` answers with `websocket.url`: opening it connects you to the
room. What is said there is described in [asyncapi.json](asyncapi.json).

**Trying again.** Calls that take an `Idempotency-Key` may be repeated with the same key for 24 hours: they answer the
first result again and do nothing more.

**Errors** are RFC 9457 problem details, `application/problem+json`. `code` is for programs and stays what it is;
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
    "Idempotency-Key": {
        "name": "Idempotency-Key",
        "in": "header",
        "description": "A name of your own for this request, so that it can be repeated without being done twice.",
        "schema": {"type": "string", "minLength": 1, "maxLength": MAX_CLIENT_KEY},
    },
}
_HEADERS: Json = {
    "Link": {
        "description": 'The next page, where there is one, as `rel="next"`.',
        "schema": {"type": "string"},
    },
    "Retry-After": {
        "description": "Whole seconds to wait.",
        "required": True,
        "schema": {"type": "integer", "minimum": 1},
    },
    "WWW-Authenticate": {
        "description": "How to sign in.",
        "required": True,
        "schema": {"type": "string", "const": "Bearer"},
    },
}


@lru_cache(maxsize=8)
def document(base_url: str) -> Json:
    """The document for an API at this address; the same object again for the same address."""
    found = [(route, find_operation(route)) for route in ROUTES]
    schemas, components = describe(_types(operation for _, operation in found))
    components["Problem"]["properties"]["code"]["enum"] = list(dict.fromkeys(error.code for error in http_errors()))
    paths: Json = {}
    for route, operation in found:
        paths.setdefault(route.path, {})[route.method.lower()] = _describe(route, operation, schemas)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Coworking Rooms", "version": __version__, "description": _ABOUT + _error_table()},
        "servers": [{"url": base_url}],
        "security": [{"bearer": []}],
        "tags": _tags(),
        "paths": paths,
        "components": {
            "schemas": components,
            "parameters": _PARAMETERS,
            "headers": _HEADERS,
            "responses": dict(_error_responses(found, schemas)),
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}},
        },
    }


def http_errors() -> list[type[CoworkingError]]:
    """Every error that is told over HTTP, in the order of the tree."""
    every = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, CoworkingError)]
    return [error for error in every if error not in (CoworkingError, *FRAME_ERRORS)]


def summarize(documented: object) -> Json:
    """The `summary` and, where there is more to say, the `description` that a docstring makes."""
    summary, _, description = re.sub(r"(?<!\n)\n(?!\n)", " ", getdoc(documented) or "").partition(".")
    return {"summary": summary} | ({"description": description.strip()} if description.strip() else {})


def _types(operations: Iterable[Operation]) -> Iterator[tuple[Any, JsonSchemaMode]]:
    yield from ((problem, "serialization") for problem in (Problem, *_PROBLEMS.values()))
    for operation in operations:
        if operation.body:
            yield operation.body, "validation"
        if (answer := _answer_type(operation)) not in (NoneType, Page):
            yield answer, "serialization"


def _answer_type(operation: Operation) -> Any:
    answer = operation.types["return"]
    return get_args(answer)[0] if get_origin(answer) is Reply else answer


def _describe(route: Route, operation: Operation, schemas: dict[Any, Json]) -> Json:
    described = {
        "operationId": route.view.replace(".", "_"),
        "tags": [route.view.partition(".")[0]],
        **summarize(operation.view),
        "parameters": _parameters(route, operation),
        "responses": {str(operation.status): _success(operation, schemas)}
        | {str(group[0].status): _reference("responses", _name(group)) for group in _groups(route, operation)},
    }
    if operation.body:
        content = {"application/json": {"schema": schemas[operation.body]}}
        described["requestBody"] = {"required": True, "content": content}
    return described | ({"security": []} if route.is_open else {})


def _parameters(route: Route, operation: Operation) -> list[Json]:
    names = ["room_id"] * ("{room_id}" in route.path) + ["Idempotency-Key"] * operation.idempotent
    return [*(_reference("parameters", name) for name in names), *_query_parameters(operation)]


def _query_parameters(operation: Operation) -> Iterator[Json]:
    schema = operation.query.model_json_schema(schema_generator=SchemaGenerator) if operation.query else {}
    for name, field in schema.get("properties", {}).items():
        # A parameter is left out rather than null.
        kind = next((one for one in field.get("anyOf", ()) if one != {"type": "null"}), field)
        default = {"default": field["default"]} if field.get("default") is not None else {}
        about = {"description": field["description"]} if "description" in field else {}
        bare = {key: value for key, value in kind.items() if key not in ("description", "default")}
        yield {"name": name, "in": "query", **about, "schema": bare | default}


def _success(operation: Operation, schemas: dict[Any, Json]) -> Json:
    response: Json = {"description": HTTPStatus(operation.status).phrase}
    if get_origin(operation.types["return"]) is Reply:
        response["headers"] = {"Link": _reference("headers", "Link")}
    if (answer := _answer_type(operation)) is Page:
        response["content"] = {"text/html": {"schema": {"type": "string"}}}
    elif answer is not NoneType:
        response["content"] = {"application/json": {"schema": schemas[answer]}}
    return response


def _groups(route: Route, operation: Operation) -> list[tuple[type[CoworkingError], ...]]:
    """The errors of an operation by status: its own, and those that go without saying."""
    possible = [*operation.errors, errors.InternalError]
    possible += () if route.is_open else _SIGN_IN
    possible += _BODY if operation.body else ()
    possible += [errors.InvalidRequestError] * bool(operation.body or operation.query or operation.idempotent)
    possible += [errors.RoomNotFoundError] * ("{room_id}" in route.path)
    listed = [error for error in http_errors() if error in possible]
    listed.sort(key=lambda error: error.status)
    return [tuple(group) for _, group in groupby(listed, key=lambda error: error.status)]


def _error_responses(found: list[tuple[Route, Operation]], schemas: dict[Any, Json]) -> Iterator[tuple[str, Json]]:
    for group in sorted({group for one in found for group in _groups(*one)}, key=lambda group: group[0].status):
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
                    "properties": {"status": {"const": group[0].status}, "code": {"enum": codes}},
                },
                "examples": {error.code: {"summary": error.title, "value": error.problem()} for error in examples},
            }
        },
    }
    if headers := examples[0].headers():
        response["headers"] = {name: _reference("headers", name) for name in headers}
    return response


def _name(group: ErrorTypes) -> str:
    return "Or".join(error.__name__.removesuffix("Error") for error in group)


def _reference(kind: str, name: str) -> Json:
    return {"$ref": f"#/components/{kind}/{name}"}


def _tags() -> list[Json]:
    modules = dict.fromkeys(route.view.partition(".")[0] for route in ROUTES)
    return [{"name": name, "description": getdoc(import_module(f"chalicelib.api.{name}"))} for name in modules]


def _error_table() -> str:
    return "\n".join(
        f"| {error.status} | `{error.code}` | {getdoc(error)} |"
        for error in sorted(http_errors(), key=lambda error: error.status)
    )
