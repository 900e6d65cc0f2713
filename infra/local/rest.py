"""API Gateway's REST APIs: its routes, limits and errors around Chalice's `LocalGateway`."""

import base64
import binascii
import difflib
import logging
import uuid
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs, unquote

from chalice.local import LambdaEventConverter, LocalGateway, LocalGatewayException, RouteMatcher
from pydantic import ValidationError
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from infra.local.access import printable
from infra.local.events import API_ID, gather_values, now_ms, request_time
from infra.local.functions import FunctionError, Functions
from infra.local.options import HTTP_BODY_BYTES, OWN_HOST, STAGE

log = logging.getLogger("gateway")
FUNCTION = "api_handler"


class RestEvents(LambdaEventConverter):
    """Makes Lambda proxy events; more complete than those of Chalice's own local mode."""

    def find_route(self, path: str) -> tuple[str, dict[str, str]] | None:
        """The route of a path without its query, and the path parameters as the client sent them: percent-encoded."""
        try:
            match = self._route_matcher.match_route(path)
        except ValueError:
            return None
        # The matcher also leaves what it captured from routes that didn't fit in the end.
        names = {name: value for name, value in match.captured.items() if f"{{{name}}}" in match.route}
        return (match.route, names) if all(names.values()) else None

    def create_lambda_event(self, method: str, path: str, headers: Any, body: bytes | None = None) -> dict[str, Any]:
        """The event of a request to an existing route; `headers` are Starlette's."""
        path, _, query = path.partition("?")
        found = self.find_route(path)
        if found is None:
            raise ValueError(path)
        route, parameters = found
        values = parse_qs(query, keep_blank_values=True)
        return {
            "resource": route,
            "path": unquote(path),
            "httpMethod": method,
            "headers": dict(headers.items()),
            "multiValueHeaders": gather_values(headers.items()),
            "queryStringParameters": {name: several[-1] for name, several in values.items()} or None,
            "multiValueQueryStringParameters": values or None,
            "pathParameters": parameters or None,
            "stageVariables": None,
            "requestContext": self._context(method, path, route, headers),
            **encode_body(body, binary=self._is_binary(headers)),
        }

    def _context(self, method: str, path: str, route: str, headers: Headers) -> dict[str, Any]:
        now = now_ms()
        host = headers.get("host", "localhost")
        return {
            "resourcePath": route,
            "httpMethod": method,
            "path": f"/{STAGE}{unquote(path)}",
            "stage": STAGE,
            "apiId": API_ID,
            "requestId": str(uuid.uuid4()),
            "extendedRequestId": str(uuid.uuid4()),
            "requestTime": request_time(now),
            "requestTimeEpoch": now,
            "protocol": "HTTP/1.1",
            "domainName": host.partition(":")[0],
            "identity": {"sourceIp": self.LOCAL_SOURCE_IP, "userAgent": headers.get("user-agent")},
        }


class RestApi:
    """An ASGI app for everything below the stage's path."""

    def __init__(self, functions: Functions) -> None:
        self._functions = functions
        self._routes = functions.app.routes
        self._gateway = LocalGateway(functions.app, functions.config)
        self._events = RestEvents(RouteMatcher(list(self._routes)), functions.app.api.binary_types)
        self._gateway.event_converter = self._events

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        response = await self._answer(Request(scope, receive))
        await response(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        path = request.scope["raw_path"].decode("ascii").removeprefix(f"/{STAGE}")
        if not self._serves(request.method, path):
            log.info("There is no %s %s; the nearest is %s", request.method, printable(path), self._nearest(path))
            return refuse(403, "Missing Authentication Token", "MissingAuthenticationTokenException")
        body = await read_body(request, HTTP_BODY_BYTES)
        if body is None:
            message = f"HTTP content length exceeded {HTTP_BODY_BYTES} bytes."
            return refuse(413, message, "RequestEntityTooLargeException")
        query = request.scope["query_string"].decode("latin-1")
        target = f"{path}?{query}" if query else path
        try:
            return await self._functions.run(
                FUNCTION, lambda: self._handle(request.method, target, request.headers, body)
            )
        except FunctionError as error:
            return refuse(error.status, error.message, "InternalServerErrorException")

    def _serves(self, method: str, path: str) -> bool:
        found = self._events.find_route(path)
        methods = self._routes[found[0]] if found else {}
        if method == "OPTIONS" and method not in methods:
            return any(entry.cors is not None for entry in methods.values())
        return method in methods

    def _nearest(self, path: str) -> str:
        route = difflib.get_close_matches(path, self._routes, n=1, cutoff=0)[0]
        return f"{', '.join(self._routes[route])} {route}"

    def _handle(self, method: str, target: str, headers: Any, body: bytes) -> Response:
        try:
            result = self._gateway.handle_request(method=method, path=target, headers=headers, body=body or None)
        except LocalGatewayException as error:  # from an authorizer
            return Response(error.body, error.CODE, {"content-type": "application/json", **error.headers})
        return rename_headers(build_response(name_host(result, headers.get("host", "localhost"))))


def encode_body(body: bytes | None, *, binary: bool) -> dict[str, Any]:
    """A body as text; as base64 if it is declared binary or isn't valid text."""
    if not body:
        return {"body": None, "isBase64Encoded": False}
    try:
        if not binary:
            return {"body": body.decode(), "isBase64Encoded": False}
    except UnicodeDecodeError:
        pass
    return {"body": base64.b64encode(body).decode(), "isBase64Encoded": True}


async def read_body(request: Request, limit: int) -> bytes | None:
    """The body of a request, or None if it is over the limit."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > limit:
            return None
    return bytes(body)


def build_response(result: Mapping[str, Any]) -> Response:
    """The HTTP response for a function's result; raises FunctionError if the result is malformed."""
    try:
        body = result.get("body") or ""
        content = base64.b64decode(body) if result.get("isBase64Encoded") else body
        response = Response(content, int(result["statusCode"]))
        several = result.get("multiValueHeaders") or {}
        headers = {name: [value] for name, value in (result.get("headers") or {}).items()} | dict(several)
        for name, values in headers.items():
            for value in values:
                response.headers.append(name, str(value))
    except (KeyError, TypeError, ValueError, AttributeError, binascii.Error) as error:
        raise FunctionError(f"malformed result: {error!r}") from error
    response.headers.setdefault("content-type", "application/json")
    return response


def rename_headers(response: Response) -> Response:
    """Rename the headers that API Gateway renames."""
    if value := response.headers.get("www-authenticate"):
        del response.headers["www-authenticate"]
        response.headers["x-amzn-Remapped-WWW-Authenticate"] = value
    return response


def name_host(result: Mapping[str, Any], host: str) -> Mapping[str, Any]:
    """Let addresses in an answer be those that the client can reach: at the host that it called."""
    body = result.get("body")
    return {**result, "body": body.replace(OWN_HOST, host)} if isinstance(body, str) else result


def reject(error: ValidationError) -> Response:
    """The answer of our own routes to an invalid body."""
    return JSONResponse({"errors": error.errors(include_url=False, include_context=False, include_input=False)}, 422)


def refuse(status: int, message: str, kind: str) -> Response:
    """An error response of API Gateway's own."""
    return JSONResponse({"message": message}, status, {"x-amzn-ErrorType": kind})
