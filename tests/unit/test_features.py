"""The registry: the names, shapes and examples of all routes, frames and events, as the contract lists them."""

import json
from collections import Counter
from importlib import import_module
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import BaseModel

import chalicelib
from chalicelib.api import routes
from chalicelib.api.frames import parse, read
from chalicelib.contract import ClientFrame, FrameSpec, Route
from chalicelib.contract.frames import MAX_ID, Ack, Error, ErrorData
from chalicelib.features import EVENTS, FRAMES, OTHER_FRAMES, RESERVED_TYPES, ROUTES
from chalicelib.kernel import errors, limits
from chalicelib.kernel.errors import CoworkingError
from chalicelib.lifecycle.schemas import RoomClosedData
from chalicelib.log.schemas import RoomMessage
from chalicelib.log.service import MAX_RECOVERED, SHOWN
from chalicelib.relay.frames import ANNOUNCEMENTS
from chalicelib.rooms.schemas import RoomSummary
from chalicelib.seats.schemas import (
    CLOSE_FRAMES,
    REPLACED,
    TOO_FAST,
    ByeData,
    LeaveReason,
    ParticipantView,
    PeerData,
    PeerJoined,
    RoomDetail,
    SnapshotRoom,
    You,
)
from chalicelib.seats.sockets import MAX_CONNECTIONS

FROM_CLIENTS = {
    **{"sync": {"last_seq"}, "ping": {"last_seq"}, "message": {"text"}, "emoji": {"emoji"}, "mic": {"is_muted"}},
    **{"speaking": {"is_speaking"}, "typing": {"is_typing"}, "leave": set()},
    **{"offer": {"to"}, "answer": {"to"}, "ice-candidate": {"to"}},
}
SUMMARY = {
    *("id", "name", "description", "status", "participant_count", "max_participants", "color", "created_at"),
    "created_by",
}
PARTICIPANT = {"id", "name", "avatar", "is_muted", "is_speaking", "is_online", "joined_at"}
MESSAGE = {"id", "seq", "type", "user_id", "user", "avatar", "text", "time", "created_at"}
FROM_THE_SERVER = {
    "snapshot": {"room", "you", "messages", "recovered", "last_seq"},
    "pong": {"last_seq", "rotate"},
    "ack": set(),
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
    *("invalid_frame", "too_large", "reserved_type", "peer_unavailable", "rate_limited", "invalid_request"),
    *("not_in_room", "room_not_found", "muted", "unavailable", "internal_error"),
}


def names(model: type[BaseModel]) -> set[str]:
    """The fields by their names on the wire."""
    return {field.serialization_alias or field.alias or name for name, field in model.model_fields.items()}


def model_in(annotation: Any) -> type[BaseModel]:
    """The model in the annotation of a field."""
    candidates = [annotation, *get_args(annotation)]
    return next(one for one in candidates if isinstance(one, type) and issubclass(one, BaseModel))


SERVER_BY_NAME = {event.type_name(): event for event in EVENTS}


# Names


@pytest.mark.parametrize("of", [lambda route: route.name, lambda route: (route.method, route.path)])
def test_routes_have_different_names_and_paths(of: Any) -> None:
    assert set(ROUTES) <= set(routes.ROUTES)
    assert max(Counter(of(route) for route in routes.ROUTES).values()) == 1


def declared(file: str, name: str) -> list[Any]:
    """What the features declare in files of this name."""
    folder = Path(chalicelib.__file__).parent
    modules = [import_module(f"chalicelib.{path.parent.name}.{path.stem}") for path in folder.glob(f"*/{file}.py")]
    return [one for module in modules for one in getattr(module, name, ())]


def test_every_declared_route_and_frame_is_registered() -> None:
    assert {id(route) for route in declared("views", "ROUTES")} == {id(route) for route in routes.ROUTES}
    specs = declared("frames", "FRAMES")
    assert max(Counter(spec.name for spec in specs).values()) == 1
    assert {spec.name: spec for spec in specs} == FRAMES
    assert len(SERVER_BY_NAME) == len(EVENTS)


def test_clients_may_send_no_server_type_but_announcements() -> None:
    assert {"user-joined", "user-left"} == ANNOUNCEMENTS
    assert set(FROM_THE_SERVER) - ANNOUNCEMENTS == RESERVED_TYPES
    assert not RESERVED_TYPES & set(FRAMES)


