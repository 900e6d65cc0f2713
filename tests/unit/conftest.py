"""Fixtures of a room with two connected members."""

import pytest

from tests.fakes.backend import World


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
