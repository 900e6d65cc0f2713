"""Frame dispatch: parsing, the sender, acks, errors and limits."""

import json
import logging
from collections.abc import Callable
from contextlib import suppress
from unittest.mock import patch

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from chalicelib.api import frames
from chalicelib.api.frames import MAX_FRAME_BYTES, parse
from chalicelib.contract import Access, ClientFrame, FrameContext
from chalicelib.features import FRAMES, OTHER_FRAMES
from chalicelib.kernel.errors import FrameTooLargeError, InvalidFrameError, InvalidRequestError
from chalicelib.kernel.limits import Cache
from chalicelib.lifecycle.service import delete_room, toggle_status
from chalicelib.lifecycle.sweep import sweep
from chalicelib.log.table import MESSAGES
from chalicelib.relay.schemas import Relay
from chalicelib.seats import sockets
from chalicelib.store import client
from tests.fakes.backend import HTTP_LEASE, NOW, World
from tests.fakes.bodies import FIELDS
from tests.fakes.fanout import Frame
from tests.fakes.faults import Faults, Refused
from tests.fakes.records import make_message

EVERY_KIND = ["sync", "ping", *FIELDS, "offer", "answer", "ice-candidate", "wave", "user-joined", "leave"]
REFUSED_TEXTS = ["not json", "[]", "x" * (MAX_FRAME_BYTES + 1), '{"type": "bye"}', '{"type": "mic"}', ""]


def read(raw: Frame) -> ClientFrame:
    return frames.read(FRAMES.get(raw["type"], OTHER_FRAMES), raw)


def send(world: World, connection_id: str, kind: str, now: int = NOW) -> list[Frame]:
    """Send a valid frame."""
    return world.send(connection_id, kind, now, id=f"{kind}-{now}", **FIELDS.get(kind, {}))


def code_of(answers: list[Frame]) -> str:
    """The code of the only answer, an error."""
    (answer,) = answers
    assert answer["type"] == "error"
    return str(answer["data"]["code"])


# Parse


def padded(size: int, character: str = "x") -> str:
    """A frame with this number of bytes of UTF-8."""
    bare = '{"type":"offer","text":""}'
    count, rest = divmod(size - len(bare), len(character.encode()))
    return bare.replace('""', f'"{"y" * rest}{character * count}"')


@pytest.mark.parametrize("character", ["x", "\u00e9", "\u2603", "\U0001f44b"])
def test_a_frame_has_at_most_32000_bytes(character: str) -> None:
    assert MAX_FRAME_BYTES == len(padded(32_000, character).encode()) == 32_000
    assert parse(padded(32_000, character))["type"] == "offer"
    for too_large in (padded(32_001, character), "[" * 32_001):
        with pytest.raises(FrameTooLargeError):
            parse(too_large)


def test_a_frame_is_at_most_32_levels_deep() -> None:
    """`test_strict_json` covers JSON that is too deep or invalid."""
    assert parse('{"type": "wave", "data": ' + "[" * 31 + "]" * 31 + "}")
    with pytest.raises(InvalidFrameError, match="at most 32 levels"):
        parse('{"type": "wave", "data": ' + "[" * 32 + "]" * 32 + "}")


NOT_TYPES = [
    *("null", "7", '["wave"]', '{"wave": 1}', '""', '"wa/ve"', '"wa ve"', '"wave\\n"', '"w\u00e4ve"', '"wave,x"'),
    '"' + "w" * 65 + '"',
]


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", "hello", "null", "true", "7", "-0.5", '"text"', "[]", '[{"type": "wave"}]', "{}"),
        *('{"Type": "wave"}', '{"type": "wave"', '{"type": "wave"}}', '{"type": "wave", "n": NaN}'),
        *(f'{{"type": {kind}}}' for kind in NOT_TYPES),
    ],
)
def test_only_a_json_object_with_a_valid_type_is_a_frame(text: str) -> None:
    with pytest.raises(InvalidFrameError):
        parse(text)


@pytest.mark.parametrize(
    "kind", ["w", "w" * 64, "0", "user-joined", "a_b-c9", "JOIN", "userJoined", "chat:message", "a.b"]
)
def test_a_type_has_letters_digits_and_marks(kind: str) -> None:
    frame = {"type": kind, "text": "\u2603", "data": [None, 1.5, {"deep": True}]}
    assert parse(json.dumps(frame)) == parse(json.dumps(frame, ensure_ascii=False)) == frame


