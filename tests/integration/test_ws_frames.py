"""The frames that clients send, and their effects, on the local stack. `test_both_ways` has chat."""

import json

import pytest

from chalicelib.features import EVENTS
from chalicelib.relay.frames import ANNOUNCEMENTS
from tests.fakes.socket_client import DEADLINE_SECONDS, Frame, Scene, SocketClient, settle_all

SIGNALS = ["offer", "answer", "ice-candidate"]
STAMPS = {"from", "connection", "roomId", "ts"}
SERVER_ONLY = sorted({str(frame.model_fields["type"].default) for frame in EVENTS} - ANNOUNCEMENTS)
RELAYED: list[tuple[str, Frame]] = [
    ("wave", {"hand": "left"}),
    ("x", {}),
    ("A-z_0.9:", {"list": [1, 2.5, None, True, {"deep": ["\u2603", "\U0001f44b"]}]}),
    ("t" * 64, {"text": 'quotes " and \\ and \u0001 control'}),
    ("typing", {"is_typing": True}),
    ("typing", {"is_typing": False}),
    *((kind, {"sdp": "v=0", "candidate": {"sdpMid": "0"}}) for kind in SIGNALS),
]
ACKNOWLEDGED: list[tuple[str, Frame]] = [
    ("message", {"text": "hello"}),
    ("emoji", {"emoji": "\U0001f44b"}),
    ("mic", {"is_muted": False}),
    ("speaking", {"is_speaking": False}),
    *RELAYED,
    ("user-joined", {}),
    ("user-left", {}),
]
INVALID: list[tuple[str, str, list[object]]] = [
    ("message", "text", ["", " \n\t", "a" * 4001, "bell \u0007", 7, None]),
    ("emoji", "emoji", ["", "hello", "\U0001f44b" * 11, "\U0001f44bx", 7]),
    ("mic", "is_muted", ["yes", 1, None]),
    ("speaking", "is_speaking", ["yes", 0, None]),
    ("typing", "is_typing", ["true", 1, None]),
    *((kind, "to", [7, "", "a" * 129, ["nobody"]]) for kind in SIGNALS),
    *((kind, "last_seq", [-1, 1.5, "one", [1], {}, 2**53]) for kind in ("sync", "ping")),
]
REQUIRED = {"text", "emoji", "is_muted", "is_speaking", "is_typing"}


def types(frames: list[Frame]) -> list[str]:
    return [frame["type"] for frame in frames]


def error_of(answer: Frame) -> str:
    """The code of an error. It must have a sentence for people."""
    assert answer["type"] == "error", answer
    assert answer["data"]["detail"]
    return str(answer["data"]["code"])


# The envelope


def test_the_server_replaces_the_sender_that_a_client_claims(
    scene: Scene, ada: SocketClient, ben: SocketClient
) -> None:
    with Scene(scene.api) as elsewhere:
        eve = elsewhere.enter("Eve")
        lies = {
            "from": ben.user_id,
            "connection": ben.id,
            "roomId": elsewhere.room_id,
            "ts": "1970-01-01T00:00:00.000Z",
        }
        for kind in ("wave", "typing", "user-joined", *SIGNALS):
            assert ada.ask(kind, is_typing=True, **lies)["type"] == "ack"
            frame = ben.wait(kind)
            assert (frame["from"], frame["connection"], frame["roomId"]) == (ada.user_id, ada.id, scene.room_id)
            assert frame["ts"] > "2020"
        said = ada.ask("message", text="hello", user_id=ben.user_id, user="Ben", **lies)
        assert (said["roomId"], said["data"]["user_id"], said["data"]["user"]) == (scene.room_id, ada.user_id, "Ada")
        told = ben.wait("message_sent")
        assert (told["from"], told["data"]) == (ada.user_id, said["data"])
        assert eve.settle() == []


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


def test_a_frame_is_acknowledged_if_it_has_an_id(ada: SocketClient) -> None:
    for kind, fields in ACKNOWLEDGED:
        answer = ada.ask(kind, **fields)
        assert answer["type"] == "ack", answer
        ada.send(kind, data=fields)
    assert not {"ack", "error"} & set(types(ada.settle()))


def test_an_invalid_field_is_refused_and_does_nothing(ada: SocketClient, ben: SocketClient) -> None:
    for kind, field, values in INVALID:
        for fields in [*({field: value} for value in values), *([{}] if field in REQUIRED else [])]:
            answer = ada.ask(kind, **fields)
            assert error_of(answer) == "invalid_request", fields
            assert [error["loc"] for error in answer["data"]["errors"]] == [[field]], fields
    assert ben.settle() == []


# sync and ping


def test_sync_is_answered_with_a_snapshot(scene: Scene, ada: SocketClient, ben: SocketClient) -> None:
    ada.send("sync", last_seq=None)
    snapshot = ada.wait("snapshot")
    assert "ref" not in snapshot
    detail = ada.caller.see(scene.room_id)
    assert snapshot["data"] == {
        "you": detail.pop("you") | {"user_id": ada.user_id, "connection_id": ada.id, "read_seq": 0},
        "messages": detail.pop("messages"),
        "entries": [],
        "room": detail,
        "recovered": False,
        "last_seq": 2,
    }


