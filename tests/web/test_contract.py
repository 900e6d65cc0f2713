"""The client library knows the routes, answers and frames of the service."""

import re

import pytest
from pydantic import BaseModel

from chalicelib.api.problems import FieldError
from chalicelib.api.routes import ROUTES
from chalicelib.contract import Success
from chalicelib.features import EVENTS
from chalicelib.log.schemas import RoomMessage
from chalicelib.profiles.schemas import Me
from chalicelib.rooms.schemas import RoomCreate, RoomSummary
from chalicelib.seats.schemas import (
    ByeData,
    JoinRoomResponse,
    ParticipantView,
    RoomDetail,
    SnapshotData,
    WebsocketAccess,
    You,
)
from tests.fakes.node import WEB

SDK = WEB.parent.parent / "web" / "sdk"
PAGES = {"/openapi.json", "/asyncapi.json", "/docs"}
INTERFACE = re.compile(r"^export interface (\w+)(?: extends ([\w, ]+))? \{\n(.*?)^\}", re.MULTILINE | re.DOTALL)
FIELD = re.compile(r"^  (?:readonly )?(\w+)\??:", re.MULTILINE)
INTERFACES = {name: (bases, body) for name, bases, body in INTERFACE.findall((SDK / "wire.ts").read_text("utf-8"))}


def fields(interface: str) -> set[str]:
    """What an interface has, and what it inherits."""
    bases, body = INTERFACES[interface]
    return set(FIELD.findall(body)).union(*(fields(base) for base in bases.split(", ") if base))


@pytest.mark.parametrize(
    ("interface", "model"),
    [
        ("Profile", Me),
        ("RoomSummary", RoomSummary),
        ("RoomDetail", RoomDetail),
        ("ParticipantView", ParticipantView),
        ("RoomMessage", RoomMessage),
        ("Ticket", WebsocketAccess),
        ("Joined", JoinRoomResponse),
        ("NewRoom", RoomCreate),
        ("Done", Success),
        ("FieldError", FieldError),
        ("SnapshotData", SnapshotData),
        ("You", You),
        ("Ended", ByeData),
    ],
)
def test_an_interface_has_the_fields_of_what_it_is_about(interface: str, model: type[BaseModel]) -> None:
    assert fields(interface) == set(model.model_fields)


def test_every_route_is_called_in_a_test() -> None:
    tested = set(re.findall(r'"([A-Z]+ /[^"?]*)', (WEB / "http.test.js").read_text("utf-8")))
    tested = {re.sub(r"rooms/(?!room)[^/]+", "rooms/{room_id}", request) for request in tested}
    routes = {f"{route.method} {route.path}" for route in ROUTES if route.path not in PAGES}
    assert tested == routes


def test_every_numbered_frame_is_known() -> None:
    numbered = {str(frame.model_fields["type"].default) for frame in EVENTS if "seq" in frame.model_fields}
    code = (SDK / "socket.js").read_text("utf-8")
    assert set(re.findall(r"^    (\w+): this\.#numbered,$", code, re.MULTILINE)) == numbered
