"""Broadcast to a room, and connections that are gone."""

import logging
from collections.abc import Callable
from unittest.mock import patch

import pytest

from chalicelib.chat.service import send_message
from chalicelib.delivery import Connection
from chalicelib.delivery.fanout import NEWBORN_MS
from chalicelib.kernel.errors import UnavailableError
from chalicelib.kernel.times import iso
from chalicelib.lifecycle.schemas import RoomClosed, RoomClosedData, RoomUpdate
from chalicelib.lifecycle.service import delete_room, toggle_status, update_room
from chalicelib.lifecycle.sweep import sweep
from chalicelib.rooms.table import get_room
from chalicelib.seats import broadcast, sockets
from chalicelib.seats.broadcast import close_all
from chalicelib.seats.leases import GRACE_MS
from chalicelib.seats.schemas import CLOSE_FRAMES
from chalicelib.seats.table import detach_last, list_participants
from chalicelib.store import Store
from chalicelib.voice.schemas import MicToggleRequest, SpeakingStatusRequest
from chalicelib.voice.service import set_muted, set_speaking
from tests.fakes.backend import HTTP_LEASE, NOW, Interrupt, World
from tests.fakes.fanout import Frame
from tests.fakes.faults import Faults, Refused

EVERYBODY = ("ada", "ben", "cyd")


def push(world: World, room_id: str, now: int = NOW + NEWBORN_MS) -> None:
    """Broadcast an event to the room."""
    frame = RoomClosed(room_id=room_id, ts=iso(now), data=RoomClosedData(reason="deleted"))
    broadcast.broadcast(world.context("", room_id, now), frame, world.connections(room_id))


def test_the_loss_of_one_of_several_connections_is_not_announced(
    world: World, room_id: str, ada: str, ben: str
) -> None:
    second = world.connect("ada", room_id)
    before = world.member("ada", room_id)

    sockets.disconnect(world.backend, ada, NOW)

    assert world.roster(room_id) == sorted([second, ben])
    after = world.member("ada", room_id)
    assert after.connections == {second}
    assert after.lease_expires_at == before.lease_expires_at
    assert world.fanout.acts == []


@pytest.mark.parametrize("other_goes_before", ["detach_last", "detach"])
def test_of_two_simultaneously_lost_connections_one_is_the_last(
    world: World, room_id: str, ada: str, ben: str, just_before: Interrupt, other_goes_before: str
) -> None:
    second = world.connect("ada", room_id)
    just_before(broadcast, other_goes_before, lambda: sockets.disconnect(world.backend, second, NOW))

    sockets.disconnect(world.backend, ada, NOW)
    sockets.disconnect(world.backend, second, NOW)

    member = world.member("ada", room_id)
    assert (member.is_online, member.connections) == (False, frozenset())
    assert member.lease_expires_at == NOW + GRACE_MS
    assert world.fanout.types(ben) == ["presence_changed", "user-left"]


def test_connections_that_are_all_gone_are_all_removed(world: World, room_id: str) -> None:
    world.fanout.gone = {world.enter(name, room_id) for name in EVERYBODY}

    push(world, room_id)

    assert world.roster(room_id) == []
    assert not any(world.member(name, room_id).is_online for name in EVERYBODY)


def test_peers_found_gone_one_by_one_are_removed(world: World, room_id: str) -> None:
    ids = [world.enter(name, room_id) for name in EVERYBODY]
    deliver = world.fanout.deliver

    def lose_one_more(*args: object, **options: object) -> object:
        world.fanout.gone.add(ids[len(world.fanout.gone)])
        return deliver(*args, **options)  # type: ignore[arg-type]

    with patch.object(world.fanout, "deliver", lose_one_more):
        push(world, room_id)

    assert world.roster(room_id) == []
    assert not any(world.member(name, room_id).is_online for name in EVERYBODY)


def test_an_unreachable_connection_stays(world: World, room_id: str, ada: str) -> None:
    world.fanout.failing = {ada}

    push(world, room_id)

    assert world.roster(room_id) == [ada]
    assert world.member("ada", room_id).is_online


