"""The `connections` table."""

from dataclasses import replace

from chalicelib.store import connections
from chalicelib.store.tables import ConnectionRow
from tests.fakes.backend import NOW, World
from tests.fakes.records import make_connection


def test_a_roster_has_the_connections_of_its_room(store: World) -> None:
    mine = [make_connection("room", "c1"), make_connection("room", "c2", "bob", announced=True, connected_at=NOW + 5)]
    for connection in (*mine, make_connection("another", "c3")):
        connections.put(connection)

    assert connections.roster("room") == mine


def test_the_roster_of_a_room_without_connections_is_empty(store: World) -> None:
    assert connections.roster("room") == []


def test_a_connection_is_removed_once_and_again(store: World) -> None:
    connections.put(make_connection("room", "c1"))

    connections.remove("room", "c1")
    connections.remove("room", "c1")

    assert connections.roster("room") == []


def test_the_index_knows_which_room_a_connection_is_in(store: World) -> None:
    connections.put(make_connection("room", "c1"))
    connections.put(make_connection("another", "c2"))

    assert connections.find_room("c1") == "room"
    assert connections.find_room("c2") == "another"
    assert connections.find_room("c3") is None


def test_the_roster_knows_which_connections_were_announced(store: World) -> None:
    connection = make_connection("room", "c1")
    connections.put(connection)

    connections.note_announced("room", "c1")

    assert connections.roster("room") == [replace(connection, announced=True)]


def test_a_connection_that_is_gone_is_not_announced_into_being(store: World) -> None:
    connections.note_announced("room", "c1")

    assert connections.roster("room") == []


def test_a_record_outlives_the_two_hours_that_a_connection_may_last_and_no_more_than_one_more(store: World) -> None:
    connections.put(make_connection("room", "c1"))

    assert ConnectionRow.get("room", "c1").expires_at == NOW // 1000 + 3 * 3600
