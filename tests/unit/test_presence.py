"""Leases, connections that go, and telling the room."""

import logging
from unittest.mock import patch

import pytest

from chalicelib import presence, sockets
from chalicelib.presence import GRACE_MS, HTTP_LEASE_MS, NEWBORN_MS, SOCKET_LEASE_MS
from chalicelib.protocol import RoomClosed, RoomClosedData
from chalicelib.records import Connection
from chalicelib.seats import FAREWELLS
from chalicelib.store import connections, participants
from chalicelib.store.tables import bound_connection
from chalicelib.times import iso
from tests.fakes.backend import MINUTE, NOW, SECOND, World, interrupt
from tests.fakes.faults import Faults, Refused


@pytest.fixture
def room_id(world: World) -> str:
    return world.open_room()


def record(room_id: str, connection_id: str) -> Connection:
    return next(one for one in connections.roster(room_id) if one.connection_id == connection_id)


def lease(world: World, room_id: str, user_id: str = "ada") -> tuple[str, int]:
    member = world.member(user_id, room_id)
    return member.lease_kind, member.lease_expires_at


def push(world: World, room_id: str, now: int = NOW) -> None:
    frame = RoomClosed(room_id=room_id, ts=iso(now), data=RoomClosedData(reason="deleted"))
    presence.push(world.backend, connections.roster(room_id), frame, now)


def test_the_durations_are_those_of_the_contract() -> None:
    assert (HTTP_LEASE_MS, SOCKET_LEASE_MS, GRACE_MS) == (15 * MINUTE, 90 * SECOND, 20 * SECOND)
    assert (presence.RENEW_EVERY_MS, NEWBORN_MS) == (MINUTE, 10 * SECOND)


def test_a_membership_starts_with_an_http_lease(world: World, room_id: str) -> None:
    world.join("ada", room_id)

    assert lease(world, room_id) == ("http", NOW + HTTP_LEASE_MS)


@pytest.mark.parametrize(("after", "writes"), [(0, 0), (MINUTE, 0), (MINUTE + 1, 1)])
def test_calls_renew_an_http_lease_once_a_minute_at_most(world: World, room_id: str, after: int, writes: int) -> None:
    world.join("ada", room_id)

    with Faults(bound_connection()) as faults:
        presence.renew_by_call(world.member("ada", room_id), NOW + after)

    assert len(faults.asked("UpdateItem")) == writes
    assert lease(world, room_id) == ("http", NOW + after * writes + HTTP_LEASE_MS)


def test_calls_do_not_renew_a_socket_lease(world: World, room_id: str) -> None:
    world.send(world.enter("ada", room_id), "sync")

    presence.renew_by_call(world.member("ada", room_id), NOW + 80 * SECOND)

    assert lease(world, room_id) == ("socket", NOW + SOCKET_LEASE_MS)


def test_a_call_that_saw_a_lease_too_late_does_not_revive_it(world: World, room_id: str) -> None:
    world.join("ada", room_id)
    member = world.member("ada", room_id)

    presence.renew_by_call(member, NOW + HTTP_LEASE_MS)

    assert lease(world, room_id) == ("http", NOW + HTTP_LEASE_MS)


def test_a_call_that_saw_an_http_lease_does_not_lengthen_the_socket_lease_that_it_has_become(
    world: World, room_id: str
) -> None:
    ada, seen = world.enter("ada", room_id), world.member("ada", room_id)
    later = NOW + 2 * MINUTE
    world.send(ada, "sync", later)

    presence.renew_by_call(seen, later)

    assert lease(world, room_id) == ("socket", later + SOCKET_LEASE_MS)


@pytest.mark.parametrize("kind", ["sync", "ping"])
def test_the_first_sync_or_ping_makes_it_a_socket_lease_for_good(world: World, room_id: str, kind: str) -> None:
    ada = world.enter("ada", room_id)

    world.send(ada, kind, NOW + SECOND)
    assert lease(world, room_id) == ("socket", NOW + SECOND + SOCKET_LEASE_MS)

    world.send(ada, "ping", NOW + MINUTE)
    assert lease(world, room_id) == ("socket", NOW + MINUTE + SOCKET_LEASE_MS)

    world.join("ada", room_id, NOW + MINUTE + SECOND)
    assert lease(world, room_id) == ("socket", NOW + MINUTE + SECOND + SOCKET_LEASE_MS)


