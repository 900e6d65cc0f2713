"""The `rooms` table."""

import pytest

from chalicelib.rooms.table import (
    ROOMS,
    Room,
    RoomStatus,
    change_room,
    compare_and_set_status,
    count_join,
    count_leave,
    get_room,
    is_marked_deleted,
    list_all,
    list_occupied,
    list_page,
    mark_deleted,
    purge,
    unindex,
)
from chalicelib.store import Store
from tests.fakes.backend import NOW, SECOND, World
from tests.fakes.faults import Faults, Lost
from tests.fakes.records import make_room
from tests.unit.store.test_client import NETWORK


@pytest.fixture
def tables(store: World) -> Store:
    return store.store


@pytest.fixture
def room(tables: Store) -> Room:
    made = make_room()
    tables.put(ROOMS, made)
    return made


def make_rooms(tables: Store, count: int, status: RoomStatus = "active") -> list[Room]:
    """New rooms, oldest first, stored in another order."""
    made = [make_room(status=status, created_at=NOW + number * SECOND) for number in range(count)]
    for room in reversed(made):
        tables.put(ROOMS, room)
    return made


@pytest.mark.parametrize("created_by", ["ada", None])
def test_a_room_is_read_as_stored(tables: Store, created_by: str | None) -> None:
    room = make_room(description="Deep work – 静か", color="#fff", created_by=created_by, created_at=NOW + 7)
    tables.put(ROOMS, room)

    assert get_room(tables, room.room_id) == room
    assert get_room(tables, "nowhere") is None


def test_pages_have_the_rooms_of_a_status_oldest_first(tables: Store) -> None:
    rooms, closed = make_rooms(tables, 5), make_rooms(tables, 2, "inactive")

    first, key = list_page(tables, "active", 3)
    second, end = list_page(tables, "active", 3, key)

    assert [*first, *second] == rooms == list(list_all(tables, "active"))
    assert list(list_all(tables, "inactive")) == closed
    assert key is not None
    assert end is None


def test_a_change_returns_the_room_after_it(tables: Store, room: Room) -> None:
    changed = change_room(tables, room.room_id, {"name": "Quiet", "max_participants": 3, "status": "inactive"})

    assert changed
    assert changed == get_room(tables, room.room_id)
    assert (changed.name, changed.max_participants, changed.status) == ("Quiet", 3, "inactive")
    assert (changed.color, changed.created_at) == (room.color, room.created_at)


def test_an_unknown_room_is_not_changed_nor_made(tables: Store) -> None:
    assert change_room(tables, "nowhere", {"name": "Quiet"}) is None
    assert compare_and_set_status(tables, "nowhere", "active", "inactive") is None
    unindex(tables, "nowhere")

    assert get_room(tables, "nowhere") is None


def test_a_status_is_changed_only_from_the_expected_one(tables: Store, room: Room) -> None:
    assert compare_and_set_status(tables, room.room_id, "inactive", "active") is None

    changed = compare_and_set_status(tables, room.room_id, "active", "inactive")
    assert changed
    assert changed.status == "inactive"


def test_a_status_change_whose_answer_is_lost_is_done_once(engine_world: World) -> None:
    room_id = engine_world.open_room()
    with Faults(engine_world.store.connection) as faults:
        faults.plan("TransactWriteItems", Lost(NETWORK[2]))

        changed = compare_and_set_status(engine_world.store, room_id, "active", "inactive")

    assert changed
    assert changed.status == "inactive"


def test_only_the_sweep_finds_a_deleted_room(tables: Store, room: Room) -> None:
    assert not is_marked_deleted(tables, room.room_id)
    assert mark_deleted(tables, room.room_id)
    unindex(tables, room.room_id)

    assert get_room(tables, room.room_id) is None
    assert list_page(tables, "active", 10) == ([], None)
    assert change_room(tables, room.room_id, {"name": "Quiet"}) is None
    assert is_marked_deleted(tables, room.room_id)
    assert list(list_occupied(tables)) == [room.room_id]


def test_a_room_is_marked_as_deleted_once(tables: Store, room: Room) -> None:
    marked = [mark_deleted(tables, room_id) for room_id in (room.room_id, room.room_id, "nowhere")]

    assert marked == [True, False, False]


def test_a_purged_room_is_gone(tables: Store, room: Room) -> None:
    mark_deleted(tables, room.room_id)

    purge(tables, room.room_id)

    assert not is_marked_deleted(tables, room.room_id)
    assert list(list_occupied(tables)) == []


def test_the_sweep_visits_rooms_with_members_until_they_are_empty(tables: Store, room: Room) -> None:
    make_rooms(tables, 1)
    assert tables.transact([count_join(room.room_id)])

    unindex(tables, room.room_id)
    assert list(list_occupied(tables)) == [room.room_id]

    assert tables.transact([count_leave(room.room_id)])
    assert list(list_occupied(tables)) == [room.room_id]
    unindex(tables, room.room_id)
    assert list(list_occupied(tables)) == []
