"""The five functions in this process, given events as AWS gives them, on tables of an engine.

    with Functions(engine) as functions:
        room = functions.rest("rooms_create_room", "ada", {"name": "Quiet"})
        functions.rest("seats_join", "ada", room_id=room["id"])
        wire = functions.connect("ada", room["id"])
        functions.frame(wire, "sync")

What they post goes nowhere: connections in `gone` answer 410. Time stands still until a test moves `now`.
"""

import json
import os
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from typing import Any, Self
from unittest.mock import patch
from urllib.parse import parse_qsl, urlsplit

import jwt
from chalice.cli.factory import CLIFactory
from chalice.deploy.appgraph import ApplicationGraphBuilder, DependencyBuilder
from chalice.deploy.models import LambdaFunction
from chalice.local import LambdaContext

import app
from chalicelib import backend
from chalicelib.api import http, schedule, sockets
from chalicelib.backend import Backend
from chalicelib.delivery.fanout import Fanout
from chalicelib.delivery.gateway import Gateway, PostResult
from chalicelib.kernel.times import Moment
from chalicelib.store import Store
from infra.local.engine import CREDENTIALS, REGION, Engine
from infra.local.events import SocketEvents, scheduled_event
from infra.local.stack import ROOT
from tests.fakes.backend import DAY, NOW, PLENTY, on_engine
from tests.fakes.events import HOST, rest_event

SECRET = "a-secret-of-the-tests-and-of-nothing-else"
SETTINGS = {
    "auth_secret": SECRET,
    "connections_endpoint": "https://connections.test/api",
    "rooms_limit": PLENTY,
    "joins_limit": PLENTY,
    "messages_limit": PLENTY,
}
HANDLERS: dict[str, Callable[..., Any]] = {
    "api_handler": app.app,
    "websocket_connect": app.websocket_connect,
    "websocket_message": app.websocket_message,
    "websocket_disconnect": app.websocket_disconnect,
    "sweep": app.sweep,
}


class DeadEnd(Gateway):
    """Answers by itself what the connections API would, and keeps what was posted."""

    def __init__(self) -> None:
        super().__init__()
        self.gone: set[str] = set()
        self.first: Iterator[int] = iter(())
        """The statuses that the next posts are answered with."""
        self.status = 200
        """That of those after them."""
        self.posted: dict[str, list[bytes]] = defaultdict(list)
        self.note: Callable[[str], None] = lambda _: None

    def _send(
        self,
        method: str,
        endpoint: str,  # noqa: ARG002  # there is none
        connection_id: str,
        body: bytes,
        timeout: float,  # noqa: ARG002  # nor does it take any time
    ) -> PostResult:
        self.note(method)
        if connection_id in self.gone:
            return PostResult(410, "status 410")
        status = next(self.first, self.status)
        if status == 200:
            self.posted[connection_id].append(body)
        return PostResult(status, f"status {status}")


