"""Frame dispatch: from a text to a typed frame, whose frame it is, limits, acks and errors."""

import json
import logging
from collections.abc import Callable
from contextlib import suppress
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from chalicelib.api import frames
from chalicelib.api.frames import MAX_FRAME_BYTES, parse
from chalicelib.contract import Access, ClientFrame, FrameContext, FrameSpec
from chalicelib.contract.frames import FrameAccess
from chalicelib.features import FRAMES, OTHER_FRAMES
from chalicelib.kernel.errors import FrameTooLargeError, InvalidFrameError, InvalidRequestError
from chalicelib.kernel.strict_json import MAX_DEPTH
from chalicelib.lifecycle import service as lifecycle
from chalicelib.lifecycle.sweep import sweep
from chalicelib.log import get_position
from chalicelib.relay.schemas import Relay
from chalicelib.seats import sockets
from chalicelib.seats.leases import HTTP_LEASE_MS
from chalicelib.seats.sockets import SocketEvent
from chalicelib.store import client
from tests.fakes.backend import ENDPOINT, NOW, World
from tests.fakes.bodies import FIELDS
from tests.fakes.fanout import Frame
from tests.fakes.faults import Faults, Refused

EVERY_KIND = ["sync", "ping", *FIELDS, "offer", "answer", "ice-candidate", "wave", "user-joined", "leave"]
REFUSED_TEXTS = ["not json", "[]", "x" * (MAX_FRAME_BYTES + 1), '{"type": "bye"}', '{"type": "mic"}', ""]


def read(raw: Frame) -> ClientFrame:
    return frames.read(FRAMES.get(raw["type"], OTHER_FRAMES), raw)


def receive(world: World, connection_id: str, text: str, now: int = NOW) -> list[Frame]:
    """Receive a text; the frames that its connection is sent for it."""
    before = len(world.fanout.frames(connection_id))
    frames.receive(world.backend, SocketEvent(connection_id, ENDPOINT), text, now)
    return world.fanout.frames(connection_id)[before:]


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
    """A frame of so many bytes of UTF-8."""
    bare = '{"type":"wave","text":""}'
    count, rest = divmod(size - len(bare), len(character.encode()))
    return bare.replace('""', f'"{"y" * rest}{character * count}"')


@pytest.mark.parametrize("character", ["x", "\u00e9", "\u2603", "\U0001f44b"])
def test_a_frame_has_at_most_32000_bytes(character: str) -> None:
    assert MAX_FRAME_BYTES == len(padded(32_000, character).encode()) == 32_000
    assert parse(padded(32_000, character))["type"] == "wave"
    with pytest.raises(FrameTooLargeError):
        parse(padded(32_001, character))


def test_a_text_that_is_too_large_is_not_parsed() -> None:
    with pytest.raises(FrameTooLargeError):
        parse("[" * 32_001)


@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}")])
def test_a_frame_is_at_most_32_levels_deep(opening: str, closing: str) -> None:
    def nested(depth: int) -> str:
        return f'{{"type": "wave", "data": {opening * (depth - 1)}"bottom"{closing * (depth - 1)}}}'

    assert MAX_DEPTH == 32
    assert parse(nested(32))
    for depth in (33, 200, 2000):
        with pytest.raises(InvalidFrameError, match="32 levels"):
            parse(nested(depth))


@pytest.mark.parametrize("text", ["[" * 100, '\\"' + "{" * 100, '"' + "[" * 40 + '\\\\" \\u005b', "]" * 40 + "[" * 40])
def test_brackets_in_texts_are_not_levels(text: str) -> None:
    assert parse(json.dumps({"type": "wave", "data": text, text: text}))["data"] == text


def test_siblings_are_not_levels() -> None:
    assert len(parse('{"type": "wave", "data": [' + ",".join(["[{}]"] * 1000) + "]}")["data"]) == 1000


