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
from chalicelib.contract import Access, ClientFrame, FrameSpec, Route
from chalicelib.contract.frames import MAX_ID, Ack, Error, ErrorData
from chalicelib.features import EVENTS, FRAMES, OTHER_FRAMES, RESERVED_TYPES, ROUTES
from chalicelib.kernel import limits
from chalicelib.lifecycle.schemas import RoomClosedData
from chalicelib.log.service import MAX_RECOVERED, SHOWN
from chalicelib.log.table import LeaveReason
from chalicelib.relay.frames import ANNOUNCEMENTS
from chalicelib.seats import schemas
from chalicelib.seats.sockets import MAX_CONNECTIONS

FROM_CLIENTS = {
    "sync": {"last_seq"},
    "ping": {"last_seq"},
    "message": {"text", "reply_to", "mentions"},
    "emoji": {"emoji"},
    "edit": {"seq", "text", "mentions"},
    "delete": {"seq"},
    "react": {"seq", "emoji", "on"},
    "mic": {"is_muted"},
    "speaking": {"is_speaking"},
    "typing": {"is_typing", "to"},
    "moderate": {"action", "user_id", "reason", "seconds"},
    "read": {"seq"},
    "leave": set(),
    "offer": {"to"},
    "answer": {"to"},
    "ice-candidate": {"to"},
}
REASONS = ("left", "timed_out", "removed", "room_closed")


def names(model: type[BaseModel]) -> set[str]:
    """The fields by their names on the wire."""
    return {field.serialization_alias or field.alias or name for name, field in model.model_fields.items()}


# Names


@pytest.mark.parametrize("of", [lambda route: route.name, lambda route: (route.method, route.path)])
def test_routes_have_different_names_and_paths(of: Any) -> None:
    assert set(ROUTES) <= set(routes.ROUTES)
    assert max(Counter(of(route) for route in routes.ROUTES).values()) == 1


def declared(file: str, name: str) -> list[Any]:
    """The declarations of the features in files of this name."""
    folder = Path(chalicelib.__file__).parent
    features = [path.parent.name for path in folder.glob(f"*/{file}.py") if path.parent.name not in ("api", "contract")]
    return [one for feature in features for one in getattr(import_module(f"chalicelib.{feature}.{file}"), name)]


def test_every_declared_route_and_frame_is_registered() -> None:
    assert {id(route) for route in declared("views", "ROUTES")} == {id(route) for route in ROUTES}
    specs = declared("frames", "FRAMES")
    assert max(Counter(spec.name for spec in specs).values()) == 1
    assert {spec.name: spec for spec in specs} == FRAMES
    assert len({event.type_name() for event in EVENTS}) == len(EVENTS)


def test_announcements_are_the_only_server_types_of_clients() -> None:
    assert {"user-joined", "user-left"} == ANNOUNCEMENTS
    assert {event.type_name() for event in EVENTS} - ANNOUNCEMENTS == RESERVED_TYPES
    assert not RESERVED_TYPES & set(FRAMES)


@pytest.mark.parametrize("spec", [*FRAMES.values(), OTHER_FRAMES], ids=lambda spec: spec.name)
def test_the_example_of_a_frame_is_accepted(spec: FrameSpec) -> None:
    raw = parse(json.dumps({"type": spec.name} | spec.example))
    frame = read(spec, raw)
    assert type(frame) is spec.model
    assert set(spec.answers) <= {event.type_name() for event in EVENTS}
    assert spec.handler.__doc__
    assert spec.access in (Access.MEMBER, Access.MODERATOR, Access.OWNER), (
        "a frame has no token, so no other access can be checked"
    )
    flat = raw | (raw["data"] if isinstance(raw.get("data"), dict) else {})
    assert names(spec.model) - {"type", "id"} <= set(flat) | {"data"}, "it shows every field"


@pytest.mark.parametrize("route", routes.ROUTES, ids=lambda route: route.name)
def test_a_route_has_a_described_view_and_a_success_status(route: Route) -> None:
    assert 200 <= route.status < 300
    assert route.has_room or route.access not in (Access.MEMBER, Access.MODERATOR, Access.OWNER)
    assert route.view.__doc__


# Shapes


def test_client_frames_have_the_fields_of_the_contract() -> None:
    envelope = names(ClientFrame)
    assert envelope == {"type", "id"}
    assert {kind: names(spec.model) - envelope for kind, spec in FRAMES.items()} == FROM_CLIENTS
    assert all(names(spec.model) >= envelope for spec in FRAMES.values())


def test_a_snapshot_shows_the_room_as_http_does() -> None:
    assert names(schemas.SnapshotRoom) == names(schemas.RoomDetail) - {"messages", "you"}
    assert names(schemas.You) == {"user_id", "connection_id", "role", "can", "read_seq"}


def test_the_reasons_are_those_of_the_contract() -> None:
    assert get_args(LeaveReason) == REASONS
    assert set(get_args(RoomClosedData.model_fields["reason"].annotation)) == {"deactivated", "deleted"}
    assert set(get_args(schemas.ByeData.model_fields["action"].annotation)) == {"reconnect", "rejoin", "stop"}
    assert [(bye.code, bye.action) for bye in (*schemas.CLOSE_FRAMES.values(), schemas.REPLACED, schemas.TOO_FAST)] == [
        *(("left", "stop"), ("timed_out", "rejoin"), ("removed", "stop"), ("room_closed", "stop")),
        *(("replaced", "stop"), ("rate_limited", "reconnect")),
    ]
    assert {reason: bye.code for reason, bye in schemas.CLOSE_FRAMES.items()} == {one: one for one in REASONS}


def test_the_limits_are_those_of_the_contract() -> None:
    assert (limits.MAX_FRAMES, limits.MAX_SIGNALS, limits.WINDOW_MS) == (60, 200, 10_000)
    assert (limits.STRIKES, limits.STRIKE_WINDOW_MS, MAX_ID) == (3, 60_000, 64)
    assert (MAX_RECOVERED, SHOWN, MAX_CONNECTIONS) == (300, 50, 5)


# Server frames on the wire


def test_fields_that_do_not_apply_are_left_out() -> None:
    ack = Ack(room_id="a room", ts="a time")
    assert json.loads(ack.encode()) == {"type": "ack", "roomId": "a room", "ts": "a time"}


def test_names_on_the_wire_are_those_of_the_contract() -> None:
    joined = schemas.PeerJoined(
        room_id="a room", ts="a time", sender="ada", connection="a-1", data=schemas.PeerData(user_id="ada")
    )
    assert json.loads(joined.encode()) == {
        "type": "user-joined",
        "roomId": "a room",
        "ts": "a time",
        "from": "ada",
        "connection": "a-1",
        "data": {"userId": "ada"},
    }


def test_text_is_sent_as_utf_8_without_escapes() -> None:
    data = {"code": "x", "detail": "\u2603", "retry_after": 7}
    error = Error(room_id="a room", ts="a time", data=ErrorData.model_validate(data))
    assert "\u2603".encode() in error.encode()
    assert json.loads(error.encode())["data"] == data
