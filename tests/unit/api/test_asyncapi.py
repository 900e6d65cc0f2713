"""The AsyncAPI document is valid, lists every frame of the contract, and agrees with the frames that are sent."""

import gzip
import json
import re
from contextlib import nullcontext
from functools import cache
from pathlib import Path
from typing import Any, get_args

import jsonschema_rs
import pytest

from chalicelib.access.knocking import knock
from chalicelib.api.asyncapi import document
from chalicelib.api.frames import MAX_FRAME_BYTES, parse, read
from chalicelib.contract import ServerFrame
from chalicelib.delivery import OutboundFrame
from chalicelib.features import EVENTS, FRAMES, OTHER_FRAMES, RESERVED_TYPES
from chalicelib.kernel.errors import InvalidFrameError, InvalidRequestError
from chalicelib.kernel.limits import MAX_FRAMES, STRIKES, WINDOW_MS
from chalicelib.lifecycle.schemas import RoomUpdate
from chalicelib.lifecycle.service import toggle_status, update_room
from chalicelib.log import Draft
from chalicelib.log.table import LeaveReason
from chalicelib.moderation.schemas import ModerationRequest
from chalicelib.moderation.service import moderate as act
from chalicelib.roles.service import grant_role, offer_ownership
from chalicelib.seats.entries import commit
from chalicelib.seats.sockets import MAX_CONNECTIONS
from chalicelib.seats.table import require_seat
from tests.fakes.backend import MINUTE, NOW, World, user
from tests.fakes.documents import references
from tests.fakes.fanout import Frame
from tests.fakes.records import make_participant

SOCKET = "wss://rooms.example/live"
SCHEMA = Path(__file__).parent.parent.parent / "schemas" / "asyncapi-3.0.0.json.gz"
Json = dict[str, Any]

FROM_CLIENTS = {
    *("edit", "delete", "react"),
    *("sync", "ping", "message", "emoji", "mic", "speaking", "typing", "offer", "answer", "ice-candidate", "leave"),
    *("moderate", "read", "relay"),
}
FROM_PEERS = {"typing", "offer", "answer", "ice-candidate", "relay"}
ERRORS = {
    *("too_large", "invalid_frame", "reserved_type", "peer_unavailable", "invalid_request", "not_in_room"),
    *("muted_by_moderator", "forbidden", "banned"),
    *("room_not_found", "muted", "rate_limited", "unavailable", "internal_error"),
    *("forbidden", "message_not_found", "message_deleted", "too_many_reactions"),
}
ANSWERS = {"snapshot", "pong", "ack", "error"}
MESSAGE = {
    *("id", "seq", "type", "user_id", "user", "avatar", "text", "time", "created_at"),
    *("edited_at", "deleted", "reply_to", "mentions", "reactions"),
}
DATA: dict[str, set[str]] = {
    "snapshot": {"room", "you", "messages", "entries", "recovered", "last_seq"},
    "pong": {"last_seq", "rotate"},
    "error": {"code", "detail"},
    "user_joined": {"participant", "message"},
    "user_left": {"user_id", "reason", "message"},
    "message_sent": MESSAGE,
    "emoji_reaction": MESSAGE,
    "message_edited": {"target_seq", "text", "edited_at", "mentions"},
    "message_deleted": {"target_seq", "by", "reason"},
    "reactions_changed": {"target_seq", "emoji", "user_id", "on", "count"},
    "seq_unused": set(),
    "mic_toggled": {"user_id", "is_muted"},
    "speaking_changed": {"user_id", "is_speaking"},
    "presence_changed": {"user_id", "is_online"},
    "room_updated": {
        *("id", "name", "description", "status", "participant_count", "max_participants", "color", "created_at"),
        *("created_by", "visibility", "is_locked", "slow_seconds", "retention_days", "owner_id"),
    },
    "room_closed": {"reason"},
    "knocked": {"user_id", "name", "avatar"},
    "role_changed": {"user_id", "role", "by"},
    "member_moderated": {"action", "user_id", "by", "until", "reason", "seconds"},
    "ownership_offered": {"user_id", "by", "until"},
    "user-joined": {"userId"},
    "user-left": {"userId"},
    "bye": {"code", "reason", "action"},
}
RESULTS = [MESSAGE, {"seq", "reactions"}]
"""The data of an ack."""
FROM_THE_SERVER = {"ack", *DATA}
REPLIES = {"sync": {"snapshot", "error"}, "ping": {"pong", "error"}, "leave": {"ack", "bye", "error"}}


