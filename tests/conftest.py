"""Fixtures that start real parts: the database engine, and the whole local stack."""

from collections.abc import Iterator

import pytest

from infra.local.engine import Engine
from infra.local.stack import LocalStack


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
