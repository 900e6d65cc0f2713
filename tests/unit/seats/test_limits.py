"""At most five seats for a user."""

from collections import Counter
from functools import partial

import pytest

from chalicelib.kernel.errors import TooManyRoomsError
from chalicelib.seats import service
from chalicelib.seats.table import list_seats
from tests.fakes.backend import MINUTE, NOW, SECOND, Interrupt, World
from tests.fakes.races import at_once

LIMIT = 5


def take_seats(world: World, count: int = LIMIT) -> list[str]:
    """Ada joins rooms, one each second. Returns the rooms."""
    rooms = [world.open_room() for _ in range(count)]
    for number, room_id in enumerate(rooms):
        world.join("ada", room_id, NOW + number * SECOND)
    return rooms


def seats_of(world: World, user_id: str = "ada") -> list[str]:
    return [seat.room_id for seat in list_seats(world.store, user_id)]


def test_a_sixth_seat_is_refused_until_one_is_free(world: World) -> None:
    rooms, another = take_seats(world), world.open_room()
    later = NOW + MINUTE

    with pytest.raises(TooManyRoomsError, match="a seat in 5 rooms"):
        world.join("ada", another, later)
    assert world.log(another) == []
    assert world.join("ada", rooms[0], later).message == "Already in this room"
    assert world.join("ben", another, later).message == "Joined room successfully"

    world.leave("ada", rooms[2], later)
    world.join("ada", another, later)
    assert seats_of(world) == [*rooms[:2], *rooms[3:], another]


def test_an_expired_seat_does_not_count(world: World) -> None:
    take_seats(world)
    first_end = world.member("ada", seats_of(world)[0]).lease_expires_at

    with pytest.raises(TooManyRoomsError):
        world.join("ada", world.open_room(), first_end - 1)
    assert world.join("ada", world.open_room(), first_end).message == "Joined room successfully"


def test_a_late_index_lets_no_sixth_seat_stay(world: World, just_before: Interrupt) -> None:
    """The index of the first check does not have the seats that other joins take at the same time."""
    rooms, there = take_seats(world, LIMIT - 1), world.enter("ben", another := world.open_room())
    rooms.append(world.open_room())
    just_before(service, "require_free_seat", lambda: world.join("ada", rooms[-1]))

    with pytest.raises(TooManyRoomsError):
        world.join("ada", another, NOW + MINUTE)

    assert sorted(seats_of(world)) == sorted(rooms)
    assert world.said(another) == ["Ben joined the room", "Ada joined the room", "Ada left the room"]
    assert world.fanout.types(there)[-2:] == ["user_joined", "user_left"]


def test_twelve_simultaneous_joins_leave_the_five_oldest_seats(engine_world: World) -> None:
    rooms = [engine_world.open_room() for _ in range(12)]
    joins = [partial(engine_world.join, "ada", room_id, NOW + age) for age, room_id in enumerate(rooms)]

    outcomes = Counter(answer if isinstance(answer, str) else "joined" for answer in at_once(*joins))

    assert outcomes.keys() == {"joined", "too_many_rooms"}
    assert outcomes["too_many_rooms"] >= 1
    held = {room_id for room_id in rooms if engine_world.members(room_id)}
    assert held == set(seats_of(engine_world))
    assert len(held) == LIMIT
    assert [engine_world.room(room_id).participant_count for room_id in rooms] == [int(one in held) for one in rooms]