@cache
def validator(payload: str) -> jsonschema_rs.Draft7Validator:
    """The validator of the message with this name."""
    whole = document(SOCKET)
    schema = whole["components"]["messages"][payload]["payload"] | {"components": whole["components"]}
    return jsonschema_rs.Draft7Validator(schema, validate_formats=True)


def schema_of(name: str) -> Json:
    found: Json = document(SOCKET)["components"]["schemas"][name]
    return found


def named(prefix: str) -> set[str]:
    messages = document(SOCKET)["channels"]["room"]["messages"]
    return {name.removeprefix(prefix) for name in messages if name.startswith(prefix)}


@pytest.mark.parametrize("address", [SOCKET, "ws://localhost:8000/ws", ""])
def test_it_is_a_valid_asyncapi_document(address: str) -> None:
    schema = json.loads(gzip.decompress(SCHEMA.read_bytes()))
    found = list(jsonschema_rs.Draft7Validator(schema).iter_errors(document(address)))
    assert [f"{error.instance_path}: {error.message}" for error in found] == []
    assert document(address)["asyncapi"] == "3.0.0"


@pytest.mark.parametrize(
    ("address", "host", "protocol", "path"),
    [
        ("wss://rooms.example/live", "rooms.example", "wss", "/live"),
        ("wss://rooms.example", "rooms.example", "wss", "/"),
        ("ws://localhost:8000/ws", "localhost:8000", "ws", "/ws"),
        ("", "{host}", "wss", "/api"),
    ],
)
def test_the_server_is_that_of_a_join_answer(address: str, host: str, protocol: str, path: str) -> None:
    found = document(address)
    server = found["servers"]["rooms"]
    assert (server["host"], server["protocol"], found["channels"]["room"]["address"]) == (host, protocol, path)
    assert list(server.get("variables", [])) == ["host"] * (address == "")
    assert document(address) is found


def test_every_reference_has_a_target() -> None:
    found = set(references(document(SOCKET)))
    assert len(found) > 50
    for reference in found:
        part = document(SOCKET)
        for step in reference.removeprefix("#/").split("/"):
            part = part[step]


def test_it_lists_every_frame_and_its_sender() -> None:
    assert named("client-") == FROM_CLIENTS
    assert named("server-") == FROM_THE_SERVER
    assert named("relayed-") == FROM_PEERS
    assert FROM_CLIENTS - {"relay"} == set(FRAMES)


def test_every_message_has_a_name_a_title_and_a_summary() -> None:
    messages = document(SOCKET)["components"]["messages"]
    assert len({message["title"] for message in messages.values()}) == len(messages)
    for name, message in messages.items():
        assert message["name"] == name.partition("-")[2]
        assert message["summary"]


def test_no_two_titles_become_the_same_name() -> None:
    found = document(SOCKET)["components"]
    titles = [part["title"] for kind in ("messages", "schemas") for part in found[kind].values()]
    assert len({re.sub(r"[^a-z0-9]", "", title.lower()) for title in titles}) == len(titles)
    assert {name: schema["title"] for name, schema in found["schemas"].items()} == {
        name: name for name in found["schemas"]
    }


def test_every_type_of_an_object_has_a_name() -> None:
    """A generator invents names such as `Type0` for types without one."""
    for name, schema in document(SOCKET)["components"]["schemas"].items():
        assert not schema.keys() & {"anyOf", "allOf", "oneOf"}, name
        inside = [part for field in schema.get("properties", {}).values() for part in [field, *field.get("anyOf", [])]]
        assert not any("properties" in part for part in inside), name