NOT_OBJECTS = ["", " ", "hello", "null", "true", "7", "-0.5", '"text"', "[]", '[{"type": "wave"}]', "{}"]
NOT_TYPES = ["null", "7", '["wave"]', '{"wave": 1}', '""', '"Wave"', '"wa ve"', '"wave\\n"', '"w\u00e4ve"', '"wave.x"']
NOT_VALUES = [
    *("NaN", "Infinity", "-Infinity", "1e999", "[-1e400]", "9" * 5000, "01", '"\\ud800"', '"tab\tin it"', '"\\x"'),
    '"\ud800"',
]


@pytest.mark.parametrize(
    "text",
    [
        *NOT_OBJECTS,
        *[f'{{"type": {kind}}}' for kind in NOT_TYPES],
        *[f'{{"type": "wave", "n": {value}}}' for value in NOT_VALUES],
        '{"type": "' + "w" * 65 + '"}',
        '{"Type": "wave"}',
        "{'type': 'wave'}",
        '{"type": "wave"',
        '{"type": "wave"}}',
        '{"type": "wave"} {"type": "wave"}',
        '{"type": "wave",}',
        '{"type": "wave", "\\udfff": 1}',
        '\ufeff{"type": "wave"}',
    ],
)
def test_only_a_json_object_with_a_valid_type_is_a_frame(text: str) -> None:
    with pytest.raises(InvalidFrameError):
        parse(text)


@pytest.mark.parametrize("kind", ["w", "w" * 64, "0", "-", "_", "user-joined", "a_b-c9"])
def test_a_type_has_small_letters_digits_underscores_and_hyphens(kind: str) -> None:
    assert parse(json.dumps({"type": kind})) == {"type": kind}


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)
kinds = st.text("abcdefghijklmnopqrstuvwxyz0123456789_-", min_size=1, max_size=64)


@settings(deadline=None)
@given(st.dictionaries(st.text(), values, max_size=6), kinds)
def test_a_frame_is_parsed_without_any_change(rest: dict[str, Any], kind: str) -> None:
    frame = rest | {"type": kind}
    assert parse(json.dumps(frame, ensure_ascii=False)) == frame
    assert parse(json.dumps(frame)) == frame


@settings(deadline=None)
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
def test_fields_are_beside_type_or_under_data_and_beside_wins(frame: Frame, expected: bool | None) -> None:
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


# Whose frame it is


def test_a_new_process_identifies_the_sender_of_every_frame(world: World, room_id: str, ada: str, ben: str) -> None:
    for kind in EVERY_KIND:
        world.restart()
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


def close_room(world: World, room_id: str) -> int:
    lifecycle.toggle_status(world.context("", room_id))
    return NOW


def delete_room(world: World, room_id: str) -> int:
    lifecycle.delete_room(world.context("", room_id))
    return NOW


def let_the_lease_end(world: World, room_id: str) -> int:
    sweep(world.backend, lambda: NOW + HTTP_LEASE_MS)
    return NOW + HTTP_LEASE_MS


def leave_over_http(world: World, room_id: str) -> int:
    world.leave("ada", room_id)
    return NOW


@pytest.mark.parametrize("end", [close_room, delete_room, let_the_lease_end, leave_over_http])
def test_a_former_member_is_refused_though_still_connected(
    world: World, room_id: str, ada: str, ben: str, end: Callable[[World, str], int]
) -> None:
    world.fanout.failing = {ada}
    now = end(world, room_id)
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
    """Also if nothing changes, and so nothing is broadcast."""
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
    (error,) = receive(world, ada, text)
    assert (error["type"], error["roomId"]) == ("error", room_id)


@pytest.mark.parametrize("access", [Access.MEMBER, Access.OWNER])
def test_a_handler_that_proves_no_access_gets_internal_error(
    world: World, ada: str, ben: str, access: FrameAccess, caplog: pytest.LogCaptureFixture
) -> None:
    def do_nothing(_context: FrameContext[Relay]) -> None:
        """Prove nothing."""

    spec = FrameSpec("wave", Relay, do_nothing, access=access)
    with patch.dict(FRAMES, {"wave": spec}):
        assert code_of(world.send(ada, "wave", id="1")) == "internal_error"
    assert "MissingProofError" in caplog.text


