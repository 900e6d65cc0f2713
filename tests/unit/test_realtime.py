"""Frames as the use cases handle them, with the clock in the test's hands."""

import json
import logging
from collections.abc import Callable
from dataclasses import replace
from unittest.mock import Mock, patch

import pytest

from chalicelib import realtime, rooms, seats, sockets, sweeper
from chalicelib.errors import UnavailableError
from chalicelib.presence import GRACE_MS, HTTP_LEASE_MS, NEWBORN_MS, RENEW_EVERY_MS, SOCKET_LEASE_MS
from chalicelib.protocol import MAX_FRAME_BYTES, Snapshot, SnapshotData, SnapshotRoom, You
from chalicelib.realtime import MAX_SNAPSHOT_BYTES, ROTATE_AFTER_MS, fit
from chalicelib.records import Message, Room
from chalicelib.schemas import ParticipantView, RoomSummary
from chalicelib.sockets import Memory
from chalicelib.store import client, connections, messages, participants
from chalicelib.store.tables import ConnectionRow, MessageRow, bound_connection
from chalicelib.times import Moment, iso
from tests.fakes.backend import DAY, ENDPOINT, MINUTE, NOW, SECOND, World, interrupt
from tests.fakes.fanout import Frame
from tests.fakes.faults import Faults, Refused

LATER = NOW + NEWBORN_MS
"""From here on a connection that came at NOW can be gone for good."""
FIELDS: dict[str, Frame] = {
    "message": {"text": "hello"},
    "emoji": {"emoji": "\U0001f44b"},
    "mic": {"is_muted": True},
    "speaking": {"is_speaking": False},
    "typing": {"is_typing": True},
}
EVERY_KIND = ["sync", "ping", *FIELDS, "offer", "answer", "ice-candidate", "wave", "user-joined", "leave"]
TWO_HOURS = 120 * MINUTE


@pytest.fixture
def room_id(world: World) -> str:
    return world.open_room()


@pytest.fixture
def ada(world: World, room_id: str) -> str:
    """The connection of a member."""
    return world.enter("ada", room_id)


@pytest.fixture
def ben(world: World, room_id: str, ada: str) -> str:
    """The connection of a member who came second."""
    connection_id = world.enter("ben", room_id)
    world.fanout.forget()
    return connection_id


