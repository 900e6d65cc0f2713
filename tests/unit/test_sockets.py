"""Connections: let in, counted, closed."""

import itertools

import pytest

from chalicelib import sockets
from chalicelib.errors import NotInRoomError, RoomNotFoundError, UnauthorizedError
from chalicelib.records import Connection
from chalicelib.sockets import MOST_CONNECTIONS, Admission, Memory, memory
from chalicelib.store import connections, participants
from tests.fakes.backend import ENDPOINT, MINUTE, NOW, SECOND, World, interrupt
from tests.fakes.records import make_connection

NOWHERE = "00000000-0000-4000-8000-000000000000"


@pytest.fixture
def room_id(world: World) -> str:
    made = world.open_room()
    world.join("ada", made)
    return made


def connect(world: World, room_id: str, connection_id: str, ticket: str | None = None, now: int = NOW) -> None:
    sockets.connect(world.backend, Admission("ada", room_id, ticket), connection_id, ENDPOINT, now)


def test_a_member_is_put_on_the_roster(world: World, room_id: str) -> None:
    connect(world, room_id, "c1", "t1")

    assert connections.roster(room_id) == [Connection(room_id, "c1", "ada", ENDPOINT, NOW, announced=False)]
    assert world.member("ada", room_id).connections == {"c1"}


def test_peers_are_told_nothing_of_a_connection_that_has_not_spoken(world: World, room_id: str) -> None:
    bob = world.enter("bob", room_id)

    connect(world, room_id, "c1")

    assert world.fanout.types(bob) == []


def test_a_ticket_opens_one_connection(world: World, room_id: str) -> None:
    connect(world, room_id, "c1", "t1")

    with pytest.raises(UnauthorizedError):
        connect(world, room_id, "c2", "t1")

    assert world.roster(room_id) == ["c1"]
    assert world.member("ada", room_id).connections == {"c1"}


def test_a_ticket_opens_the_same_connection_twice(world: World, room_id: str) -> None:
    connect(world, room_id, "c1", "t1")
    connect(world, room_id, "c1", "t1")

    assert world.roster(room_id) == ["c1"]
    assert world.fanout.closed() == []


def test_a_token_needs_no_ticket(world: World, room_id: str) -> None:
    connect(world, room_id, "c1")
    connect(world, room_id, "c2")

    assert world.roster(room_id) == ["c1", "c2"]


def test_somebody_who_is_not_a_member_is_not_let_in(world: World, room_id: str) -> None:
    with pytest.raises(NotInRoomError):
        world.connect("eve", room_id)
    with pytest.raises(NotInRoomError):
        connect(world, room_id, "c1", now=NOW + 15 * MINUTE)
    with pytest.raises(RoomNotFoundError):
        connect(world, NOWHERE, "c1")

    assert world.roster(room_id) == []


def test_who_is_not_let_in_keeps_their_ticket(world: World, room_id: str) -> None:
    with pytest.raises(NotInRoomError):
        connect(world, room_id, "c1", "t1", NOW + 15 * MINUTE)
    world.join("ada", room_id, NOW + 15 * MINUTE)

    connect(world, room_id, "c2", "t1", NOW + 15 * MINUTE)

    assert world.roster(room_id) == ["c2"]


