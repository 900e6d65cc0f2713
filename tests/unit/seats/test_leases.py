"""Leases: how long a seat is held, and what renews it."""

import pytest

from chalicelib.delivery.fanout import NEWBORN_MS
from chalicelib.kernel.errors import NotInRoomError
from chalicelib.seats import service, sockets, views
from chalicelib.seats.leases import EXPECTED_LEASE_MS, GRACE_MS, RENEW_EVERY_MS, SOCKET_LEASE_MS, renew_by_call
from chalicelib.seats.schemas import JoinRequest
from tests.fakes.backend import HTTP_LEASE, MINUTE, NOW, SECOND, World, on_moto
from tests.fakes.faults import Faults


def lease(world: World, room_id: str, user_id: str = "ada") -> tuple[str, int]:
    member = world.member(user_id, room_id)
    return member.lease_kind, member.lease_expires_at


def test_the_durations_are_those_of_the_contract() -> None:
    assert (SOCKET_LEASE_MS, EXPECTED_LEASE_MS, GRACE_MS) == (90 * SECOND, MINUTE, 20 * SECOND)
    assert (RENEW_EVERY_MS, NEWBORN_MS) == (MINUTE, 10 * SECOND)


@pytest.mark.parametrize(
    ("after", "writes", "renewed"), [(0, 0, 0), (MINUTE, 0, 0), (MINUTE + 1, 1, MINUTE + 1), (HTTP_LEASE, 1, 0)]
)
def test_calls_renew_a_valid_http_lease_once_a_minute(
    world: World, room_id: str, after: int, writes: int, renewed: int
) -> None:
    world.join("ada", room_id)
    with Faults(world.store.connection) as faults:
        renew_by_call(world.context("ada", room_id, NOW + after), world.member("ada", room_id))

    assert len(faults.asked("UpdateItem")) == writes
    assert lease(world, room_id) == ("http", NOW + renewed + HTTP_LEASE)


def test_the_setting_is_the_length_of_an_http_lease() -> None:
    with on_moto(http_lease_minutes=5) as world:
        room_id = world.open_room()
        world.join("ada", room_id)
        assert lease(world, room_id) == ("http", NOW + 5 * MINUTE)


def test_calls_do_not_renew_a_socket_lease(world: World, room_id: str) -> None:
    world.send(world.enter("ada", room_id), "sync")

    renew_by_call(world.context("ada", room_id, NOW + 80 * SECOND), world.member("ada", room_id))

    assert lease(world, room_id) == ("socket", NOW + SOCKET_LEASE_MS)


def test_a_call_leaves_a_lease_that_became_a_socket_lease(world: World, room_id: str) -> None:
    ada, seen = world.enter("ada", room_id), world.member("ada", room_id)
    later = NOW + 2 * MINUTE
    world.send(ada, "sync", later)

    renew_by_call(world.context("ada", room_id, later), seen)

    assert lease(world, room_id) == ("socket", later + SOCKET_LEASE_MS)


@pytest.mark.parametrize("kind", ["sync", "ping"])
def test_the_first_sync_or_ping_makes_a_socket_lease_for_good(world: World, room_id: str, kind: str) -> None:
    ada = world.enter("ada", room_id)

    for frame, at in ((kind, NOW + SECOND), ("ping", NOW + MINUTE)):
        world.send(ada, frame, at)
        assert lease(world, room_id) == ("socket", at + SOCKET_LEASE_MS)

    world.join("ada", room_id, NOW + MINUTE + SECOND)
    assert lease(world, room_id) == ("socket", NOW + MINUTE + SECOND + SOCKET_LEASE_MS)


def expect_socket(world: World, room_id: str, now: int = NOW, *, expects_socket: bool = True) -> None:
    views.join(world.request("ada", now, room_id=room_id), JoinRequest(expects_socket=expects_socket))


def test_a_seat_waits_a_minute_for_its_first_connection(world: World, room_id: str) -> None:
    expect_socket(world, room_id)
    renew_by_call(world.context("ada", room_id, NOW + SECOND), world.member("ada", room_id))
    assert lease(world, room_id) == ("expected", NOW + MINUTE)

    service.request_ticket(world.context("ada", room_id, NOW + 2 * SECOND))
    expect_socket(world, room_id, NOW + 3 * SECOND)
    assert lease(world, room_id) == ("expected", NOW + 3 * SECOND + MINUTE)

    with pytest.raises(NotInRoomError):
        world.connect("ada", room_id, NOW + 3 * SECOND + MINUTE)


def test_the_first_connection_makes_an_expected_lease_an_http_lease(world: World, room_id: str) -> None:
    expect_socket(world, room_id)

    ada = world.connect("ada", room_id, NOW + MINUTE - 1)
    assert lease(world, room_id) == ("http", NOW + MINUTE - 1 + HTTP_LEASE)

    world.send(ada, "sync", NOW + MINUTE)
    world.connect("ada", room_id, NOW + MINUTE)
    assert lease(world, room_id) == ("socket", NOW + MINUTE + SOCKET_LEASE_MS)


def test_a_join_without_a_socket_does_not_wait_for_one(world: World, room_id: str) -> None:
    expect_socket(world, room_id)
    expect_socket(world, room_id, NOW + SECOND, expects_socket=False)
    assert lease(world, room_id) == ("http", NOW + SECOND + HTTP_LEASE)

    expect_socket(world, room_id, NOW + 2 * SECOND)
    assert lease(world, room_id) == ("http", NOW + 2 * SECOND + HTTP_LEASE)


@pytest.mark.parametrize("kind", ["http", "socket"])
def test_a_lost_last_connection_leaves_a_grace(world: World, room_id: str, kind: str) -> None:
    ada, bob = world.enter("ada", room_id), world.enter("bob", room_id)
    if kind == "socket":
        world.send(ada, "sync")
    world.fanout.forget()

    sockets.disconnect(world.backend, ada, NOW + SECOND)

    assert lease(world, room_id) == (kind, NOW + SECOND + GRACE_MS)
    assert not world.member("ada", room_id).is_online
    assert world.room(room_id).participant_count == 2
    offline, peer_left = world.fanout.frames(bob)
    assert (offline["type"], offline["data"]) == ("presence_changed", {"user_id": "ada", "is_online": False})
    assert (peer_left["type"], peer_left["data"]) == ("user-left", {"userId": "ada"})
    assert (peer_left["from"], peer_left["connection"]) == ("ada", ada)


def test_a_member_back_within_the_grace_never_left(world: World, room_id: str) -> None:
    ada, bob = world.enter("ada", room_id), world.enter("bob", room_id)
    said = world.said(room_id)
    sockets.disconnect(world.backend, ada, NOW)
    world.fanout.forget()

    world.connect("ada", room_id, NOW + GRACE_MS - 1)

    assert world.fanout.types(bob) == ["presence_changed"]
    assert world.fanout.last(bob)["data"] == {"user_id": "ada", "is_online": True}
    assert world.said(room_id) == said
    assert world.member("ada", room_id).is_online
    assert lease(world, room_id) == ("http", NOW + GRACE_MS - 1 + HTTP_LEASE)


def test_after_the_grace_the_seat_is_free(world: World, room_id: str) -> None:
    ada, bob = world.enter("ada", room_id), world.enter("bob", room_id)
    sockets.disconnect(world.backend, ada, NOW)
    world.fanout.forget()

    answer = world.join("cyd", room_id, NOW + GRACE_MS)

    assert [person.id for person in answer.room.participants] == ["bob", "cyd"]
    assert "user_left" in world.fanout.types(bob)