@pytest.mark.parametrize("kind", ["http", "socket"])
def test_the_last_connection_that_goes_leaves_a_grace_in_which_the_seat_is_theirs(
    world: World, room_id: str, kind: str
) -> None:
    ada, bob = world.enter("ada", room_id), world.enter("bob", room_id)
    if kind == "socket":
        world.send(ada, "sync")
    world.fanout.forget()

    sockets.disconnect(world.backend, ada, NOW + SECOND)

    assert lease(world, room_id) == (kind, NOW + SECOND + GRACE_MS)
    assert not world.member("ada", room_id).is_online
    assert world.room(room_id).participant_count == 2
    assert world.fanout.types(bob) == ["presence_changed", "user-left"]
    offline, peer_left = world.fanout.frames(bob)
    assert offline["data"] == {"user_id": "ada", "is_online": False}
    assert (peer_left["data"], peer_left["from"], peer_left["connection"]) == ({"userId": "ada"}, "ada", ada)


def test_back_within_the_grace_nobody_left_and_nobody_joined(world: World, room_id: str) -> None:
    ada, bob = world.enter("ada", room_id), world.enter("bob", room_id)
    said = world.said(room_id)
    sockets.disconnect(world.backend, ada, NOW)
    world.fanout.forget()

    world.connect("ada", room_id, NOW + GRACE_MS - 1)

    assert world.fanout.types(bob) == ["presence_changed"]
    assert world.fanout.last(bob)["data"] == {"user_id": "ada", "is_online": True}
    assert world.said(room_id) == said
    assert world.member("ada", room_id).is_online
    assert lease(world, room_id) == ("http", NOW + GRACE_MS - 1 + HTTP_LEASE_MS)


def test_after_the_grace_the_seat_is_free(world: World, room_id: str) -> None:
    ada, bob = world.enter("ada", room_id), world.enter("bob", room_id)
    sockets.disconnect(world.backend, ada, NOW)
    world.fanout.forget()

    answer = world.join("cyd", room_id, NOW + GRACE_MS)

    assert [person.id for person in answer.room.participants] == ["bob", "cyd"]
    assert "user_left" in world.fanout.types(bob)


def test_one_of_several_connections_goes_without_a_word(world: World, room_id: str) -> None:
    first, bob = world.enter("ada", room_id), world.enter("bob", room_id)
    second = world.connect("ada", room_id)
    world.fanout.forget()

    sockets.disconnect(world.backend, first, NOW)

    assert world.roster(room_id) == sorted([second, bob])
    assert world.member("ada", room_id).connections == {second}
    assert lease(world, room_id) == ("http", NOW + HTTP_LEASE_MS)
    assert world.fanout.acts == []


@pytest.mark.parametrize("other_goes_before", ["detach_last", "detach"])
def test_of_two_connections_that_go_at_the_same_moment_one_is_the_last(
    world: World, room_id: str, monkeypatch: pytest.MonkeyPatch, other_goes_before: str
) -> None:
    first, bob = world.enter("ada", room_id), world.enter("bob", room_id)
    second = world.connect("ada", room_id)
    world.fanout.forget()
    interrupt(monkeypatch, participants, other_goes_before, lambda: sockets.disconnect(world.backend, second, NOW))

    sockets.disconnect(world.backend, first, NOW)
    sockets.disconnect(world.backend, second, NOW)

    assert not world.member("ada", room_id).is_online
    assert world.member("ada", room_id).connections == frozenset()
    assert world.fanout.types(bob) == ["presence_changed", "user-left"]


def test_whoever_goes_falls_silent(world: World, room_id: str) -> None:
    ada = world.enter("ada", room_id)
    world.send(ada, "mic", is_muted=False)
    world.send(ada, "speaking", is_speaking=True)

    sockets.disconnect(world.backend, ada, NOW)

    assert not world.member("ada", room_id).is_speaking


def test_a_connection_that_turns_out_to_be_gone_is_treated_as_disconnected(world: World, room_id: str) -> None:
    ada, bob = world.enter("ada", room_id), world.enter("bob", room_id)
    world.fanout.forget()
    world.fanout.gone = {ada}

    push(world, room_id, NOW + NEWBORN_MS)

    assert world.roster(room_id) == [bob]
    assert not world.member("ada", room_id).is_online
    assert lease(world, room_id) == ("http", NOW + NEWBORN_MS + GRACE_MS)
    assert world.fanout.types(bob) == ["room_closed", "presence_changed", "user-left"]