@pytest.mark.parametrize("step", ["put", "roster"])
def test_a_member_who_leaves_while_they_connect_leaves_no_connection_behind(
    world: World, room_id: str, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    interrupt(monkeypatch, connections, step, lambda: world.leave("ada", room_id))

    with pytest.raises(NotInRoomError):
        connect(world, room_id, "c1")

    assert world.roster(room_id) == []
    assert world.members(room_id) == []


def test_a_member_who_leaves_right_before_they_are_attached_leaves_no_connection_behind(
    world: World, room_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    interrupt(monkeypatch, participants, "attach", lambda: world.leave("ada", room_id))

    with pytest.raises(NotInRoomError):
        connect(world, room_id, "c1")

    assert world.roster(room_id) == []


def test_a_sixth_connection_closes_the_oldest(world: World, room_id: str) -> None:
    ids = [f"c{number}" for number in range(MOST_CONNECTIONS)]
    for age, connection_id in enumerate(reversed(ids)):
        connect(world, room_id, connection_id, now=NOW + age)

    connect(world, room_id, "another", now=NOW + SECOND)

    assert MOST_CONNECTIONS == 5
    assert world.roster(room_id) == ["another", *ids[:-1]]
    assert world.member("ada", room_id).connections == {"another", *ids[:-1]}
    assert world.fanout.types("c4") == ["bye", "CLOSED"]
    assert world.fanout.last("c4")["data"]["action"] == "stop"
    assert world.fanout.closed() == ["c4"]


def test_connections_that_open_at_the_same_moment_are_counted_too(
    world: World, room_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def open_five() -> None:
        for number in range(MOST_CONNECTIONS):
            connect(world, room_id, f"c{number}", now=NOW + number)

    interrupt(monkeypatch, participants, "attach", open_five)
    connect(world, room_id, "another", now=NOW + SECOND)

    assert world.fanout.closed() == ["c0"]
    assert world.roster(room_id) == ["another", "c1", "c2", "c3", "c4"]


def test_connections_are_counted_by_user_and_room(world: World, room_id: str) -> None:
    another = world.open_room()
    world.join("ada", another)
    world.join("bob", room_id)
    for number, (user_id, place) in enumerate(itertools.product(("ada", "bob"), (room_id,) * 3)):
        world.connect(user_id, place, NOW + number)
    for number in range(3):
        world.connect("ada", another, NOW + number)

    assert world.fanout.closed() == []


def test_a_connection_that_goes_is_taken_off_the_roster(world: World, room_id: str) -> None:
    connect(world, room_id, "c1")

    sockets.disconnect(world.backend, "c1", NOW)
    sockets.disconnect(world.backend, "c1", NOW)

    assert world.roster(room_id) == []


def test_another_process_finds_the_room_of_a_connection_by_the_index(
    world: World, room_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect(world, room_id, "c1")
    monkeypatch.setattr(sockets, "memory", Memory())

    sockets.disconnect(world.backend, "c1", NOW)

    assert world.roster(room_id) == []
    assert not world.member("ada", room_id).is_online


def test_a_connection_that_nobody_knows_goes_unnoticed(world: World, room_id: str) -> None:
    sockets.disconnect(world.backend, "stranger", NOW)

    assert world.fanout.acts == []


def test_a_connection_of_somebody_who_left_goes_unnoticed(world: World, room_id: str) -> None:
    connect(world, room_id, "c1")
    bob = world.enter("bob", room_id)
    world.leave("ada", room_id)
    world.fanout.forget()

    sockets.disconnect(world.backend, "c1", NOW)

    assert world.fanout.types(bob) == []
    assert world.members(room_id) == ["bob"]


def test_a_fan_out_that_fails_keeps_nobody_out(world: World, room_id: str) -> None:
    world.enter("bob", room_id)
    connect(world, room_id, "c1")
    sockets.disconnect(world.backend, "c1", NOW)
    world.fanout.error = ConnectionError("no network")

    for number in range(MOST_CONNECTIONS + 1):
        connect(world, room_id, f"d{number}", now=NOW + number)

    assert len(world.member("ada", room_id).connections) == MOST_CONNECTIONS


def test_a_process_remembers_the_connections_that_it_let_in(world: World, room_id: str) -> None:
    connect(world, room_id, "c1")

    assert memory.recall("c1") == connections.roster(room_id)[0]


def test_a_process_remembers_so_many_connections_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sockets, "_REMEMBERED", 2)
    known = Memory()
    kept = [make_connection("room", f"c{number}") for number in range(3)]

    for connection in kept:
        known.remember(connection)

    assert known.recall("c0") is None
    assert [known.recall("c1"), known.recall("c2")] == kept[1:]
