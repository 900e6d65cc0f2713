"""The `rooms` table."""

from dataclasses import replace

import pytest

from chalicelib.rooms import table
from chalicelib.rooms.table import ROOMS, Room, RoomStatus
from chalicelib.store import Store
from tests.fakes.backend import NOW, SECOND, World
from tests.fakes.faults import Faults, Lost
from tests.fakes.records import make_room
from tests.unit.store.test_client import NETWORK


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


def test_pages_have_the_active_rooms_newest_first(tables: Store) -> None:
    rooms, closed = make_rooms(tables, 5), make_rooms(tables, 2, "inactive")

    first, has_more = table.list_newest(tables, 3)
    tables.delete(ROOMS, first[-1].room_id)
    second, has_still_more = table.list_newest(tables, 3, first[-1].key)

    assert [*first, *second] == rooms[::-1]
    assert (has_more, has_still_more) == (True, False)
    assert list(table.list_all(tables, "inactive")) == closed


def test_a_change_returns_the_room_after_it(tables: Store, room: Room) -> None:
    changed = table.change_room(tables, room.room_id, {"name": "Quiet", "max_participants": 3, "status": "inactive"})

    assert changed == replace(room, name="Quiet", max_participants=3, status="inactive")
    assert changed == table.get_room(tables, room.room_id)


def test_an_unknown_room_is_not_changed_nor_made(tables: Store) -> None:
    assert table.change_room(tables, "nowhere", {"name": "Quiet"}) is None
    assert table.compare_and_set_status(tables, "nowhere", "active", "inactive", NOW) is None
    table.unindex(tables, "nowhere")

    assert table.get_room(tables, "nowhere") is None


def test_a_status_is_changed_only_from_the_expected_one(tables: Store, room: Room) -> None:
    assert table.compare_and_set_status(tables, room.room_id, "inactive", "active", NOW) is None
    changed = table.compare_and_set_status(tables, room.room_id, "active", "inactive", NOW)
    assert changed == replace(room, status="inactive", used_at=NOW)


def test_a_status_change_whose_answer_is_lost_is_done_once(engine_world: World) -> None:
    room = engine_world.room(engine_world.open_room())
    with Faults(engine_world.store.connection) as faults:
        faults.plan("TransactWriteItems", Lost(NETWORK[2]))
        changed = table.compare_and_set_status(engine_world.store, room.room_id, "active", "inactive", NOW)

    assert changed == replace(room, status="inactive", used_at=NOW)


def test_only_the_sweep_finds_a_deleted_room(tables: Store, room: Room) -> None:
    assert not table.is_marked_deleted(tables, room.room_id)
    assert table.mark_deleted(tables, room.room_id)
    table.unindex(tables, room.room_id)

    assert table.get_room(tables, room.room_id) is None
    assert table.list_newest(tables, 10) == ([], False)
    assert table.change_room(tables, room.room_id, {"name": "Quiet"}) is None
    assert table.is_marked_deleted(tables, room.room_id)
    assert list(table.list_occupied(tables)) == [room.room_id]


def test_a_room_is_marked_as_deleted_once_and_purged(tables: Store, room: Room) -> None:
    marked = [table.mark_deleted(tables, room_id) for room_id in (room.room_id, room.room_id, "nowhere")]
    assert marked == [True, False, False]

    table.purge(tables, room.room_id)
    assert not table.is_marked_deleted(tables, room.room_id)
    assert list(table.list_occupied(tables)) == []


def test_the_sweep_visits_rooms_until_they_are_empty(tables: Store, room: Room) -> None:
    make_rooms(tables, 1)
    assert tables.transact([table.count_join(room.room_id, NOW)])

    table.unindex(tables, room.room_id)
    assert list(table.list_occupied(tables)) == [room.room_id]

    assert tables.transact([table.count_leave(room.room_id, NOW)])
    assert list(table.list_occupied(tables)) == [room.room_id]
    table.unindex(tables, room.room_id)
    assert list(table.list_occupied(tables)) == []