@pytest.mark.parametrize("kind", EVERY_KIND)
def test_every_handler_proves_the_access_it_declares(world: World, ada: str, ben: str, kind: str) -> None:
    spec = FRAMES.get(kind, OTHER_FRAMES)
    assert spec.access is Access.MEMBER
    with patch.object(FrameContext, "prove"):  # takes away every proof
        assert world.send(ada, kind, **FIELDS.get(kind, {}))[-1]["data"]["code"] == "internal_error"


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


def test_a_bug_while_the_sender_is_identified_is_answered(world: World, ada: str) -> None:
    world.restart()
    with Faults(world.store.connection) as faults:
        faults.break_for_good("Query", Refused("ValidationException"))
        assert code_of(world.send(ada, "wave")) == "internal_error"


def test_a_store_that_does_not_answer_is_unavailable(world: World, ada: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "DEADLINE_SECONDS", 0)
    with Faults(world.store.connection) as faults:
        faults.break_for_good("Query", Refused("ThrottlingException"))
        assert code_of(world.send(ada, "wave")) == "unavailable"


# Limits


def flood(world: World, connection_id: str, count: int, now: int, text: str = '{"type": "wave"}') -> list[str]:
    """Send a text many times; the codes of the errors."""
    answers = [answer for _ in range(count) for answer in receive(world, connection_id, text, now)]
    return [answer["data"]["code"] for answer in answers if answer["type"] == "error"]


CHEAP = "not a frame, and cheap to refuse"


def test_sixty_frames_in_ten_seconds_are_accepted(world: World, ada: str, ben: str) -> None:
    assert flood(world, ada, 60, NOW) == []
    (error,) = world.send(ada, "wave", NOW + 9_999, id="over")
    assert (error["data"]["code"], error["data"]["retry_after"], error["ref"]) == ("rate_limited", 1, "over")
    assert len(world.fanout.frames(ben)) == 60
    assert flood(world, ada, 60, NOW + 10_000) == []


def test_200_signalling_frames_are_accepted_beside_the_others(world: World, ada: str, ben: str) -> None:
    assert flood(world, ada, 60, NOW) == []
    for kind, count in {"offer": 10, "answer": 10, "ice-candidate": 180}.items():
        assert flood(world, ada, count, NOW, json.dumps({"type": kind})) == []
    assert flood(world, ada, 1, NOW, '{"type": "offer"}') == ["rate_limited"]


def test_each_connection_has_its_own_limit(world: World, room_id: str, ada: str, ben: str) -> None:
    second = world.connect("ada", room_id)
    assert "rate_limited" in flood(world, ada, 61, NOW, CHEAP)
    assert "rate_limited" not in flood(world, ben, 60, NOW, CHEAP) + flood(world, second, 60, NOW, CHEAP)


@pytest.mark.parametrize("text", REFUSED_TEXTS)
def test_refused_frames_count(world: World, ada: str, text: str) -> None:
    for _ in range(60):
        receive(world, ada, text)
    assert code_of(receive(world, ada, text)) == "rate_limited"
    assert code_of(world.send(ada, "wave")) == "rate_limited"


def test_the_third_strike_in_a_minute_closes_the_connection(world: World, ada: str, ben: str) -> None:
    for window in (0, 1):
        flood(world, ada, 61, NOW + window * 10_000, CHEAP)
    assert "bye" not in world.fanout.types(ada)
    flood(world, ada, 61, NOW + 20_000, CHEAP)
    assert world.fanout.types(ada)[-3:] == ["error", "bye", "CLOSED"]
    bye = world.fanout.last(ada)
    assert (bye["data"]["code"], bye["data"]["action"]) == ("rate_limited", "reconnect")


def test_strikes_in_different_minutes_do_not_add_up(world: World, ada: str) -> None:
    for window in range(4):
        assert flood(world, ada, 61, NOW + window * 30_000, CHEAP)[-1] == "rate_limited"
    assert "bye" not in world.fanout.types(ada)


def test_a_rate_limited_message_uses_no_number(world: World, room_id: str, ada: str) -> None:
    for count in range(32):
        world.send(ada, "message", text=str(count))
    assert get_position(world.store, room_id).last_seq == 31
