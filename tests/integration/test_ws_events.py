"""What the server sends of its own accord: the second table of the contract, row by row, over the local stack."""

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


def test_a_join_is_told_to_all_with_the_participant_and_the_message(
    scene: Scene, ada: SocketClient, ben: SocketClient
) -> None:
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
def test_a_leave_is_told_to_the_others_with_its_reason(
    scene: Scene, ada: SocketClient, ben: SocketClient, leave: Callable[[Scene, SocketClient], None]
) -> None:
    leave(scene, ben)
    assert ben.wait_end().types == ["bye"]
    frame = ada.wait("user_left")
    assert (frame["data"]["user_id"], frame["data"]["reason"]) == (ben.user_id, "left")
    assert system_message(frame, "Ben left the room") == ada.caller.see(scene.room_id)["messages"][-1]


def test_a_leave_tells_those_who_only_know_signalling_that_the_peer_is_gone(
    scene: Scene, ada: SocketClient, ben: SocketClient
) -> None:
    second = scene.connect(ben.caller)
    ada.settle()
    ben.send("leave")
    frame = ada.wait("user-left")
    assert (frame["data"], frame["from"]) == ({"userId": ben.user_id}, ben.user_id)
    ben.wait_end()
    second.wait_end()
    assert [frame["type"] for frame in ada.settle()] == ["user_left"]


def test_a_leave_of_somebody_who_was_never_connected_is_told_too(scene: Scene, ada: SocketClient) -> None:
    carl = scene.member("Carl")
    carl.leave(scene.room_id)
    assert [frame["type"] for frame in ada.settle()] == ["user_joined", "user_left"]


# Chat


@pytest.mark.parametrize(
    ("route", "body", "pushed", "stored_as"),
    [
        ("/messages", {"message_text": "hello"}, "message_sent", "text"),
        ("/messages", {"message_text": "\U0001f44b", "message_type": "emoji"}, "emoji_reaction", "emoji"),
        ("/emoji", {"emoji": "\U0001f44b"}, "emoji_reaction", "emoji"),
    ],
)
def test_what_is_said_over_http_is_pushed_to_all(
    scene: Scene, ada: SocketClient, ben: SocketClient, route: str, body: Frame, pushed: str, stored_as: str
) -> None:
    answer = ada.caller.post(scene.path(route), body)
    assert answer.status_code == 200
    for client in (ada, ben):
        (frame,) = client.settle()
        assert (frame["type"], frame["from"], frame["seq"]) == (pushed, ada.user_id, answer.json()["seq"])
        assert frame["data"] == answer.json()
        assert frame["data"]["type"] == stored_as


def test_what_is_said_in_one_room_is_heard_in_no_other(scene: Scene, ada: SocketClient) -> None:
    with Scene(scene.api) as elsewhere:
        eve = elsewhere.enter("Eve")
        ada.caller.say(scene.room_id, "hello")
        ada.ask("wave")
        assert eve.settle() == []


def test_sequenced_events_count_up_by_one(scene: Scene, ada: SocketClient, ben: SocketClient) -> None:
    ben.caller.say(scene.room_id, "one")
    ada.ask("emoji", emoji="\U0001f44b")
    scene.member("Carl").leave(scene.room_id)
    ada.ask("message", text="two")
    for client in (ada, ben):
        heard = client.settle(lambda frame: frame.get("seq") == 7)
        assert sorted(frame["seq"] for frame in heard) == [3, 4, 5, 6, 7]


# Microphones


def test_a_microphone_changed_over_http_is_told_to_all(scene: Scene, ada: SocketClient, ben: SocketClient) -> None:
    for is_muted in (False, True):
        assert ada.caller.put(scene.path("/mic-toggle"), {"is_muted": is_muted}).status_code == 200
        for client in (ada, ben):
            (frame,) = client.settle()
            assert (frame["type"], frame["from"]) == ("mic_toggled", ada.user_id)
            assert frame["data"] == {"user_id": ada.user_id, "is_muted": is_muted}


def test_speaking_changed_over_http_is_told_to_all(scene: Scene, ada: SocketClient, ben: SocketClient) -> None:
    ada.ask("mic", is_muted=False)
    ben.settle("mic_toggled")
    ada.settle("mic_toggled")
    for is_speaking in (True, False):
        assert ada.caller.put(scene.path("/speaking"), {"is_speaking": is_speaking}).status_code == 200
        for client in (ada, ben):
            (frame,) = client.settle()
            assert (frame["type"], frame["from"]) == ("speaking_changed", ada.user_id)
            assert frame["data"] == {"user_id": ada.user_id, "is_speaking": is_speaking}


def test_what_stays_as_it_is_tells_nobody(scene: Scene, ada: SocketClient, ben: SocketClient) -> None:
    ada.ask("mic", is_muted=True)
    ada.ask("speaking", is_speaking=False)
    assert ada.settle() == ben.settle() == []


# The room


@pytest.mark.parametrize(
    "change", [{"name": "New"}, {"description": "Other"}, {"max_participants": 2}, {"color": "bg-red"}]
)
def test_a_change_of_the_room_is_told_to_all(
    scene: Scene, ada: SocketClient, ben: SocketClient, admin: Caller, change: Frame
) -> None:
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
def test_a_room_that_closes_says_so_then_bye_then_the_end(
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


def test_the_log_of_a_closed_room_says_who_had_to_leave(
    scene: Scene, ada: SocketClient, ben: SocketClient, admin: Caller
) -> None:
    deactivate(scene, admin)
    ada.wait_end()
    admin.patch(f"/coworking/admin/rooms/{scene.room_id}/status")
    texts = [message["text"] for message in ada.caller.join(scene.room_id)["room"]["messages"]]
    assert sorted(texts[2:4]) == ["Ada left the room", "Ben left the room"]


def test_a_member_of_a_closed_room_can_come_back_when_it_opens(scene: Scene, ada: SocketClient, admin: Caller) -> None:
    deactivate(scene, admin)
    ada.wait_end()
    admin.patch(f"/coworking/admin/rooms/{scene.room_id}/status")
    ada.caller.join(scene.room_id)
    assert scene.connect(ada.caller).ask("message", text="back")["type"] == "ack"


# Endings


def end_by_leave(scene: Scene, client: SocketClient) -> None:
    client.send("leave", id="going")


def end_by_the_room(scene: Scene, client: SocketClient) -> None:
    assert scene.owner.delete(scene.path()).status_code == 200


def end_by_a_sixth(scene: Scene, client: SocketClient) -> None:
    for _ in range(5):
        scene.connect(client.caller)


@pytest.mark.parametrize("end", [end_by_leave, end_by_the_room, end_by_a_sixth])
def test_bye_is_the_last_frame_before_the_server_closes(
    scene: Scene, ada: SocketClient, ben: SocketClient, end: Callable[[Scene, SocketClient], None]
) -> None:
    end(scene, ada)
    last = ada.wait_end().frames[-1]
    assert last["type"] == "bye"
    assert set(last["data"]) == {"code", "reason", "action"}
    assert last["data"]["action"] in {"reconnect", "rejoin", "stop"}