def test_every_client_frame_is_an_operation_with_its_answers() -> None:
    operations = document(SOCKET)["operations"]
    assert set(operations) == {*FROM_CLIENTS, "push"}
    for kind in FROM_CLIENTS:
        received, answers = operations[kind]["messages"], operations[kind]["reply"]["messages"]
        assert received == [{"$ref": f"#/channels/room/messages/client-{kind}"}]
        expected = REPLIES.get(kind, {"ack", "error"})
        assert {answer["$ref"] for answer in answers} == {f"#/channels/room/messages/server-{one}" for one in expected}
        assert (operations[kind]["action"], bool(operations[kind]["summary"])) == ("receive", True)


def test_push_lists_all_frames_that_members_receive() -> None:
    push = document(SOCKET)["operations"]["push"]
    pushed = {one["$ref"].removeprefix("#/channels/room/messages/") for one in push["messages"]}
    assert push["action"] == "send"
    assert pushed == {f"server-{kind}" for kind in FROM_THE_SERVER} | {f"relayed-{kind}" for kind in FROM_PEERS}


def test_a_connection_is_opened_with_a_ticket_or_a_token() -> None:
    binding = document(SOCKET)["channels"]["room"]["bindings"]["ws"]
    assert (binding["method"], set(binding["query"]["properties"])) == ("GET", {"ticket", "token", "room_id", "join"})
    assert list(binding["headers"]["properties"]) == ["Sec-WebSocket-Protocol"]
    schemes = document(SOCKET)["components"]["securitySchemes"]
    assert {(scheme["in"], scheme["name"]) for scheme in schemes.values()} == {
        ("query", "ticket"),
        ("query", "token"),
        ("header", "Sec-WebSocket-Protocol"),
    }
    assert {one["$ref"].rpartition("/")[2] for one in document(SOCKET)["servers"]["rooms"]["security"]} == set(schemes)


def test_an_error_has_one_of_the_codes_of_the_contract() -> None:
    data = schema_of("ErrorData")
    assert set(data["properties"]["code"]["enum"]) == ERRORS
    assert all(f"| `{code}` |" in data["description"] for code in ERRORS)


def test_bye_has_a_reason_and_an_action() -> None:
    properties = schema_of("ByeData")["properties"]
    codes = {"left", "timed_out", "removed", "room_closed", "replaced", "rate_limited"}
    assert set(properties["code"]["enum"]) == codes
    assert properties["action"]["enum"] == ["reconnect", "rejoin", "stop"]
    assert set(schema_of("UserLeftData")["properties"]["reason"]["enum"]) == set(get_args(LeaveReason))


@pytest.mark.parametrize("frame", EVENTS, ids=lambda frame: frame.type_name())
def test_server_frames_have_the_shape_of_the_contract(frame: type[ServerFrame]) -> None:
    kind = frame.type_name()
    schema = schema_of(frame.__name__)
    numbered = "seq" in frame.model_fields
    always = {"type", "roomId", "ts", *["data"] * (kind not in ("ack", "seq_unused")), *["seq"] * numbered}
    possible = always | {*["data"] * (kind != "seq_unused"), *["ref"] * (kind in ANSWERS)}
    assert set(schema["required"]) == always
    assert possible <= set(schema["properties"]) <= possible | {"from", "connection"}
    if data := schema["properties"].get("data"):
        choices = [schema_of(choice["$ref"].rpartition("/")[2]) for choice in data.get("anyOf", [data])]
        assert [set(choice["required"]) for choice in choices] == (RESULTS if kind == "ack" else [DATA[kind]])


@pytest.mark.parametrize("kind", sorted(FROM_CLIENTS))
def test_the_example_of_a_client_frame_is_accepted(kind: str) -> None:
    (example,) = document(SOCKET)["components"]["messages"][f"client-{kind}"]["examples"]
    validator(f"client-{kind}").validate(example["payload"])


