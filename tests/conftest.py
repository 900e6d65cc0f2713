"""Fixtures that start the database engine and the local stack, and the groups of tests that share them."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.handlers import BUILTIN_HANDLERS
from hypothesis import settings
from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]

from chalicelib.kernel.settings import Settings
from chalicelib.kernel.telemetry import Telemetry
from infra.local.engine import Engine
from infra.local.stack import LocalStack
from tests.fakes.backend import World, on_engine, on_moto
from tests.fakes.clients import Api
from tests.fakes.counting import refuse_scan
from tests.fakes.socket_client import Scene

# Create the functions' logger before the first test, so that pytest captures its lines.
assert Telemetry(Settings()).logger is not None

# Examples have no deadline: the machine may be busy. `make test` tries a tenth of them, `make prove` all.
settings.register_profile("thorough", deadline=None)
settings.register_profile("quick", max_examples=10, deadline=None)
settings.load_profile("thorough")

# A scan of a table fails the test, in every test.
BUILTIN_HANDLERS.append(("before-call.dynamodb.Scan", refuse_scan))

EACH_ALONE = None
GROUPS = {
    "tests/browser/test_smoke": "stack",
    "tests/browser/": "browser",
    "tests/infra/test_rehearsal": "rehearsal",
    "tests/integration/test_conformance": "conformance",
    "tests/integration/test_state_machine": "state machine",
    "tests/soak/test_soak": "soak",
    "tests/integration/test_http_": "stack",
    "tests/integration/test_ws_": "stack",
    "tests/integration/test_both_ways": "stack",
    "tests/integration/test_readme": "stack",
    "tests/infra/test_deploy_smoke": "stack",
    "tests/web/test_library": "stack",
    "tests/infra/test_deploy_": "emulator",
    "tests/infra/test_emulator": "emulator",
    "tests/infra/test_connections": "platform",
    "tests/infra/test_faults": "platform",
    "tests/infra/test_identity": "platform",
    "tests/infra/test_pages": "platform",
    "tests/infra/test_rest": "platform",
    "tests/infra/test_schedule": "platform",
    "tests/infra/test_sockets": "platform",
    "tests/integration/test_half_done": EACH_ALONE,
    "tests/integration/test_erasure_kills": EACH_ALONE,
    "tests/integration/test_races": EACH_ALONE,
    "tests/infra/test_supervisor": EACH_ALONE,
    "tests/infra/test_engine": EACH_ALONE,
    "tests/web/test_node": EACH_ALONE,
}
"""The group of a test, by the first entry that its path starts with. Any other module is a group of its own.

The tests of a group run in one process and share the parts that start slowly. Groups start in this order: the slow
ones must not come last.
"""


class Groups(LoadScopeScheduling):  # type: ignore[misc]  # it has no types
    """Give each group of tests to one process."""

    def _split_scope(self, nodeid: str) -> str:
        return group_of(nodeid)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Groups:
    """Replace `--dist loadgroup`: pytest 9.2 ignores the group names that xdist 3.8 writes into the ids of tests."""
    return Groups(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: place_of(item.nodeid))


def place_of(nodeid: str) -> int:
    """The position of a test's entry in `GROUPS`."""
    return next((place for place, path in enumerate(GROUPS) if nodeid.startswith(path)), len(GROUPS))


def group_of(nodeid: str) -> str:
    module = nodeid.partition("::")[0]
    return [*GROUPS.values(), module][place_of(nodeid)] or nodeid


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Skip the Schemathesis tests if its plugin is off, as in `make test`: the import takes seconds."""
    has_schemathesis = config.pluginmanager.has_plugin("schemathesis")
    return True if collection_path.name == "test_conformance.py" and not has_schemathesis else None


@pytest.fixture(scope="session")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """A DynamoDB engine: `engine.url`, `engine.client()`, `engine.create_tables(prefix)`."""
    with Engine(tmp_path_factory.mktemp("engine")) as running:
        yield running


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    """The local stack on its own port: `stack.api`, `stack.socket_url`, `stack.token(sub)`."""
    with LocalStack(data_dir=tmp_path_factory.mktemp("stack")) as running:
        yield running


@pytest.fixture(scope="session")
def api(stack: LocalStack) -> Iterator[Api]:
    """Callers of the stack's HTTP API: `api.person("Ada")`, `api.admin()`, `api.nobody`."""
    with Api(stack) as callers:
        yield callers


@pytest.fixture
def scene(api: Api) -> Iterator[Scene]:
    """A new room: `scene.enter("Ada")` returns a connected client."""
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
    """Empty tables: the test runs with tables in memory, and again with a real engine."""
    fixture = {"moto": "world", "engine": "engine_world"}[request.param]
    bound: World = request.getfixturevalue(fixture)
    return bound
