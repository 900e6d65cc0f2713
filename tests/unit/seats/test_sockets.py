"""Connections: admit them, identify them, close the surplus, and remove them."""

import itertools
from types import ModuleType
from unittest.mock import Mock

import pytest

from chalicelib.delivery import Connection
from chalicelib.delivery.fanout import NEWBORN_MS
from chalicelib.kernel.errors import NotInRoomError, RoomNotFoundError, UnauthorizedError
from chalicelib.seats import connections, sockets, table
from chalicelib.seats.sockets import MAX_CONNECTIONS, ConnectionGrant, SocketEvent, identify
from tests.fakes.backend import ENDPOINT, HTTP_LEASE, NOW, NOWHERE, SECOND, Interrupt, World
from tests.fakes.faults import Faults

END = NOW + HTTP_LEASE
"""When a lease that began at NOW ends."""


@pytest.fixture
def room_id(world: World) -> str:
    made = world.open_room()
    world.join("ada", made)
    return made


def connect(world: World, room_id: str, connection_id: str, ticket: str | None = None, now: int = NOW) -> None:
    grant = ConnectionGrant("ada", room_id, ticket)
    sockets.connect(world.backend, grant, SocketEvent(connection_id, ENDPOINT), now)


# Admit


def test_a_member_is_added_to_the_roster_and_cached(world: World, room_id: str) -> None:
    bob = world.enter("bob", room_id)

    connect(world, room_id, "c1", "t1")

    expected = Connection(room_id, "c1", "ada", ENDPOINT, NOW, announced=False)
    assert world.connections(room_id)[-1] == world.backend.connection_cache.get("c1") == expected
    assert world.member("ada", room_id).connections == {"c1"}
    assert world.fanout.types(bob) == [], "peers hear of it with its first sync"


def test_a_ticket_opens_one_connection(world: World, room_id: str) -> None:
    for _ in range(2):  # API Gateway may repeat an event
        connect(world, room_id, "c1", "t1")

    with pytest.raises(UnauthorizedError):
        connect(world, room_id, "c2", "t1")

    assert world.roster(room_id) == ["c1"]
    assert world.member("ada", room_id).connections == {"c1"}
    assert world.fanout.closed() == []


def test_a_user_without_a_seat_is_refused_and_keeps_the_ticket(world: World, room_id: str) -> None:
    with pytest.raises(NotInRoomError):
        world.connect("eve", room_id)
    with pytest.raises(NotInRoomError):
        connect(world, room_id, "c1", "t1", END)
    with pytest.raises(RoomNotFoundError):
        connect(world, NOWHERE, "c1")
    assert world.roster(room_id) == []

    world.join("ada", room_id, END)
    connect(world, room_id, "c2", "t1", END)
    assert world.roster(room_id) == ["c2"]


@pytest.mark.parametrize(("module", "step"), [(table, "get_roster"), (sockets, "put_connection"), (sockets, "attach")])
def test_a_leave_during_a_connect_leaves_no_connection(
    world: World, room_id: str, just_before: Interrupt, module: ModuleType, step: str
) -> None:
    just_before(module, step, lambda: world.leave("ada", room_id))

    with pytest.raises(NotInRoomError):
        connect(world, room_id, "c1")

    assert world.roster(room_id) == []
    assert world.members(room_id) == []


def test_a_sixth_connection_closes_the_oldest(world: World, room_id: str) -> None:
    ids = [f"c{number}" for number in range(MAX_CONNECTIONS)]
    for age, connection_id in enumerate(reversed(ids)):
        connect(world, room_id, connection_id, now=NOW + age)

    connect(world, room_id, "another", now=NOW + SECOND)

    assert MAX_CONNECTIONS == 5
    assert world.roster(room_id) == ["another", *ids[:-1]]
    assert world.member("ada", room_id).connections == {"another", *ids[:-1]}
    assert world.fanout.types("c4") == ["bye", "CLOSED"]
    assert world.fanout.last("c4")["data"]["action"] == "stop"
    assert world.fanout.closed() == ["c4"]


def test_connections_that_open_at_the_same_moment_count(world: World, room_id: str, just_before: Interrupt) -> None:
    def open_five() -> None:
        for number in range(MAX_CONNECTIONS):
            connect(world, room_id, f"c{number}", now=NOW + number)

    just_before(sockets, "attach", open_five)
    connect(world, room_id, "another", now=NOW + SECOND)

    assert world.fanout.closed() == ["c0"]
    assert world.roster(room_id) == ["another", "c1", "c2", "c3", "c4"]


def test_connections_are_counted_per_user_and_room(world: World, room_id: str) -> None:
    another = world.open_room()
    world.join("ada", another)
    world.join("bob", room_id)
    places = [*itertools.product(("ada", "bob"), (room_id,) * 3), *[("ada", another)] * 3]

    for number, (user_id, place) in enumerate(places):
        world.connect(user_id, place, NOW + number)

    assert world.fanout.closed() == []


# Disconnect


@pytest.mark.parametrize("is_cached", [True, False])
def test_a_disconnect_removes_the_connection_once(world: World, room_id: str, is_cached: bool) -> None:
    connect(world, room_id, "c1")

    for _ in range(2):
        if not is_cached:
            world.restart()
        sockets.disconnect(world.backend, "c1", NOW)

    assert world.roster(room_id) == []
    assert not world.member("ada", room_id).is_online


def test_a_disconnect_of_an_unknown_or_former_member_is_ignored(world: World, room_id: str) -> None:
    connect(world, room_id, "c1")
    bob = world.enter("bob", room_id)
    world.leave("ada", room_id)
    world.fanout.forget()

    for connection_id in ("c1", "stranger"):
        sockets.disconnect(world.backend, connection_id, NOW)

    assert world.fanout.acts == []
    assert world.roster(room_id) == [bob]
    assert world.members(room_id) == ["bob"]


# Identify


@pytest.mark.parametrize("claim", ["the room", "another room", "no room", "not an id"])
def test_a_claimed_room_is_only_a_hint(world: World, room_id: str, claim: str) -> None:
    claims = {"the room": room_id, "another room": world.open_room(), "no room": None, "not an id": {"a": 1}}
    connect(world, room_id, "c1")
    world.restart()

    with Faults(world.store.connection) as faults:
        connection, roster = identify(world.backend, SocketEvent("c1", ENDPOINT), claims[claim], NOW)
        again = identify(world.backend, SocketEvent("c1", ENDPOINT), None, NOW)

    assert (connection.room_id, roster, again) == (room_id, [connection], (connection, None))
    assert len(faults.tries) == {"the room": 1, "another room": 3}.get(claim, 2), "only the first time"


@pytest.mark.parametrize("age", [NEWBORN_MS - 1, NEWBORN_MS])
def test_a_new_connection_is_found_though_the_index_is_late(
    world: World, room_id: str, monkeypatch: pytest.MonkeyPatch, age: int
) -> None:
    connect(world, room_id, "c1")
    world.restart()
    monkeypatch.setattr(connections, "_look_up", Mock(side_effect=[None, None, room_id]))
    event = SocketEvent("c1", ENDPOINT, connected_at=NOW)

    with Faults(world.store.connection) as faults:
        if age < NEWBORN_MS:
            assert identify(world.backend, event, None, NOW + age)[0].room_id == room_id
        else:
            with pytest.raises(NotInRoomError):
                identify(world.backend, event, None, NOW + age)

    assert len(faults.clock.pauses) == (2 if age < NEWBORN_MS else 0)