@pytest.mark.parametrize("spec", [*FRAMES.values(), OTHER_FRAMES], ids=lambda spec: spec.name)
def test_the_example_of_a_frame_is_accepted(spec: FrameSpec) -> None:
    raw = parse(json.dumps({"type": spec.name} | spec.example))
    frame = read(spec, raw)
    assert type(frame) is spec.model
    assert set(spec.answers) <= set(FROM_THE_SERVER)
    assert spec.handler.__doc__
    flat = raw | (raw["data"] if isinstance(raw.get("data"), dict) else {})
    assert names(spec.model) - {"type", "id"} <= set(flat) | {"data"}, "it shows every field"


@pytest.mark.parametrize("route", routes.ROUTES, ids=lambda route: route.name)
def test_a_route_has_a_described_view_and_a_success_status(route: Route) -> None:
    assert 200 <= route.status < 300
    assert route.view.__doc__


# Shapes


def test_client_frames_have_the_fields_of_the_contract() -> None:
    envelope = names(ClientFrame)
    assert envelope == {"type", "id"}
    assert {kind: names(spec.model) - envelope for kind, spec in FRAMES.items()} == FROM_CLIENTS
    assert all(names(spec.model) >= envelope for spec in FRAMES.values())


def test_server_frames_have_the_data_of_the_contract() -> None:
    found = {kind: names(model_in(event.model_fields["data"].annotation)) for kind, event in SERVER_BY_NAME.items()}
    assert found == FROM_THE_SERVER


@pytest.mark.parametrize("kind", SERVER_BY_NAME)
def test_a_server_frame_has_the_envelope_and_what_applies(kind: str) -> None:
    found = names(SERVER_BY_NAME[kind])
    assert found >= {"type", "roomId", "ts", "data"}
    assert ("seq" in found) is (kind in SEQUENCED)
    assert ("ref" in found) is (kind in ANSWERS)
    assert found <= {"type", "roomId", "ts", "data", "from", "connection", "seq", "ref"}


def test_frames_and_http_answers_share_their_parts() -> None:
    assert names(RoomMessage) == MESSAGE
    assert names(ParticipantView) == PARTICIPANT
    assert names(RoomSummary) == SUMMARY
    assert names(SnapshotRoom) == names(RoomDetail) - {"messages"}
    assert names(You) == {"user_id", "connection_id"}


def test_the_reasons_are_those_of_the_contract() -> None:
    assert get_args(LeaveReason) == REASONS
    assert set(get_args(RoomClosedData.model_fields["reason"].annotation)) == {"deactivated", "deleted"}
    assert set(get_args(ByeData.model_fields["action"].annotation)) == {"reconnect", "rejoin", "stop"}
    assert [(bye.code, bye.action) for bye in (*CLOSE_FRAMES.values(), REPLACED, TOO_FAST)] == [
        *(("left", "stop"), ("timed_out", "rejoin"), ("removed", "stop"), ("room_closed", "stop")),
        *(("replaced", "stop"), ("rate_limited", "reconnect")),
    ]
    assert {reason: bye.code for reason, bye in CLOSE_FRAMES.items()} == {one: one for one in REASONS}


def test_the_codes_and_limits_are_those_of_the_contract() -> None:
    tree = [one for one in vars(errors).values() if isinstance(one, type) and issubclass(one, CoworkingError)]
    assert {error.code for error in tree if error is not CoworkingError} >= CODES
    assert (limits.MAX_FRAMES, limits.MAX_SIGNALS, limits.WINDOW_MS) == (60, 200, 10_000)
    assert (limits.STRIKES, limits.STRIKE_WINDOW_MS, MAX_ID) == (3, 60_000, 64)
    assert (MAX_RECOVERED, SHOWN, MAX_CONNECTIONS) == (300, 50, 5)


# Server frames on the wire


def test_fields_that_do_not_apply_are_left_out() -> None:
    ack = Ack(room_id="a room", ts="a time")
    assert json.loads(ack.encode()) == {"type": "ack", "roomId": "a room", "ts": "a time"}


def test_names_on_the_wire_are_those_of_the_contract() -> None:
    joined = PeerJoined(
        room_id="a room", ts="a time", sender="ada", connection="a-1", data=PeerData(user_id="ada")
    )
    assert json.loads(joined.encode()) == {
        **{"type": "user-joined", "roomId": "a room", "ts": "a time", "from": "ada", "connection": "a-1"},
        "data": {"userId": "ada"},
    }


def test_text_is_sent_as_utf_8_without_escapes() -> None:
    data = {"code": "x", "detail": "\u2603", "retry_after": 7}
    error = Error(room_id="a room", ts="a time", data=ErrorData.model_validate(data))
    assert "\u2603".encode() in error.encode()
    assert json.loads(error.encode())["data"] == data