@pytest.mark.parametrize(
    ("kind", "accepted", "bodies"),
    [
        ("sync", True, [{}, {"data": {"last_seq": None}}, {"data": {"last_seq": 0}, "id": "1", "roomId": "x"}]),
        ("sync", False, [{"data": {"last_seq": -1}}, {"data": {"last_seq": "newest"}}, {"id": ""}, {"id": "x" * 65}]),
        ("ping", False, [{"data": {"last_seq": 2**53}}]),
        ("message", True, [{"data": {"text": "hi"}}, {"data": {"text": "hi", "more": 1}}]),
        ("message", False, [{}, {"data": {}}, {"data": "hi"}, {"data": {"text": ""}}, {"data": {"text": "x" * 4001}}]),
        ("emoji", True, [{"data": {"emoji": "🎉"}}]),
        ("edit", True, [{"data": {"seq": 3, "text": "hi"}}, {"data": {"seq": 3, "text": "hi", "mentions": ["ada"]}}]),
        ("edit", False, [{"data": {"seq": 3}}, {"data": {"seq": 0, "text": "hi"}}, {"data": {"text": "hi"}}]),
        ("delete", False, [{}, {"data": {"seq": "3"}}, {"data": {"seq": 2**53}}]),
        ("react", True, [{"data": {"seq": 3, "emoji": "🎉", "on": False}}]),
        ("react", False, [{"data": {"seq": 3, "emoji": "🎉", "on": 1}}, {"data": {"seq": 3, "on": True}}]),
        ("mic", True, [{"data": {"is_muted": True}}]),
        ("mic", False, [{"data": {"is_muted": 1}}]),
        ("speaking", False, [{"data": {"is_speaking": None}}]),
        ("typing", True, [{"data": {"is_typing": False}}]),
        ("offer", True, [{"data": [1, 2]}]),
        ("answer", True, [{"to": "someone", "sdp": {}}]),
        ("ice-candidate", False, [{"to": ""}, {"to": "x" * 129}]),
        ("leave", True, [{}]),
        ("whiteboard", True, [{"anything": [{}]}]),
        ("user-joined", True, [{}]),
        ("chat:message", True, [{"to": "someone"}, {"data": {"to": "someone"}}]),
        *((kind, False, [{}]) for kind in ("white board", "x" * 65, "")),
    ],
)
def test_the_document_and_the_service_agree_on_frames(kind: str, accepted: bool, bodies: list[Json]) -> None:
    for body in bodies:
        frame = {"type": kind} | body
        assert validator(f"client-{kind if kind in FRAMES else 'relay'}").is_valid(frame) == accepted, frame
        if accepted:
            read(FRAMES.get(kind, OTHER_FRAMES), parse(json.dumps(frame)))
        else:
            with pytest.raises((InvalidFrameError, InvalidRequestError)):
                read(FRAMES.get(kind, OTHER_FRAMES), parse(json.dumps(frame)))


@pytest.mark.parametrize(
    ("kind", "accepted", "body"),
    [
        ("sync", True, {"last_seq": 7}),
        ("sync", True, {"data": None}),
        ("sync", False, {"last_seq": -1}),
        ("message", True, {"text": "hi", "data": {"text": 5}}),
        ("message", False, {"text": "", "data": {"text": "hi"}}),
        ("speaking", False, {"is_speaking": None}),
        ("ice-candidate", False, {"data": {"to": "x" * 129}}),
    ],
)
def test_fields_are_also_read_beside_the_type_first(kind: str, accepted: bool, body: Json) -> None:
    """The document has one form only."""
    frame = parse(json.dumps({"type": kind} | body))
    with nullcontext() if accepted else pytest.raises(InvalidRequestError):
        read(FRAMES[kind], frame)


@pytest.mark.parametrize("kind", sorted(RESERVED_TYPES))
def test_reserved_types_are_not_relayed(kind: str) -> None:
    assert kind in FROM_THE_SERVER
    assert not validator("client-relay").is_valid({"type": kind})


def message_of(frame: Frame) -> str:
    """The message that describes a frame which a client received."""
    kind = frame["type"]
    if kind in FROM_THE_SERVER:
        return f"server-{kind}"
    return f"relayed-{kind}" if kind in FROM_PEERS else "relayed-relay"


