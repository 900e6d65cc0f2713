"""Fixtures of a room with two connected members, and of what happens meanwhile."""

from functools import partial

import pytest
from hypothesis import settings

from chalicelib.store import Store
from tests.fakes.backend import Interrupt, World, interrupt

# The machine may be busy, and no property test is about how fast an example is.
settings.register_profile("untimed", settings(), deadline=None)
settings.load_profile("untimed")


@pytest.fixture
def just_before(monkeypatch: pytest.MonkeyPatch) -> Interrupt:
    """`just_before(module, "function", act)` lets something happen right before the next call of a function."""
    return partial(interrupt, monkeypatch)


@pytest.fixture
def tables(store: World) -> Store:
    """Empty tables in memory, and once more on a real engine."""
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
    """The connection of a second member. Nothing has been sent since it came."""
    connection_id = world.enter("ben", room_id)
    world.fanout.forget()
    return connection_id
