"""Who is there: connections that come, go, and vanish, and seats that nobody keeps, over the local stack.

Time passes by being written into the table: a lease that ran out, a connection that has been open for a while.
"""

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from chalicelib.seats.leases import GRACE_MS, HTTP_LEASE_MS, SOCKET_LEASE_MS
from infra.local.environment import DEFAULTS
from tests.fakes.clients import Caller
from tests.fakes.socket_client import Frame, Scene, SocketClient, at_once, settle_all

PREFIX = DEFAULTS["TABLE_PREFIX"]


class Rows:
    """What the store holds of one room, to look at and to age."""

    def __init__(self, scene: Scene) -> None:
        self._client = scene.stack.engine.client()
        self._room_id = scene.room_id

    def lease_left(self, user_id: str) -> int:
        """How long a member's lease runs from now on, in ms."""
        row = self._client.get_item(TableName=f"{PREFIX}participants", Key=self._key("user_id", user_id))["Item"]
        return int(row["lease_expires_at"]["N"]) - now_ms()

    def expire(self, user_id: str) -> None:
        """Let a member's lease have run out a second ago."""
        self._set("participants", self._key("user_id", user_id), "lease_expires_at", now_ms() - 1_000)

    def age(self, client: SocketClient) -> None:
        """Let a connection have been open for a minute."""
        self._set("connections", self._key("connection_id", client.id), "connected_at", now_ms() - 60_000)

    def close(self) -> None:
        self._client.close()

    def _key(self, name: str, value: str) -> dict[str, Any]:
        return {"room_id": {"S": self._room_id}, name: {"S": value}}

    def _set(self, table: str, key: dict[str, Any], name: str, value: int) -> None:
        self._client.update_item(
            TableName=f"{PREFIX}{table}",
            Key=key,
            UpdateExpression="SET #name = :value",
            ConditionExpression="attribute_exists(room_id)",
            ExpressionAttributeNames={"#name": name},
            ExpressionAttributeValues={":value": {"N": str(value)}},
        )


def now_ms() -> int:
    return time.time_ns() // 1_000_000


@pytest.fixture
def rows(scene: Scene) -> Iterator[Rows]:
    rows = Rows(scene)
    yield rows
    rows.close()


def participant(caller: Caller, room_id: str, user_id: str) -> Frame | None:
    """How a member is shown to another, if at all."""
    members: list[Frame] = caller.see(room_id)["participants"]
    return next((one for one in members if one["id"] == user_id), None)


def close(scene: Scene, client: SocketClient) -> None:
    client.close()


def cut(scene: Scene, client: SocketClient) -> None:
    scene.stack.cut(client.id)


# The last connection goes


@pytest.mark.parametrize("go", [close, cut])
def test_others_hear_when_a_users_last_connection_goes(
    scene: Scene, ada: SocketClient, ben: SocketClient, go: Callable[[Scene, SocketClient], None]
) -> None:
    go(scene, ben)
    offline, gone = ada.wait("presence_changed"), ada.wait("user-left")
    assert offline["data"] == {"user_id": ben.user_id, "is_online": False}
    assert (gone["data"], gone["from"], gone["connection"]) == ({"userId": ben.user_id}, ben.user_id, ben.id)
    assert ada.settle() == []


def test_the_seat_stays_theirs_for_20_seconds(scene: Scene, ada: SocketClient, ben: SocketClient, rows: Rows) -> None:
    assert GRACE_MS < rows.lease_left(ben.user_id) <= SOCKET_LEASE_MS
    ben.close()
    ada.wait("user-left")
    assert 0 < rows.lease_left(ben.user_id) <= GRACE_MS
    shown = participant(ada.caller, scene.room_id, ben.user_id)
    assert shown is not None
    assert shown["is_online"] is False


def test_who_goes_while_speaking_is_silent(scene: Scene, ada: SocketClient, ben: SocketClient) -> None:
    ben.ask("mic", is_muted=False)
    assert ben.ask("speaking", is_speaking=True)["type"] == "ack"
    ben.close()
    ada.wait("user-left")
    shown = participant(ada.caller, scene.room_id, ben.user_id)
    assert shown is not None
    assert shown["is_speaking"] is False


def test_nobody_hears_when_one_of_several_connections_goes(scene: Scene, ada: SocketClient, ben: SocketClient) -> None:
    second = scene.connect(ben.caller)
    settle_all(ada, ben)
    ben.close()
    second.close()
    ada.wait("user-left")
    assert [frame["type"] for frame in ada.settle("presence_changed")] == ["presence_changed"]