@given(st.text() | st.text('{}[]"\\:,0123456789.eE+-truefalsn \n').map(lambda text: '{"type":"wave","x":' + text))
@example('"' * 31_999)
@example('"\\' * 15_999)
@example('{"type":"a","b":"' + "\\" * 31_000)
def test_every_text_is_a_frame_or_an_error_of_the_contract(text: str) -> None:
    try:
        frame = parse(text)
    except (FrameTooLargeError, InvalidFrameError):
        return
    assert json.loads(json.dumps(frame, allow_nan=False)) == frame
    with suppress(InvalidRequestError):
        assert read(frame).type == frame["type"]


# Read


@pytest.mark.parametrize(
    ("frame", "expected"),
    [
        ({"type": "mic", "data": {"is_muted": False}}, False),
        ({"type": "mic", "is_muted": True}, True),
        ({"type": "mic", "is_muted": True, "data": {"is_muted": False}}, True),
        *(({"type": "mic", "is_muted": True, "data": data}, True) for data in (None, 7, "text", ["is_muted"], True)),
        *(({"type": "mic", "data": data}, None) for data in (None, 7, "text", ["is_muted"], True)),
    ],
)
def test_fields_beside_type_win_over_fields_under_data(frame: Frame, expected: bool | None) -> None:
    if expected is None:
        with pytest.raises(InvalidRequestError):
            read(frame)
    else:
        assert read(frame).model_dump()["is_muted"] is expected


@pytest.mark.parametrize("thing", [7, "shape-1", "x" * 65, None, {"nested": True}])
def test_the_id_and_type_of_a_frame_never_come_from_its_data(thing: object) -> None:
    for kind in ("offer", "draw"):
        frame = read({"type": kind, "data": {"type": "answer", "id": thing, "sdp": "v=0"}})
        assert (frame.type, frame.id) == (kind, None)
    assert read({"type": "draw", "id": "d1", "data": {"id": thing}}).id == "d1"


def test_every_other_type_is_relayed_with_any_content() -> None:
    assert isinstance(read({"type": "wave", "data": {"last_seq": "x"}, "text": 7, "to": []}), Relay)


# The sender


def test_a_new_process_identifies_the_sender_of_every_frame(world: World, room_id: str, ada: str, ben: str) -> None:
    world.grant("ada", room_id, "moderator")
    for kind in EVERY_KIND:
        world.restart()
        world.store.put(MESSAGES, make_message(room_id, 1))  # what `edit`, `delete` and `react` change
        answers = send(world, ada, kind)
        assert "error" not in [answer["type"] for answer in answers], kind
        assert {answer["roomId"] for answer in answers} == {room_id}


def test_a_connection_on_no_roster_is_refused(world: World, room_id: str, ada: str, ben: str) -> None:
    before = world.said(room_id)
    world.restart()
    for kind in EVERY_KIND:
        assert code_of(send(world, "nobody", kind)) == "not_in_room", kind
    assert world.fanout.frames(ben) == []
    assert world.said(room_id) == before


def test_a_removed_connection_is_refused_though_it_is_cached(world: World, ada: str, ben: str) -> None:
    sockets.disconnect(world.backend, ada, NOW)
    world.fanout.forget()
    for kind in ("sync", "ping", "typing", "offer", "wave", "user-left"):
        assert code_of(send(world, ada, kind)) == "not_in_room", kind
    assert world.fanout.frames(ben) == []


END = NOW + HTTP_LEASE
ENDS: dict[str, tuple[int, Callable[[World, str], object]]] = {
    "the room closes": (NOW, lambda world, room_id: toggle_status(world.context("", room_id))),
    "the room is deleted": (NOW, lambda world, room_id: delete_room(world.context("", room_id))),
    "the lease ends": (END, lambda world, _: sweep(world.backend, lambda: END)),
    "a leave over HTTP": (NOW, lambda world, room_id: world.leave("ada", room_id)),
}


@pytest.mark.parametrize("end", ENDS)
def test_a_former_member_who_is_connected_is_refused(world: World, room_id: str, ada: str, ben: str, end: str) -> None:
    now, act = ENDS[end]
    world.fanout.failing = {ada}
    act(world, room_id)
    world.fanout.failing = set()
    before, heard = world.said(room_id), len(world.fanout.frames(ben))
    for kind in EVERY_KIND:
        assert code_of(send(world, ada, kind, now)) in {"not_in_room", "room_not_found"}, kind
    assert world.said(room_id) == before
    assert len(world.fanout.frames(ben)) == heard


# Answers


