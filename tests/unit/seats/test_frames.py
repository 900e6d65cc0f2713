"""The frames of the seat: sync, ping and leave."""

from dataclasses import replace
from unittest.mock import patch

import pytest

from chalicelib.api.frames import receive
from chalicelib.delivery import OutboundFrame
from chalicelib.delivery.fanout import NEWBORN_MS
from chalicelib.kernel.errors import UnavailableError
from chalicelib.seats import frames, sockets
from chalicelib.seats.frames import CHECK_EVERY_MS, ROTATE_AFTER_MS
from chalicelib.seats.leases import GRACE_MS, SOCKET_LEASE_MS
from chalicelib.seats.sockets import SocketEvent
from chalicelib.seats.table import list_participants
from tests.fakes.backend import ENDPOINT, MINUTE, NOW, SECOND, World
from tests.fakes.fanout import Frame

LATER = NOW + NEWBORN_MS
TWO_HOURS = 120 * MINUTE
END = NOW + SOCKET_LEASE_MS


def code_of(answers: list[Frame]) -> str:
    """The code of the last answer, an error."""
    assert answers[-1]["type"] == "error"
    return str(answers[-1]["data"]["code"])


@pytest.mark.parametrize("kind", ["sync", "ping"])
def test_sync_or_ping_after_the_lease_ends_the_membership(
    world: World, room_id: str, ada: str, ben: str, kind: str
) -> None:
    world.send(ada, "ping")
    world.fanout.forget()
    assert code_of(world.send(ada, kind, END)) == "not_in_room"
    assert world.members(room_id) == ["ben"]
    assert world.fanout.types(ada)[:2] == ["bye", "CLOSED"]
    bye = world.fanout.frames(ada)[0]["data"]
    assert (bye["code"], bye["action"]) == ("timed_out", "rejoin")
    assert [frame["data"].get("reason") for frame in world.fanout.frames(ben)] == ["timed_out", None]


@pytest.mark.parametrize("kind", ["sync", "ping"])
def test_sync_or_ping_of_a_peer_ends_expired_memberships(
    world: World, room_id: str, ada: str, ben: str, kind: str
) -> None:
    world.send(ben, "ping")
    world.fanout.forget()
    answers = world.send(ada, kind, END)
    assert world.members(room_id) == ["ada"]
    assert world.fanout.types(ben)[:2] == ["bye", "CLOSED"]
    (left,) = [frame for frame in answers if frame["type"] == "user_left"]
    assert (left["data"]["user_id"], left["data"]["reason"]) == ("ben", "timed_out")
    if kind == "sync":
        (snapshot,) = [frame for frame in answers if frame["type"] == "snapshot"]
        room = snapshot["data"]["room"]
        assert ([one["id"] for one in room["participants"]], room["participant_count"]) == (["ada"], 1)


def test_pings_look_for_expired_members_once_in_15_s_per_room(world: World, room_id: str, ada: str, ben: str) -> None:
    with patch.object(frames, "list_participants", wraps=list_participants) as looks:
        for at in (NOW, NOW + CHECK_EVERY_MS - 1, NOW + CHECK_EVERY_MS):
            for connection_id in (ada, ben):
                world.send(connection_id, "ping", at)
    assert (looks.call_count, CHECK_EVERY_MS) == (2, 15 * SECOND)


@pytest.mark.parametrize(("age", "rotate"), [(0, False), (ROTATE_AFTER_MS - 1, False), (ROTATE_AFTER_MS, True)])
def test_pong_asks_to_rotate_before_api_gateway_closes(world: World, ada: str, age: int, rotate: bool) -> None:
    opened = world.backend.connection_cache.get(ada)
    assert opened is not None
    world.backend.connection_cache.put(ada, replace(opened, connected_at=LATER - age))
    (pong,) = world.send(ada, "ping", LATER)
    assert pong["data"]["rotate"] is rotate
    assert ROTATE_AFTER_MS < TWO_HOURS - 5 * MINUTE


def test_a_rotation_is_not_a_leave(world: World, room_id: str, ada: str, ben: str) -> None:
    fresh = world.connect("ada", room_id, LATER)
    world.send(fresh, "sync", LATER)
    sockets.disconnect(world.backend, ada, LATER)
    assert world.fanout.types(ben) == ["user-joined"]
    assert world.member("ada", room_id).is_online


def test_an_announcement_that_was_not_noted_is_repeated(world: World, room_id: str, ben: str) -> None:
    carl = world.enter("carl", room_id)
    world.fanout.forget()
    with patch.object(frames, "mark_announced", side_effect=UnavailableError):
        assert code_of(world.send(carl, "sync")) == "unavailable"
    for _ in range(2):
        world.send(carl, "sync")
    assert world.fanout.types(ben) == ["user-joined", "user-joined"]


def test_peers_hear_once_of_a_leave_with_several_connections(world: World, room_id: str, ada: str, ben: str) -> None:
    second = world.connect("ada", room_id, NOW - 1)
    world.send(ada, "leave")
    for connection_id in (ada, second):
        sockets.disconnect(world.backend, connection_id, LATER)
    assert world.fanout.types(ben) == ["user_left", "user-left"]
    gone = world.fanout.last(ben)
    assert (gone["data"], gone["from"], gone["connection"]) == ({"userId": "ada"}, "ada", ada)


def test_peers_hear_of_a_lost_peer_once_before_its_lease_ends(world: World, ada: str, ben: str) -> None:
    sockets.disconnect(world.backend, ada, NOW)
    world.send(ben, "ping", NOW + GRACE_MS)
    assert world.fanout.types(ben) == ["presence_changed", "user-left", "pong", "user_left"]


def test_peers_hear_of_a_peer_lost_after_its_lease_ended(world: World, ada: str, ben: str) -> None:
    world.send(ada, "ping")
    world.send(ben, "ping", END - SECOND)
    sockets.disconnect(world.backend, ada, END)
    world.send(ben, "ping", END + MINUTE)
    assert world.fanout.types(ben) == ["pong", "pong", "user_left", "user-left"]
    gone = world.fanout.last(ben)
    assert (gone["data"], gone["from"], gone["connection"]) == ({"userId": "ada"}, "ada", ada)


def test_leave_answers_ack_then_bye_when_the_seat_is_free(world: World, room_id: str, ada: str) -> None:
    answers = world.send(ada, "leave", id="going")
    assert [answer["type"] for answer in answers] == ["ack", "bye"]
    assert world.members(room_id) == []
    assert world.fanout.closed() == [ada]
    assert code_of(world.send(ada, "leave")) == "not_in_room"


def test_the_text_ping_renews_the_lease_and_is_answered_pong(world: World, room_id: str, ada: str) -> None:
    world.fanout.forget()
    receive(world.backend, SocketEvent(ada, ENDPOINT), "ping", NOW + MINUTE)
    assert [act.data for act in world.fanout.acts if isinstance(act, OutboundFrame)] == [b"pong"]
    assert world.member("ada", room_id).lease_expires_at == NOW + MINUTE + SOCKET_LEASE_MS


def test_the_text_ping_without_a_seat_is_an_error(world: World, ada: str) -> None:
    world.send(ada, "leave")
    assert code_of(world.receive(ada, "ping")) == "not_in_room"