def test_connections_that_are_all_gone_are_all_noticed(world: World, room_id: str) -> None:
    everybody = [world.enter(name, room_id) for name in ("ada", "bob", "cyd")]
    world.fanout.gone = set(everybody)

    push(world, room_id, NOW + NEWBORN_MS)

    assert world.roster(room_id) == []
    assert not any(world.member(name, room_id).is_online for name in ("ada", "bob", "cyd"))


def test_a_connection_may_seem_gone_while_it_is_being_opened(world: World, room_id: str) -> None:
    ada = world.enter("ada", room_id)
    world.fanout.gone = {ada}

    push(world, room_id, NOW + NEWBORN_MS - 1)

    assert world.roster(room_id) == [ada]
    assert world.member("ada", room_id).is_online


def test_a_connection_that_could_not_be_reached_is_not_gone(world: World, room_id: str) -> None:
    ada = world.enter("ada", room_id)
    world.fanout.failing = {ada}

    push(world, room_id, NOW + NEWBORN_MS)

    assert world.roster(room_id) == [ada]
    assert world.member("ada", room_id).is_online


def test_a_push_that_fails_altogether_is_logged_and_changes_nothing(
    world: World, room_id: str, caplog: pytest.LogCaptureFixture
) -> None:
    ada = world.enter("ada", room_id)
    world.fanout.error = ConnectionError("no network")

    with caplog.at_level(logging.ERROR):
        push(world, room_id)
        presence.dismiss(world.backend, [record(room_id, ada)], FAREWELLS["left"], NOW)

    assert len(caplog.records) == 2
    assert world.roster(room_id) == [ada]


def test_a_connection_that_is_gone_and_cannot_be_taken_off_fails_nothing_and_is_noticed_again(
    world: World, room_id: str, caplog: pytest.LogCaptureFixture
) -> None:
    ada, bob = world.enter("ada", room_id), world.enter("bob", room_id)
    world.fanout.gone = {ada}

    with Faults(bound_connection()) as faults:
        faults.break_for_good("DeleteItem", Refused("InternalServerError"))
        assert world.send(bob, "message", NOW + NEWBORN_MS, text="hello", id="m1")[-1]["type"] == "ack"
    assert [record.message for record in caplog.records] == ["connections that are gone could not be taken off"]
    push(world, room_id, NOW + NEWBORN_MS)

    assert world.said(room_id)[-1] == "hello"
    assert world.roster(room_id) == [bob]


def test_a_connection_that_is_gone_is_taken_off_once_whatever_it_was_to_be_told(world: World, room_id: str) -> None:
    ada, bob = world.enter("ada", room_id), world.enter("bob", room_id)
    cyd = world.enter("cyd", room_id)
    world.fanout.gone = {ada}

    with Faults(bound_connection()) as faults:
        sockets.disconnect(world.backend, cyd, NOW + NEWBORN_MS)

    assert [params["Key"]["connection_id"]["S"] for params in faults.asked("DeleteItem")] == [cyd, ada]
    assert world.roster(room_id) == [bob]


def test_bye_goes_out_before_the_connection_is_closed(world: World, room_id: str) -> None:
    ada, bob = world.enter("ada", room_id), world.enter("bob", room_id)
    world.fanout.forget()

    presence.dismiss(world.backend, [record(room_id, ada), record(room_id, bob)], FAREWELLS["timed_out"], NOW)

    assert world.fanout.types(ada) == world.fanout.types(bob) == ["bye", "CLOSED"]
    assert world.fanout.last(ada)["data"] == {
        "code": "timed_out",
        "reason": "Your seat was given up",
        "action": "rejoin",
    }


def test_there_is_nobody_to_say_bye_to(world: World) -> None:
    world.fanout.error = AssertionError("nothing to deliver")

    presence.dismiss(world.backend, [], FAREWELLS["left"], NOW)

    assert world.fanout.acts == []


def test_a_push_is_written_out_once_however_many_it_is_for(world: World, room_id: str) -> None:
    for user_id in ("ada", "ben", "cyd"):
        world.enter(user_id, room_id)
    world.fanout.forget()

    with patch.object(RoomClosed, "encode", autospec=True, side_effect=RoomClosed.encode) as encode:
        push(world, room_id)

    assert encode.call_count == 1
    assert len(world.fanout.acts) == 3