@pytest.mark.parametrize("kind", ["message", "emoji", "typing", "offer", "wave"])
def test_an_ack_is_sent_together_with_the_broadcast(world: World, ada: str, ben: str, kind: str) -> None:
    with patch.object(world.fanout, "deliver", wraps=world.fanout.deliver) as deliver:
        world.send(ada, kind, id="mine", **FIELDS.get(kind, {}))

    assert deliver.call_count == 1
    ack, told = world.fanout.frames(ada)[0], world.fanout.last(ben)
    assert (ack["type"], ack["ref"]) == ("ack", "mine")
    assert ack.get("data") == (told["data"] if kind in {"message", "emoji"} else None)


@pytest.mark.parametrize("kind", ["message", "emoji", "mic", "speaking", "typing", "offer", "wave", "leave"])
@pytest.mark.parametrize("has_peers", [True, False])
def test_a_frame_with_an_id_gets_one_ack_and_others_get_none(
    world: World, room_id: str, ada: str, kind: str, has_peers: bool
) -> None:
    """This holds also if the frame changes nothing, so that nothing is broadcast."""
    if has_peers:
        world.enter("ben", room_id)
    for ref in ("mine", None):
        world.join("ada", room_id)
        connection_id = world.connect("ada", room_id)
        answers = world.send(connection_id, kind, id=ref, **FIELDS.get(kind, {}))
        assert [answer["ref"] for answer in answers if answer["type"] == "ack"] == ([ref] if ref else [])


@pytest.mark.parametrize("text", REFUSED_TEXTS)
def test_an_error_of_a_new_process_names_the_room(world: World, room_id: str, ada: str, text: str) -> None:
    world.restart()
    (error,) = world.receive(ada, text)
    assert (error["type"], error["roomId"]) == ("error", room_id)


