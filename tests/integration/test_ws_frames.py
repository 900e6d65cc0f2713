"""The frames that clients send, and what each of them does, on the local stack."""

import json
import uuid
from collections.abc import Callable

import pytest

from chalicelib.features import EVENTS
from chalicelib.relay.frames import ANNOUNCEMENTS
from tests.fakes.socket_client import Frame, Scene, SocketClient, settle_all

Shape = Callable[[Frame], Frame]
SIGNALS = ["offer", "answer", "ice-candidate"]
SERVER_ONLY = sorted({str(frame.model_fields["type"].default) for frame in EVENTS} - ANNOUNCEMENTS)
PASSED_ON: list[tuple[str, Frame]] = [
    ("wave", {"hand": "left"}),
    ("x", {}),
    ("a-z_0-9", {"list": [1, 2.5, None, True, {"deep": ["\u2603", "\U0001f44b"]}]}),
    ("t" * 64, {"text": 'quotes " and \\ and \u0001 control'}),
    ("typing", {"is_typing": True}),
    ("typing", {"is_typing": False}),
    *((kind, {"sdp": "v=0", "candidate": {"sdpMid": "0"}}) for kind in SIGNALS),
]


def beside(fields: Frame) -> Frame:
    return fields


def under_data(fields: Frame) -> Frame:
    return {"data": fields}


SHAPES = [beside, under_data]
both_shapes = pytest.mark.parametrize("shape", SHAPES)


def types(frames: list[Frame]) -> list[str]:
    return [frame["type"] for frame in frames]


def error_of(answer: Frame) -> str:
    """The code of an answer that has to be an error with a sentence for people."""
    assert answer["type"] == "error", answer
    assert answer["data"]["detail"]
    return str(answer["data"]["code"])


# The envelope


def test_the_server_stamps_a_relayed_frame(scene: Scene, ada: SocketClient, ben: SocketClient) -> None:
    ada.send("wave")
    frame = ben.wait("wave")
    assert (frame["from"], frame["connection"], frame["roomId"]) == (ada.user_id, ada.id, scene.room_id)


@pytest.mark.parametrize("kind", ["wave", "typing", "user-joined", *SIGNALS])
def test_stamps_from_a_client_are_replaced(scene: Scene, ada: SocketClient, ben: SocketClient, kind: str) -> None:
    lies = {"from": ben.user_id, "connection": ben.id, "roomId": str(uuid.uuid4()), "ts": "1970-01-01T00:00:00.000Z"}
    ada.ask(kind, is_typing=True, **lies)
    frame = ben.wait(kind)
    assert (frame["from"], frame["connection"], frame["roomId"]) == (ada.user_id, ada.id, scene.room_id)
    assert frame["ts"] > "2020"


def test_a_room_id_in_a_frame_changes_nothing(scene: Scene, ada: SocketClient, ben: SocketClient) -> None:
    with Scene(scene.api) as elsewhere:
        eve = elsewhere.enter("Eve")
        assert ada.ask("wave", roomId=elsewhere.room_id)["type"] == "ack"
        assert ada.ask("message", text="hello", roomId=elsewhere.room_id)["roomId"] == scene.room_id
        assert eve.settle() == []
    assert set(types(ben.settle("wave", "message_sent"))) == {"wave", "message_sent"}


def test_the_author_of_a_message_is_the_owner_of_the_connection(ada: SocketClient, ben: SocketClient) -> None:
    ada.send("message", text="hello", user_id=ben.user_id, user="Ben", **{"from": ben.user_id})
    frame = ben.wait("message_sent")
    assert (frame["from"], frame["data"]["user_id"], frame["data"]["user"]) == (ada.user_id, ada.user_id, "Ada")


def test_an_answer_carries_the_id_as_ref(ada: SocketClient) -> None:
    for name in ("1", "a" * 64, "\u2603", "mixed CASE and spaces"):
        assert ada.ask("ping", id=name)["ref"] == name
        assert ada.ask("sync", id=name)["ref"] == name
        assert set(ada.ask("wave", id=name)) == {"type", "roomId", "ts", "ref"}
        assert error_of(ada.ask("bye", id=name)) == "reserved_type"