def test_back_in_time_it_was_no_leave(scene: Scene, ada: SocketClient, ben: SocketClient, rows: Rows) -> None:
    log = ada.caller.history(scene.room_id)
    ben.close()
    ada.wait("user-left")
    back = scene.connect(ben.caller)
    frames = ada.settle()
    assert [frame["type"] for frame in frames] == ["presence_changed", "presence_changed", "user-joined"]
    assert [frame["data"] for frame in frames] == [
        {"user_id": ben.user_id, "is_online": False},
        {"user_id": ben.user_id, "is_online": True},
        {"userId": ben.user_id},
    ]
    assert ada.caller.history(scene.room_id) == log
    assert rows.lease_left(ben.user_id) > GRACE_MS
    assert "presence_changed" not in [frame["type"] for frame in back.take()]


def test_a_reconnect_that_overlaps_is_not_seen_as_a_going(scene: Scene, ada: SocketClient, ben: SocketClient) -> None:
    fresh = scene.connect(ben.caller)
    ben.close()
    fresh.ask("wave")
    ada.hear("wave")
    assert [frame["type"] for frame in ada.settle()] == ["user-joined", "wave"]


def test_a_join_alone_is_no_connection_and_its_lease_an_http_one(scene: Scene, ada: SocketClient, rows: Rows) -> None:
    carl = scene.member("Carl")
    assert HTTP_LEASE_MS - 60_000 < rows.lease_left(carl.id) <= HTTP_LEASE_MS
    assert [frame["type"] for frame in ada.settle()] == ["user_joined"]


def test_ping_renews_the_lease(scene: Scene, ada: SocketClient, ben: SocketClient, rows: Rows) -> None:
    before = rows.lease_left(ada.user_id)
    assert before <= SOCKET_LEASE_MS
    ada.ask("ping")
    assert before < rows.lease_left(ada.user_id) <= SOCKET_LEASE_MS


# A lease runs out


@pytest.mark.parametrize("kind", ["ping", "sync"])
def test_anybodys_ping_or_sync_ends_a_membership_whose_lease_ran_out(
    scene: Scene, ada: SocketClient, ben: SocketClient, rows: Rows, kind: str
) -> None:
    rows.expire(ben.user_id)
    scene.connect(ada.caller) if kind == "ping" else ada.send("sync")
    frame = ada.wait("user_left")
    assert (frame["data"]["user_id"], frame["data"]["reason"]) == (ben.user_id, "timed_out")
    assert frame["data"]["message"]["text"] == "Ben left the room"
    end = ben.wait_end()
    assert end.types[-1] == "bye"
    assert (end.frames[-1]["data"]["code"], end.frames[-1]["data"]["action"]) == ("timed_out", "rejoin")


def test_from_the_moment_of_expiry_a_member_is_in_no_list_and_holds_no_seat(api: Any) -> None:
    with Scene(api, max_participants=2) as scene:
        ada, ben, rows = scene.enter("Ada"), scene.enter("Ben"), Rows(scene)
        rows.expire(ben.user_id)
        detail = ada.caller.see(scene.room_id)
        assert [one["id"] for one in detail["participants"]] == [ada.user_id]
        assert detail["participant_count"] == 1
        scene.member("Carl")
        assert ben.wait_end().types[-1] == "bye"
        rows.close()


def test_the_sweeper_ends_what_nobody_else_ended_and_tells_all_once(
    scene: Scene, ada: SocketClient, ben: SocketClient, rows: Rows
) -> None:
    rows.expire(ben.user_id)
    scene.stack.sweep()
    scene.stack.sweep()
    assert ben.wait_end().types == ["bye"]
    assert sorted(frame["type"] for frame in ada.settle()) == ["user-left", "user_left"]


