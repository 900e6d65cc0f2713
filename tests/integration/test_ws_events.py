"""The server's events: who receives them and when, on the local stack."""

from collections.abc import Callable

import pytest

from tests.fakes.clients import Json
from tests.fakes.socket_client import Frame, Scene, SocketClient

ADMIN = "/coworking/admin/rooms/{}"


def system_message(frame: Frame, text: str, user_id: str) -> Frame:
    """The message of a numbered event. Checks that the room wrote this text, and that `event` names the user."""
    message: Frame = frame["data"]["message"]
    assert (message["type"], message["user_id"], message["user"]) == ("system", None, "System")
    assert (message["text"], message["seq"]) == (text, frame["seq"])
    assert message["event"] == {"kind": frame["type"], "user_id": user_id, "name": text.split()[0]}
    return message


def test_a_join_is_announced_with_participant_and_message(scene: Scene, ada: SocketClient, ben: SocketClient) -> None:
    carl = scene.member("Carl", avatar="/carl.png")
    detail = carl.see(scene.room_id)
    for client in (ada, ben):
        frame = client.wait("user_joined")
        assert frame["data"]["participant"] == detail["participants"][-1]
        assert system_message(frame, "Carl joined the room", carl.id) == detail["messages"][-1]


@pytest.mark.parametrize(
    "leave",
    [lambda ben, room_id: ben.send("leave"), lambda ben, room_id: ben.caller.leave(room_id)],
    ids=["WebSocket", "HTTP"],
)
def test_a_leave_is_announced_with_reason_and_message(
    scene: Scene, ada: SocketClient, ben: SocketClient, leave: Callable[[SocketClient, str], object]
) -> None:
    leave(ben, scene.room_id)
    assert ben.wait_end().types == ["bye"]
    frame = ada.wait("user_left")
    assert (frame["data"]["user_id"], frame["data"]["reason"]) == (ben.user_id, "left")
    assert system_message(frame, "Ben left the room", ben.user_id) == ada.caller.see(scene.room_id)["messages"][-1]


def test_a_change_of_the_room_is_announced_to_all(scene: Scene, ada: SocketClient, ben: SocketClient) -> None:
    change = {"name": "New", "max_participants": 2}
    answer = scene.api.admin().put(ADMIN.format(scene.room_id), change)
    assert answer.json().items() >= change.items()
    for client in (ada, ben):
        (frame,) = client.settle()
        assert (frame["type"], frame["data"]) == ("room_updated", answer.json())


@pytest.mark.parametrize(
    ("method", "path", "body", "reason"),
    [
        ("PATCH", ADMIN + "/status", None, "deactivated"),
        ("PUT", ADMIN, {"status": "inactive"}, "deactivated"),
        ("DELETE", ADMIN, None, "deleted"),
        ("DELETE", "/coworking/rooms/{}", None, "deleted"),
    ],
    ids=["toggled", "set inactive", "deleted by an admin", "deleted by its maker"],
)
def test_a_closing_room_sends_room_closed_then_bye(
    scene: Scene, ada: SocketClient, ben: SocketClient, method: str, path: str, body: Json | None, reason: str
) -> None:
    by = scene.owner if path.startswith("/coworking/rooms") else scene.api.admin()
    assert by.request(method, path.format(scene.room_id), body).is_success
    for client in (ada, ben):
        end = client.wait_end()
        assert (end.types, end.code) == (["room_closed", "bye"], 1000)
        assert end.frames[0]["data"] == {"reason": reason}
        assert (end.frames[1]["data"]["code"], end.frames[1]["data"]["action"]) == ("room_closed", "stop")
