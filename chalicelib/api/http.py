"""HTTP dispatch: from a request to an answer. Enforces access, reads the body, calls the view, shapes the answer."""

import json
import logging
from collections.abc import Callable, Mapping
from typing import Any, cast

from chalice.app import Request as ChaliceRequest
from chalice.app import Response
from pydantic import BaseModel, TypeAdapter

from chalicelib.api.origin import check_origin
from chalicelib.api.validation import validate
from chalicelib.backend import Backend
from chalicelib.contract import Access, Page, Reply, Request, Route
from chalicelib.contract.access import PROVEN_BY_ROWS
from chalicelib.contract.fields import is_uuid
from chalicelib.identity.avatars import AvatarHosts
from chalicelib.kernel import strict_json, telemetry
from chalicelib.kernel.errors import (
    CoworkingError,
    ForbiddenError,
    InternalError,
    InvalidJsonError,
    MethodNotAllowedError,
    PayloadTooLargeError,
    RateLimitedError,
    UnsupportedMediaTypeError,
)
from chalicelib.kernel.strict_json import MAX_DEPTH, TooDeepError
from chalicelib.kernel.times import now_ms
from chalicelib.store.budgets import UNIT_BYTES

MAX_BODY_BYTES = 64 * 1024
PROBLEM = "application/problem+json"

_log = logging.getLogger(__name__)
_JSON = {"Content-Type": "application/json", "Cache-Control": "no-store"}


def answer(backend: Backend, route: Route, sent: ChaliceRequest, path_parameters: Mapping[str, str]) -> Response:
    """The answer of a route to a request. Every error becomes a problem document."""
    with backend.telemetry.observe("http", route=f"{route.method} {route.path}") as observation:
        observation.note(request_id=sent.context.get("requestId"))
        if is_uuid(room_id := path_parameters.get("room_id")):
            observation.note(room_id=room_id)
        response = _answer(backend, route, sent, path_parameters)
        observation.note(status=response.status_code)
        return response


def problem(error: CoworkingError) -> Response:
    """An error as an RFC 9457 problem document."""
    headers = {"Content-Type": PROBLEM, "Cache-Control": "no-store"} | error.headers()
    return Response(json.dumps(error.problem(), ensure_ascii=False), {**headers}, error.status)


def shape(get_response: Callable[[], Response]) -> Response:
    """Turn an error of Chalice's own (`{"Code", "Message"}`) into a problem document; leave other answers alone."""
    try:
        response = get_response()
    except Exception:  # noqa: BLE001  # logged with its trace, which the client must not see
        _log.exception("a request could not be handled")
        return problem(InternalError())
    if response.status_code < 400 or response.headers.get("Content-Type") == PROBLEM:
        return response
    errors: dict[int, CoworkingError] = {405: MethodNotAllowedError(), 415: UnsupportedMediaTypeError()}
    shaped = problem(errors.get(response.status_code, InternalError()))
    return Response(shaped.body, response.headers | shaped.headers, shaped.status_code)


def _answer(backend: Backend, route: Route, sent: ChaliceRequest, path_parameters: Mapping[str, str]) -> Response:
    try:
        return _run(backend, route, sent, path_parameters)
    except CoworkingError as error:
        return _refuse(error)
    except Exception:  # noqa: BLE001  # logged with its trace, which the client must not see
        _log.exception("%s %s failed", route.method, route.path)
        return _refuse(InternalError())


def _refuse(error: CoworkingError) -> Response:
    telemetry.current().note(error=error.code)
    return problem(error)


def _run(backend: Backend, route: Route, sent: ChaliceRequest, path_parameters: Mapping[str, str]) -> Response:
    check_origin(backend.settings, sent.headers)
    request = Request(backend, now_ms(), sent.headers, sent.context["path"], route.path, path_parameters)
    _enforce(route.access, request)
    _check_budget(route, request)
    arguments: dict[str, Any] = {}
    if route.body:
        read = _read_optional_json if route.is_body_optional else _read_json
        arguments["body"] = validate(route.body, read(sent))
    if route.query:
        arguments["query"] = validate(route.query, dict(sent.query_params or {}))
    result = route.view(request, **arguments)
    if route.access in PROVEN_BY_ROWS:
        request.context.require_proof(route.access)
    if isinstance(result, Page):
        return _respond_page(route, result, sent.headers)
    response = _respond(backend, route, result)
    if route.access is not Access.OPEN:
        backend.budgets.charge(request.user.id, len(response.body) // UNIT_BYTES, request.now)
    return response


def _enforce(access: Access, request: Request) -> None:
    """Check the access that follows from the token, before anything else.

    Raises:
        UnauthorizedError: the caller is not signed in.
        ForbiddenError: the caller is not an administrator.
    """
    if access is Access.OPEN:
        return
    user = request.user
    telemetry.current().note_user(user.id)
    if access is Access.ADMIN and not user.is_admin:
        raise ForbiddenError("Only administrators may do this")


def _check_budget(route: Route, request: Request) -> None:
    """Charge the call to its user.

    Raises:
        RateLimitedError: the user has used their budget.
    """
    if route.access is Access.OPEN:
        return
    if wait := request.backend.budgets.check(request.user.id, route.price, request.now):
        raise RateLimitedError(wait)


def _read_json(sent: ChaliceRequest) -> object:
    body = _read_body(sent)
    if len(body) > MAX_BODY_BYTES:
        raise PayloadTooLargeError(f"A body has at most {MAX_BODY_BYTES} bytes")
    kind = sent.headers.get("content-type", "application/json").partition(";")[0].strip().lower()
    if body and kind != "application/json":
        raise UnsupportedMediaTypeError
    try:
        return cast(object, strict_json.parse(body.decode()))
    except TooDeepError as error:
        raise InvalidJsonError(f"A body is at most {MAX_DEPTH} levels deep") from error
    except ValueError as error:
        raise InvalidJsonError from error


def _read_optional_json(sent: ChaliceRequest) -> object:
    """The body of a route that had none in the first release. A body that is no JSON object is ignored."""
    try:
        body = _read_json(sent)
    except (InvalidJsonError, UnsupportedMediaTypeError):
        return {}
    return body if isinstance(body, dict) else {}


def _read_body(sent: ChaliceRequest) -> bytes:
    try:
        return cast(bytes, sent.raw_body)
    except ValueError as error:
        raise InvalidJsonError from error


def _respond(backend: Backend, route: Route, result: object) -> Response:
    body, headers = (result.body, result.headers) if isinstance(result, Reply) else (result, {})
    return Response(_encode(body, backend.avatar_hosts), {**_JSON, **headers}, route.status)


def _respond_page(route: Route, page: Page, sent_headers: Mapping[str, str]) -> Response:
    headers = {"ETag": page.etag, "Cache-Control": "public, max-age=3600", **page.headers}
    if page.is_held_by(sent_headers.get("if-none-match", "")):
        return Response("", {**headers}, 304)
    return Response(page.text, {"Content-Type": route.content_type, **headers}, route.status)


def _encode(body: object, hosts: AvatarHosts) -> str:
    if body is None:
        return ""
    if isinstance(body, BaseModel):
        return body.model_dump_json(context=hosts)
    return _any_json.dump_json(body, context=hosts).decode()


_any_json: TypeAdapter[Any] = TypeAdapter(Any)
