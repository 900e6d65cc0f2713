"""The five Lambda functions in this process. They get the events of AWS, and use the tables of an engine.

    with Functions(engine) as functions:
        room = functions.rest("rooms_create_room", "ada", {"name": "Quiet"})
        functions.rest("seats_join", "ada", room_id=room["id"])
        connection = functions.connect("ada", room["id"])
        functions.frame(connection, "sync")

The gateway is a fake: connections in `gone` answer 410. Time stands still until a test changes `now`.
"""

import json
import os
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from typing import Any, Self
from unittest.mock import patch
from urllib.parse import parse_qsl, urlencode, urlsplit

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
    "owned_rooms_limit": 1_000,
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


class FakeGateway(Gateway):
    """Answers in place of the connections API, and records the posted frames."""

    def __init__(self) -> None:
        super().__init__()
        self.gone: set[str] = set()
        self.next_statuses: Iterator[int] = iter(())
        """The statuses of the next posts, in order."""
        self.status = 200
        """The status of all later posts."""
        self.posted: dict[str, list[bytes]] = defaultdict(list)
        self.note: Callable[[str], None] = lambda _: None

    def _send(
        self,
        method: str,
        endpoint: str,  # noqa: ARG002  # the real gateway has it
        connection_id: str,
        body: bytes,
        timeout: float,  # noqa: ARG002  # the real gateway has it
    ) -> PostResult:
        self.note(method)
        if connection_id in self.gone:
            return PostResult(410, "status 410")
        status = next(self.next_statuses, self.status)
        if status == 200:
            self.posted[connection_id].append(body)
        return PostResult(status, f"status {status}")


class Functions(ExitStack):
    """The handlers of the functions. They run one at a time; `running` is the name of the current one."""

    def __init__(self, engine: Engine, **settings: Any) -> None:
        super().__init__()
        self.running = ""
        self.now: Moment = NOW
        self.gateway = FakeGateway()
        self._engine = engine
        self._settings = SETTINGS | settings

    @property
    def gone(self) -> set[str]:
        """The ids of the connections that answer 410."""
        return self.gateway.gone

    @property
    def store(self) -> Store:
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
        before, self.running = self.running, function
        try:
            return HANDLERS[function](event, LambdaContext(f"coworking-rooms-dev-{function}", 1024, 29_000))
        finally:
            self.running = before

    def rest(self, view: str, user_id: str | None = None, body: object = None, **more: Any) -> Any:
        """The answer of a view's route, which must succeed."""
        result = self.call(view, user_id, body, **more)
        assert result["statusCode"] < 400, result
        is_json = result["body"] and "json" in result["headers"]["Content-Type"]
        return json.loads(result["body"]) if is_json else result["body"]

    def refused(self, view: str, user_id: str | None = None, body: object = None, **more: Any) -> str:
        """The code of the error with which a view's route fails."""
        code: str = json.loads(self.call(view, user_id, body, **more)["body"])["code"]
        return code

    def call(self, view: str, user_id: str | None = None, body: object = None, **more: Any) -> dict[str, Any]:
        """Call the route of a view, as API Gateway does."""
        token = self.sign(user_id) if user_id else None
        text = None if body is None else json.dumps(body)
        result: dict[str, Any] = self.run("api_handler", rest_event(view, body=text, token=token, **more))
        return result

    def open_room(self, **fields: object) -> str:
        """The id of a new room. Olga is its owner."""
        return str(self.rest("rooms_create_room", "olga", {"name": "Room", **fields})["id"])

    def enter(self, room_id: str, *names: str) -> list[SocketEvents]:
        """Let people join and connect. Returns their connections."""
        for name in names:
            self.rest("seats_join", name, room_id=room_id)
        return [self.connect(name, room_id) for name in names]

    def connect(self, user_id: str, room_id: str, url: str = "", *, status: int = 200) -> SocketEvents:
        """A new connection of a user, with a token, or with the URL from a join."""
        query = parse_qsl(urlsplit(url).query) if url else [("room_id", room_id), ("token", self.sign(user_id))]
        connection = SocketEvents(HOST, "127.0.0.1", "test")
        answer = self.run("websocket_connect", connection.connect([("Host", HOST)], query))
        assert answer["statusCode"] == status, answer
        return connection

    def connect_with_seat(self, user_id: str, room_id: str, *, status: int = 200) -> SocketEvents:
        """A new connection with a token, which takes a seat if its user has none."""
        query = urlencode({"room_id": room_id, "token": self.sign(user_id), "join": "1"})
        return self.connect(user_id, room_id, f"wss://{HOST}?{query}", status=status)

    def frame(self, connection: SocketEvents, kind: str, **fields: object) -> list[Any]:
        """Send a frame from a connection. Returns the frames that this connection receives."""
        before = len(self.gateway.posted[connection.connection_id])
        self.run("websocket_message", connection.message(json.dumps({"type": kind} | fields)))
        return [json.loads(body) for body in self.gateway.posted[connection.connection_id][before:] if body]

    def disconnect(self, connection: SocketEvents) -> None:
        """Report to the functions that a connection has closed, as API Gateway does."""
        self.run("websocket_disconnect", connection.disconnect(1001, "Going away"))

    def sweep(self) -> None:
        """Run the sweep, as the schedule does each minute."""
        self.run("sweep", scheduled_event("sweep", REGION))

    def sign(self, user_id: str) -> str:
        """A token of a user. The user `admin` is an administrator."""
        claims = {
            "sub": user_id,
            "name": user_id.title(),
            "cognito:groups": [user_id],
            "exp": (NOW + 365 * DAY) // 1000,
        }
        return jwt.encode(claims, SECRET, "HS256")

    def forget(self) -> None:
        """Start again as a new process: with empty caches of connections and secrets."""
        fresh = Backend(self._world.backend.settings, self._world.store, self._fanout)
        self.enter_context(patch.object(backend, "_process_backend", fresh))


def deployed_functions(stage: str) -> list[Any]:
    """The functions that Chalice would deploy for a stage."""
    with patch.dict(os.environ):  # Chalice sets the stage's variables
        config = CLIFactory(str(ROOT)).create_config_obj(stage)
    resources = DependencyBuilder().build_dependencies(ApplicationGraphBuilder().build(config, stage))
    return [resource for resource in resources if isinstance(resource, LambdaFunction)]