class Functions(ExitStack):
    """Their handlers, and which of them runs: one at a time."""

    def __init__(self, engine: Engine, **settings: Any) -> None:
        super().__init__()
        self.running = ""
        self.now: Moment = NOW
        self.gateway = DeadEnd()
        self._engine = engine
        self._settings = SETTINGS | settings

    @property
    def gone(self) -> set[str]:
        """The ids of the connections that hear nothing any more."""
        return self.gateway.gone

    @property
    def store(self) -> Store:
        """Their tables."""
        return self._world.store

    def __enter__(self) -> Self:
        self._world = self.enter_context(on_engine(self._engine, **self._settings))
        self._fanout = Fanout(self.gateway)
        self.callback(self._fanout.shutdown)
        self.forget()
        self.enter_context(patch.dict(os.environ, CREDENTIALS | {"AWS_REGION": REGION}))
        for module in (http, sockets, schedule):
            self.enter_context(patch.object(module, "now_ms", lambda: self.now))
        return self

    def run(self, function: str, event: Mapping[str, Any]) -> Any:
        """Give an event to a function."""
        self.running = function
        try:
            return HANDLERS[function](event, LambdaContext(f"coworking-rooms-dev-{function}", 1024, 29_000))
        finally:
            self.running = ""

    def rest(self, view: str, user_id: str | None = None, body: object = None, **more: Any) -> Any:
        """What the route of a view answers, which isn't an error."""
        result = self.call(view, user_id, body, **more)
        assert result["statusCode"] < 400, result
        is_json = result["body"] and "json" in result["headers"]["Content-Type"]
        return json.loads(result["body"]) if is_json else result["body"]

    def refused(self, view: str, user_id: str | None = None, body: object = None, **more: Any) -> str:
        """The code of the error that the route of a view answers."""
        code: str = json.loads(self.call(view, user_id, body, **more)["body"])["code"]
        return code

    def call(self, view: str, user_id: str | None = None, body: object = None, **more: Any) -> dict[str, Any]:
        """Call the route of a view, as API Gateway does."""
        token = self.sign(user_id) if user_id else None
        text = None if body is None else json.dumps(body)
        result: dict[str, Any] = self.run("api_handler", rest_event(view, body=text, token=token, **more))
        return result

    def open_room(self, **fields: object) -> str:
        """The id of a new room of Olga's."""
        return str(self.rest("rooms_create_room", "olga", {"name": "Room", **fields})["id"])

    def enter(self, room_id: str, *names: str) -> list[SocketEvents]:
        """People join, and then connect; their connections."""
        for name in names:
            self.rest("seats_join", name, room_id=room_id)
        return [self.connect(name, room_id) for name in names]

    def connect(self, user_id: str, room_id: str, url: str = "", *, status: int = 200) -> SocketEvents:
        """A new connection of somebody's, by a token or by the address that a join told."""
        query = parse_qsl(urlsplit(url).query) if url else [("room_id", room_id), ("token", self.sign(user_id))]
        wire = SocketEvents(HOST, "127.0.0.1", "test")
        answer = self.run("websocket_connect", wire.connect([("Host", HOST)], query))
        assert answer["statusCode"] == status, answer
        return wire

    def frame(self, wire: SocketEvents, kind: str, **fields: object) -> list[Any]:
        """A frame from a connection, and what that is sent then."""
        before = len(self.gateway.posted[wire.connection_id])
        self.run("websocket_message", wire.message(json.dumps({"type": kind} | fields)))
        return [json.loads(body) for body in self.gateway.posted[wire.connection_id][before:] if body]

    def disconnect(self, wire: SocketEvents) -> None:
        """A connection is gone, and API Gateway says so."""
        self.run("websocket_disconnect", wire.disconnect(1001, "Going away"))

    def sweep(self) -> None:
        """A minute is over."""
        self.run("sweep", scheduled_event("sweep", REGION))

    def sign(self, user_id: str) -> str:
        """A token of somebody; `admin` is one."""
        claims = {
            "sub": user_id,
            "name": user_id.title(),
            "cognito:groups": [user_id],
            "exp": (NOW + 365 * DAY) // 1000,
        }
        return jwt.encode(claims, SECRET, "HS256")

    def forget(self) -> None:
        """As in a new process: nothing is known of connections and secrets."""
        fresh = Backend(self._world.backend.settings, self._world.store, self._fanout)
        self.enter_context(patch.object(backend, "_process_backend", fresh))


def deployed_functions(stage: str) -> list[Any]:
    """The functions of a stage as Chalice would deploy them."""
    with patch.dict(os.environ):  # Chalice sets the stage's variables
        config = CLIFactory(str(ROOT)).create_config_obj(stage)
    resources = DependencyBuilder().build_dependencies(ApplicationGraphBuilder().build(config, stage))
    return [resource for resource in resources if isinstance(resource, LambdaFunction)]