def test_the_first_sync_announces_a_connection_once(scene: Scene, ada: SocketClient) -> None:
    ben = scene.member("Ben")
    client = scene.open(scene.ticket(ben)["url"])
    assert types(ada.settle()) == ["user_joined"]
    client.sync()
    frame = ada.wait("user-joined")
    assert (frame["data"], frame["from"], frame["connection"]) == ({"userId": ben.id}, ben.id, client.id)
    client.sync()
    assert ada.settle() == []


def test_ping_is_answered_with_pong(scene: Scene, ada: SocketClient) -> None:
    ada.caller.say(scene.room_id, "hello")
    ada.send("ping", data={"last_seq": 1})
    pong = ada.wait("pong")
    assert pong["data"] == {"last_seq": 2, "rotate": False}
    assert "ref" not in pong
    ada.settle()
    ada.connection.send("ping")
    assert ada.connection.recv(DEADLINE_SECONDS) == "pong"


# mic and speaking


def test_the_microphone_is_stored_and_announced(scene: Scene, ada: SocketClient, ben: SocketClient) -> None:
    for kind, told, field, value in (
        ("mic", "mic_toggled", "is_muted", False),
        ("speaking", "speaking_changed", "is_speaking", True),
    ):
        assert ada.ask(kind, **{field: value})["type"] == "ack"
        frame = ben.wait(told)
        assert (frame["data"], frame["from"]) == ({"user_id": ada.user_id, field: value}, ada.user_id)
        assert [one[field] for one in ben.caller.see(scene.room_id)["participants"]] == [value, not value]


# Relaying and signalling


def test_a_frame_is_relayed_as_the_client_wrote_it(ada: SocketClient, ben: SocketClient) -> None:
    for kind, fields in RELAYED:
        for written in (fields, {"data": fields | {"id": 7}}):
            sent = {"type": kind, "id": "an id"} | written
            ada.send_text(json.dumps(sent))
            frame = ben.wait(kind)
            assert {name: frame[name] for name in frame if name not in STAMPS} == sent
            assert set(frame) >= STAMPS


def test_a_relayed_frame_goes_to_all_other_connections(scene: Scene, ada: SocketClient, ben: SocketClient) -> None:
    """Only signalling frames obey `to`. Nothing is stored."""
    second, carl = scene.connect(ada.caller), scene.enter("Carl")
    settle_all(ada, ben, second, carl)
    before = ada.caller.see(scene.room_id)
    for kind in ("wave", "typing", *SIGNALS):
        ada.ask(kind, is_typing=True, to=None)
        for client in (ben, carl, second):
            assert types(client.settle(kind)) == [kind]
    assert ada.settle() == []
    assert ada.caller.see(scene.room_id) == before


def test_a_frame_goes_to_the_user_or_connection_it_names(scene: Scene, ada: SocketClient, ben: SocketClient) -> None:
    second, carl = scene.connect(ben.caller), scene.enter("Carl")
    settle_all(ada, ben, second, carl)
    for kind in (*SIGNALS, "typing", "chat:message"):
        cases: list[tuple[Frame, list[SocketClient]]] = [
            ({"to": ben.user_id, "is_typing": True}, [ben, second]),
            ({"data": {"to": ben.user_id, "is_typing": True}}, [ben, second]),
            ({"to": second.id, "is_typing": True}, [second]),
        ]
        for fields, receivers in cases:
            assert ada.ask(kind, **fields)["type"] == "ack"
            for client in receivers:
                (frame,) = client.settle(kind)
                assert {name: frame[name] for name in frame if name not in STAMPS | {"id"}} == {"type": kind} | fields
                assert (frame["from"], frame["connection"]) == (ada.user_id, ada.id)
        assert carl.settle() == ada.settle() == ben.settle() == []


def test_a_frame_to_an_absent_peer_is_refused(scene: Scene, ada: SocketClient, ben: SocketClient) -> None:
    unconnected = scene.member("Carl")
    with Scene(scene.api) as elsewhere:
        eve = elsewhere.enter("Eve")
        for to in (unconnected.id, "nobody", eve.user_id, eve.id, ada.id, ada.user_id):
            for kind in ("offer", "typing", "candidate"):
                assert error_of(ada.ask(kind, to=to, is_typing=True)) == "peer_unavailable"
        assert eve.settle() == []
    assert types(ben.settle()) == ["user_joined"]


# Types of server frames


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
        assert (frame["data"], frame["from"]) == (kept | {"userId": ada.user_id}, ada.user_id)
    ada.ask(kind, userId=ben.user_id)
    frame = ben.wait(kind)
    assert frame["userId"] == frame["data"]["userId"] == ada.user_id


# leave


def test_leave_is_answered_by_ack_then_bye_then_close(scene: Scene, ada: SocketClient, ben: SocketClient) -> None:
    ada.send("leave", id="going")
    end = ada.wait_end()
    assert (end.types, end.code) == (["ack", "bye"], 1000)
    assert end.frames[0]["ref"] == "going"
    assert end.frames[1]["data"] == {"code": "left", "reason": "You left the room", "action": "stop"}
    assert [one["id"] for one in ben.caller.see(scene.room_id)["participants"]] == [ben.user_id]
