"""The WebSocket contract's names and shapes, written down once more from its tables, and how a text becomes a frame."""

import json
from contextlib import suppress
from typing import Any, get_args

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from chalicelib import errors, limits, presence, protocol, realtime, recovery, seats, sockets
from chalicelib.errors import CoworkingError, FrameTooLargeError, InvalidFrameError
from chalicelib.protocol import (
    ANNOUNCED_BY_CLIENTS,
    CLIENT_FRAMES,
    MAX_FRAME_BYTES,
    RESERVED_TYPES,
    SERVER_FRAMES,
    Ack,
    ByeData,
    LeaveReason,
    Relay,
    RoomClosedData,
    parse,
    read,
)
from chalicelib.schemas import ParticipantView, RoomDetail, RoomMessage, RoomSummary
from chalicelib.strict_json import MAX_DEPTH

FROM_CLIENTS = {
    "sync": {"last_seq"},
    "ping": {"last_seq"},
    "message": {"text"},
    "emoji": {"emoji"},
    "mic": {"is_muted"},
    "speaking": {"is_speaking"},
    "typing": {"is_typing"},
    "offer": {"to"},
    "answer": {"to"},
    "ice-candidate": {"to"},
    "leave": set(),
}
SUMMARY = {
    "id",
    "name",
    "description",
    "status",
    "participant_count",
    "max_participants",
    "color",
    "created_at",
    "created_by",
}
PARTICIPANT = {"id", "name", "avatar", "is_muted", "is_speaking", "is_online", "joined_at"}
MESSAGE = {"id", "seq", "type", "user_id", "user", "avatar", "text", "time", "created_at"}
FROM_THE_SERVER = {
    "snapshot": {"room", "you", "messages", "recovered", "last_seq"},
    "pong": {"last_seq", "rotate"},
    "ack": MESSAGE,
    "error": {"code", "detail"},
    "user_joined": {"participant", "message"},
    "user_left": {"user_id", "reason", "message"},
    "message_sent": MESSAGE,
    "emoji_reaction": MESSAGE,
    "mic_toggled": {"user_id", "is_muted"},
    "speaking_changed": {"user_id", "is_speaking"},
    "presence_changed": {"user_id", "is_online"},
    "room_updated": SUMMARY,
    "room_closed": {"reason"},
    "user-joined": {"userId"},
    "user-left": {"userId"},
    "bye": {"code", "reason", "action"},
}
SEQUENCED = {"user_joined", "user_left", "message_sent", "emoji_reaction"}
ANSWERS = {"snapshot", "pong", "ack", "error"}
REASONS = ("left", "timed_out", "removed", "room_closed")
CODES = {
    "invalid_frame",
    "too_large",
    "reserved_type",
    "peer_unavailable",
    "rate_limited",
    "invalid_request",
    "not_in_room",
    "room_not_found",
    "muted",
    "unavailable",
    "internal_error",
}


def names(model: type[BaseModel]) -> set[str]:
    """The fields as they are called on the wire."""
    return {field.serialization_alias or field.alias or name for name, field in model.model_fields.items()}


def model_in(annotation: Any) -> type[BaseModel]:
    """The model that a field is about, whether it may be absent or not."""
    candidates = [annotation, *get_args(annotation)]
    return next(one for one in candidates if isinstance(one, type) and issubclass(one, BaseModel))


def name_of(frame: type[BaseModel]) -> str:
    return str(frame.model_fields["type"].default)


SERVER_BY_NAME = {name_of(frame): frame for frame in SERVER_FRAMES}


# The tables


def test_these_are_the_frames_that_clients_send() -> None:
    envelope = {"type", "id"}
    assert {kind: names(frame) - envelope for kind, frame in CLIENT_FRAMES.items()} == FROM_CLIENTS
    assert all(names(frame) >= envelope for frame in CLIENT_FRAMES.values())


def test_each_of_them_has_a_handler_and_no_other_name_has() -> None:
    assert set(realtime.HANDLERS) == set(FROM_CLIENTS)


def test_these_are_the_frames_that_the_server_sends_and_what_they_are_about() -> None:
    shapes = {kind: names(model_in(frame.model_fields["data"].annotation)) for kind, frame in SERVER_BY_NAME.items()}
    assert shapes == FROM_THE_SERVER


@pytest.mark.parametrize("frame", SERVER_FRAMES, ids=name_of)
def test_a_server_frame_has_the_envelope_and_what_applies(frame: type[BaseModel]) -> None:
    kind = name_of(frame)
    assert names(frame) >= {"type", "roomId", "ts", "data"}
    assert ("seq" in names(frame)) is (kind in SEQUENCED)
    assert ("ref" in names(frame)) is (kind in ANSWERS)
    assert names(frame) <= {"type", "roomId", "ts", "data", "from", "connection", "seq", "ref"}