@pytest.mark.parametrize("kind", EVERY_KIND)
def test_every_handler_proves_the_access_it_declares(
    world: World, room_id: str, ada: str, ben: str, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    spec = FRAMES.get(kind, OTHER_FRAMES)
    assert spec.access in (Access.MEMBER, Access.MODERATOR)
    world.grant("ada", room_id, "moderator")
    world.store.put(MESSAGES, make_message(room_id, 1))
    with patch.object(FrameContext, "prove"):  # so no proof is ever given
        assert world.send(ada, kind, **FIELDS.get(kind, {}))[-1]["data"]["code"] == "internal_error"
    assert "MissingProofError" in caplog.text


def test_a_bug_is_logged_and_answered_without_trace_or_content(
    world: World, ada: str, ben: str, caplog: pytest.LogCaptureFixture
) -> None:
    with Faults(world.store.connection) as faults:
        faults.plan("Query", Refused("ValidationException"))
        (error,) = world.send(ada, "wave", id="1", data={"secret": "v=0 sdp"})
    assert (error["data"]["code"], error["ref"]) == ("internal_error", "1")
    assert set(error["data"]) == {"code", "detail"}
    assert [record.message for record in caplog.records if record.levelno == logging.ERROR] == [
        "a frame of type wave failed"
    ]
    assert "v=0 sdp" not in caplog.text


@pytest.mark.parametrize(
    ("fault", "code"), [("ValidationException", "internal_error"), ("ThrottlingException", "unavailable")]
)
@pytest.mark.parametrize("is_cached", [True, False])
def test_a_store_that_fails_is_answered_with_an_error(
    world: World, ada: str, monkeypatch: pytest.MonkeyPatch, fault: str, code: str, is_cached: bool
) -> None:
    monkeypatch.setattr(client, "DEADLINE_SECONDS", 0)
    if not is_cached:
        world.restart()  # so the sender must be read from the table
    with Faults(world.store.connection) as faults:
        faults.break_for_good("Query", Refused(fault))
        assert code_of(world.send(ada, "wave")) == code


# Limits


def flood(world: World, connection_id: str, count: int, now: int, text: str = '{"type": "wave"}') -> list[str]:
    """Send a text many times; returns the codes of the errors."""
    answers = [answer for _ in range(count) for answer in world.receive(connection_id, text, now)]
    return [answer["data"]["code"] for answer in answers if answer["type"] == "error"]


CHEAP = "not a frame, and cheap to refuse"


def test_60_frames_and_200_signals_in_ten_seconds_are_accepted(world: World, room_id: str, ada: str, ben: str) -> None:
    counts, second = {"wave": 60, "offer": 10, "answer": 10, "ice-candidate": 180}, world.connect("ada", room_id)
    for kind, count in counts.items():
        assert flood(world, ada, count, NOW, json.dumps({"type": kind})) == []
    assert len(world.fanout.frames(ben)) == 260
    (error,) = [answer for kind in counts for answer in world.send(ada, kind, NOW + 9_999, id=f"{kind} over")]
    assert (error["data"]["code"], error["data"]["retry_after"], error["ref"]) == ("rate_limited", 1, "wave over")
    assert len(world.fanout.frames(ben)) == 260
    assert flood(world, ben, 60, NOW) + flood(world, second, 60, NOW) + flood(world, ada, 60, NOW + 10_000) == []


@pytest.mark.parametrize("text", REFUSED_TEXTS)
def test_refused_frames_count(world: World, ada: str, text: str) -> None:
    for _ in range(60):
        world.receive(ada, text)
    assert code_of(world.receive(ada, text)) == "rate_limited"
    assert world.send(ada, "wave") == []


def test_the_third_strike_in_a_minute_closes_the_connection(world: World, ada: str, ben: str) -> None:
    for window in (0, 1):
        flood(world, ada, 61, NOW + window * 10_000, CHEAP)
    assert "bye" not in world.fanout.types(ada)
    flood(world, ada, 61, NOW + 20_000, CHEAP)
    assert world.fanout.types(ada)[-3:] == ["error", "bye", "CLOSED"]
    bye = world.fanout.last(ada)
    assert (bye["data"]["code"], bye["data"]["action"]) == ("rate_limited", "reconnect")


def test_a_burst_is_answered_once_then_ignored_then_closed(world: World, ada: str, ben: str) -> None:
    world.fanout.forget()
    for _ in range(500):
        world.send(ada, "wave")
    assert world.fanout.types(ada) == ["error", "bye", "CLOSED"]
    assert world.fanout.types(ben) == ["wave"] * 60


def test_a_user_without_budget_gets_one_error_until_it_is_back(world: World, ada: str, ben: str) -> None:
    world.spend("ada")
    assert code_of(world.send(ada, "wave")) == "rate_limited"
    assert world.send(ada, "mic", is_muted=False) == world.send(ada, "offer") == []
    assert [world.receive(ada, text) for text in REFUSED_TEXTS] == [[]] * len(REFUSED_TEXTS)
    assert world.send(ben, "wave", id="b")[0]["type"] == "ack"
    assert world.send(ada, "wave", NOW + 30_000, id="a")[0]["type"] == "ack"


def test_sending_on_without_budget_closes_the_connection(world: World, room_id: str, ada: str, ben: str) -> None:
    """Though each connection keeps the limit of frames."""
    connections = [ada, *(world.connect("ada", room_id) for _ in range(4))]
    world.spend("ada")
    for connection in connections:
        flood(world, connection, 60, NOW)
    assert [("CLOSED" in world.fanout.types(connection)) for connection in connections] == [False] * 3 + [True] * 2
    assert "CLOSED" not in world.fanout.types(ben)


@pytest.mark.parametrize(
    ("kind", "units"),
    [("wave", 2 + 2), ("message", 8 + 3), ("mic", 3 + 3), ("sync", 10 + 1), ("ping", 3 + 1), ("nonsense\n", 2 + 1)],
)
def test_a_frame_costs_its_price_and_what_is_sent(
    world: World, room_id: str, ada: str, ben: str, kind: str, units: int
) -> None:
    world.enter("cyd", room_id)
    world.send(ada, "sync")
    before = world.credit("ada")
    world.send(ada, kind, **FIELDS.get(kind, {}) | {"is_muted": False})
    assert before - world.credit("ada") == units


def test_large_frames_cost_more(world: World, ada: str, ben: str) -> None:
    before = world.credit("ada")
    world.receive(ada, padded(32_000))
    assert before - world.credit("ada") == 2 + 9
    before = world.credit("ada")
    world.send(ada, "message", text="\u2603" * 4_000)
    assert before - world.credit("ada") == 8 + 24 + 2 * 4, "24 for 12 KB of the log"
    before = world.credit("ada")
    world.receive(ada, "\U0001f44b" * 32_000)
    assert before - world.credit("ada") == 2 + 4 + 1, "4 for 128 KB, and the error"


def test_ignored_frames_use_up_the_budget(world: World, ada: str) -> None:
    world.backend.budgets._accounts = Cache()
    for _ in range(60 + 3000):
        world.receive(ada, CHEAP)
    assert world.backend.budgets.check("ada", 1, NOW) == 30
