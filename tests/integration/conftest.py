"""Two clients in a room, and stacks with other settings than those of `make run`."""

import os
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import pytest

from infra.local.engine import CREDENTIALS, REGION, Engine
from infra.local.stack import LocalStack
from tests.fakes.clients import ROOMS, Api, Caller, Json
from tests.fakes.issuer import Issuer
from tests.fakes.socket_client import Scene, SocketClient, settle_all
from tests.fakes.unreliable import UnreliableEngine

ORIGIN = "https://rooms.example"
ISSUER, AUDIENCE = "https://id.example", "coworking"
LIMIT = 2


@pytest.fixture
def ada(scene: Scene) -> SocketClient:
    """A client that is connected to the room of the scene."""
    return scene.enter("Ada")


@pytest.fixture
def ben(scene: Scene, ada: SocketClient) -> SocketClient:
    """A second client. Ada has received the frames about it."""
    ben = scene.enter("Ben")
    settle_all(ada, ben)
    return ben


@pytest.fixture
def faults(stack: LocalStack) -> Iterator[Callable[..., None]]:
    """Plan faults of the stack; they end with the test."""
    yield stack.plan_faults
    stack.plan_faults()


def walk_rooms(caller: Caller, path: str = ROOMS) -> Iterator[list[Json]]:
    """The pages of the list of rooms."""
    while path:
        answer = caller.get(path)
        assert answer.status_code == 200, answer.text
        yield answer.json()
        path = answer.links["next"]["url"] if "next" in answer.links else ""


def list_rooms(caller: Caller) -> list[Json]:
    return [room for page in walk_rooms(caller) for room in page]


@dataclass(frozen=True)
class Deployment:
    """A stack with an identity provider, one allowed origin and low rate limits."""

    api: Api
    issuer: Issuer

    def person(self, name: str = "Ada", *, roles: Sequence[str] = ()) -> Caller:
        """A new user, signed in with the identity provider."""
        user_id = f"{name.lower()}|{uuid.uuid4()}"
        return self.api.bearer(self.sign(sub=user_id, name=name, roles=list(roles)), user_id, name)

    def admin(self) -> Caller:
        return self.person("Grace", roles=["staff", "owners"])

    def sign(self, **claims: object) -> str:
        """A token with these claims instead of the default ones; None leaves a claim out."""
        ordinary = {"sub": "ada", "iss": ISSUER, "aud": AUDIENCE, "exp": time.time() + 600}
        wanted = {name: value for name, value in (ordinary | claims).items() if value is not None}
        return self.issuer.sign(wanted)


@pytest.fixture(scope="session")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    with Issuer() as issuer:
        environment = {
            "AUTH_JWKS_URL": issuer.url,
            "AUTH_ISSUER": ISSUER,
            "AUTH_AUDIENCE": AUDIENCE,
            "AUTH_ADMIN_CLAIM": "roles",
            "AUTH_ADMIN_VALUE": "owners",
            "NAMES_FROM_TOKEN": "true",
            "CORS_ALLOW_ORIGIN": ORIGIN,
            "ROOMS_LIMIT": f"{LIMIT}/3600",
            "MESSAGES_LIMIT": f"{LIMIT}/3600",
            "JOINS_LIMIT": f"{LIMIT}/3600",
        }
        data_dir = tmp_path_factory.mktemp("deployment")
        with LocalStack(data_dir=data_dir, environment=environment) as stack, Api(stack) as api:
            yield Deployment(api, issuer)


@dataclass(frozen=True)
class Unplugged:
    """A stack with a database that a test can interrupt."""

    api: Api
    database: UnreliableEngine


@pytest.fixture(scope="session")
def unplugged(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Unplugged]:
    with UnreliableEngine(lambda: engine.port) as database:
        environment = os.environ | CREDENTIALS
        environment |= {"AWS_DEFAULT_REGION": REGION, "AWS_ENDPOINT_URL_DYNAMODB": database.url}
        data_dir = tmp_path_factory.mktemp("unplugged")
        with LocalStack(data_dir=data_dir, environment=environment) as stack, Api(stack) as api:
            yield Unplugged(api, database)