def test_the_parts_of_frames_are_those_of_the_http_contract() -> None:
    assert names(RoomMessage) == MESSAGE
    assert names(ParticipantView) == PARTICIPANT
    assert names(RoomSummary) == SUMMARY
    assert names(protocol.SnapshotRoom) == names(RoomDetail) - {"messages"}
    assert names(protocol.You) == {"user_id", "connection_id"}


def test_clients_may_not_use_the_servers_names_but_may_announce_themselves() -> None:
    assert set(ANNOUNCED_BY_CLIENTS) == {"user-joined", "user-left"}
    assert set(RESERVED_TYPES) == set(FROM_THE_SERVER) - {"user-joined", "user-left"}
    assert not set(RESERVED_TYPES) & set(FROM_CLIENTS)


def test_these_are_the_words_for_why() -> None:
    assert get_args(LeaveReason) == REASONS
    assert set(get_args(RoomClosedData.model_fields["reason"].annotation)) == {"deactivated", "deleted"}
    assert set(get_args(ByeData.model_fields["action"].annotation)) == {"reconnect", "rejoin", "stop"}


def test_these_are_the_farewells() -> None:
    farewells = [*seats.FAREWELLS.values(), sockets._REPLACED, realtime._TOO_FAST]
    assert [(farewell.code, farewell.action) for farewell in farewells] == [
        ("left", "stop"),
        ("timed_out", "rejoin"),
        ("removed", "stop"),
        ("room_closed", "stop"),
        ("replaced", "stop"),
        ("rate_limited", "reconnect"),
    ]
    assert {reason: farewell.code for reason, farewell in seats.FAREWELLS.items()} == {one: one for one in REASONS}


def test_these_codes_are_known() -> None:
    tree = [one for one in vars(errors).values() if isinstance(one, type) and issubclass(one, CoworkingError)]
    assert {error.code for error in tree if error is not CoworkingError} >= CODES


def test_these_are_the_limits() -> None:
    assert (MAX_FRAME_BYTES, MAX_DEPTH, protocol.MAX_ID) == (32_000, 32, 64)
    assert (limits.FRAMES, limits.SIGNALS, limits.WINDOW_MS) == (60, 200, 10_000)
    assert (limits.STRIKES, limits.STRIKE_WINDOW_MS) == (3, 60_000)
    assert (presence.HTTP_LEASE_MS, presence.SOCKET_LEASE_MS, presence.GRACE_MS) == (900_000, 90_000, 20_000)
    assert (recovery.RECOVERABLE, recovery.SHOWN, sockets.MOST_CONNECTIONS) == (300, 50, 5)


# A text becomes a frame


def padded(size: int, character: str = "x") -> str:
    """A frame of so many bytes of UTF-8."""
    bare = '{"type":"wave","text":""}'
    room = size - len(bare)
    count, rest = divmod(room, len(character.encode()))
    return bare.replace('""', f'"{"y" * rest}{character * count}"')


@pytest.mark.parametrize("character", ["x", "\u00e9", "\u2603", "\U0001f44b"])
def test_a_frame_of_32000_bytes_is_taken_and_one_of_a_byte_more_is_not(character: str) -> None:
    assert len(padded(32_000, character).encode()) == 32_000
    assert parse(padded(32_000, character))["type"] == "wave"
    with pytest.raises(FrameTooLargeError):
        parse(padded(32_001, character))


def test_a_text_that_is_too_large_is_not_looked_into() -> None:
    with pytest.raises(FrameTooLargeError):
        parse("[" * 32_001)


def nested(depth: int, opening: str = "[", closing: str = "]") -> str:
    """A frame so many levels deep, itself included."""
    inner = opening * (depth - 1)
    return '{"type": "wave", "data": ' + inner + '"bottom"' + closing * (depth - 1) + "}"


@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}")])
def test_a_frame_32_levels_deep_is_taken_and_one_of_33_is_not(opening: str, closing: str) -> None:
    assert parse(nested(32, opening, closing))
    with pytest.raises(InvalidFrameError):
        parse(nested(33, opening, closing))


@pytest.mark.parametrize("text", ["[" * 100, '\\"' + "{" * 100, '"' + "[" * 40 + '\\\\" \\u005b', "]" * 40 + "[" * 40])
def test_brackets_inside_of_strings_are_no_levels(text: str) -> None:
    assert parse(json.dumps({"type": "wave", "data": text, text: text}))["data"] == text