def test_an_invalid_id_is_refused(ada: SocketClient, ben: SocketClient) -> None:
    names: list[object] = ["", "a" * 65, 7, ["1"], {}, True]
    for name in names:
        ada.send("wave", id=name)
        answer = ada.wait("error")
        assert error_of(answer) == "invalid_request", name
        assert "ref" not in answer
    assert ben.settle() == []


def test_an_id_inside_data_is_passed_on(ada: SocketClient, ben: SocketClient) -> None:
    for kind in ("wave", *SIGNALS):
        for inner in (7, "seven", None, {"of": 9}):
            ada.send(kind, data={"id": inner})
            assert ben.wait(kind)["data"] == {"id": inner}
    assert ada.settle() == []


# An answer where an id was given, and none where not


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        ("message", {"text": "hello"}),
        ("emoji", {"emoji": "\U0001f44b"}),
        ("mic", {"is_muted": False}),
        ("speaking", {"is_speaking": False}),
        *PASSED_ON,
        ("user-joined", {}),
        ("user-left", {}),
    ],
)
def test_a_frame_is_acknowledged_if_it_has_an_id(ada: SocketClient, kind: str, fields: Frame) -> None:
    for shape in SHAPES:
        answer = ada.ask(kind, **shape(fields))
        assert answer["type"] == "ack", answer
        ada.settle()
        ada.send(kind, **shape(fields))
        assert not {"ack", "error"} & set(types(ada.settle()))


# sync and ping


@both_shapes
def test_sync_is_answered_with_a_snapshot(scene: Scene, ada: SocketClient, ben: SocketClient, shape: Shape) -> None:
    ada.send("sync", **shape({"last_seq": None}))
    snapshot = ada.wait("snapshot")
    assert "ref" not in snapshot
    data = snapshot["data"]
    assert set(data) == {"room", "you", "messages", "recovered", "last_seq"}
    assert data["you"] == {"user_id": ada.user_id, "connection_id": ada.id}
    detail = ada.caller.see(scene.room_id)
    assert data["messages"] == detail.pop("messages")
    assert data["room"] == detail
    assert data["last_seq"] == detail["last_seq"] == 2
    assert data["recovered"] is False


def test_the_first_sync_announces_a_connection_once(scene: Scene, ada: SocketClient) -> None:
    ben = scene.member("Ben")
    client = scene.open(scene.ticket(ben)["url"])
    assert types(ada.settle()) == ["user_joined"]
    client.sync()
    frame = ada.wait("user-joined")
    assert (frame["data"], frame["from"], frame["connection"]) == ({"userId": ben.id}, ben.id, client.id)
    client.sync()
    assert ada.settle() == []


@both_shapes
def test_ping_is_answered_with_pong(scene: Scene, ada: SocketClient, shape: Shape) -> None:
    ada.caller.say(scene.room_id, "hello")
    ada.take()
    ada.send("ping", **shape({"last_seq": 1}))
    pong = ada.wait("pong")
    assert pong["data"] == {"last_seq": 2, "rotate": False}
    assert "ref" not in pong


@pytest.mark.parametrize("kind", ["sync", "ping"])
def test_an_invalid_last_seq_is_refused(ada: SocketClient, kind: str) -> None:
    values: list[object] = [-1, 1.5, "one", [1], {}, 2**53]
    for last_seq in values:
        assert error_of(ada.ask(kind, last_seq=last_seq)) == "invalid_request", last_seq


# message and emoji


@pytest.mark.parametrize(
    ("kind", "field", "pushed", "stored_as"),
    [("message", "text", "message_sent", "text"), ("emoji", "emoji", "emoji_reaction", "emoji")],
)
@both_shapes
def test_chat_is_stored_acknowledged_and_pushed_to_all(
    scene: Scene, ada: SocketClient, ben: SocketClient, kind: str, field: str, pushed: str, stored_as: str, shape: Shape
) -> None:
    second = scene.connect(ada.caller)
    answer = ada.ask(kind, **shape({field: "\U0001f44b"}))
    message = answer["data"]
    assert (message["type"], message["text"], message["user_id"]) == (stored_as, "\U0001f44b", ada.user_id)
    assert ada.caller.history(scene.room_id)["messages"][-1] == message
    for client in (ada, ben, second):
        frame = client.wait(pushed)
        assert (frame["data"], frame["seq"], frame["from"]) == (message, message["seq"], ada.user_id)


