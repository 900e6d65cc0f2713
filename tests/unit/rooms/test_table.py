"""The `rooms` table."""

from dataclasses import replace
from itertools import product
from typing import get_args

import pytest

from chalicelib.kernel.fingerprints import fingerprint
from chalicelib.rooms import table
from chalicelib.rooms.table import ROOMS, STATUSES, Change, Room, RoomStatus, Visibility, owner_of
from chalicelib.store import Store
from tests.fakes.backend import NOW, SECOND, World
from tests.fakes.faults import Faults, Lost
from tests.fakes.records import make_room
from tests.fakes.rooms import change_room, compare_and_set_status
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
    changed = change_room(tables, room.room_id, {"name": "Quiet", "max_participants": 3, "status": "inactive"})

    assert changed == replace(room, name="Quiet", max_participants=3, status="inactive")
    assert changed == table.get_room(tables, room.room_id)


CHANGES: list[Change] = [
    *(Change(status=status) for status in get_args(RoomStatus)),
    *(Change(visibility=visibility) for visibility in get_args(Visibility)),
    *(Change(status="active", visibility=visibility) for visibility in get_args(Visibility)),
]
FORMS = list(product(get_args(RoomStatus), get_args(Visibility)))


@pytest.mark.parametrize("change", CHANGES, ids=str)
def test_the_list_has_just_the_active_public_rooms(tables: Store, change: Change) -> None:
    for status, visibility in FORMS:
        room = make_room(status=status, visibility=visibility)
        tables.put(ROOMS, room)
        assert table.get_room(tables, room.room_id) == room
        changed = change_room(tables, room.room_id, change)
        assert changed == replace(room, **change) == table.get_room(tables, room.room_id)

    listed, _ = table.list_newest(tables, 100)
    found = [room for status in STATUSES for room in table.list_all(tables, status)]
    assert len(found) == len(FORMS)
    assert {room.room_id for room in listed} == {room.room_id for room in found if room.is_listed}


@pytest.mark.parametrize("status", get_args(RoomStatus))
def test_status_and_visibility_do_not_change_at_once(tables: Store, status: RoomStatus) -> None:
    for change in CHANGES:
        room = make_room(status=status)
        tables.put(ROOMS, room)
        late = table.plan_change(room, change)
        change_room(tables, room.room_id, {"visibility": "private"})

        assert not tables.transact([late])
        assert not compare_and_set_status(tables, room, "active", NOW)
        assert not table.deactivate_idle(tables, replace(room, status="active"))
        assert table.get_room(tables, room.room_id) == replace(room, visibility="private")


@pytest.mark.parametrize(
    "change", [{"visibility": "private"}, {"is_locked": True}, {"slow_seconds": 5}, {"retention_days": 7}], ids=str
)
def test_a_row_holds_only_settings_that_were_changed(tables: Store, room: Room, change: Change) -> None:
    (name,) = change
    assert change_room(tables, room.room_id, change) == replace(room, **change)
    assert name in stored(tables, room)

    assert change_room(tables, room.room_id, {name: getattr(room, name)}) == room  # type: ignore[misc]
    assert name not in stored(tables, room)


def stored(tables: Store, room: Room) -> set[str]:
    """The names of the row's attributes."""
    return set(tables.connection.get_item(tables.prefix + "rooms", room.room_id)["Item"])


def test_kept_seats_count_against_the_size_of_the_room(tables: Store) -> None:
    new = make_room(max_participants=3, participant_count=1)
    tables.put(ROOMS, new)

    def read() -> Room:
        return table.get_room(tables, new.room_id) or new

    def keep(user_id: str, until: int, seen: Room | None = None) -> bool:
        return tables.transact([table.reserve_seat(seen or read(), user_id, until, NOW)])

    def join(user_id: str, now: int = NOW, seen: Room | None = None) -> bool:
        return tables.transact([table.count_join(seen or read(), user_id, now)])

    assert keep("bob", NOW + 2)
    assert not keep("cyd", NOW + 3, seen=new), "the reservations have changed"
    assert not join("cyd", seen=new)
    kept = read()
    change_room(tables, new.room_id, {"max_participants": 4})
    assert not join("cyd", seen=kept), "the size has changed"
    change_room(tables, new.room_id, {"max_participants": 3})
    assert [keep("cyd", NOW + 3), keep("dan", NOW + 9), join("dan")] == [True, False, False]

    bob, cyd = (fingerprint(new.room_id, user_id) for user_id in ("bob", "cyd"))
    assert table.live_reservations(read(), NOW) == {bob: NOW + 2, cyd: NOW + 3}
    assert join("bob")
    assert table.live_reservations(read(), NOW) == {cyd: NOW + 3}
    assert [join("dan", NOW + 2), join("dan", NOW + 3)] == [False, True]
    assert read() == replace(new, participant_count=3, used_at=NOW + 3)

    change_room(tables, new.room_id, {"status": "inactive", "max_participants": 9})
    assert not keep("eve", NOW + 9)


def test_a_change_for_an_owner_needs_the_owner(tables: Store) -> None:
    moved, old = make_room(created_by="ada", owner=owner_of("bob")), make_room(created_by="bob")
    for room in (moved, old):
        tables.put(ROOMS, room)
        for user_id, may_change in (("ada", False), ("bob", True)):
            changed = change_room(tables, room.room_id, {"color": user_id}, owner_id=user_id)
            assert (changed is not None) is may_change
            assert tables.transact([table.plan_change(room, {"name": user_id}, owner_id=user_id)]) is may_change
        assert table.get_room(tables, room.room_id) == replace(room, color="bob", name="bob")


def test_an_unknown_room_is_not_changed_nor_made(tables: Store) -> None:
    assert change_room(tables, "nowhere", {"name": "Quiet"}) is None
    assert compare_and_set_status(tables, make_room(room_id="nowhere"), "inactive", NOW) is None
    table.unindex(tables, "nowhere")

    assert table.get_room(tables, "nowhere") is None


def test_a_status_is_changed_only_from_the_expected_one(tables: Store, room: Room) -> None:
    closed = replace(room, status="inactive")
    assert compare_and_set_status(tables, closed, "active", NOW) is None
    changed = compare_and_set_status(tables, room, "inactive", NOW)
    assert changed == replace(room, status="inactive", used_at=NOW)


def test_a_status_change_whose_answer_is_lost_is_done_once(engine_world: World) -> None:
    room = engine_world.room(engine_world.open_room())
    with Faults(engine_world.store.connection) as faults:
        faults.plan("TransactWriteItems", Lost(NETWORK[2]))
        changed = compare_and_set_status(engine_world.store, room, "inactive", NOW)

    assert changed == replace(room, status="inactive", used_at=NOW)


def test_only_the_sweep_finds_a_deleted_room(tables: Store, room: Room) -> None:
    assert not table.is_marked_deleted(tables, room.room_id)
    assert table.mark_deleted(tables, room.room_id)
    table.unindex(tables, room.room_id)

    assert table.get_room(tables, room.room_id) is None
    assert table.list_newest(tables, 10) == ([], False)
    assert change_room(tables, room.room_id, {"name": "Quiet"}) is None
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
    assert tables.transact([table.count_join(room, "ada", NOW)])

    table.unindex(tables, room.room_id)
    assert list(table.list_occupied(tables)) == [room.room_id]

    assert tables.transact([table.count_leave(room.room_id, NOW)])
    assert list(table.list_occupied(tables)) == [room.room_id]
    table.unindex(tables, room.room_id)
    assert list(table.list_occupied(tables)) == []
