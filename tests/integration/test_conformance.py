"""The running service answers every request of every role as its OpenAPI document says.

Schemathesis generates the requests from the document: at the limits, beyond them, and at random. The document must
describe the status, headers and body of every answer, and no status may be 5xx. The test replaces a random room id by
that of an existing room, so that every operation can succeed.
"""

import copy
import os
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from schemathesis.checks import CheckFunction
from schemathesis.config import SchemathesisConfig
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance

from chalicelib.api.openapi import document
from chalicelib.contract.fields import is_uuid
from chalicelib.kernel.errors import InvalidRequestError
from chalicelib.kernel.names import has_hidden, speaks_as_system
from chalicelib.kernel.text import is_blank
from chalicelib.moderation.schemas import ModerationRequest
from chalicelib.moderation.service import _require_fields
from infra.local.stack import LocalStack
from tests.fakes.clients import Api

pytestmark = pytest.mark.proof

EXAMPLES = int(os.environ.get("CONFORMANCE_EXAMPLES", "6"))
"""The number of random requests for each operation and role. The test adds some dozens with values at the limits."""

ROOM = "/coworking/rooms/{room_id}"
MESSAGE = f"{ROOM}/messages/{{seq}}"
REACTION = f"{MESSAGE}/reactions/{{emoji}}"
ADMIN = "/coworking/admin/rooms/{room_id}"
OPEN = {"GET /healthz", "GET /openapi.json", "GET /asyncapi.json", "GET /docs"}
INVITE = "/coworking/invites/{token}"
SIGNED_IN = {
    *("GET /coworking/me/export", "GET /coworking/me/rooms", f"GET {INVITE}"),
    *(f"POST {ROOM}/knock", f"GET {ROOM}/knock"),
    *(
        "GET /coworking/me",
        "PUT /coworking/me",
        "DELETE /coworking/me",
        "GET /coworking/rooms",
        "POST /coworking/rooms",
    ),
    *(f"GET {ROOM}", f"POST {ROOM}/join"),
}
IN_A_ROOM = {
    *(
        f"POST {ROOM}/leave",
        f"POST {ROOM}/ticket",
        f"GET {ROOM}/messages",
        f"GET {ROOM}/entries",
        f"POST {ROOM}/messages",
    ),
    *(f"POST {MESSAGE}/report", f"PATCH {MESSAGE}", f"DELETE {MESSAGE}", f"PUT {REACTION}", f"DELETE {REACTION}"),
    *(f"POST {ROOM}/emoji", f"PUT {ROOM}/mic-toggle", f"PUT {ROOM}/speaking"),
}
FOR_ITS_HEIR = {f"POST {ROOM}/owner/accept"}
ROLE = f"{ROOM}/roles/{{user_id}}"
FOR_ITS_MAKER = {
    f"PATCH {ROOM}",
    f"DELETE {ROOM}",
    f"GET {ROOM}/roles",
    f"PUT {ROLE}",
    f"DELETE {ROLE}",
    f"POST {ROOM}/owner",
    *(f"POST {ROOM}/moderation", f"GET {ROOM}/bans", f"GET {ROOM}/audit"),
    *(f"POST {ROOM}/invites", f"GET {ROOM}/invites", f"DELETE {ROOM}/invites/{{invite_id}}"),
    *(f"GET {ROOM}/knocks", f"POST {ROOM}/knocks/{{user_id}}"),
}
BANS = "/coworking/admin/bans"
REPORTS = "/coworking/admin/reports"
FOR_ADMINS = {
    *(f"PUT {ADMIN}", f"PATCH {ADMIN}/status", f"DELETE {ADMIN}"),
    *(f"GET {BANS}", f"PUT {BANS}/{{user_id}}", f"DELETE {BANS}/{{user_id}}"),
    *(f"GET {REPORTS}", f"POST {REPORTS}/{{report_id}}"),
}
READS_ANY_BODY = {f"POST {ROOM}/join"}
"""Clients that exist send bodies of any kind, which were never read."""
ENDS_SEATS = (
    FOR_ITS_MAKER | FOR_ITS_HEIR | FOR_ADMINS | {f"POST {ROOM}/leave", f"POST {ROOM}/join", f"DELETE {MESSAGE}"}
)
"""After one of these, the visitor needs a new room."""

