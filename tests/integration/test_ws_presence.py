"""Presence on the local stack: connections that come, go or are lost, and seats whose lease has run out.

Time passes by being written into the table: a lease that ran out, a connection that has been open for a while.
"""

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from chalicelib.seats.leases import GRACE_MS, SOCKET_LEASE_MS
from infra.local.environment import DEFAULTS
from tests.fakes.clients import Caller
from tests.fakes.socket_client import Frame, Scene, SocketClient

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


def test_a_reconnect_within_the_grace_is_no_leave(
    scene: Scene, ada: SocketClient, ben: SocketClient, rows: Rows
) -> None:
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


# A lease runs out


def test_the_next_sync_of_anybody_ends_an_expired_membership(
    scene: Scene, ada: SocketClient, ben: SocketClient, rows: Rows
) -> None:
    rows.expire(ben.user_id)
    ada.send("sync")
    frame = ada.wait("user_left")
    assert (frame["data"]["user_id"], frame["data"]["reason"]) == (ben.user_id, "timed_out")
    assert frame["data"]["message"]["text"] == "Ben left the room"
    end = ben.wait_end()
    assert end.types[-1] == "bye"
    assert (end.frames[-1]["data"]["code"], end.frames[-1]["data"]["action"]) == ("timed_out", "rejoin")


def test_the_sweeper_ends_expired_memberships_once(
    scene: Scene, ada: SocketClient, ben: SocketClient, rows: Rows
) -> None:
    rows.expire(ben.user_id)
    scene.stack.sweep()
    scene.stack.sweep()
    assert ben.wait_end().types == ["bye"]
    assert sorted(frame["type"] for frame in ada.settle()) == ["user-left", "user_left"]


def test_an_expired_member_is_told_to_join_again(scene: Scene, ada: SocketClient, rows: Rows) -> None:
    rows.expire(ada.user_id)
    ada.send("ping")
    end = ada.wait_end()
    assert end.types == ["bye"]
    assert end.frames[0]["data"]["action"] == "rejoin"
    ada.caller.join(scene.room_id)
    assert scene.connect(ada.caller).ask("message", text="back")["type"] == "ack"


# Ends that nobody reports


def test_the_next_push_notices_a_lost_disconnect_once(
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


def test_a_disconnect_that_is_reported_twice_is_told_once(
    scene: Scene, ada: SocketClient, ben: SocketClient, faults: Callable[..., None]
) -> None:
    faults(run_twice=1.0)
    ben.close()
    ada.hear("user-left")
    faults()
    assert sorted(frame["type"] for frame in ada.settle("presence_changed")) == ["presence_changed", "user-left"]
