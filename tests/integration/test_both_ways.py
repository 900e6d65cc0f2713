"""HTTP and WebSocket accept and refuse the same values, and have the same effects."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from itertools import cycle

import pytest

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


def test_the_rate_limit_counts_both_ways_together(scene: Scene, ada: SocketClient) -> None:
    ways = cycle(WAYS)
    assert [next(ways)(scene, ada, "message", str(count), "").code for count in range(30)] == [None] * 30
    assert [do(scene, ada, "emoji", TEA, "").code for do in WAYS] == ["rate_limited", "rate_limited"]