def test_a_failing_fan_out_is_logged_and_changes_nothing(
    world: World, room_id: str, ada: str, caplog: pytest.LogCaptureFixture
) -> None:
    world.fanout.error = ConnectionError("no network")

    with caplog.at_level(logging.ERROR):
        push(world, room_id)
        close_all(world.context("ada", room_id), world.connections(room_id), CLOSE_FRAMES["left"])

    assert [record.message for record in caplog.records] == [
        *("nothing could be delivered", "nothing could be delivered", "connections could not be closed")
    ]
    assert world.roster(room_id) == [ada]


def speak(world: World, room_id: str) -> None:
    context = world.context("ada", room_id)
    set_muted(context, MicToggleRequest(is_muted=False))
    set_speaking(context, SpeakingStatusRequest(is_speaking=True))


ACTS: dict[str, Callable[[World, str], object]] = {
    "join": lambda world, room_id: world.join("cyd", room_id),
    "leave": lambda world, room_id: world.leave("ada", room_id),
    "six connections": lambda world, room_id: [world.connect("dan", room_id, NOW + number) for number in range(6)],
    "message": lambda world, room_id: send_message(world.context("ada", room_id), "hello", "text", None),
    "mic": lambda world, room_id: set_muted(world.context("ada", room_id), MicToggleRequest(is_muted=False)),
    "speaking": speak,
    "update": lambda world, room_id: update_room(world.context("root", room_id), RoomUpdate(name="Quiet")),
    "toggle": lambda world, room_id: toggle_status(world.context("root", room_id)),
    "delete": lambda world, room_id: delete_room(world.context("", room_id)),
    "sweep": lambda world, _: sweep(world.backend, lambda: NOW + HTTP_LEASE),
}


@pytest.mark.parametrize("act", ACTS)
def test_a_failing_fan_out_fails_no_act(world: World, act: str) -> None:
    def outcome(do: Callable[[World, str], object], error: Exception | None) -> object:
        """What the tables hold after an act in a new room."""
        world.fanout.error, room_id = None, world.open_room()
        world.enter("ada", room_id)
        sockets.disconnect(world.backend, world.enter("dan", room_id), NOW)
        world.fanout.error = error
        do(world, room_id)
        room, members = get_room(world.store, room_id), list_participants(world.store, room_id)
        shown = [(one.user_id, one.is_muted, one.is_speaking, one.is_online, len(one.connections)) for one in members]
        return room and (room.name, room.status, room.participant_count), shown, world.said(room_id)

    changed = outcome(ACTS[act], None)

    assert changed != outcome(lambda *_: None, None)
    assert outcome(ACTS[act], ConnectionError("no network")) == changed


def test_a_failed_removal_is_logged_and_repeated_later(
    world: World, room_id: str, ada: str, ben: str, caplog: pytest.LogCaptureFixture
) -> None:
    world.fanout.gone = {ada}

    with Faults(world.store.connection) as faults:
        faults.break_for_good("DeleteItem", Refused("InternalServerError"))
        assert "ack" in [told["type"] for told in world.send(ben, "message", NOW + NEWBORN_MS, text="hello", id="m1")]
    assert [record.message for record in caplog.records] == ["connections that are gone could not be removed"]
    push(world, room_id)

    assert world.said(room_id)[-1] == "hello"
    assert world.roster(room_id) == [ben]


def test_peers_hear_of_a_gone_member_even_if_another_one_fails(world: World, room_id: str) -> None:
    ada, ben, cyd = (world.enter(name, room_id) for name in EVERYBODY)
    world.fanout.forget()
    world.fanout.gone = {ada, ben}

    def fail_for_ben(store: Store, connection: Connection, *rest: int) -> bool:
        if connection.user_id == "ben":
            raise UnavailableError
        return detach_last(store, connection, *rest)

    with patch.object(broadcast, "detach_last", fail_for_ben):
        push(world, room_id)

    assert world.fanout.types(cyd) == ["room_closed", "presence_changed", "user-left"]
    assert world.fanout.last(cyd)["from"] == "ada"


def test_an_announced_connection_is_the_same_as_before(world: World, room_id: str, ada: str) -> None:
    (before,) = world.connections(room_id)
    world.send(ada, "sync")
    (after,) = world.connections(room_id)

    assert (before.announced, after.announced) == (False, True)
    assert before == after