CAN_DO = {
    "nobody": OPEN,
    "user": OPEN | SIGNED_IN | FOR_ITS_HEIR,
    "member": OPEN | SIGNED_IN | IN_A_ROOM | FOR_ITS_MAKER,
    "admin": OPEN | SIGNED_IN | FOR_ITS_MAKER | FOR_ADMINS | {f"DELETE {MESSAGE}"},
}
"""The member made the room; the other roles have no seat in it."""

PAIR = "✌️✌️"
"""Messages may have it, reactions have one emoji."""
EMOJI = ["🎉", "👍🏽", "❤️", "👨‍👩‍👧", "🇫🇷", PAIR]
CONFIG = {
    "seed": 1,
    # The test sends the token of the role.
    "generation": {"with-security-parameters": False},
    # API Gateway itself answers undeclared methods.
    "phases": {"coverage": {"unexpected-methods": []}, "stateful": {"enabled": False}},
    "checks": {"unsupported_method": {"enabled": False}},
}
schemathesis.openapi.format("emoji", st.sampled_from(EMOJI))


def strict_document() -> dict[str, Any]:
    """A copy of the document that allows no undescribed members in answers. (The real one does.)"""
    strict = copy.deepcopy(document("http://127.0.0.1/api"))
    bodies = [operation.get("requestBody") for item in strict["paths"].values() for operation in item.values()]
    sent = {body["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2] for body in bodies if body}
    for name, schema in strict["components"]["schemas"].items():
        if name not in sent:
            schema["additionalProperties"] = False
    return strict


SCHEMA = schemathesis.openapi.from_dict(strict_document(), config=SchemathesisConfig.from_dict(CONFIG))


def is_wrong_beyond_schemas(case: schemathesis.Case[Any]) -> bool:
    """True if a request breaks a rule that no schema contains: on cursors, avatars, names, blank text or emoji, or an
    act of a moderator lacks a field."""
    body = case.body if isinstance(case.body, dict) else {}
    said = body.get("message_text", body.get("message"))
    name, avatar = str(body.get("name", "x")).strip(), body.get("avatar")
    is_wrong_profile = has_hidden(name) or speaks_as_system(name) or not str(avatar or "/").startswith("/")
    is_blank_text = any(isinstance(text, str) and is_blank(text) for text in (name, said))
    try:
        _require_fields(ModerationRequest.model_validate(body))
    except InvalidRequestError:
        return True
    except ValidationError:
        pass  # it is no act of a moderator
    reaction = body.get("emoji", said if body.get("message_type") == "emoji" else EMOJI[0])
    is_pair = unquote(str(case.path_parameters.get("emoji", ""))) == PAIR
    return "cursor" in case.query or is_wrong_profile or is_blank_text or reaction not in EMOJI or is_pair


class Visitor:
    """A caller of one role, the room of their requests, and the statuses of the answers."""

    def __init__(self, api: Api, role: str) -> None:
        self.role = role
        self.caller = {"nobody": lambda: api.nobody, "admin": api.admin}.get(role, api.person)()
        self.maker = self.caller if role == "member" else api.person("Maker")
        self.headers = {"Authorization": f"Bearer {self.caller.token}"} if self.caller.token else {}
        self.api = api
        self.statuses: set[int] = set()
        self.known: dict[str, Any] = {}
        """Parameters of paths that exist."""
        self.open_room()

    def open_room(self) -> None:
        """A new room, with an invitation and a knock. A member also joins it, unmutes and speaks. A user may own it.

        A guest has also sent a message. An administrator finds a report of it.
        """
        self.guest = self.api.person("Guest")
        room_id: str = self.maker.make_room()["id"]
        path = f"/coworking/rooms/{room_id}"
        self.guest.post(f"{path}/knock")
        invite = self.maker.post(f"{path}/invites", {}).json()
        self.known = {"room_id": room_id, "token": invite["token"], "invite_id": invite["id"], "user_id": self.guest.id}
        self.guest.join(room_id)
        self.reported = self.guest.say(room_id, "spam")["seq"]
        if self.role == "admin":
            self.maker.join(room_id)
            self.maker.post(f"{path}/messages/{self.reported}/report", {})
            self.known["report_id"] = self.caller.get(REPORTS).json()["reports"][0]["id"]
        if self.role == "member":
            self.caller.join(room_id)
            self.caller.put(f"{path}/mic-toggle", {"is_muted": False})
            self.known["seq"] = self.caller.post(f"{path}/messages", {"message_text": "hello"}).json()["seq"]
        if self.role == "user":
            self.maker.post(f"{path}/owner", {"user_id": self.caller.id})

    def is_replaced(self, name: str, value: object) -> bool:
        """True for parameters that are valid: an id of something that exists stands in for a random one."""
        if name not in self.known:
            return False
        if name == "room_id":
            return is_uuid(value)
        return isinstance(value, int) and value > 0 if name == "seq" else isinstance(value, str) and value != ""


@pytest.fixture(scope="module")
def busy_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    """A stack whose rate limits are never reached."""
    plenty = dict.fromkeys(
        ("MESSAGES_LIMIT", "JOINS_LIMIT", "ROOMS_LIMIT", "REPORTS_LIMIT", "BUDGET_LIMIT"), "1000000/10"
    )
    environment = plenty | {"SEATS_LIMIT": "1000", "OWNED_ROOMS_LIMIT": "1000000"}
    with LocalStack(data_dir=tmp_path_factory.mktemp("stack"), environment=environment) as running:
        yield running


@pytest.fixture(scope="module")
def session() -> Iterator[requests.Session]:
    with requests.Session() as kept_alive:
        yield kept_alive


@pytest.fixture
def visitor(request: pytest.FixtureRequest, busy_stack: LocalStack, role: str) -> Iterator[Visitor]:
    """One visitor for all examples of an operation. A call must succeed exactly if the role allows the operation."""
    with Api(busy_stack) as api:
        visitor = Visitor(api, role)
        yield visitor
    label = request.node.name.split("[")[1].rstrip("]")
    succeeded = any(status < 300 for status in visitor.statuses)
    assert succeeded == (label in CAN_DO[role]), f"{label} answered a {role} {sorted(visitor.statuses)}"


def test_every_operation_is_allowed_to_a_role() -> None:
    documented = {f"{method.upper()} {path}" for path, item in SCHEMA.raw_schema["paths"].items() for method in item}
    assert documented == set().union(*CAN_DO.values())


def test_the_service_serves_this_document(busy_stack: LocalStack) -> None:
    assert requests.get(f"{busy_stack.api}/openapi.json", timeout=30).json() == document(busy_stack.api)


@pytest.mark.parametrize("role", CAN_DO)
@SCHEMA.parametrize()
@settings(max_examples=EXAMPLES, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
def test_the_document_describes_every_answer(
    case: schemathesis.Case[Any], busy_stack: LocalStack, visitor: Visitor, session: requests.Session
) -> None:
    for name, value in case.path_parameters.items():
        if visitor.is_replaced(name, value) and not (name == "user_id" and "knocks" not in case.operation.label):
            is_report = name == "seq" and case.operation.label.endswith("/report")
            case.path_parameters[name] = visitor.reported if is_report else visitor.known[name]
    response = case.call(base_url=busy_stack.api, session=session, headers=visitor.headers)
    visitor.statuses.add(response.status_code)
    excluded: list[CheckFunction] = [positive_data_acceptance] if is_wrong_beyond_schemas(case) else []
    if case.operation.label in READS_ANY_BODY:
        excluded.append(negative_data_rejection)
    case.validate_response(response, headers=visitor.headers, excluded_checks=excluded)
    if response.status_code < 300 and case.operation.label in ENDS_SEATS:
        visitor.open_room()
