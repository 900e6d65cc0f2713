"""The local stack with an app that records its events, and an emulated AWS for deployments."""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import botocore.session
import httpx
import pytest
from botocore.config import Config
from websockets.sync.client import ClientConnection, connect

from infra.deploy import stacks
from infra.deploy.target import Target
from infra.local.engine import CREDENTIALS, REGION
from infra.local.stack import LocalStack
from infra.rehearse.emulator import Emulator
from infra.rehearse.project import STAGE, copy_project

ACCOUNTS = count(100_000_000_001)
PLATFORM_APP = Path(__file__).parent / "platform_app"


class Platform:
    """A running stack, with helpers for tests."""

    def __init__(self, stack: LocalStack) -> None:
        self.stack = stack
        self.http = httpx.Client(base_url=stack.api, timeout=30)

    def events(self, kind: str | None = None) -> list[dict[str, Any]]:
        """The events that the app received, oldest first."""
        events: list[dict[str, Any]] = self.http.get("/events").json()
        return [event for event in events if kind in (None, event.get("requestContext", {}).get("eventType"))]

    def wait_for(self, matches: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """Wait for the first event that matches."""
        for _ in range(2000):
            if found := [event for event in self.events() if matches(event)]:
                return found[0]
        raise AssertionError("the event never came")

    def wait_for_end(self, connection_id: str) -> dict[str, Any]:
        """Wait for the `$disconnect` event of a connection."""

        def matches(event: dict[str, Any]) -> bool:
            context = event.get("requestContext", {})
            return bool(context.get("eventType") == "DISCONNECT" and context["connectionId"] == connection_id)

        return self.wait_for(matches)


@contextmanager
def run_platform(data_dir: Path, environment: dict[str, str]) -> Iterator[Platform]:
    with LocalStack(data_dir=data_dir, root=PLATFORM_APP, environment=environment) as stack:
        running = Platform(stack)
        with running.http:
            yield running


@pytest.fixture(scope="session")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """The platform with its normal limits."""
    with run_platform(tmp_path_factory.mktemp("platform"), {}) as running:
        yield running


@pytest.fixture
def short_limits(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Platform]:
    """The platform with the test's environment variables: `parametrize("short_limits", [{...}], indirect=True)`."""
    with run_platform(tmp_path, request.param) as running:
        yield running


@pytest.fixture
def open_socket(platform: Platform) -> Iterator[Callable[..., ClientConnection]]:
    """Open WebSockets; the end of the test closes them."""
    with ExitStack() as opened:
        yield lambda path="/ws", **options: opened.enter_context(
            connect(platform.stack.url.replace("http", "ws") + path, **options)
        )


@pytest.fixture
def management(platform: Platform) -> Iterator[Any]:
    """The AWS client of the `@connections` API, without retries."""
    session = botocore.session.Session()
    session.set_credentials(CREDENTIALS["AWS_ACCESS_KEY_ID"], CREDENTIALS["AWS_SECRET_ACCESS_KEY"])
    client = session.create_client(
        "apigatewaymanagementapi",
        region_name=REGION,
        endpoint_url=platform.stack.connections_url,
        config=Config(retries={"total_max_attempts": 1}),
    )
    yield client
    client.close()


@pytest.fixture(scope="session")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    """The emulator of the AWS services that a deployment needs."""
    with Emulator(tmp_path_factory.mktemp("emulator")) as running:
        yield running


@pytest.fixture
def account(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> str:
    """A new, empty account. The environment has its credentials."""
    number = f"{next(ACCOUNTS):012d}"
    for name, value in (emulator.account | {"AWS_ACCESS_KEY_ID": number}).items():
        monkeypatch.setenv(name, value)
    for name in ("AWS_PROFILE", "AUTH_SECRET", "SMOKE_TOKEN", "SMOKE_TOKENS", "ALARM_EMAIL", "DOMAIN_NAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(stacks, "POLL_SECONDS", 0.05)
    return number


@pytest.fixture
def target(account: str, tmp_path: Path) -> Iterator[Target]:
    """A stage of a copy of this checkout, in that account; it is not deployed."""
    copy_project(tmp_path, "http://127.0.0.1:9/nobody")
    stage = Target(STAGE, tmp_path)
    yield stage
    stage.close()


def learn_id(socket: ClientConnection) -> str:
    """Ask the app for the connection id of a socket."""
    socket.send("who am I")
    connection_id: str = json.loads(socket.recv(timeout=20))["id"]
    return connection_id
