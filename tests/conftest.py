"""Fixtures that start real parts, the database engine and the whole local stack; and which tests share one of them."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from botocore.handlers import BUILTIN_HANDLERS
from hypothesis import settings

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

# `make test` tries a tenth of the examples of property tests, `make prove` all of them.
settings.register_profile("quick", max_examples=10)

# Nothing scans a table: in no test of this whole run, whatever it is about.
BUILTIN_HANDLERS.append(("before-call.dynamodb.Scan", refuse_scan))

GROUPS = {
    "browser": "browser",
    "emulator": "emulator",
    "busy_stack": "conformance",
    "stack": "stack",
    "stage": "stack",
    "deployment": "stack",
    "unplugged": "stack",
    "platform": "platform",
}
"""Fixtures that are slow to start, and the group of the tests that share one."""
LONGEST_FIRST = (
    *("browser", "test_rehearsal", "conformance", "test_state_machine", "test_soak"),
    *("stack", "emulator", "platform", "test_races", "test_half_done", "test_supervisor", "test_library", "test_node"),
)
"""Groups and modules in the order in which they start: what takes long must not come last."""


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Importing Schemathesis takes seconds: `make test` does without, and so without its tests."""
    has_schemathesis = config.pluginmanager.has_plugin("schemathesis")
    return True if collection_path.name == "test_conformance.py" and not has_schemathesis else None


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Assign groups for `pytest --dist loadgroup`: one process runs a group, and starts once what its tests share.

    Tests of a module are a group too, but for proofs that share nothing: those go to the process that is free.
    """
    for item in items:
        if (group := group_of(item)) or not item.get_closest_marker("proof"):
            item.add_marker(pytest.mark.xdist_group(group or item.nodeid.partition("::")[0]))
    items.sort(key=rank)


def group_of(item: pytest.Item) -> str | None:
    used = getattr(item, "fixturenames", ())
    return next((group for fixture, group in GROUPS.items() if fixture in used), None)


def rank(item: pytest.Item) -> int:
    name = group_of(item) or item.path.stem
    return LONGEST_FIRST.index(name) if name in LONGEST_FIRST else len(LONGEST_FIRST)


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
