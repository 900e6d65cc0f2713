"""Two people in a room, and stacks that are set up otherwise than `make run` does it."""

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
    """Connected, in the room of the scene."""
    return scene.enter("Ada")


@pytest.fixture
def ben(scene: Scene, ada: SocketClient) -> SocketClient:
    """Came after Ada, who has heard of it."""
    ben = scene.enter("Ben")
    settle_all(ada, ben)
    return ben


@pytest.fixture
def faults(stack: LocalStack) -> Iterator[Callable[..., None]]:
    """Have things go wrong until the test is over."""
    yield stack.plan_faults
    stack.plan_faults()


def walk_rooms(caller: Caller, path: str = ROOMS) -> Iterator[list[Json]]:
    """The pages of the list."""
    while path:
        answer = caller.get(path)
        assert answer.status_code == 200, answer.text
        yield answer.json()
        path = answer.links["next"]["url"] if "next" in answer.links else ""


def list_rooms(caller: Caller) -> list[Json]:
    return [room for page in walk_rooms(caller) for room in page]


@dataclass(frozen=True)
class Deployment:
    """A stack as somebody's own deployment has it: an identity provider, one origin, tight limits."""

    api: Api
    issuer: Issuer

    def person(self, name: str = "Ada", *, roles: Sequence[str] = ()) -> Caller:
        """Somebody new, who signed in with the identity provider."""
        user_id = f"{name.lower()}|{uuid.uuid4()}"
        return self.api.bearer(self.sign(sub=user_id, name=name, roles=list(roles)), user_id, name)

    def admin(self) -> Caller:
        return self.person("Grace", roles=["staff", "owners"])

    def sign(self, **claims: object) -> str:
        """A token with these claims in place of the ordinary ones; None leaves one out."""
        ordinary = {"sub": "ada", "iss": ISSUER, "aud": AUDIENCE, "exp": time.time() + 600}
        wanted = {name: value for name, value in (ordinary | claims).items() if value is not None}
        return self.issuer.sign(wanted)


@pytest.fixture(scope="session")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """A stack with everything that can be configured configured."""
    with Issuer() as issuer:
        environment = {
            "AUTH_JWKS_URL": issuer.url,
            "AUTH_ISSUER": ISSUER,
            "AUTH_AUDIENCE": AUDIENCE,
            "AUTH_ADMIN_CLAIM": "roles",
            "AUTH_ADMIN_VALUE": "owners",
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
    """A stack whose database can be made to hang up."""

    api: Api
    database: UnreliableEngine


@pytest.fixture(scope="session")
def unplugged(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Unplugged]:
    """A stack on a database that can break down."""
    with UnreliableEngine(lambda: engine.port) as database:
        environment = os.environ | CREDENTIALS
        environment |= {"AWS_DEFAULT_REGION": REGION, "AWS_ENDPOINT_URL_DYNAMODB": database.url}
        data_dir = tmp_path_factory.mktemp("unplugged")
        with LocalStack(data_dir=data_dir, environment=environment) as stack, Api(stack) as api:
            yield Unplugged(api, database)