def talk(world: World, ada: str) -> None:
    world.send(ada, "message", id="m", text="hello")
    world.send(ada, "emoji", data={"emoji": "🎉"})
    world.send(ada, "react", id="r", seq=3, emoji="🎉", on=True)
    world.send(ada, "edit", id="e", seq=3, text="good evening")
    world.send(ada, "delete", id="d", seq=3)
    world.send(ada, "mic", is_muted=False)
    world.send(ada, "speaking", is_speaking=True)
    world.send(ada, "typing", is_typing=True)
    for kind in ("offer", "answer", "ice-candidate"):
        world.send(ada, kind, to="ben", data={"sdp": "v=0"})
    world.send(ada, "whiteboard", x=1)
    world.send(ada, "user-joined", data={"userId": "somebody", "name": "Ada"})


def moderate(world: World, room_id: str, ada: str) -> None:
    owner = world.context("maker", room_id)
    grant_role(owner, "ben", "moderator")
    offer_ownership(owner, "ben")
    act(owner, ModerationRequest(action="mute", user_id="ada"))
    world.send(ada, "mic", is_muted=False)
    world.send(ada, "moderate", action="lock")
    for action, user_id in (
        ("unmute", "ada"),
        ("mute", "ada"),
        ("mute_all", None),
        ("unmute", "ada"),
        ("ban", "eve"),
        ("slow", None),
    ):
        request = {"action": action, "user_id": user_id, "reason": "loud", "seconds": 5}
        act(owner, ModerationRequest.model_validate(request))


def make_mistakes(world: World, ada: str, ben: str) -> None:
    world.send(ben, "delete", seq=1)
    world.send(ben, "edit", seq=99, text="hello")
    world.send(ada, "edit", seq=3, text="hello")
    for kind in range(21):
        world.send(ada, "react", seq=4, emoji=chr(0x1F600 + kind), on=True)
    world.send("stranger", "sync")
    world.send(ada, "message", text="x" * MAX_FRAME_BYTES)
    world.send(ada, "NO NAME")
    world.send(ada, "snapshot")
    world.send(ada, "offer", to="nobody")
    world.send(ada, "message", text="")
    world.send(ben, "speaking", is_speaking=True)
    for strike in range(STRIKES):
        for _ in range(MAX_FRAMES + 1):
            world.send(ada, "typing", NOW + MINUTE + strike * WINDOW_MS)


def live(world: World) -> None:
    """Cause every event of a room."""
    room_id = world.open_room()
    ada, ben = world.enter("ada", room_id), world.enter("ben", room_id)
    for connection_id in (ada, ben):
        world.send(connection_id, "sync", id="s")
        world.send(connection_id, "ping", id="p", last_seq=1)
    talk(world, ada)
    update_room(world.context("root", room_id), RoomUpdate(name="Deep Focus"))
    moderate(world, room_id, ada)
    world.grant("max", room_id, "moderator")
    world.enter("max", room_id)
    knock(world.context("zoe", room_id), user("zoe"))
    make_mistakes(world, ada, ben)
    commit(world.context("eve", room_id), Draft("refused"), [require_seat(make_participant(room_id, "eve"))])
    for _ in range(MAX_CONNECTIONS):
        world.connect("ben", room_id, NOW + MINUTE)
    world.fanout.gone.add(ada)
    world.join("cleo", room_id, NOW + MINUTE)
    world.leave("cleo", room_id, NOW + MINUTE)
    toggle_status(world.context("root", room_id, NOW + MINUTE))


def test_all_frames_of_a_live_room_match_the_document(world: World) -> None:
    live(world)
    sent = [json.loads(act.data) for act in world.fanout.acts if isinstance(act, OutboundFrame)]
    for frame in sent:
        validator(message_of(frame)).validate(frame)
    told = {frame["data"]["code"] for frame in sent if frame["type"] == "error"}
    everything = {f"server-{kind}" for kind in FROM_THE_SERVER} | {f"relayed-{kind}" for kind in FROM_PEERS}
    assert {message_of(frame) for frame in sent} == everything
    assert told == ERRORS - {"banned", "room_not_found", "unavailable", "internal_error"}