def test_brackets_beside_one_another_are_no_levels() -> None:
    assert len(parse('{"type": "wave", "data": [' + ",".join(["[{}]"] * 1000) + "]}")["data"]) == 1000


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "hello",
        "null",
        "true",
        "7",
        "-0.5",
        '"text"',
        "[]",
        '[{"type": "wave"}]',
        "{}",
        '{"type": null}',
        '{"type": 7}',
        '{"type": ["wave"]}',
        '{"type": {"wave": 1}}',
        '{"type": ""}',
        '{"type": "Wave"}',
        '{"type": "wa ve"}',
        '{"type": "wave\\n"}',
        '{"type": "w\u00e4ve"}',
        '{"type": "wave.wave"}',
        '{"type": "' + "w" * 65 + '"}',
        '{"Type": "wave"}',
        "{'type': 'wave'}",
        '{"type": "wave"',
        '{"type": "wave"}}',
        '{"type": "wave"} {"type": "wave"}',
        '{"type": "wave",}',
        '{"type": "wave", "n": NaN}',
        '{"type": "wave", "n": Infinity}',
        '{"type": "wave", "n": -Infinity}',
        '{"type": "wave", "n": 1e999}',
        '{"type": "wave", "n": [-1e400]}',
        '{"type": "wave", "n": ' + "9" * 5000 + "}",
        '{"type": "wave", "n": 01}',
        '{"type": "wave", "s": "\\ud800"}',
        '{"type": "wave", "\\udfff": 1}',
        '{"type": "wave", "s": "tab\tin it"}',
        '{"type": "wave", "s": "\\x"}',
        '\ufeff{"type": "wave"}',
        '{"type": "wave", "s": "\ud800"}',
        None,
    ],
)
def test_what_is_not_a_json_object_with_a_valid_type_is_no_frame(text: str | None) -> None:
    with pytest.raises(InvalidFrameError):
        parse(text)


@pytest.mark.parametrize("kind", ["w", "w" * 64, "0", "-", "_", "user-joined", "a_b-c9"])
def test_a_type_is_1_to_64_of_small_letters_digits_underscore_and_hyphen(kind: str) -> None:
    assert parse(json.dumps({"type": kind})) == {"type": kind}


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)
kinds = st.text("abcdefghijklmnopqrstuvwxyz0123456789_-", min_size=1, max_size=64)


@settings(deadline=None)
@given(st.dictionaries(st.text(), values, max_size=6), kinds)
def test_whatever_a_frame_holds_it_comes_out_as_it_went_in(rest: dict[str, Any], kind: str) -> None:
    frame = rest | {"type": kind}
    text = json.dumps(frame, ensure_ascii=False)
    assert parse(text) == frame
    assert parse(json.dumps(frame)) == frame


@settings(deadline=None)
@given(st.text() | st.text('{}[]"\\:,0123456789.eE+-truefalsn \n').map(lambda text: '{"type":"wave","x":' + text))
@example('"' * 31_999)
@example('"\\' * 15_999)
@example('{"type":"a","b":"' + "\\" * 31_000)
def test_whatever_comes_in_is_a_frame_or_an_error_that_clients_know(text: str) -> None:
    try:
        frame = parse(text)
    except (FrameTooLargeError, InvalidFrameError):
        return
    assert json.loads(json.dumps(frame, allow_nan=False)) == frame
    with suppress(ValidationError):
        assert read(frame).type == frame["type"]


# The fields of a frame


def test_fields_stand_under_data_or_beside_the_type() -> None:
    assert read({"type": "message", "data": {"text": "hi"}}) == read({"type": "message", "text": "hi"})


def test_beside_the_type_wins() -> None:
    assert read({"type": "mic", "is_muted": True, "data": {"is_muted": False}}).model_dump()["is_muted"] is True


@pytest.mark.parametrize("data", [None, 7, "text", ["is_muted"], True])
def test_data_that_is_no_object_has_no_fields(data: object) -> None:
    assert read({"type": "mic", "is_muted": True, "data": data}).model_dump()["is_muted"] is True
    with pytest.raises(ValidationError):
        read({"type": "mic", "data": data})


def test_neither_the_type_nor_the_id_of_a_frame_comes_out_of_its_data() -> None:
    frame = read({"type": "offer", "data": {"type": "answer", "id": 7, "sdp": "v=0"}})
    assert (frame.type, frame.id) == ("offer", None)


def test_any_other_name_is_relayed_whatever_it_is_about() -> None:
    assert isinstance(read({"type": "wave", "data": {"last_seq": "x"}, "text": 7, "to": []}), Relay)


# A frame becomes a text


def test_what_does_not_apply_is_left_out() -> None:
    ack = Ack(room_id="a room", ts="a time")
    assert json.loads(ack.encode()) == {"type": "ack", "roomId": "a room", "ts": "a time"}


def test_names_on_the_wire_are_those_of_the_contract() -> None:
    joined = protocol.PeerJoined(
        room_id="a room", ts="a time", sender="ada", connection="a-1", data=protocol.PeerData(user_id="ada")
    )
    assert json.loads(joined.encode()) == {
        "type": "user-joined",
        "roomId": "a room",
        "ts": "a time",
        "from": "ada",
        "connection": "a-1",
        "data": {"userId": "ada"},
    }


def test_text_goes_over_the_wire_as_utf_8_and_not_escaped() -> None:
    data = {"code": "x", "detail": "\u2603", "retry_after": 7}
    error = protocol.Error(room_id="a room", ts="a time", data=protocol.ErrorData.model_validate(data))
    assert "\u2603".encode() in error.encode()
    assert json.loads(error.encode())["data"] == data
