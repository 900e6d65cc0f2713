"""HTTP and WebSocket accept and refuse the same values, and have the same effects."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from itertools import cycle
from typing import Any
from urllib.parse import quote

import pytest

from tests.fakes.clients import expect
from tests.fakes.socket_client import Frame, Scene, SocketClient

ROUTES = {
    "message": ("POST", "/messages", "message_text"),
    "emoji": ("POST", "/emoji", "emoji"),
    "mic": ("PUT", "/mic-toggle", "is_muted"),
    "speaking": ("PUT", "/speaking", "is_speaking"),
}
FIELDS = {"message": "text", "emoji": "emoji", "mic": "is_muted", "speaking": "is_speaking"}
TEA = "\U0001f375"
REFUSED = "invalid_request"


@dataclass(frozen=True)
class Outcome:
    """The result of an act: the code of the error, or the stored message."""

    code: str | None
    message: Frame | None = None


Way = Callable[[Scene, SocketClient, str, object, str], Outcome]


def over_http(scene: Scene, who: SocketClient, act: str, value: object, key: str = "") -> Outcome:
    method, path, field = ROUTES[act]
    answer = who.caller.request(method, scene.path(path), {field: value}, key=key or None)
    if answer.is_error:
        return Outcome(answer.json()["code"])
    return Outcome(None, answer.json() if method == "POST" else None)


def over_websocket(scene: Scene, who: SocketClient, act: str, value: object, key: str = "") -> Outcome:
    answer = who.ask(act, **{FIELDS[act]: value}, **({"id": key} if key else {}))
    return Outcome(answer["data"]["code"]) if answer["type"] == "error" else Outcome(None, answer.get("data"))


WAYS: list[Way] = [over_http, over_websocket]


def without_stamps(frame: Frame) -> Frame:
    """The parts of a frame that are the same each time."""
    data = {name: value for name, value in frame["data"].items() if name not in {"id", "seq", "time", "created_at"}}
    return {"type": frame["type"], "from": frame.get("from"), "data": data, "is_numbered": "seq" in frame}


def test_the_same_values_are_accepted_and_refused(scene: Scene) -> None:
    first, second = scene.enter("Ada"), scene.enter("Ben")
    acts: list[tuple[str, list[tuple[object, str | None]]]] = [
        ("message", [("\u2603" * 4000, None), ("line\n\tand line", None), ("a" * 4001, REFUSED), (" \n", REFUSED)]),
        ("emoji", [(TEA * 10, None), (TEA * 11, REFUSED), ("tea", REFUSED)]),
        ("speaking", [(True, "muted"), (False, None), (1, REFUSED)]),
        ("mic", [(False, None), ("false", REFUSED)]),
    ]
    for act, outcomes in acts:
        for value, code in outcomes:
            assert over_http(scene, first, act, value).code == over_websocket(scene, second, act, value).code == code


def test_peers_receive_the_same_frames(scene: Scene, ada: SocketClient, ben: SocketClient) -> None:
    acts: list[tuple[str, object, str]] = [
        ("message", "Tea?", "message_sent"),
        ("emoji", TEA, "emoji_reaction"),
        ("mic", False, "mic_toggled"),
        ("speaking", True, "speaking_changed"),
        ("mic", True, "mic_toggled"),
    ]
    told: dict[Way, list[Frame]] = {}
    for do in WAYS:
        told[do] = []
        for act, value, kind in acts:
            assert do(scene, ada, act, value, "").code is None
            told[do].append(without_stamps(ben.wait(kind)))
        ben.settle("speaking_changed")
    assert told[over_http] == told[over_websocket]


@pytest.mark.parametrize("do", WAYS)
@pytest.mark.parametrize(
    ("act", "text", "pushed", "stored_as"),
    [("message", "Tea?", "message_sent", "text"), ("emoji", TEA, "emoji_reaction", "emoji")],
    ids=["message", "emoji"],
)
def test_chat_is_stored_answered_and_pushed_to_all(
    scene: Scene, ada: SocketClient, ben: SocketClient, act: str, text: str, pushed: str, stored_as: str, do: Way
) -> None:
    second = scene.connect(ada.caller)
    stored = do(scene, ada, act, text, "").message
    assert stored is not None
    assert stored == ada.caller.history(scene.room_id)["messages"][-1]
    assert (stored["type"], stored["text"], stored["user_id"]) == (stored_as, text, ada.user_id)
    for client in (ada, ben, second):
        frame = client.wait(pushed)
        assert (frame["data"], frame["seq"], frame["from"]) == (stored, stored["seq"], ada.user_id)


@pytest.mark.parametrize("ways", [WAYS, WAYS[::-1]], ids=["HTTP first", "WebSocket first"])
@pytest.mark.parametrize(("act", "pushed"), [("message", "message_sent"), ("emoji", "emoji_reaction")])
def test_a_key_used_in_one_way_counts_in_the_other(
    scene: Scene, ada: SocketClient, ben: SocketClient, act: str, pushed: str, ways: list[Way]
) -> None:
    key = str(uuid.uuid4())
    texts = (TEA, TEA, TEA * 2, TEA * 3)
    first, *others = [do(scene, ada, act, text, key) for do, text in zip(ways * 2, texts, strict=True)]
    assert others == [first] * 3
    assert len(ben.settle(pushed)) == 1
    assert [message["text"] for message in ada.caller.history(scene.room_id)["messages"][2:]] == [TEA]


def change(scene: Scene, who: SocketClient, do: Way, act: str, **fields: Any) -> Outcome:
    """Edit, delete or react, over HTTP or with a frame."""
    key = fields.pop("key", "") or str(uuid.uuid4())
    if do is over_websocket:
        answer = who.ask(act, data=fields, id=key)
        return Outcome(answer["data"]["code"]) if answer["type"] == "error" else Outcome(None, answer.get("data"))
    path = scene.path(f"/messages/{fields['seq']}")
    if act == "edit":
        sent = {"message_text": fields["text"]} | ({"mentions": fields["mentions"]} if "mentions" in fields else {})
        reply = who.caller.request("PATCH", path, sent, key=key)
    elif act == "delete":
        reply = who.caller.request("DELETE", path)
    else:
        reply = who.caller.request("PUT" if fields["on"] else "DELETE", f"{path}/reactions/{quote(fields['emoji'])}")
    return Outcome(reply.json()["code"]) if reply.is_error else Outcome(None, reply.json() if reply.content else None)


KISS = "\U0001f469\U0001f3fd\u200d\u2764\ufe0f\u200d\U0001f48b\u200d\U0001f468\U0001f3ff"
KEYCAP = "#\ufe0f\u20e3"


def test_changes_of_a_message_are_the_same_both_ways(scene: Scene, ada: SocketClient, ben: SocketClient) -> None:
    told: dict[Way, list[Any]] = {}
    for do in WAYS:
        root = ada.ask("message", text="Tea?", id=str(uuid.uuid4()))["data"]["seq"]
        said = ada.ask("message", text="Yes", reply_to=root, mentions=[ben.user_id], id=str(uuid.uuid4()))["data"]
        assert said["reply_to"] == {"seq": root, "user": "Ada", "text": "Tea?"}
        edited = change(scene, ada, do, "edit", seq=root, text="Coffee?", mentions=[ben.user_id], key=f"{do}")
        assert change(scene, ada, do, "edit", seq=root, text="Other?", key=f"{do}") == edited
        reacted = [
            change(scene, who, do, "react", seq=root, emoji=emoji, on=on).message
            for who, emoji, on in ((ben, TEA, True), (ada, KISS, True), (ada, KEYCAP, True), (ben, TEA, False))
        ]
        refused = [
            change(scene, ben, do, "edit", seq=root, text="Mine").code,
            change(scene, ben, do, "delete", seq=root).code,
            change(scene, ben, do, "react", seq=root, emoji=TEA * 2, on=True).code,
            change(scene, ben, do, "react", seq=10_000, emoji=TEA, on=True).code,
        ]
        deleted = [change(scene, ada, do, "delete", seq=root) for _ in range(2)]
        refused += [
            change(scene, ada, do, "edit", seq=root, text="Late").code,
            change(scene, ben, do, "react", seq=root, emoji=TEA, on=True).code,
            ada.ask("message", text="No", reply_to=root)["data"]["code"],
        ]
        assert edited.message
        assert (edited.message["text"], edited.message["mentions"]) == ("Coffee?", [ben.user_id])
        assert [len(one["reactions"]) for one in reacted if one] == [1, 2, 3, 2]
        assert deleted == [Outcome(None)] * 2
        shown = {message["seq"]: message for message in ada.caller.history(scene.room_id)["messages"]}
        assert (shown[root]["text"], shown[root]["deleted"], shown[root]["reactions"]) == ("", True, [])
        assert shown[said["seq"]]["reply_to"] == {"seq": root, "user": "Ada", "text": ""}
        frames = [ben.wait("message_edited"), *(ben.wait("reactions_changed") for _ in range(4))]
        frames.append(ben.wait("message_deleted"))
        entries = expect(200, ada.caller.get(scene.path(f"/entries?after_seq={said['seq']}")))["entries"]
        assert [(one["type"], one["seq"]) for one in entries] == [(one["type"], one["seq"]) for one in frames]
        data = [{**one["data"], "target_seq": 0, "edited_at": ""} for one in frames]
        told[do] = [data, [one and one["reactions"] for one in reacted], refused]
    assert told[over_http] == told[over_websocket]
    assert told[over_http][2] == [
        *("forbidden", "forbidden", REFUSED, "message_not_found"),
        *("message_deleted", "message_deleted", REFUSED),
    ]


def test_the_rate_limit_counts_both_ways_together(scene: Scene, ada: SocketClient) -> None:
    ways = cycle(WAYS)
    assert [next(ways)(scene, ada, "message", str(count), "").code for count in range(30)] == [None] * 30
    assert [do(scene, ada, "emoji", TEA, "").code for do in WAYS] == ["rate_limited", "rate_limited"]
