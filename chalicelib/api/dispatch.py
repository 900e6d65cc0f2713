"""From an HTTP request to an answer: find the view, check the caller, read the body, shape what comes back."""

import json
import logging
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any, cast

from chalice.app import Request, Response
from pydantic import BaseModel, TypeAdapter, ValidationError

from chalicelib import strict_json, telemetry
from chalicelib.api.operation import Call, Operation, Page, Reply
from chalicelib.api.routes import Route
from chalicelib.backend import backend
from chalicelib.errors import (
    CoworkingError,
    InternalError,
    InvalidJsonError,
    InvalidRequestError,
    MethodNotAllowedError,
    PayloadTooLargeError,
    UnsupportedMediaTypeError,
)
from chalicelib.schemas import field_errors, is_uuid
from chalicelib.strict_json import MAX_DEPTH, TooDeepError
from chalicelib.times import now_ms

MAX_BODY_BYTES = 64 * 1024
PROBLEM = "application/problem+json"

_log = logging.getLogger(__name__)
_JSON = {"Content-Type": "application/json", "Cache-Control": "no-store"}


def answer(route: Route, request: Request, path_parameters: Mapping[str, str]) -> Response:
    """What a route answers to a request; every error comes out as a problem, none as an exception."""
    with telemetry.observe("http", route=f"{route.method} {route.path}") as observation:
        observation.note(request_id=request.context.get("requestId"))
        if is_uuid(room_id := path_parameters.get("room_id")):
            observation.note(room_id=room_id)
        response = _answer(route, request, path_parameters)
        observation.note(status=response.status_code)
        return response


def _answer(route: Route, request: Request, path_parameters: Mapping[str, str]) -> Response:
    try:
        return _run(route, request, path_parameters)
    except CoworkingError as error:
        return _refuse(error)
    except Exception:  # noqa: BLE001  # logged with its trace, which is none of the client's business
        _log.exception("%s %s failed", route.method, route.path)
        return _refuse(InternalError())


def _refuse(error: CoworkingError) -> Response:
    telemetry.current().note(error=error.code)
    return problem(error)


def find_operation(route: Route) -> Operation:
    """The view that a route names."""
    module, name = route.view.split(".")
    found: Operation = getattr(import_module(f"chalicelib.api.{module}"), name)
    return found


def problem(error: CoworkingError) -> Response:
    """An error as RFC 9457 has it."""
    headers = {"Content-Type": PROBLEM, "Cache-Control": "no-store"} | error.headers()
    return Response(json.dumps(error.problem(), ensure_ascii=False), {**headers}, error.status)


def shape(get_response: Callable[[], Response]) -> Response:
    """An answer of Chalice's own making (`{"Code", "Message"}`) as a problem; any other as it is."""
    try:
        response = get_response()
    except Exception:  # noqa: BLE001  # logged with its trace, which is none of the client's business
        _log.exception("a request could not be handled")
        return problem(InternalError())
    if response.status_code < 400 or response.headers.get("Content-Type") == PROBLEM:
        return response
    errors: dict[int, CoworkingError] = {405: MethodNotAllowedError(), 415: UnsupportedMediaTypeError()}
    shaped = problem(errors.get(response.status_code, InternalError()))
    return Response(shaped.body, response.headers | shaped.headers, shaped.status_code)


def _run(route: Route, request: Request, path_parameters: Mapping[str, str]) -> Response:
    found = find_operation(route)
    call = Call(backend(), now_ms(), request.headers, request.context["path"], route.path, path_parameters)
    if not route.is_open:
        telemetry.current().note_user(call.user.id)
    arguments: dict[str, Any] = {}
    if found.body:
        arguments["body"] = _check(found.body, _read_json(request))
    if found.query:
        arguments["query"] = _check(found.query, dict(request.query_params or {}))
    return _respond(found, found.view(call, **arguments))


def _check(model: type[BaseModel], sent: object) -> BaseModel:
    try:
        return model.model_validate(sent)
    except ValidationError as error:
        raise InvalidRequestError(field_errors(error)) from error


def _read_json(request: Request) -> object:
    body = _read_body(request)
    if len(body) > MAX_BODY_BYTES:
        raise PayloadTooLargeError(f"A body has at most {MAX_BODY_BYTES} bytes")
    kind = request.headers.get("content-type", "application/json").partition(";")[0].strip().lower()
    if body and kind != "application/json":
        raise UnsupportedMediaTypeError
    try:
        return cast(object, strict_json.parse(body.decode()))
    except TooDeepError as error:
        raise InvalidJsonError(f"A body is at most {MAX_DEPTH} levels deep") from error
    except ValueError as error:
        raise InvalidJsonError from error


def _read_body(request: Request) -> bytes:
    try:
        return cast(bytes, request.raw_body)
    except ValueError as error:
        raise InvalidJsonError from error


def _respond(found: Operation, result: object) -> Response:
    if isinstance(result, Page):
        return Response(result.text, {"Content-Type": result.content_type, **result.headers}, found.status)
    body, headers = (result.body, result.headers) if isinstance(result, Reply) else (result, {})
    return Response(_encode(body), {**_JSON, **headers}, found.status)


def _encode(body: object) -> str:
    if body is None:
        return ""
    if isinstance(body, BaseModel):
        return body.model_dump_json()
    return _any_json.dump_json(body).decode()


_any_json: TypeAdapter[Any] = TypeAdapter(Any)
