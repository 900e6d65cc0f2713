"""The `connections` table: the roster of a room."""

from dataclasses import replace

import pytest

from chalicelib.seats import connections
from chalicelib.store import Store
from tests.fakes.backend import NOW, World
from tests.fakes.faults import FakeClock
from tests.fakes.records import make_connection

CONNECTION = make_connection("room", "c1")


def test_a_roster_has_the_connections_of_its_room(tables: Store) -> None:
    mine = [CONNECTION, make_connection("room", "c2", "bob", announced=True, connected_at=NOW + 5)]
    for connection in (*mine, make_connection("another", "c3")):
        connections.put_connection(tables, connection)

    assert connections.get_roster(tables, "room") == mine
    assert connections.get_roster(tables, "empty") == []


def test_a_connection_is_removed_once_and_again(tables: Store) -> None:
    connections.put_connection(tables, CONNECTION)

    for _ in range(2):
        connections.remove_connection(tables, CONNECTION)

    assert connections.get_roster(tables, "room") == []


def test_the_index_finds_the_room_of_a_connection(tables: Store) -> None:
    connections.put_connection(tables, CONNECTION)
    connections.put_connection(tables, make_connection("another", "c2"))

    assert [connections.find_room(tables, connection_id) for connection_id in ("c1", "c2", "c3")] == [
        "room",
        "another",
        None,
    ]


def test_the_index_is_given_time_for_a_new_connection(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = FakeClock()
    monkeypatch.setattr(world.store.connection, "sleep", clock.sleep)

    assert connections.find_room(world.store, "c1", is_new=True) is None
    assert sum(clock.pauses) == pytest.approx(0.75)

    connections.put_connection(world.store, CONNECTION)
    assert connections.find_room(world.store, "c1", is_new=True) == "room"
    assert len(clock.pauses) == 4


def test_only_a_present_connection_is_marked_as_announced(tables: Store) -> None:
    connections.put_connection(tables, CONNECTION)
    for connection in (CONNECTION, make_connection("room", "removed")):
        connections.mark_announced(tables, connection)

    assert connections.get_roster(tables, "room") == [replace(CONNECTION, announced=True)]


def test_an_item_expires_an_hour_after_the_longest_connection(tables: Store) -> None:
    connections.put_connection(tables, CONNECTION)

    ((item,),) = tables.pages(connections.CONNECTIONS, "room")
    assert int(item["expires_at"]["N"]) == NOW // 1000 + 3 * 3600