@pytest.fixture
def new_process(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Forget who is who, as a function does that starts anew."""

    def forget() -> None:
        fresh = Memory()
        monkeypatch.setattr(realtime, "memory", fresh)
        monkeypatch.setattr(sockets, "memory", fresh)

    return forget


def receive(world: World, connection_id: str, text: str | None, now: Moment = NOW) -> list[Frame]:
    """Let a text come in; what the connection is sent for it."""
    before = len(world.fanout.frames(connection_id))
    realtime.receive(world.backend, realtime.Sender(connection_id, ENDPOINT), text, now)
    return world.fanout.frames(connection_id)[before:]


def send(world: World, connection_id: str, kind: str, now: Moment = NOW) -> list[Frame]:
    """Send a frame that is in order."""
    return world.send(connection_id, kind, now, id=f"{kind}-{now}", **FIELDS.get(kind, {}))


def code_of(frames: list[Frame]) -> str:
    """The code of the one answer, an error."""
    (answer,) = frames
    assert answer["type"] == "error"
    return str(answer["data"]["code"])


# Whose frame it is


def test_a_new_process_finds_out_whose_connection_it_is(
    world: World, room_id: str, ada: str, ben: str, new_process: Callable[[], None]
) -> None:
    for kind in EVERY_KIND:
        new_process()
        answers = send(world, ada, kind)
        assert "error" not in [answer["type"] for answer in answers], kind
        assert {answer["roomId"] for answer in answers} == {room_id}


@pytest.mark.parametrize("claim", ["the room", "another room", "no room", "not even an id"])
def test_a_claimed_room_is_a_hint_and_no_more(
    world: World, room_id: str, ada: str, ben: str, new_process: Callable[[], None], claim: str
) -> None:
    claims = {"the room": room_id, "another room": world.open_room(), "no room": None, "not even an id": {"a": 1}}
    new_process()
    world.send(ada, "wave", roomId=claims[claim])
    assert world.fanout.last(ben)["roomId"] == room_id


def test_a_new_process_keeps_in_mind_whose_connection_it_is(
    world: World, ada: str, ben: str, new_process: Callable[[], None]
) -> None:
    new_process()
    world.send(ada, "wave")
    with Faults(bound_connection()) as faults:
        world.send(ada, "wave")
    assert [operation for operation, _ in faults.tries] == ["Query"]


def test_a_new_process_reads_the_roster_of_a_room_that_the_frame_names_once(
    world: World, room_id: str, ada: str, ben: str, new_process: Callable[[], None]
) -> None:
    new_process()
    with Faults(bound_connection()) as faults:
        world.send(ada, "wave", roomId=room_id)
    assert [operation for operation, _ in faults.tries] == ["Query"]
    assert world.fanout.types(ben) == ["wave"]


@pytest.mark.parametrize(("age", "answer"), [(0, "snapshot"), (NEWBORN_MS, "error")])
def test_a_new_connection_is_known_though_the_index_is_late(
    world: World,
    ada: str,
    new_process: Callable[[], None],
    monkeypatch: pytest.MonkeyPatch,
    age: int,
    answer: str,
) -> None:
    new_process()
    late = [*ConnectionRow.by_connection.query(ada)]
    world.fanout.forget()
    monkeypatch.setattr(ConnectionRow.by_connection, "query", Mock(side_effect=[[], [], late, late]))
    with Faults(bound_connection()) as faults:
        sender = realtime.Sender(ada, ENDPOINT, connected_at=NOW)
        realtime.receive(world.backend, sender, '{"type": "sync"}', NOW + age)
    assert world.fanout.types(ada) == [answer]
    assert len(faults.clock.pauses) == (2 if answer == "snapshot" else 0)


def test_a_connection_on_no_roster_can_do_nothing(
    world: World, room_id: str, ada: str, ben: str, new_process: Callable[[], None]
) -> None:
    before = world.said(room_id)
    new_process()
    for kind in EVERY_KIND:
        assert code_of(send(world, "nobody", kind)) == "not_in_room", kind
    assert world.fanout.frames(ben) == []
    assert world.said(room_id) == before


def test_a_connection_that_was_taken_off_the_roster_is_refused_though_remembered(
    world: World, room_id: str, ada: str, ben: str
) -> None:
    sockets.disconnect(world.backend, ada, NOW)
    world.fanout.forget()
    for kind in ("sync", "ping", "typing", "offer", "wave", "user-left"):
        assert code_of(send(world, ada, kind)) == "not_in_room", kind
    assert world.fanout.frames(ben) == []


@pytest.mark.parametrize(
    "text", ["not json", '{"type": "Capital"}', '{"type": "mic"}', '{"type": "bye"}', "x" * (MAX_FRAME_BYTES + 1), None]
)
def test_an_error_names_the_room_in_a_new_process_too(
    world: World, room_id: str, ada: str, new_process: Callable[[], None], text: str | None
) -> None:
    new_process()
    (error,) = receive(world, ada, text)
    assert (error["type"], error["roomId"]) == ("error", room_id)


def close_room(world: World, room_id: str) -> Moment:
    rooms.toggle(world.backend, room_id, NOW)
    return NOW


def delete_room(world: World, room_id: str) -> Moment:
    rooms.delete(world.backend, room_id, NOW)
    return NOW


def let_the_lease_run_out(world: World, room_id: str) -> Moment:
    sweeper.sweep(world.backend, lambda: NOW + HTTP_LEASE_MS)
    return NOW + HTTP_LEASE_MS


def leave_over_http(world: World, room_id: str) -> Moment:
    seats.leave(world.backend, "ada", room_id, NOW)
    return NOW


@pytest.mark.parametrize("end", [close_room, delete_room, let_the_lease_run_out, leave_over_http])
def test_whoever_was_put_out_can_do_nothing_though_the_connection_could_not_be_closed(
    world: World, room_id: str, ada: str, ben: str, end: Callable[[World, str], Moment]
) -> None:
    world.fanout.failing = {ada}
    now = end(world, room_id)
    world.fanout.failing = set()
    before, heard = world.said(room_id), len(world.fanout.frames(ben))
    for kind in EVERY_KIND:
        assert code_of(send(world, ada, kind, now)) in {"not_in_room", "room_not_found"}, kind
    assert world.said(room_id) == before
    assert len(world.fanout.frames(ben)) == heard


# When something fails


def test_a_bug_of_ours_is_logged_and_answered_without_a_trace_or_the_frames_content(
    world: World, ada: str, ben: str, caplog: pytest.LogCaptureFixture
) -> None:
    with Faults(bound_connection()) as faults:
        faults.plan("Query", Refused("ValidationException"))
        (error,) = world.send(ada, "wave", id="1", data={"secret": "v=0 sdp"})
    assert (error["data"]["code"], error["ref"]) == ("internal_error", "1")
    assert set(error["data"]) == {"code", "detail"}
    assert [record.message for record in caplog.records if record.levelno == logging.ERROR] == [
        "a frame of type wave failed"
    ]
    assert "v=0 sdp" not in caplog.text


def test_a_bug_while_finding_out_whose_frame_it_is_is_answered_all_the_same(
    world: World, ada: str, new_process: Callable[[], None]
) -> None:
    new_process()
    with Faults(bound_connection()) as faults:
        faults.break_for_good("Query", Refused("ValidationException"))
        assert code_of(world.send(ada, "wave")) == "internal_error"


def test_a_store_that_does_not_answer_is_told_of_as_such(
    world: World, ada: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "DEADLINE_SECONDS", 0)
    with Faults(bound_connection()) as faults:
        faults.break_for_good("Query", Refused("ThrottlingException"))
        assert code_of(world.send(ada, "wave")) == "unavailable"


def test_a_push_that_fails_does_not_fail_the_frame(
    world: World, room_id: str, ada: str, ben: str, caplog: pytest.LogCaptureFixture
) -> None:
    world.fanout.error = OSError("no network")
    world.send(ada, "message", text="hello")
    assert world.said(room_id)[-1] == "hello"
    assert "nothing could be delivered" in caplog.text


# Leases


def test_a_membership_starts_with_an_http_lease(world: World, room_id: str, ada: str) -> None:
    assert world.member("ada", room_id).lease_kind == "http"
    assert world.member("ada", room_id).lease_expires_at == NOW + HTTP_LEASE_MS


@pytest.mark.parametrize("kind", ["sync", "ping"])
def test_the_first_sync_or_ping_makes_it_a_socket_lease(world: World, room_id: str, ada: str, kind: str) -> None:
    world.send(ada, kind, LATER)
    member = world.member("ada", room_id)
    assert (member.lease_kind, member.lease_expires_at) == ("socket", LATER + SOCKET_LEASE_MS)


OTHER_KINDS = [kind for kind in EVERY_KIND if kind not in {"sync", "ping", "leave"}]


def test_other_frames_leave_a_socket_lease_as_it_is(world: World, room_id: str, ada: str) -> None:
    world.send(ada, "ping")
    before = world.member("ada", room_id).lease_expires_at
    for kind in OTHER_KINDS:
        send(world, ada, kind, NOW + MINUTE + SECOND)
    assert world.member("ada", room_id).lease_expires_at == before


@pytest.mark.parametrize("kind", OTHER_KINDS)
def test_other_frames_renew_an_http_lease_once_a_minute_at_most(
    world: World, room_id: str, ada: str, kind: str
) -> None:
    renewed = []
    for at in (NOW + RENEW_EVERY_MS - 1, NOW + RENEW_EVERY_MS + 1, NOW + RENEW_EVERY_MS + 2):
        send(world, ada, kind, at)
        renewed.append(world.member("ada", room_id).lease_expires_at)
    assert renewed == [NOW + HTTP_LEASE_MS, *[NOW + RENEW_EVERY_MS + 1 + HTTP_LEASE_MS] * 2]


@pytest.mark.parametrize("kind", ["wave", "offer"])
def test_a_relayed_frame_writes_nothing_and_reads_the_roster_only(world: World, ada: str, ben: str, kind: str) -> None:
    world.send(ada, "sync")
    with Faults(bound_connection()) as faults:
        send(world, ada, kind)
    assert [operation for operation, _ in faults.tries] == ["Query"]


@pytest.mark.parametrize("kind", ["sync", "ping"])
def test_a_ping_or_sync_that_comes_after_the_lease_ran_out_ends_the_membership(
    world: World, room_id: str, ada: str, ben: str, kind: str
) -> None:
    world.send(ada, "ping")
    world.fanout.forget()
    send(world, ada, kind, NOW + SOCKET_LEASE_MS)
    assert world.members(room_id) == ["ben"]
    assert world.fanout.types(ada)[:2] == ["bye", "CLOSED"]
    bye = world.fanout.frames(ada)[0]["data"]
    assert (bye["code"], bye["action"]) == ("timed_out", "rejoin")
    assert [frame["data"].get("reason") for frame in world.fanout.frames(ben)] == ["timed_out", None]


@pytest.mark.parametrize("kind", ["sync", "ping"])
def test_anyones_ping_or_sync_ends_the_memberships_whose_lease_ran_out(
    world: World, room_id: str, ada: str, ben: str, kind: str
) -> None:
    world.send(ben, "ping")
    world.fanout.forget()
    world.send(ada, kind, NOW + SOCKET_LEASE_MS)
    assert world.members(room_id) == ["ada"]
    assert world.fanout.types(ben)[:2] == ["bye", "CLOSED"]
    (left,) = [frame for frame in world.fanout.frames(ada) if frame["type"] == "user_left"]
    assert (left["data"]["user_id"], left["data"]["reason"]) == ("ben", "timed_out")


def test_a_snapshot_shows_nobody_whose_lease_ran_out(world: World, room_id: str, ada: str, ben: str) -> None:
    world.send(ben, "ping")
    (snapshot,) = [f for f in world.send(ada, "sync", NOW + SOCKET_LEASE_MS) if f["type"] == "snapshot"]
    room = snapshot["data"]["room"]
    assert [one["id"] for one in room["participants"]] == ["ada"]
    assert room["participant_count"] == 1


@pytest.mark.parametrize(("age", "rotate"), [(0, False), (ROTATE_AFTER_MS - 1, False), (ROTATE_AFTER_MS, True)])
def test_pong_asks_to_rotate_in_good_time_before_the_platform_ends_the_connection(
    world: World, ada: str, age: int, rotate: bool
) -> None:
    opened = sockets.memory.recall(ada)
    assert opened is not None
    sockets.memory.remember(replace(opened, connected_at=LATER - age))
    (pong,) = world.send(ada, "ping", LATER)
    assert pong["data"]["rotate"] is rotate
    assert ROTATE_AFTER_MS < TWO_HOURS - 5 * MINUTE


def test_nobody_sees_a_leave_when_a_connection_is_rotated(world: World, room_id: str, ada: str, ben: str) -> None:
    fresh = world.connect("ada", room_id, LATER)
    world.send(fresh, "sync", LATER)
    sockets.disconnect(world.backend, ada, LATER)
    assert world.fanout.types(ben) == ["user-joined"]
    assert world.member("ada", room_id).is_online


def test_what_can_not_be_noted_as_announced_is_announced_again(world: World, room_id: str, ben: str) -> None:
    carl = world.enter("carl", room_id)
    world.fanout.forget()
    with patch.object(connections, "note_announced", side_effect=UnavailableError):
        assert code_of(world.send(carl, "sync")[-1:]) == "unavailable"
    for _ in range(2):
        world.send(carl, "sync")
    assert world.fanout.types(ben) == ["user-joined", "user-joined"]


# Connections that turn out to be gone


@pytest.mark.parametrize("kind", ["wave", "offer", "typing", "message", "mic"])
def test_a_connection_that_answers_410_is_taken_off_and_its_peers_are_told_once(
    world: World, room_id: str, ada: str, ben: str, kind: str
) -> None:
    world.send(ada, "mic", is_muted=False)
    carl = world.enter("carl", room_id)
    world.fanout.forget()
    world.fanout.gone = {ben}
    send(world, ada, kind, LATER)
    send(world, ada, kind, LATER + 1)
    sockets.disconnect(world.backend, ben, LATER + 2)
    for witness in (ada, carl):
        told = [frame for frame in world.fanout.frames(witness) if frame["type"] in {"presence_changed", "user-left"}]
        assert [frame["data"] for frame in told] == [{"user_id": "ben", "is_online": False}, {"userId": "ben"}]
    assert world.roster(room_id) == [ada, carl]
    assert world.member("ben", room_id).lease_expires_at == LATER + GRACE_MS


@pytest.mark.parametrize("kind", ["wave", "ping", "sync", "message", "bye", "not a type"])
def test_peers_are_told_of_a_sender_who_is_gone_before_the_answer(
    world: World, room_id: str, ada: str, ben: str, kind: str
) -> None:
    world.fanout.gone = {ada}
    send(world, ada, kind, LATER)
    sockets.disconnect(world.backend, ada, LATER + 1)
    told = [frame for frame in world.fanout.frames(ben) if frame["type"] in {"presence_changed", "user-left"}]
    assert [frame["data"] for frame in told] == [{"user_id": "ada", "is_online": False}, {"userId": "ada"}]
    assert world.roster(room_id) == [ben]


def test_a_connection_may_answer_410_while_it_is_being_opened(world: World, room_id: str, ada: str, ben: str) -> None:
    world.fanout.gone = {ben}
    world.send(ada, "wave", LATER - 1)
    assert world.roster(room_id) == [ada, ben]
    world.send(ada, "wave", LATER)
    assert world.roster(room_id) == [ada]


def test_one_of_several_connections_that_is_gone_is_nobodys_business(
    world: World, room_id: str, ada: str, ben: str
) -> None:
    second = world.connect("ben", room_id)
    world.fanout.gone = {second}
    world.send(ada, "wave", LATER)
    assert world.roster(room_id) == [ada, ben]
    assert world.fanout.types(ada) == []
    assert world.member("ben", room_id).is_online


def test_peers_hear_of_it_when_a_users_last_two_connections_go_at_the_same_moment(
    world: World, room_id: str, ada: str, ben: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    second = world.connect("ben", room_id)
    interrupt(monkeypatch, participants, "detach", lambda: sockets.disconnect(world.backend, second, NOW))

    sockets.disconnect(world.backend, ben, NOW)
    assert world.fanout.types(ada) == ["presence_changed", "user-left"]
    assert not world.member("ben", room_id).is_online
    assert world.member("ben", room_id).lease_expires_at == NOW + GRACE_MS


# How fast a connection may send

NO_FRAME = "no frame, and cheap to refuse"


def flood(world: World, connection_id: str, count: int, now: Moment, text: str = '{"type": "wave"}') -> list[str]:
    """Send many times; the codes of the errors."""
    before = len(world.fanout.frames(connection_id))
    for _ in range(count):
        realtime.receive(world.backend, realtime.Sender(connection_id, ENDPOINT), text, now)
    frames = world.fanout.frames(connection_id)[before:]
    return [frame["data"]["code"] for frame in frames if frame["type"] == "error"]


def test_sixty_frames_in_ten_seconds_are_taken_and_no_more(world: World, ada: str, ben: str) -> None:
    assert flood(world, ada, 60, NOW) == []
    (error,) = world.send(ada, "wave", NOW + 9_999, id="over")
    assert (error["data"]["code"], error["data"]["retry_after"], error["ref"]) == ("rate_limited", 1, "over")
    assert len(world.fanout.frames(ben)) == 60
    assert flood(world, ada, 60, NOW + 10_000) == []


def test_two_hundred_signalling_frames_are_taken_beside_the_others(world: World, ada: str, ben: str) -> None:
    assert flood(world, ada, 60, NOW) == []
    for kind, count in {"offer": 10, "answer": 10, "ice-candidate": 180}.items():
        assert flood(world, ada, count, NOW, json.dumps({"type": kind})) == []
    assert flood(world, ada, 1, NOW, '{"type": "offer"}') == ["rate_limited"]


def test_one_connections_limit_is_nobody_elses(world: World, room_id: str, ada: str, ben: str) -> None:
    second = world.connect("ada", room_id)
    assert "rate_limited" in flood(world, ada, 61, NOW, NO_FRAME)
    assert "rate_limited" not in flood(world, ben, 60, NOW, NO_FRAME) + flood(world, second, 60, NOW, NO_FRAME)


@pytest.mark.parametrize(
    "text", ["not json", "[]", "x" * (MAX_FRAME_BYTES + 1), '{"type": "bye"}', '{"type": "mic"}', None]
)
def test_frames_that_are_refused_count_too(world: World, ada: str, text: str | None) -> None:
    for _ in range(60):
        receive(world, ada, text)
    assert code_of(receive(world, ada, text)) == "rate_limited"
    assert code_of(world.send(ada, "wave")) == "rate_limited"


def test_the_third_strike_in_a_minute_is_an_error_then_bye_then_the_end(world: World, ada: str, ben: str) -> None:
    for window in (0, 1):
        flood(world, ada, 61, NOW + window * 10_000, NO_FRAME)
    assert "bye" not in world.fanout.types(ada)
    flood(world, ada, 61, NOW + 20_000, NO_FRAME)
    assert world.fanout.types(ada)[-3:] == ["error", "bye", "CLOSED"]
    bye = world.fanout.last(ada)
    assert (bye["data"]["code"], bye["data"]["action"]) == ("rate_limited", "reconnect")


def test_strikes_that_are_more_than_a_minute_apart_do_not_add_up(world: World, ada: str) -> None:
    for window in range(4):
        assert flood(world, ada, 61, NOW + window * 30_000, NO_FRAME)[-1] == "rate_limited"
    assert "bye" not in world.fanout.types(ada)


def test_who_is_over_the_limit_burns_no_number_of_the_log(world: World, room_id: str, ada: str) -> None:
    for count in range(32):
        world.send(ada, "message", text=str(count))
    assert messages.head(room_id).last_seq == 31


# What a client missed


def fill(room_id: str, first: int, last: int, text: str = "said", now: Moment = NOW) -> None:
    """Put messages into the log, as if they had been said."""
    MessageRow(room_id, 0, last_seq=last, allocated_at=now).save()
    with MessageRow.batch_write() as batch:
        for seq in range(first, last + 1):
            message = Message(room_id, seq, f"{seq:036}", "text", "ada", "Ada", None, text, now)
            batch.save(messages.row_of(message, 90))


def sync(world: World, connection_id: str, last_seq: int | None, now: Moment = NOW) -> Frame:
    (snapshot,) = [f for f in world.send(connection_id, "sync", now, last_seq=last_seq) if f["type"] == "snapshot"]
    data: Frame = snapshot["data"]
    return data


def seqs(data: Frame) -> list[int]:
    return [message["seq"] for message in data["messages"]]


def test_up_to_300_missed_messages_come_back(world: World, room_id: str, ada: str) -> None:
    fill(room_id, 2, 310)
    for missed in (0, 1, 299, 300):
        data = sync(world, ada, 310 - missed)
        assert (seqs(data), data["recovered"], data["last_seq"]) == ([*range(311 - missed, 311)], True, 310)


def test_beyond_300_come_the_last_50_and_a_word_that_they_are_not_all(world: World, room_id: str, ada: str) -> None:
    fill(room_id, 2, 310)
    for last_seq in (None, 0, 9):
        data = sync(world, ada, last_seq)
        assert (seqs(data), data["recovered"], data["last_seq"]) == ([*range(261, 311)], False, 310)


def test_who_claims_to_have_more_than_there_is_gets_the_last_50(world: World, room_id: str, ada: str) -> None:
    fill(room_id, 2, 5)
    data = sync(world, ada, 1000)
    assert (seqs(data), data["recovered"], data["last_seq"]) == ([1, 2, 3, 4, 5], False, 5)


def test_a_head_that_is_read_late_makes_no_difference(
    world: World, room_id: str, ada: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    late = messages.head(room_id)
    fill(room_id, 2, 5)
    monkeypatch.setattr(messages, "head", lambda room_id: late)
    data = sync(world, ada, 5)
    assert (seqs(data), data["recovered"], data["last_seq"]) == ([], True, 5)


def test_the_rooms_own_last_seq_is_that_of_the_newest_message(world: World, room_id: str, ada: str) -> None:
    fill(room_id, 2, 5)
    for last_seq in (None, 0, 3, 5, 1000):
        assert sync(world, ada, last_seq)["room"]["last_seq"] == 5


def test_a_number_that_may_still_turn_up_is_not_passed_over(world: World, room_id: str, ada: str) -> None:
    messages.allocate(room_id, NOW)
    world.send(ada, "message", text="after the gap")
    data = sync(world, ada, 1)
    assert (seqs(data), data["recovered"], data["last_seq"]) == ([3], True, 1)


def test_a_number_that_nobody_used_for_a_minute_is_passed_over(world: World, room_id: str, ada: str) -> None:
    messages.allocate(room_id, NOW)
    world.send(ada, "message", text="after the gap")
    data = sync(world, ada, 1, NOW + MINUTE)
    assert (seqs(data), data["recovered"], data["last_seq"]) == ([3], True, 3)


def test_who_was_away_longer_than_messages_are_kept_is_told_so(world: World, room_id: str) -> None:
    later = NOW + 91 * DAY
    fill(room_id, 1, 3)
    for seq in (1, 2):
        MessageRow(room_id, seq).delete()
    ada = world.enter("ada", room_id, later)
    assert sync(world, ada, 1, later)["recovered"] is False
    assert sync(world, ada, 2, later)["recovered"] is True


def test_a_snapshot_fits_into_what_api_gateway_posts(world: World, room_id: str, ada: str) -> None:
    fill(room_id, 2, 60, text="\u2603" * 4000)
    data = sync(world, ada, 1)
    assert len(world.fanout.acts[-1].data) <= MAX_SNAPSHOT_BYTES  # type: ignore[union-attr]
    assert data["recovered"] is False
    assert seqs(data) == [*range(61 - len(data["messages"]), 61)]
    assert len(data["messages"]) >= 5


@pytest.mark.parametrize("letter", ["a", "\u2603", "\U0001f600"])
@pytest.mark.parametrize("length", [400, 2048])
def test_a_full_room_fits_whatever_its_people_are_called_and_look_like(letter: str, length: int) -> None:
    avatar = "/" + letter * (length - 1)
    looks = {"name": letter * 80, "avatar": avatar, "is_muted": True, "is_speaking": False, "is_online": True}
    ids = [f"{number:02}" + letter * 126 for number in range(50)]
    seated = [ParticipantView(id=one, joined_at=iso(NOW), **looks) for one in ids]  # type: ignore[arg-type]
    room = Room("r" * 36, letter * 255, letter * 2000, "active", 50, 50, "c" * 40, NOW, ids[0])
    shown = SnapshotRoom(**RoomSummary.of(room).model_dump(), participants=seated, last_seq=1)
    you = You(user_id=ids[0], connection_id="c" * 16)
    data = SnapshotData(room=shown, you=you, messages=[], recovered=True, last_seq=1)

    fitted = fit(Snapshot(room_id=room.id, ts=iso(NOW), data=data))

    assert len(fitted.encode()) <= MAX_SNAPSHOT_BYTES
    assert [one.id for one in fitted.data.room.participants] == ids
    assert {one.avatar for one in fitted.data.room.participants} == {avatar if len(avatar.encode()) <= 400 else None}


# Signalling to who is gone, and leaving


def test_peers_who_only_know_signalling_hear_of_a_leave(world: World, ada: str, ben: str) -> None:
    world.send(ada, "leave")
    assert world.fanout.types(ben) == ["user_left", "user-left"]
    gone = world.fanout.last(ben)
    assert (gone["data"], gone["from"], gone["connection"]) == ({"userId": "ada"}, "ada", ada)


def test_peers_hear_once_of_a_leave_with_several_connections(world: World, room_id: str, ada: str, ben: str) -> None:
    second = world.connect("ada", room_id)
    world.send(ada, "leave")
    for connection_id in (ada, second):
        sockets.disconnect(world.backend, connection_id, LATER)
    assert world.fanout.types(ben) == ["user_left", "user-left"]


def test_peers_who_heard_of_a_lost_connection_hear_only_of_the_seat_when_its_lease_runs_out(
    world: World, ada: str, ben: str
) -> None:
    sockets.disconnect(world.backend, ada, NOW)
    world.send(ben, "ping", NOW + GRACE_MS)
    assert world.fanout.types(ben) == ["presence_changed", "user-left", "pong", "user_left"]


def test_peers_who_only_know_signalling_hear_of_a_connection_that_is_lost_after_the_lease_ran_out(
    world: World, ada: str, ben: str
) -> None:
    world.send(ada, "ping")
    over = NOW + SOCKET_LEASE_MS
    world.send(ben, "ping", over - SECOND)
    sockets.disconnect(world.backend, ada, over)
    world.send(ben, "ping", over + MINUTE)
    assert world.fanout.types(ben) == ["pong", "pong", "user_left", "user-left"]
    gone = world.fanout.last(ben)
    assert (gone["data"], gone["from"], gone["connection"]) == ({"userId": "ada"}, "ada", ada)


def test_the_answer_to_leave_comes_when_the_seat_is_free(world: World, room_id: str, ada: str) -> None:
    answers = world.send(ada, "leave", id="going")
    assert [answer["type"] for answer in answers] == ["ack", "bye"]
    assert world.members(room_id) == []
    assert world.fanout.closed() == [ada]


def test_leaving_twice_is_refused_the_second_time(world: World, ada: str) -> None:
    world.send(ada, "leave")
    assert code_of(world.send(ada, "leave")) == "not_in_room"


# What is passed on


def test_a_frame_that_grows_past_what_can_be_posted_is_refused(world: World, ada: str, ben: str) -> None:
    numbers = ",".join(["1e15"] * 6000)
    text = '{"type": "wave", "data": [' + numbers + "]}"
    assert len(text) < MAX_FRAME_BYTES
    assert code_of(receive(world, ada, text)) == "too_large"
    assert world.fanout.frames(ben) == []


@pytest.mark.parametrize("user_id", ["u" * 128, "\U0001f600" * 128, "\u0001" * 128])
def test_the_largest_frame_is_passed_on_whoever_sends_it(world: World, room_id: str, user_id: str) -> None:
    ben = world.enter("ben", room_id)
    world.join(user_id, room_id)
    sender = world.connect(user_id, room_id, connection_id="bSzPqfc5oAMCKrg=")
    for kind in ("wave", "user-joined"):
        bare = json.dumps({"type": kind, "text": ""}, separators=(",", ":"))
        text = bare.replace('""', '"' + "x" * (MAX_FRAME_BYTES - len(bare)) + '"')
        assert receive(world, sender, text) == []
        assert world.fanout.last(ben)["from"] == user_id


@pytest.mark.parametrize("kind", ["message", "emoji", "typing", "offer", "wave"])
def test_an_ack_goes_out_with_what_it_acknowledges_not_after_it(world: World, ada: str, ben: str, kind: str) -> None:
    with patch.object(world.fanout, "deliver", wraps=world.fanout.deliver) as deliver:
        world.send(ada, kind, id="mine", **FIELDS.get(kind, {}))

    assert deliver.call_count == 1
    assert world.fanout.last(ada)["ref"] == "mine"
    assert world.fanout.frames(ben)