@pytest.mark.parametrize(
    ("kind", "field", "values"),
    [
        ("message", "text", ["", " \n\t", "a" * 4001, "bell \u0007", 7, None]),
        ("emoji", "emoji", ["", "hello", "\U0001f44b" * 11, "\U0001f44bx", 7]),
        ("mic", "is_muted", ["yes", 1, None]),
        ("speaking", "is_speaking", ["yes", 0, None]),
        ("typing", "is_typing", ["true", 1, None]),
        *((kind, "to", [7, "", "a" * 129, ["nobody"]]) for kind in SIGNALS),
    ],
)
def test_an_invalid_field_is_refused_and_does_nothing(
    ada: SocketClient, ben: SocketClient, kind: str, field: str, values: list[object]
) -> None:
    for fields in [*({field: value} for value in values), *([] if kind in SIGNALS else [{}])]:
        for shape in SHAPES:
            answer = ada.ask(kind, **shape(fields))
            assert error_of(answer) == "invalid_request", fields
            assert [error["loc"] for error in answer["data"]["errors"]] == [[field]]
    assert ben.settle() == []


# mic and speaking


@both_shapes
def test_mic_is_stored_and_told(scene: Scene, ada: SocketClient, ben: SocketClient, shape: Shape) -> None:
    assert ada.ask("mic", **shape({"is_muted": False}))["type"] == "ack"
    frame = ben.wait("mic_toggled")
    assert (frame["data"], frame["from"]) == ({"user_id": ada.user_id, "is_muted": False}, ada.user_id)
    assert [one["is_muted"] for one in ben.caller.see(scene.room_id)["participants"]] == [False, True]


@both_shapes
def test_speaking_is_stored_and_told(scene: Scene, ada: SocketClient, ben: SocketClient, shape: Shape) -> None:
    ada.ask("mic", is_muted=False)
    assert ada.ask("speaking", **shape({"is_speaking": True}))["type"] == "ack"
    frame = ben.wait("speaking_changed")
    assert (frame["data"], frame["from"]) == ({"user_id": ada.user_id, "is_speaking": True}, ada.user_id)
    assert [one["is_speaking"] for one in ben.caller.see(scene.room_id)["participants"]] == [True, False]


# Relaying and signalling


@pytest.mark.parametrize(("kind", "fields"), PASSED_ON)
def test_a_frame_is_relayed_as_the_client_wrote_it(
    ada: SocketClient, ben: SocketClient, kind: str, fields: Frame
) -> None:
    for shape in SHAPES:
        sent = {"type": kind, "id": "an id"} | shape(fields)
        ada.send_text(json.dumps(sent))
        frame = ben.wait(kind)
        assert {name: frame[name] for name in frame if name not in STAMPS} == sent
        assert set(frame) >= STAMPS


STAMPS = {"from", "connection", "roomId", "ts"}


@pytest.mark.parametrize(
    ("kind", "fields"), [("wave", {}), ("typing", {"is_typing": True}), *((kind, {}) for kind in SIGNALS)]
)
def test_a_relayed_frame_goes_to_every_connection_but_the_senders(
    scene: Scene, ada: SocketClient, ben: SocketClient, kind: str, fields: Frame
) -> None:
    second, carl = scene.connect(ada.caller), scene.enter("Carl")
    settle_all(ada, ben, second, carl)
    ada.ask(kind, **fields)
    for client in (ben, carl, second):
        assert types(client.settle(kind)) == [kind]
    assert ada.settle() == []


