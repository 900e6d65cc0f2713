"""HTTP and WebSocket do the same: they accept and refuse the same values, and tell the same people."""

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
    """What somebody is told of what they did: the error's code and sentence, or what was stored."""

    code: str | None
    detail: str | None = None
    message: Frame | None = None


Way = Callable[[Scene, SocketClient, str, object, str], Outcome]


def over_http(scene: Scene, who: SocketClient, act: str, value: object, key: str = "") -> Outcome:
    method, path, field = ROUTES[act]
    can_repeat = act in {"message", "emoji"}
    answer = who.caller.request(method, scene.path(path), {field: value}, key=key if can_repeat and key else None)
    body = answer.json()
    if answer.is_error:
        return Outcome(body["code"], body["detail"])
    return Outcome(None, message=body if can_repeat else None)


def over_a_socket(scene: Scene, who: SocketClient, act: str, value: object, key: str = "") -> Outcome:
    answer = who.ask(act, **{FIELDS[act]: value}, **({"id": key} if key else {}))
    if answer["type"] == "error":
        return Outcome(answer["data"]["code"], answer["data"]["detail"])
    return Outcome(None, message=answer.get("data"))


WAYS: list[Way] = [over_http, over_a_socket]
both_ways = pytest.mark.parametrize("do", WAYS)


def without_stamps(frame: Frame) -> Frame:
    """What doesn't differ from one time to the next."""
    data = {name: value for name, value in frame["data"].items() if name not in {"id", "seq", "time", "created_at"}}
    return {"type": frame["type"], "from": frame.get("from"), "data": data, "is_numbered": "seq" in frame}


@pytest.mark.parametrize(
    ("act", "outcomes"),
    [
        ("message", [("\u2603" * 4000, None), ("line\n\tand line", None), ("a" * 4001, REFUSED), (" \n", REFUSED)]),
        ("emoji", [(TEA * 10, None), (TEA * 11, REFUSED), ("tea", REFUSED)]),
        ("mic", [(False, None), ("false", REFUSED)]),
        ("speaking", [(True, "muted"), (False, None), (1, REFUSED)]),
    ],
)
def test_the_same_values_are_taken_and_refused(
    scene: Scene, act: str, outcomes: list[tuple[object, str | None]]
) -> None:
    first, second = scene.enter("Ada"), scene.enter("Ben")
    for value, code in outcomes:
        assert over_http(scene, first, act, value).code == over_a_socket(scene, second, act, value).code == code


def test_the_others_are_told_the_same(scene: Scene, ada: SocketClient, ben: SocketClient) -> None:
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
    assert told[over_http] == told[over_a_socket]


@both_ways
def test_the_stored_message_is_answered_and_pushed(scene: Scene, ada: SocketClient, ben: SocketClient, do: Way) -> None:
    stored = do(scene, ada, "message", "Tea?", "").message
    assert stored == ben.wait("message_sent")["data"] == scene_log(scene, ada)[-1]


@pytest.mark.parametrize("ways", [WAYS, WAYS[::-1]], ids=["HTTP first", "a socket first"])
def test_a_key_counts_for_both_ways(scene: Scene, ada: SocketClient, ben: SocketClient, ways: list[Way]) -> None:
    key = str(uuid.uuid4())
    first, second = [do(scene, ada, "message", "Tea?", key) for do in ways]
    assert first == second
    assert [line["text"] for line in scene_log(scene, ada)].count("Tea?") == 1


def test_the_rate_limit_counts_both_ways_together(scene: Scene, ada: SocketClient) -> None:
    ways = cycle(WAYS)
    assert [next(ways)(scene, ada, "message", str(count), "").code for count in range(30)] == [None] * 30
    assert [do(scene, ada, "emoji", TEA, "").code for do in WAYS] == ["rate_limited", "rate_limited"]


def scene_log(scene: Scene, who: SocketClient) -> list[Frame]:
    """What was said in the room."""
    log: list[Frame] = who.caller.history(scene.room_id)["messages"]
    return log