@pytest.mark.parametrize("kind", ["ping", "sync"])
def test_who_comes_too_late_is_told_to_join_again(scene: Scene, ada: SocketClient, rows: Rows, kind: str) -> None:
    rows.expire(ada.user_id)
    ada.send(kind)
    end = ada.wait_end()
    assert end.types == ["bye"]
    assert end.frames[0]["data"]["action"] == "rejoin"
    ada.caller.join(scene.room_id)
    assert scene.connect(ada.caller).ask("message", text="back")["type"] == "ack"


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        ("message", {"text": "hello"}),
        ("emoji", {"emoji": "\U0001f44b"}),
        ("mic", {"is_muted": False}),
        ("speaking", {"is_speaking": True}),
        ("leave", {}),
    ],
)
def test_whose_lease_ran_out_can_do_nothing_in_the_room(
    scene: Scene, ada: SocketClient, ben: SocketClient, rows: Rows, kind: str, fields: Frame
) -> None:
    rows.expire(ben.user_id)
    ben.send(kind, **fields)
    first = ben.wait(lambda frame: frame["type"] in {"error", "bye"})
    assert first["data"]["code"] in {"not_in_room", "timed_out"}
    assert not {"message_sent", "emoji_reaction", "mic_toggled", "speaking_changed"} & {
        frame["type"] for frame in ada.settle()
    }


def test_several_who_notice_at_once_end_a_membership_once(
    scene: Scene, ada: SocketClient, ben: SocketClient, rows: Rows
) -> None:
    watchers = [scene.connect(ada.caller) for _ in range(3)]
    settle_all(ada, ben, *watchers)
    rows.expire(ben.user_id)
    at_once(*[watcher.sync for watcher in watchers], scene.stack.sweep)
    ada.hear("user_left")
    assert [frame["type"] for frame in ada.settle() if frame["type"] == "user_left"] == ["user_left"]
    assert [one["text"] for one in ada.caller.history(scene.room_id)["messages"]].count("Ben left the room") == 1


# Ends that nobody reports


def test_a_connection_whose_end_was_lost_is_noticed_with_the_next_push_and_told_of_once(
    scene: Scene, ada: SocketClient, ben: SocketClient, rows: Rows, faults: Callable[..., None]
) -> None:
    rows.age(ben)
    faults(lose_disconnects=True)
    scene.stack.cut(ben.id)
    for count in range(3):
        ada.ask("message", text=str(count))
    heard = ada.settle("presence_changed", "user-left")
    frames = [frame for frame in heard if frame["type"] in {"presence_changed", "user-left"}]
    assert sorted(frame["type"] for frame in frames) == ["presence_changed", "user-left"]
    shown = participant(ada.caller, scene.room_id, ben.user_id)
    assert shown is not None
    assert shown["is_online"] is False
    assert rows.lease_left(ben.user_id) <= GRACE_MS


def test_signalling_to_a_connection_whose_end_was_lost_fails_from_the_second_time_on(
    scene: Scene, ada: SocketClient, ben: SocketClient, rows: Rows, faults: Callable[..., None]
) -> None:
    rows.age(ben)
    faults(lose_disconnects=True)
    scene.stack.cut(ben.id)
    ada.ask("offer", to=ben.user_id)
    ada.hear("user-left")
    assert ada.ask("offer", to=ben.user_id)["data"]["code"] == "peer_unavailable"


def test_a_connection_whose_end_was_lost_is_no_ghost_for_longer_than_its_lease(
    scene: Scene, ada: SocketClient, ben: SocketClient, rows: Rows, faults: Callable[..., None]
) -> None:
    faults(lose_disconnects=True)
    scene.stack.cut(ben.id)
    assert rows.lease_left(ben.user_id) <= SOCKET_LEASE_MS
    rows.expire(ben.user_id)
    scene.stack.sweep()
    frame = ada.wait("user_left")
    assert (frame["data"]["user_id"], frame["data"]["reason"]) == (ben.user_id, "timed_out")
    assert ada.ask("offer", to=ben.user_id)["data"]["code"] == "peer_unavailable"


def test_an_end_that_is_reported_twice_is_told_of_once(
    scene: Scene, ada: SocketClient, ben: SocketClient, faults: Callable[..., None]
) -> None:
    faults(run_twice=1.0)
    ben.close()
    ada.hear("user-left")
    faults()
    assert sorted(frame["type"] for frame in ada.settle("presence_changed")) == ["presence_changed", "user-left"]


def test_a_connection_that_was_closed_before_it_sent_anything_is_told_of_as_gone_but_never_as_come(
    scene: Scene, ada: SocketClient
) -> None:
    carl = scene.member("Carl")
    scene.open(scene.ticket(carl)["url"]).close()
    ada.hear("presence_changed")
    assert "user-joined" not in [frame["type"] for frame in ada.settle()]
