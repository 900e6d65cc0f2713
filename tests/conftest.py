"""Fixtures that start real parts: the database engine, and the whole local stack."""

from collections.abc import Iterator

import pytest
from botocore.handlers import BUILTIN_HANDLERS

from chalicelib.kernel.settings import Settings
from chalicelib.kernel.telemetry import Telemetry
from infra.local.engine import Engine
from infra.local.stack import LocalStack
from tests.fakes.backend import World, on_engine, on_moto
from tests.fakes.clients import Api
from tests.fakes.counting import refuse_scan
from tests.fakes.socket_client import Scene

# The functions' own logger stands from the start, so that pytest hears what is logged.
assert Telemetry(Settings()).logger is not None

# Nothing scans a table: in no test of this whole run, whatever it is about.
BUILTIN_HANDLERS.append(("before-call.dynamodb.Scan", refuse_scan))


@pytest.fixture(scope="session")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """A DynamoDB engine: `engine.url`, `engine.client()`, `engine.create_tables(prefix)`."""
    with Engine(tmp_path_factory.mktemp("engine")) as running:
        yield running


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    """The whole product on a port of its own: `stack.api`, `stack.socket_url`, `stack.token(sub)`."""
    with LocalStack(data_dir=tmp_path_factory.mktemp("stack")) as running:
        yield running


@pytest.fixture(scope="session")
def api(stack: LocalStack) -> Iterator[Api]:
    """Whoever calls the HTTP API of the stack: `api.person("Ada")`, `api.admin()`, `api.nobody`."""
    with Api(stack) as callers:
        yield callers


@pytest.fixture
def scene(api: Api) -> Iterator[Scene]:
    """A room of its own, for people to enter: `scene.enter("Ada")` is a connected client."""
    with Scene(api) as room:
        yield room


@pytest.fixture
def world() -> Iterator[World]:
    """The use cases on empty tables in memory."""
    with on_moto() as fresh:
        yield fresh


@pytest.fixture
def engine_world(engine: Engine) -> Iterator[World]:
    """The use cases on empty tables of a real engine."""
    with on_engine(engine) as fresh:
        yield fresh


@pytest.fixture(params=["moto", "engine"])
def store(request: pytest.FixtureRequest) -> World:
    """Empty tables in memory, and once more on a real engine: what the store says must hold on both."""
    fixture = {"moto": "world", "engine": "engine_world"}[request.param]
    bound: World = request.getfixturevalue(fixture)
    return bound
