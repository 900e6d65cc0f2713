"""The client library knows the service as it is: its routes, and what its answers and frames hold."""

import re

import pytest
from pydantic import BaseModel

from chalicelib import protocol, schemas
from chalicelib.api.routes import ROUTES
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
        ("Profile", schemas.Me),
        ("RoomSummary", schemas.RoomSummary),
        ("RoomDetail", schemas.RoomDetail),
        ("ParticipantView", schemas.ParticipantView),
        ("RoomMessage", schemas.RoomMessage),
        ("Ticket", schemas.WebsocketAccess),
        ("Joined", schemas.JoinRoomResponse),
        ("NewRoom", schemas.RoomCreate),
        ("Done", schemas.Success),
        ("FieldError", schemas.FieldError),
        ("SnapshotData", protocol.SnapshotData),
        ("You", protocol.You),
        ("Ended", protocol.ByeData),
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
    numbered = {
        str(frame.model_fields["type"].default) for frame in protocol.SERVER_FRAMES if "seq" in frame.model_fields
    }
    code = (SDK / "socket.js").read_text("utf-8")
    assert set(re.findall(r"^    (\w+): this\.#numbered,$", code, re.MULTILINE)) == numbered
