"""The `rooms` table."""

import pytest
from chalicelib.store.guards import ClaimedError

from chalicelib.rooms.table import RoomStatus
from chalicelib.store import guards, membership, rooms
from chalicelib.store.idempotency import IdempotencyKey, IdempotencyRecord
from tests.fakes.backend import NOW, SECOND, World
from tests.fakes.records import make_message, make_participant, make_room

RECEIPT = IdempotencyKey("rooms", "ada", "key")


def make_rooms(count: int, status: RoomStatus = "active") -> list[str]:
    """The ids of new rooms, oldest first, made in another order."""
    made = [make_room(status=status, created_at=NOW + number * SECOND) for number in range(count)]
    for room in reversed(made):
        rooms.create(room, None, NOW)
    return [room.id for room in made]


@pytest.mark.parametrize("created_by", ["ada", None])
def test_a_room_comes_back_as_it_was_stored(store: World, created_by: str | None) -> None:
    room = make_room(description="Deep work – 静か", color="#fff", created_by=created_by, created_at=NOW + 7)

    rooms.create(room, None, NOW)

    assert rooms.get(room.id) == room


def test_a_room_that_is_not_there_is_none(store: World) -> None:
    assert rooms.get("nowhere") is None


def test_pages_have_the_rooms_of_a_status_oldest_first(store: World) -> None:
    ids = make_rooms(5)
    make_rooms(2, "inactive")

    first, key = rooms.page("active", 3)
    second, end = rooms.page("active", 3, key)

    assert [room.id for room in (*first, *second)] == ids
    assert key is not None
    assert end is None


def test_every_room_of_a_status_is_found_however_many_there_are(store: World) -> None:
    ids, closed = make_rooms(4), make_rooms(2, "inactive")

    assert [room.id for room in rooms.every("active")] == ids
    assert [room.id for room in rooms.every("inactive")] == closed


def test_a_room_and_its_receipt_are_written_together_once(store: World) -> None:
    room, again = make_room(), make_room()

    rooms.create(room, RECEIPT, NOW)
    with pytest.raises(ClaimedError):
        rooms.create(again, RECEIPT, NOW)

    assert rooms.get(again.id) is None
    assert guards.find_claim(RECEIPT, NOW) == IdempotencyRecord(room.id, 0)


def test_a_change_answers_the_room_as_it_is_then(store: World) -> None:
    room = make_room()
    rooms.create(room, None, NOW)

    changed = rooms.change(room.id, {"name": "Quiet", "max_participants": 3, "status": "inactive"})

    assert changed == rooms.get(room.id)
    assert changed
    assert (changed.name, changed.max_participants, changed.status) == ("Quiet", 3, "inactive")
    assert (changed.color, changed.created_at) == (room.color, room.created_at)


def test_a_room_that_is_gone_is_not_changed_into_being(store: World) -> None:
    assert rooms.change("nowhere", {"name": "Quiet"}) is None
    assert rooms.get("nowhere") is None


def test_a_status_is_switched_from_what_it_was(store: World) -> None:
    room = make_room()
    rooms.create(room, None, NOW)

    assert rooms.switch(room.id, "inactive", "active") is None
    switched = rooms.switch(room.id, "active", "inactive")
    assert switched
    assert switched.status == "inactive"
    assert rooms.switch("nowhere", "active", "inactive") is None


def test_a_buried_room_is_found_by_the_sweeper_alone(store: World) -> None:
    room = make_room()
    rooms.create(room, None, NOW)

    assert rooms.bury(room.id)

    assert rooms.get(room.id) is None
    assert rooms.page("active", 10) == ([], None)
    assert rooms.change(room.id, {"name": "Quiet"}) is None
    assert rooms.is_buried(room.id)
    assert list(rooms.occupied()) == [room.id]


def test_a_room_is_buried_once(store: World) -> None:
    room = make_room()
    rooms.create(room, None, NOW)

    assert rooms.bury(room.id)
    assert not rooms.bury(room.id)
    assert not rooms.bury("nowhere")


def test_an_erased_room_is_nowhere(store: World) -> None:
    room = make_room()
    rooms.create(room, None, NOW)
    rooms.bury(room.id)

    rooms.erase(room.id)

    assert not rooms.is_buried(room.id)
    assert list(rooms.occupied()) == []


def test_an_open_room_is_not_buried(store: World) -> None:
    room = make_room()
    rooms.create(room, None, NOW)

    assert not rooms.is_buried(room.id)


def test_the_sweeper_looks_at_rooms_with_people_in_them_until_they_are_vacated(store: World) -> None:
    room, quiet = make_room(), make_room()
    rooms.create(room, None, NOW)
    rooms.create(quiet, None, NOW)
    member = make_participant(room.id)
    membership.take_seat(member, make_message(room.id), 90)

    rooms.vacate(room.id)
    assert list(rooms.occupied()) == [room.id]

    membership.give_up_seat(member, [], None, 90)
    assert list(rooms.occupied()) == [room.id]
    rooms.vacate(room.id)
    assert list(rooms.occupied()) == []


def test_vacating_a_room_that_is_gone_makes_none(store: World) -> None:
    rooms.vacate("nowhere")

    assert rooms.get("nowhere") is None
