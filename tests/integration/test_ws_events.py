"""The frames that the server sends by itself: who gets them and when, on the local stack."""

from collections.abc import Callable

import pytest

from tests.fakes.clients import Caller
from tests.fakes.socket_client import End, Frame, Scene, SocketClient


@pytest.fixture
def admin(scene: Scene) -> Caller:
    return scene.api.admin()


def system_message(frame: Frame, text: str) -> Frame:
    """The message of a sequenced event, which has to say this for the room itself."""
    message: Frame = frame["data"]["message"]
    assert (message["type"], message["user_id"], message["user"]) == ("system", None, "System")
    assert (message["text"], message["seq"]) == (text, frame["seq"])
    return message


# Seats


def test_a_join_is_told_with_participant_and_message(scene: Scene, ada: SocketClient, ben: SocketClient) -> None:
    carl = scene.member("Carl", avatar="https://example.org/carl.png")
    detail = carl.see(scene.room_id)
    for client in (ada, ben):
        frame = client.wait("user_joined")
        assert frame["data"]["participant"] == detail["participants"][-1]
        assert system_message(frame, "Carl joined the room") == detail["messages"][-1]


def test_joining_again_tells_nobody(scene: Scene, ada: SocketClient, ben: SocketClient) -> None:
    ben.caller.join(scene.room_id)
    assert ada.settle() == ben.settle() == []


def leave_by_frame(scene: Scene, client: SocketClient) -> None:
    client.send("leave")


def leave_by_call(scene: Scene, client: SocketClient) -> None:
    client.caller.leave(scene.room_id)


@pytest.mark.parametrize("leave", [leave_by_frame, leave_by_call])
def test_a_leave_is_told_with_its_reason_and_message(
    scene: Scene, ada: SocketClient, ben: SocketClient, leave: Callable[[Scene, SocketClient], None]
) -> None:
    leave(scene, ben)
    assert ben.wait_end().types == ["bye"]
    frame = ada.wait("user_left")
    assert (frame["data"]["user_id"], frame["data"]["reason"]) == (ben.user_id, "left")
    assert system_message(frame, "Ben left the room") == ada.caller.see(scene.room_id)["messages"][-1]


# Chat


@pytest.mark.parametrize(
    ("route", "body", "pushed", "stored_as"),
    [
        ("/messages", {"message_text": "hello"}, "message_sent", "text"),
        ("/messages", {"message_text": "\U0001f44b", "message_type": "emoji"}, "emoji_reaction", "emoji"),
        ("/emoji", {"emoji": "\U0001f44b"}, "emoji_reaction", "emoji"),
    ],
)
def test_a_message_over_http_is_pushed_to_all(
    scene: Scene, ada: SocketClient, ben: SocketClient, route: str, body: Frame, pushed: str, stored_as: str
) -> None:
    answer = ada.caller.post(scene.path(route), body)
    assert answer.status_code == 200
    for client in (ada, ben):
        (frame,) = client.settle()
        assert (frame["type"], frame["from"], frame["seq"]) == (pushed, ada.user_id, answer.json()["seq"])
        assert frame["data"] == answer.json()
        assert frame["data"]["type"] == stored_as


# Microphones


# The room


def test_a_change_of_the_room_is_told_to_all(scene: Scene, ada: SocketClient, ben: SocketClient, admin: Caller) -> None:
    change = {"name": "New", "max_participants": 2}
    answer = admin.put(f"/coworking/admin/rooms/{scene.room_id}", change)
    assert answer.status_code == 200
    for client in (ada, ben):
        (frame,) = client.settle()
        assert (frame["type"], frame["data"]) == ("room_updated", answer.json())
        assert frame["data"].items() >= change.items()


def deactivate(scene: Scene, admin: Caller) -> None:
    answer = admin.patch(f"/coworking/admin/rooms/{scene.room_id}/status")
    assert answer.json()["new_status"] == "inactive"


def set_inactive(scene: Scene, admin: Caller) -> None:
    answer = admin.put(f"/coworking/admin/rooms/{scene.room_id}", {"status": "inactive"})
    assert answer.json()["participant_count"] == 0


def delete(scene: Scene, admin: Caller) -> None:
    assert admin.delete(f"/coworking/admin/rooms/{scene.room_id}").status_code == 204


def delete_own(scene: Scene, admin: Caller) -> None:
    assert scene.owner.delete(scene.path()).status_code == 200


@pytest.mark.parametrize(
    ("close", "reason"),
    [(deactivate, "deactivated"), (set_inactive, "deactivated"), (delete, "deleted"), (delete_own, "deleted")],
)
def test_a_closing_room_sends_room_closed_then_bye(
    scene: Scene,
    ada: SocketClient,
    ben: SocketClient,
    admin: Caller,
    close: Callable[[Scene, Caller], None],
    reason: str,
) -> None:
    close(scene, admin)
    for client in (ada, ben):
        end: End = client.wait_end()
        assert end.types == ["room_closed", "bye"]
        assert end.frames[0]["data"] == {"reason": reason}
        assert (end.frames[1]["data"]["code"], end.frames[1]["data"]["action"]) == ("room_closed", "stop")
        assert end.code == 1000


# Endings