def test_a_gone_connection_is_removed_once_for_several_frames(world: World, room_id: str, ada: str, ben: str) -> None:
    cyd = world.enter("cyd", room_id)
    world.fanout.gone = {ada}

    with Faults(world.store.connection) as faults:
        sockets.disconnect(world.backend, cyd, NOW + NEWBORN_MS)

    assert [params["Key"]["connection_id"]["S"] for params in faults.asked("DeleteItem")] == [cyd, ada]
    assert world.roster(room_id) == [ben]


def test_bye_is_sent_before_the_connection_is_closed(world: World, room_id: str, ada: str, ben: str) -> None:
    close_all(world.context("ada", room_id), [], CLOSE_FRAMES["timed_out"])
    assert world.fanout.acts == []

    close_all(world.context("ada", room_id), world.connections(room_id), CLOSE_FRAMES["timed_out"])

    bye = {"code": "timed_out", "reason": "Your seat was given up", "action": "rejoin"}
    for connection_id in (ada, ben):
        assert world.fanout.types(connection_id) == ["bye", "CLOSED"]
        assert world.fanout.last(connection_id)["data"] == bye


def test_a_broadcast_is_encoded_once(world: World, room_id: str) -> None:
    for user_id in EVERYBODY:
        world.enter(user_id, room_id)
    world.fanout.forget()

    with patch.object(RoomClosed, "encode", autospec=True, side_effect=RoomClosed.encode) as encode:
        push(world, room_id)

    assert encode.call_count == 1
    assert len(world.fanout.acts) == 3


# The same with frames


@pytest.mark.parametrize("kind", ["wave", "offer", "typing", "message", "mic"])
def test_peers_are_told_once_of_a_connection_that_answers_410(
    world: World, room_id: str, ada: str, ben: str, kind: str
) -> None:
    fields: dict[str, Frame] = {"message": {"text": "hello"}, "mic": {"is_muted": True}, "typing": {"is_typing": True}}
    world.send(ada, "mic", is_muted=False)
    cyd = world.enter("cyd", room_id)
    world.fanout.forget()
    world.fanout.gone = {ben}
    later, credit, spent = NOW + NEWBORN_MS, world.credit("ben"), []
    for at in (later, later + 1):
        before = world.credit("ada")
        world.send(ada, kind, at, **fields.get(kind, {}))
        spent.append(before - world.credit("ada"))
    sockets.disconnect(world.backend, ben, later + 2)
    for witness in (ada, cyd):
        told = [frame for frame in world.fanout.frames(witness) if frame["type"] in {"presence_changed", "user-left"}]
        assert [frame["data"] for frame in told] == [{"user_id": "ben", "is_online": False}, {"userId": "ben"}]
    assert world.roster(room_id) == [ada, cyd]
    assert world.member("ben", room_id).lease_expires_at == later + GRACE_MS
    assert credit - world.credit("ben") == 4, "two frames to two peers"
    assert spent[0] - spent[1] < 4, "the sender does not pay these"


@pytest.mark.parametrize("kind", ["wave", "ping", "sync", "message", "bye", "not a type"])
def test_peers_are_told_of_a_sender_that_is_gone(world: World, room_id: str, ada: str, ben: str, kind: str) -> None:
    world.fanout.gone = {ada}
    world.send(ada, kind, NOW + NEWBORN_MS, id="1", text="hello")
    sockets.disconnect(world.backend, ada, NOW + NEWBORN_MS + 1)
    told = [frame for frame in world.fanout.frames(ben) if frame["type"] in {"presence_changed", "user-left"}]
    assert [frame["data"] for frame in told] == [{"user_id": "ada", "is_online": False}, {"userId": "ada"}]
    assert world.roster(room_id) == [ben]


def test_a_frame_removes_a_gone_peer_only_after_its_first_10_s(world: World, room_id: str, ada: str, ben: str) -> None:
    second = world.connect("ben", room_id)
    world.fanout.gone = {second}
    for at, left in ((NOW + NEWBORN_MS - 1, [ada, ben, second]), (NOW + NEWBORN_MS, [ada, ben])):
        world.send(ada, "wave", at)
        assert world.roster(room_id) == sorted(left)
    assert world.fanout.types(ada) == [], "ben has another connection"
    assert world.member("ben", room_id).is_online
