"""Events and environment of the functions, as API Gateway and Lambda make them."""

import json
import os
from collections.abc import Mapping
from functools import cached_property
from typing import Any

import jwt
from chalice.local import LambdaContext, RouteMatcher
from starlette.datastructures import Headers

from infra.local.engine import CREDENTIALS, REGION
from infra.local.events import SocketEvents, scheduled_event
from infra.local.rest import RestEvents

SECRET = "a-secret-of-the-benchmarks-and-of-nothing-else"
EXPIRES = 4_102_444_800
"""The year 2100."""
NO_LIMITS = dict.fromkeys(("MESSAGES_LIMIT", "JOINS_LIMIT", "ROOMS_LIMIT", "BUDGET_LIMIT"), "1000000000/1")
NO_LIMITS |= dict.fromkeys(("OWNED_ROOMS_LIMIT", "SEATS_LIMIT"), "1000000000")
"""Environment variables that switch off the limits of the service."""

Event = dict[str, Any]


def function_environment(engine_url: str, connections_url: str, **more: str) -> dict[str, str]:
    """The environment of a function: its tables are on this engine, its posts go to this address."""
    return {
        **CREDENTIALS,
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ENDPOINT_URL_DYNAMODB": engine_url,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AUTH_SECRET": SECRET,
        "CONNECTIONS_ENDPOINT": connections_url,
        "WEBSOCKET_URL": "wss://rooms.example/api",
        "POWERTOOLS_TRACE_DISABLED": "true",
        **more,
    }


def sign_token(user_id: str) -> str:
    """A user's token, as an identity provider issues it."""
    return jwt.encode({"sub": user_id, "name": user_id.title(), "exp": EXPIRES}, SECRET, algorithm="HS256")


def lambda_context(function: str) -> LambdaContext:
    """The second argument of a handler."""
    return LambdaContext(f"coworking-rooms-dev-{function}", 1024, 29_000)


class Rest:
    """Events of the HTTP API of `app`, a Chalice app."""

    def __init__(self, app: Any) -> None:
        self._events = RestEvents(RouteMatcher(list(app.routes)), app.api.binary_types)

    def event(self, method: str, path: str, user_id: str, body: Mapping[str, object] | None = None) -> Event:
        headers = {"authorization": f"Bearer {sign_token(user_id)}", "host": "rooms.example"}
        data = None if body is None else json.dumps(body).encode()
        if data:
            headers["content-type"] = "application/json"
        event: Event = self._events.create_lambda_event(method, path, Headers(headers), data)
        return event


class Socket:
    """Events of one WebSocket connection."""

    def __init__(self, user_id: str, room_id: str) -> None:
        self.user_id = user_id
        self._query = [("room_id", room_id), ("token", sign_token(user_id))]
        self._events = SocketEvents("rooms.example", "127.0.0.1", "bench")

    @cached_property
    def connect(self) -> Event:
        return self._events.connect([("Host", "rooms.example")], self._query)

    @cached_property
    def disconnect(self) -> Event:
        return self._events.disconnect(1001, "Going away")

    def frame(self, kind: str, **fields: object) -> Event:
        return self._events.message(json.dumps({"type": kind} | fields))


def sweep() -> Event:
    """The event that the schedule sends every minute."""
    return scheduled_event("sweep", REGION)
