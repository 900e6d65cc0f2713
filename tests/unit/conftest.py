"""Fixtures: a room with two connected members, and acts that come in between."""

from functools import partial

import pytest

from chalicelib.store import Store
from tests.fakes.backend import Interrupt, World, interrupt


@pytest.fixture
def just_before(monkeypatch: pytest.MonkeyPatch) -> Interrupt:
    """`just_before(module, "function", act)` runs `act` right before the next call of the function."""
    return partial(interrupt, monkeypatch)


@pytest.fixture
def tables(store: World) -> Store:
    """Empty tables: the test runs with tables in memory, and again with a real engine."""
    return store.store


@pytest.fixture
def room_id(world: World) -> str:
    """An empty room."""
    return world.open_room()


@pytest.fixture
def ada(world: World, room_id: str) -> str:
    """The connection of a member."""
    return world.enter("ada", room_id)


@pytest.fixture
def ben(world: World, room_id: str, ada: str) -> str:
    """The connection of a second member, which has received nothing yet."""
    connection_id = world.enter("ben", room_id)
    world.fanout.forget()
    return connection_id
