"""The five default rooms."""

from collections.abc import Iterator
from unittest.mock import patch

import pytest

import seed
from chalicelib.rooms.table import Room, list_all
from tests.fakes.backend import NOW, World
from tests.fakes.rooms import change_room

DEFAULTS = [
    ("Focus Zone", "Deep work sessions - minimal distractions", 10, "bg-grayBlue"),
    ("Creative Studio", "Collaborative creative work and brainstorming", 15, "bg-purple"),
    ("Study Hall", "Quiet study and learning sessions", 20, "bg-green"),
    ("Coffee Break", "Casual conversations and networking", 12, "bg-orange"),
    ("Sprint Room", "Pomodoro and timed work sprints", 8, "bg-red"),
]
NAMES = [name for name, *_ in DEFAULTS]


@pytest.fixture(autouse=True)
def _backend(world: World) -> Iterator[None]:
    """`seed` uses the backend of the process."""
    with patch.object(seed, "get_backend", lambda: world.backend):
        yield


def listed(world: World) -> list[Room]:
    return list(list_all(world.store, "active"))


def test_the_default_rooms_are_created_in_order(world: World) -> None:
    assert seed.seed_rooms() == NAMES

    made = listed(world)
    assert [(room.name, room.description, room.max_participants, room.color) for room in made] == DEFAULTS
    assert {room.created_by for room in made} == {None}


def test_seeding_twice_changes_nothing(world: World) -> None:
    seed.seed_rooms()
    change_room(world.store, listed(world)[0].room_id, {"max_participants": 3, "description": "ours"})
    before = listed(world)

    assert seed.seed_rooms() == []

    assert listed(world) == before


def test_only_missing_rooms_are_created(world: World) -> None:
    world.open_room(name="Study Hall", now=NOW)
    closed, hidden = (world.open_room(name=name, now=NOW) for name in ("Coffee Break", "Sprint Room"))
    change_room(world.store, closed, {"status": "inactive"})
    change_room(world.store, hidden, {"visibility": "unlisted"})

    assert seed.seed_rooms() == ["Focus Zone", "Creative Studio"]


def test_the_new_rooms_are_printed(capsys: pytest.CaptureFixture[str]) -> None:
    seed.main()
    seed.main()

    assert capsys.readouterr().out.splitlines() == [f"Created {', '.join(NAMES)}", "All default rooms exist"]
