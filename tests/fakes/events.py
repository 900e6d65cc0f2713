"""Events as API Gateway sends them to the function for HTTP."""

import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from chalicelib.api.routes import ROUTES
from chalicelib.contract import Route

HOST = "rooms.test"


def route_of(view: str) -> Route:
    return next(route for route in ROUTES if route.name == view)


def rest_event(
    view: str,
    *,
    room_id: str | None = None,
    body: str | None = None,
    token: str | None = None,
    headers: Mapping[str, str] | None = None,
    query: Mapping[str, list[str]] | None = None,
    parameters: Mapping[str, str] | None = None,
    **changes: Any,
) -> dict[str, Any]:
    """The event of a call to the route of a view. `changes` replace its fields.

    `parameters` are those of the path, beside the room. One that is missing has the name of the parameter as its value.
    """
    route = route_of(view)
    wanted = {name: name for name in re.findall(r"{(\w+)}", route.path)}
    path_parameters = wanted | ({"room_id": room_id or ""} if route.has_room else {}) | dict(parameters or {})
    sent = {"Host": HOST, "X-Forwarded-Proto": "https", "Content-Type": "application/json"}
    sent |= {"Authorization": f"Bearer {token}"} if token else {}
    context = {
        "resourcePath": route.path,
        "httpMethod": route.method,
        "path": "/api" + route.path.format(**{name: quote(value, safe="") for name, value in path_parameters.items()}),
        "stage": "api",
        "requestId": "c6af9ac6-7b61-11e6-9a41-93e8deadbeef",
    }
    return {
        "resource": route.path,
        "httpMethod": route.method,
        "headers": sent | dict(headers or {}),
        "multiValueQueryStringParameters": dict(query) if query else None,
        "pathParameters": path_parameters or None,
        "stageVariables": None,
        "requestContext": context,
        "body": body,
        "isBase64Encoded": False,
    } | changes


def read_json(result: Mapping[str, Any]) -> Any:
    """The JSON body of a function's result."""
    return json.loads(result["body"])
