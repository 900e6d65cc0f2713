"""The five default rooms."""

from collections.abc import Iterator
from unittest.mock import patch

import pytest

import seed
from chalicelib import rooms
from chalicelib.schemas import RoomsQuery
from chalicelib.store import rooms as stored_rooms
from tests.fakes.backend import NOW, World

DEFAULTS = [
    ("Focus Zone", "Deep work sessions - minimal distractions", 10, "bg-grayBlue"),
    ("Creative Studio", "Collaborative creative work and brainstorming", 15, "bg-purple"),
    ("Study Hall", "Quiet study and learning sessions", 20, "bg-green"),
    ("Coffee Break", "Casual conversations and networking", 12, "bg-orange"),
    ("Sprint Room", "Pomodoro and timed work sprints", 8, "bg-red"),
]
NAMES = [name for name, *_ in DEFAULTS]


@pytest.fixture(autouse=True)
def composed(world: World) -> Iterator[None]:
    """`seed` composes its own backend; here it finds one."""
    with patch.object(seed, "backend", lambda: world.backend):
        yield


def test_the_default_rooms_are_made_in_order_and_by_nobody(world: World) -> None:
    assert seed.seed_rooms() == NAMES

    listed = rooms.list_active(world.backend, RoomsQuery()).rooms
    assert [(room.name, room.description, room.max_participants, room.color) for room in listed] == DEFAULTS
    assert {room.created_by for room in listed} == {None}
    assert {room.status for room in listed} == {"active"}


def test_seeding_twice_changes_nothing(world: World) -> None:
    seed.seed_rooms()
    before = rooms.list_active(world.backend, RoomsQuery()).rooms

    assert seed.seed_rooms() == []

    assert rooms.list_active(world.backend, RoomsQuery()).rooms == before


def test_only_what_is_missing_is_made(world: World) -> None:
    world.open_room(name="Study Hall", now=NOW)
    closed = world.open_room(name="Coffee Break", now=NOW)
    stored_rooms.change(closed, {"status": "inactive"})

    assert seed.seed_rooms() == ["Focus Zone", "Creative Studio", "Sprint Room"]


def test_a_room_that_was_changed_stays_as_it_is(world: World) -> None:
    seed.seed_rooms()
    first = rooms.list_active(world.backend, RoomsQuery()).rooms[0]
    stored_rooms.change(first.id, {"max_participants": 3, "description": "ours"})

    seed.seed_rooms()

    assert world.room(first.id).max_participants == 3


def test_what_was_done_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    seed.main()
    seed.main()

    made, nothing = capsys.readouterr().out.splitlines()
    assert made == f"Made {', '.join(NAMES)}"
    assert nothing == "All default rooms are there"
