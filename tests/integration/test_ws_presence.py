"""Presence on the local stack: connections that open, close or are lost, and seats whose lease has run out.

The tests do not wait: they write the end of a lease and the age of a connection into the tables.
"""

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from chalicelib.seats.leases import GRACE_MS, SOCKET_LEASE_MS
from infra.local.environment import DEFAULTS
from tests.fakes.socket_client import Frame, Scene, SocketClient

PREFIX = DEFAULTS["TABLE_PREFIX"]


class Rows:
    """The items of one room in the database."""

    def __init__(self, scene: Scene) -> None:
        self._client = scene.stack.engine.client()
        self._room_id = scene.room_id

    def lease_left(self, user_id: str) -> int:
        """The rest of a member's lease, in ms."""
        row = self._client.get_item(TableName=f"{PREFIX}participants", Key=self._key("user_id", user_id))["Item"]
        return int(row["lease_expires_at"]["N"]) - now_ms()

    def expire(self, user_id: str) -> None:
        """Move the end of a member's lease to a second ago."""
        self._set("participants", self._key("user_id", user_id), "lease_expires_at", now_ms() - 1_000)

    def age(self, client: SocketClient) -> None:
        """Move the start of a connection to a minute ago."""
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


def is_online(scene: Scene, member: SocketClient) -> bool:
    """True if the room shows this member as online."""
    (shown,) = [one for one in scene.owner.see(scene.room_id)["participants"] if one["id"] == member.user_id]
    return bool(shown["is_online"])


def presence(user_id: str, is_online: bool) -> Frame:
    return {"user_id": user_id, "is_online": is_online}


# Loss of the last connection


@pytest.mark.parametrize(
    "end",
    [lambda scene, client: client.close(), lambda scene, client: scene.stack.cut(client.id)],
    ids=["closed", "cut"],
)
def test_a_seat_without_a_connection_is_kept_for_20_s(
    scene: Scene, ada: SocketClient, ben: SocketClient, rows: Rows, end: Callable[[Scene, SocketClient], None]
) -> None:
    assert GRACE_MS < rows.lease_left(ben.user_id) <= SOCKET_LEASE_MS
    end(scene, ben)
    offline, gone = ada.wait("presence_changed"), ada.wait("user-left")
    assert offline["data"] == presence(ben.user_id, False)
    assert (gone["data"], gone["from"], gone["connection"]) == ({"userId": ben.user_id}, ben.user_id, ben.id)
    assert ada.settle() == []
    assert 0 < rows.lease_left(ben.user_id) <= GRACE_MS
    assert not is_online(scene, ben)


def test_a_reconnect_within_the_grace_is_no_leave(
    scene: Scene, ada: SocketClient, ben: SocketClient, rows: Rows
) -> None:
    log = ada.caller.history(scene.room_id)
    ben.close()
    ada.wait("user-left")
    back = scene.connect(ben.caller)
    assert [(frame["type"], frame["data"]) for frame in ada.settle()] == [
        ("presence_changed", presence(ben.user_id, False)),
        ("presence_changed", presence(ben.user_id, True)),
        ("user-joined", {"userId": ben.user_id}),
    ]
    assert ada.caller.history(scene.room_id) == log
    assert rows.lease_left(ben.user_id) > GRACE_MS
    assert "presence_changed" not in [frame["type"] for frame in back.take()]


# Expired leases


def test_the_sweeper_ends_expired_memberships_once(
    scene: Scene, ada: SocketClient, ben: SocketClient, rows: Rows
) -> None:
    rows.expire(ben.user_id)
    scene.stack.sweep()
    scene.stack.sweep()
    assert ben.wait_end().types == ["bye"]
    left, gone = sorted(ada.settle(), key=lambda frame: "seq" not in frame)
    assert (left["data"]["user_id"], left["data"]["reason"]) == (ben.user_id, "timed_out")
    assert left["data"]["message"]["text"] == "Ben left the room"
    assert (gone["type"], gone["from"]) == ("user-left", ben.user_id)


def test_an_expired_member_is_told_to_join_again(scene: Scene, ada: SocketClient, rows: Rows) -> None:
    rows.expire(ada.user_id)
    ada.send("ping")
    (bye,) = ada.wait_end().frames
    assert (bye["type"], bye["data"]["code"], bye["data"]["action"]) == ("bye", "timed_out", "rejoin")
    ada.caller.join(scene.room_id)
    assert scene.connect(ada.caller).ask("message", text="back")["type"] == "ack"


# Disconnects that are lost or reported twice


def test_the_next_push_notices_a_lost_disconnect_once(
    scene: Scene, ada: SocketClient, ben: SocketClient, rows: Rows, faults: Callable[..., None]
) -> None:
    rows.age(ben)
    faults(lose_disconnects=True)
    scene.stack.cut(ben.id)
    for count in range(3):
        ada.ask("message", text=str(count))
    told = [frame["type"] for frame in ada.settle("presence_changed", "user-left")]
    assert sorted(kind for kind in told if kind != "message_sent") == ["presence_changed", "user-left"]
    assert not is_online(scene, ben)
    assert rows.lease_left(ben.user_id) <= GRACE_MS


def test_a_disconnect_that_is_reported_twice_is_announced_once(
    scene: Scene, ada: SocketClient, ben: SocketClient, faults: Callable[..., None]
) -> None:
    faults(run_twice=1.0)
    ben.close()
    ada.hear("user-left")
    faults()
    assert sorted(frame["type"] for frame in ada.settle("presence_changed")) == ["presence_changed", "user-left"]
