"""What can be done over HTTP and over a WebSocket is one and the same: what is taken, what is refused, who is told."""

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
    "leave": ("POST", "/leave", None),
}
FIELDS = {"message": "text", "emoji": "emoji", "mic": "is_muted", "speaking": "is_speaking", "leave": None}
TEA = "\U0001f375"


@dataclass(frozen=True)
class Outcome:
    """What somebody is told of what they did: the error's code and sentence, or what was stored."""

    code: str | None
    detail: str | None = None
    message: Frame | None = None


Way = Callable[[Scene, SocketClient, str, object, str], Outcome]


def over_http(scene: Scene, who: SocketClient, act: str, value: object = None, key: str = "") -> Outcome:
    method, path, field = ROUTES[act]
    can_repeat = act in {"message", "emoji"}
    answer = who.caller.request(
        method, scene.path(path), {field: value} if field else None, key=key if can_repeat and key else None
    )
    body = answer.json()
    if answer.is_error:
        return Outcome(body["code"], body["detail"])
    return Outcome(None, message=body if can_repeat else None)


def over_a_socket(scene: Scene, who: SocketClient, act: str, value: object = None, key: str = "") -> Outcome:
    field = FIELDS[act]
    answer = who.ask(act, **({field: value} if field else {}), **({"id": key} if key else {}))
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
    ("act", "value", "code"),
    [
        ("message", "Tea?", None),
        ("message", "\u2603" * 4000, None),
        ("message", "line\n\tand line", None),
        ("message", "a" * 4001, "invalid_request"),
        ("message", "", "invalid_request"),
        ("message", " \n", "invalid_request"),
        ("message", "bell \u0007", "invalid_request"),
        ("message", None, "invalid_request"),
        ("message", 7, "invalid_request"),
        ("emoji", TEA, None),
        ("emoji", TEA * 10, None),
        ("emoji", TEA * 11, "invalid_request"),
        ("emoji", "tea", "invalid_request"),
        ("emoji", "", "invalid_request"),
        ("mic", False, None),
        ("mic", "false", "invalid_request"),
        ("mic", 0, "invalid_request"),
        ("speaking", False, None),
        ("speaking", True, "muted"),
        ("speaking", 1, "invalid_request"),
        ("leave", None, None),
    ],
)
def test_the_same_is_taken_and_refused(scene: Scene, ada: SocketClient, act: str, value: object, code: str) -> None:
    second = scene.enter("Ben")
    outcomes = [over_http(scene, ada, act, value), over_a_socket(scene, second, act, value)]
    assert [outcome.code for outcome in outcomes] == [code, code]


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
def test_what_is_stored_is_what_is_answered_and_pushed(
    scene: Scene, ada: SocketClient, ben: SocketClient, do: Way
) -> None:
    stored = do(scene, ada, "message", "Tea?", "").message
    assert stored == ben.wait("message_sent")["data"] == scene_log(scene, ada)[-1]


@pytest.mark.parametrize("ways", [WAYS, WAYS[::-1]], ids=["HTTP first", "a socket first"])
def test_what_was_said_one_way_is_not_said_again_the_other(
    scene: Scene, ada: SocketClient, ben: SocketClient, ways: list[Way]
) -> None:
    key = str(uuid.uuid4())
    first, second = [do(scene, ada, "message", "Tea?", key) for do in ways]
    assert first == second
    assert [line["text"] for line in scene_log(scene, ada)].count("Tea?") == 1


def test_the_limit_counts_both(scene: Scene, ada: SocketClient) -> None:
    ways = cycle(WAYS)
    assert [next(ways)(scene, ada, "message", str(count), "").code for count in range(30)] == [None] * 30
    assert [do(scene, ada, "emoji", TEA, "").code for do in WAYS] == ["rate_limited", "rate_limited"]


@both_ways
def test_whoever_leaves_is_seen_to_leave_and_their_connection_closed(
    scene: Scene, ada: SocketClient, ben: SocketClient, do: Way
) -> None:
    assert do(scene, ada, "leave", None, "").code is None
    left = ben.wait("user_left")["data"]
    assert (left["user_id"], left["reason"], left["message"]["text"]) == (ada.user_id, "left", "Ada left the room")
    assert ada.wait_end().frames[-1]["data"] == {"code": "left", "reason": "You left the room", "action": "stop"}


def scene_log(scene: Scene, who: SocketClient) -> list[Frame]:
    """What was said in the room."""
    log: list[Frame] = who.caller.history(scene.room_id)["messages"]
    return log