def test_a_relayed_frame_is_not_stored(scene: Scene, ada: SocketClient, ben: SocketClient) -> None:
    before = ada.caller.see(scene.room_id)
    for kind in ("wave", "offer", "typing"):
        ada.ask(kind, is_typing=True)
    assert ada.caller.see(scene.room_id) == before


def test_only_signalling_frames_are_sent_to_a_single_peer(scene: Scene, ada: SocketClient, ben: SocketClient) -> None:
    carl = scene.enter("Carl")
    ada.ask("wave", to=ben.user_id)
    assert carl.wait("wave")["to"] == ben.user_id


@pytest.mark.parametrize("kind", SIGNALS)
@both_shapes
def test_signalling_to_a_user_reaches_all_their_connections(
    scene: Scene, ada: SocketClient, ben: SocketClient, kind: str, shape: Shape
) -> None:
    second, carl = scene.connect(ben.caller), scene.enter("Carl")
    settle_all(ada, ben, second, carl)
    assert ada.ask(kind, **shape({"to": ben.user_id, "sdp": "v=0"}))["type"] == "ack"
    for client in (ben, second):
        frames = client.settle(kind)
        assert types(frames) == [kind]
        assert (frames[0]["from"], frames[0]["connection"]) == (ada.user_id, ada.id)
        assert {**frames[0], **frames[0].get("data", {})}["to"] == ben.user_id
    assert carl.settle() == ada.settle() == []


@pytest.mark.parametrize("kind", SIGNALS)
def test_signalling_to_one_connection_reaches_no_other(
    scene: Scene, ada: SocketClient, ben: SocketClient, kind: str
) -> None:
    second = scene.connect(ben.caller)
    settle_all(ada, ben)
    ada.ask(kind, to=second.id)
    assert types(second.settle(kind)) == [kind]
    assert ben.settle() == []


def test_signalling_to_an_absent_peer_is_refused(scene: Scene, ada: SocketClient, ben: SocketClient) -> None:
    unconnected = scene.member("Carl")
    with Scene(scene.api) as elsewhere:
        eve = elsewhere.enter("Eve")
        for to in (unconnected.id, "nobody", eve.user_id, eve.id, ada.id, ada.user_id):
            assert error_of(ada.ask("offer", to=to)) == "peer_unavailable"
        assert eve.settle() == []
    assert types(ben.settle()) == ["user_joined"]


# Names that the server itself sends


def test_clients_may_not_send_server_frames(ada: SocketClient, ben: SocketClient) -> None:
    for kind in SERVER_ONLY:
        assert error_of(ada.ask(kind, data={"last_seq": 10**6})) == "reserved_type", kind
    assert ben.settle() == []


@pytest.mark.parametrize("kind", sorted(ANNOUNCEMENTS))
def test_an_announcement_always_names_its_sender(ada: SocketClient, ben: SocketClient, kind: str) -> None:
    for data in (None, {}, {"userId": "mallory"}, {"userId": 7, "stream": "s1"}, "text", ["mallory"]):
        ada.ask(kind, data=data)
        frame = ben.wait(kind)
        kept = data if isinstance(data, dict) else {}
        assert frame["data"] == kept | {"userId": ada.user_id}
        assert frame["from"] == ada.user_id


@pytest.mark.parametrize("kind", sorted(ANNOUNCEMENTS))
def test_a_user_id_beside_the_type_is_the_senders_too(ada: SocketClient, ben: SocketClient, kind: str) -> None:
    ada.ask(kind, userId=ben.user_id)
    frame = ben.wait(kind)
    assert frame["userId"] == frame["data"]["userId"] == ada.user_id


# leave


def test_leave_is_answered_by_ack_then_bye_then_close(scene: Scene, ada: SocketClient, ben: SocketClient) -> None:
    ada.send("leave", id="going")
    end = ada.wait_end()
    assert types(end.frames) == ["ack", "bye"]
    assert end.frames[0]["ref"] == "going"
    assert end.frames[1]["data"] == {"code": "left", "reason": "You left the room", "action": "stop"}
    assert end.code == 1000
    assert [one["id"] for one in ben.caller.see(scene.room_id)["participants"]] == [ben.user_id]
