"""Every status that a route declares, seen by a real client: body, headers and sentences.

A test checks that the table contains every declared status. The API document is made from the same declarations.
"""

import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from botocore.session import get_session

from chalicelib.access.service import MAX_INVITES
from chalicelib.api.routes import ROUTES
from chalicelib.contract import Access, Route
from infra.local.engine import CREDENTIALS, REGION
from tests.fakes.bodies import GOOD
from tests.fakes.clients import ROOMS, Api, Caller, expect
from tests.fakes.events import route_of
from tests.integration.conftest import LIMIT, ORIGIN, Deployment

KEYS = {name.lower(): value for name, value in CREDENTIALS.items()}
MEMBERS = {"type", "title", "status", "detail", "code"}
TOO_LARGE = b'{"name": "' + b"x" * 65_536 + b'"}'
A_FORM = {"content": "x=1", "headers": {"Content-Type": "text/plain"}}
UNKNOWN = dict.fromkeys(("user_id", "invite_id", "token", "report_id"), "unknown") | {"seq": "1", "emoji": "x"}
ROOM_VIEWS = [route.name for route in ROUTES if route.has_room]
ADMIN_VIEWS = [route.name for route in ROUTES if route.access is Access.ADMIN]
MODERATOR_VIEWS = [route.name for route in ROUTES if route.access in (Access.MODERATOR, Access.OWNER)]
SPECIAL = ("seats_leave", "moderation_report_message")
MEMBER_VIEWS = [route.name for route in ROUTES if route.access is Access.MEMBER and route.name not in SPECIAL]
MESSAGE_VIEWS = [route.name for route in ROUTES if "seq" in route.path_names]
REACTION_VIEWS = [route.name for route in ROUTES if "emoji" in route.path_names]
MESSAGE_CHANGES = ["chat_edit_message", "moderation_report_message", *REACTION_VIEWS]
SENTENCES = {
    **{(view, "forbidden"): "Only administrators may do this" for view in ADMIN_VIEWS},
    ("seats_join", "room_full"): "Room is full",
    ("seats_join", "room_inactive"): "Room is not active",
    ("rooms_create_room", "too_many_rooms"): "You own 20 rooms; delete one of them first",
    ("seats_join", "too_many_rooms"): "You have a seat in 5 rooms; leave one of them first",
}


class Stage:
    """The callers and rooms of the table."""

    missing, malformed = str(uuid.uuid4()), "no-id"

    def __init__(self, api: Api, deployment: Deployment) -> None:
        self.api, self.nobody, self.admin = api, api.nobody, api.admin()
        self.stranger, self.member, self.maker = (api.person(name) for name in ("Sam", "Mia", "Max"))
        self.room, self.full, self.inactive = (self.open_room(seats) for seats in (15, 1, 15))
        self.admin.put(f"/coworking/admin/rooms/{self.inactive}", {"status": "inactive"})
        self.text, self.deleted = (self.member.say(self.room, "hello")["seq"] for _ in range(2))
        self.member.delete(f"{ROOMS}/{self.room}/messages/{self.deleted}")
        self.forgetful = api.person("Flo")
        """A user who made a room with the key `gone` and deleted it."""
        room = expect(201, self.forgetful.post(ROOMS, {"name": "Room"}, key="gone"))["id"]
        self.forgetful.delete(f"{ROOMS}/{room}")
        self.spent = deployment.person("Spike")
        """A user who has reached every rate limit of a stack with low limits."""
        for room in [self.spent.make_room()["id"] for _ in range(LIMIT)]:
            self.spent.join(room)
            self.spent.say(room, "hello")
            self.spent_room: str = room

    def open_room(self, seats: int) -> str:
        """A new room that the member made and joined."""
        room: str = self.member.make_room(max_participants=seats)["id"]
        self.member.join(room)
        return room

    @property
    def guest(self) -> Caller:
        """A new user who has joined `room`."""
        guest = self.api.person("Guy")
        guest.join(self.room)
        return guest

    @cached_property
    def settled(self) -> Caller:
        """A user with as many seats as a user may have."""
        settled = self.api.person("Seth")
        for room in settled.get(ROOMS).json():
            if room["created_by"] is None:
                settled.join(room["id"])
        return settled

    @cached_property
    def landlady(self) -> Caller:
        """A user who owns as many rooms as a user may own. To create them would take four days."""
        landlady = self.api.person("Lana")
        for number in range(20):
            row = {"room_id": f"old {number}", "created_at": "2026-01-01T00:00:00.000Z", "owner": f"user#{landlady.id}"}
            self.put("rooms", {name: {"S": row[name]} for name in row})
        return landlady

    @cached_property
    def quiet(self) -> str:
        """A room that the member made, and that a case may lock."""
        return self.open_room(2)

    @cached_property
    def outcast(self) -> Caller:
        """A user who is kept out of all rooms."""
        outcast = self.api.person("Otto")
        expect(200, self.admin.put(f"/coworking/admin/bans/{quote(outcast.id)}", {}))
        return outcast

    @property
    def banned(self) -> Caller:
        """A user who is kept out of `room`."""
        return self.moderated("ban", self.api.person("Bea"))

    @property
    def silenced(self) -> Caller:
        """A user with a seat in `room` whom a moderator has muted."""
        return self.moderated("mute", self.guest)

    def moderated(self, action: str, user: Caller) -> Caller:
        body = {"action": action, "user_id": user.id}
        expect(200, self.member.post(f"{ROOMS}/{self.room}/moderation", body))
        return user

    @cached_property
    def heir(self) -> Caller:
        """A user to whom the room `offered` is offered."""
        return self.api.person("Hera")

    @cached_property
    def offered(self) -> str:
        """A room that is offered to two users. The other one owns as many rooms as a user may own."""
        olga = self.api.person("Olga")
        room: str = olga.make_room()["id"]
        for user in (self.heir, self.landlady):
            expect(201, olga.post(f"{ROOMS}/{room}/owner", {"user_id": user.id}))
        return room

    def put(self, table: str, item: dict[str, dict[str, str]]) -> None:
        """Store an item in a table of the stack."""
        client = get_session().create_client("dynamodb", REGION, endpoint_url=self.api.stack.engine_url, **KEYS)
        client.put_item(TableName=f"coworking-local-{table}", Item=item)
        client.close()

    @cached_property
    def invited(self) -> dict[str, str]:
        """The parameters of an invitation into `room`."""
        made = expect(201, self.member.post(f"{ROOMS}/{self.room}/invites", {}))
        return {"invite_id": made["id"], "token": made["token"]}

    @property
    def own(self) -> int:
        """The number of a new message of the member."""
        seq: int = self.member.say(self.room, "hello")["seq"]
        return seq

    @property
    def spam(self) -> int:
        """The number of a message of somebody else."""
        seq: int = self.guest.say(self.room, "spam")["seq"]
        return seq

    @cached_property
    def reported(self) -> dict[str, str]:
        """The parameter of a report."""
        expect(202, self.member.post(f"{ROOMS}/{self.room}/messages/{self.spam}/report", {}))
        return {"report_id": self.admin.get("/coworking/admin/reports").json()["reports"][0]["id"]}

    @cached_property
    def knocking(self) -> dict[str, str]:
        """The parameter of a user who knocks on `room` and `full`."""
        kate = self.api.person("Kate")
        for room in (self.room, self.full):
            expect(200, kate.post(f"{ROOMS}/{room}/knock"))
        return {"user_id": quote(kate.id)}

    @cached_property
    def crowded(self) -> str:
        """A room with as many invitations as a room may have."""
        room = self.open_room(15)
        for _ in range(MAX_INVITES):
            expect(201, self.member.post(f"{ROOMS}/{room}/invites", {}))
        return room

    @property
    def leaver(self) -> Caller:
        """A new user who has seats and rooms."""
        leaver = self.api.person("Lee")
        leaver.join(leaver.make_room()["id"])
        return leaver

    @cached_property
    def gone(self) -> Caller:
        """A user who has just deleted the account."""
        gone = self.leaver
        gone.delete("/coworking/me")
        return gone

    @property
    def fresh(self) -> str:
        """A new room of the maker, which a case may change or delete."""
        return str(self.maker.make_room()["id"])


@dataclass(frozen=True)
class Case:
    """A call and its expected answer."""

    view: str
    status: int
    code: str = ""
    by: str = "member"
    room: str = "room"
    query: str = ""
    user: str = "auth0%7Cada"
    parameters: str = ""
    """The attribute of the stage that has the other parameters of the path."""
    message: str = "text"
    emoji: str = "%F0%9F%91%8D"
    options: dict[str, Any] = field(default_factory=dict)

    @property
    def route(self) -> Route:
        return route_of(self.view)

    def call(self, stage: Stage) -> httpx.Response:
        parameters = UNKNOWN | {"room_id": getattr(stage, self.room), "user_id": self.user}
        parameters |= {"seq": getattr(stage, self.message, self.message), "emoji": self.emoji}
        parameters |= getattr(stage, self.parameters) if self.parameters else {}
        path = self.route.path.format(**parameters)
        caller: Caller = getattr(stage, self.by)
        options = self.options or {"body": GOOD.get(self.view)}
        return caller.request(self.route.method, path + self.query, **options)


def each(views: Iterable[str], status: int, code: str = "", **options: Any) -> list[Case]:
    return [Case(view, status, code, **options) for view in views]


BODIES = [name for name in GOOD if name != "seats_join"]
CASES = [
    *each(["api_get_health", "api_get_openapi", "api_get_asyncapi", "api_get_docs"], 200, by="nobody"),
    *each(["profiles_get_me", "profiles_update_me", "seats_list_rooms", "seats_get_room", *MEMBER_VIEWS], 200),
    *each([route.name for route in ROUTES if route.access is not Access.OPEN], 401, "unauthorized", by="nobody"),
    *each(ROOM_VIEWS, 404, "room_not_found", by="admin", room="missing"),
    *each(ROOM_VIEWS, 404, "room_not_found", by="admin", room="malformed"),
    *each(MEMBER_VIEWS, 403, "not_in_room", by="stranger"),
    *each(ADMIN_VIEWS, 403, "forbidden"),
    *each(BODIES, 400, "invalid_json", by="admin", options={"content": "{"}),
    *each(BODIES, 413, "payload_too_large", by="admin", options={"content": TOO_LARGE}),
    *each(BODIES, 415, "unsupported_media_type", by="admin", options=A_FORM),
    *each(BODIES, 422, "invalid_request", by="admin", options={"content": "[]"}),
    *each(["rooms_create_room", "seats_join"], 429, "rate_limited", by="spent", room="spent_room"),
    *each(["chat_send_message", "chat_send_emoji"], 429, "rate_limited", by="spent", room="spent_room"),
    *each(["seats_list_rooms", "chat_get_history", "chat_get_entries"], 422, "invalid_request", query="?limit=0"),
    *each(MESSAGE_VIEWS, 404, "message_not_found", message="0"),
    *each(MESSAGE_VIEWS, 404, "message_not_found", message="no-number"),
    *each(MESSAGE_VIEWS, 404, "message_not_found", message=str(2**53)),
    *each(MESSAGE_CHANGES, 409, "message_deleted", message="deleted"),
    *each(REACTION_VIEWS, 422, "invalid_request", emoji="x"),
    Case("chat_delete_message", 204),
    Case("chat_delete_message", 204, message="deleted"),
    Case("chat_delete_message", 403, "not_in_room", by="stranger"),
    *each(["chat_edit_message", "chat_delete_message"], 403, "forbidden", by="guest"),
    Case("profiles_update_me", 403, "forbidden", by="spent"),
    Case("profiles_update_me", 409, "account_closing", by="gone"),
    Case("unread_list_my_rooms", 200),
    Case("account_export_me", 200),
    Case("account_export_me", 400, "invalid_cursor", query="?cursor=x"),
    Case("account_export_me", 422, "invalid_request", query="?cursor=" + "x" * 2049),
    Case("account_erase_me", 202, by="leaver"),
    Case("seats_join", 409, "account_closing", by="gone"),
    Case("rooms_create_room", 409, "account_closing", by="gone"),
    Case("seats_list_rooms", 400, "invalid_cursor", query="?cursor=x"),
    Case("rooms_create_room", 201, by="stranger"),
    Case("rooms_create_room", 409, "too_many_rooms", by="landlady"),
    Case("rooms_create_room", 404, "room_not_found", by="forgetful", options={"body": {"name": "Room"}, "key": "gone"}),
    Case("access_create_invite", 201),
    Case("access_create_invite", 409, "too_many_invites", room="crowded"),
    Case("access_list_invites", 200),
    Case("access_preview_invite", 200, by="stranger", parameters="invited"),
    Case("access_preview_invite", 403, "banned", by="banned", parameters="invited"),
    Case("access_preview_invite", 409, "account_closing", by="gone", parameters="invited"),
    Case("access_preview_invite", 404, "invite_not_found", by="stranger"),
    Case("access_revoke_invite", 404, "invite_not_found"),
    Case("access_revoke_invite", 204, parameters="invited"),
    *each(["access_knock", "access_get_knock"], 200, by="stranger"),
    *each(["access_knock", "access_get_knock"], 403, "banned", by="banned"),
    Case("access_knock", 409, "room_inactive", by="stranger", room="inactive"),
    Case("access_get_knock", 409, "account_closing", by="gone"),
    Case("access_list_knocks", 200),
    Case("access_answer_knock", 200, parameters="knocking"),
    Case("access_answer_knock", 409, "room_full", room="full", parameters="knocking"),
    Case("access_answer_knock", 404, "knock_not_found"),
    Case("lifecycle_delete_own_room", 200, by="maker", room="fresh"),
    *each(MODERATOR_VIEWS, 403, "forbidden", by="stranger"),
    Case("seats_join", 200),
    Case("seats_join", 409, "room_full", by="stranger", room="full"),
    Case("seats_join", 409, "room_inactive", by="stranger", room="inactive"),
    Case("seats_join", 413, "payload_too_large", options={"content": TOO_LARGE}),
    Case("seats_join", 422, "invalid_request", options={"body": {"expects_socket": "yes"}}),
    Case("seats_join", 409, "too_many_rooms", by="settled"),
    Case("seats_join", 403, "banned", by="banned"),
    Case("seats_join", 404, "invite_not_found", by="stranger", options={"body": {"invite": "unknown"}}),
    Case("seats_leave", 200, by="guest"),
    Case("seats_leave", 404, "not_in_room", by="stranger"),
    Case("voice_set_speaking", 409, "muted", by="guest", options={"body": {"is_speaking": True}}),
    Case("lifecycle_update_own_room", 200, by="maker", room="fresh"),
    *each(["roles_list_roles", "roles_grant_role"], 200),
    *each(["moderation_moderate", "moderation_list_bans", "moderation_get_audit"], 200, room="quiet"),
    *each(["moderation_list_bans", "moderation_get_audit"], 422, "invalid_request", query="?cursor=x"),
    Case("moderation_list_all_bans", 200, by="admin"),
    Case("moderation_list_all_bans", 422, "invalid_request", by="admin", query="?cursor=x"),
    Case("moderation_ban_everywhere", 200, by="admin", user="outcast"),
    Case("rooms_create_room", 403, "banned", by="outcast"),
    Case("moderation_lift_ban", 204, by="admin", user="outcast"),
    *each(["moderation_ban_everywhere", "moderation_lift_ban"], 422, "invalid_request", by="admin", user="x" * 129),
    Case("moderation_report_message", 202, message="spam"),
    Case("moderation_report_message", 403, "forbidden", message="own"),
    Case("moderation_report_message", 403, "not_in_room", by="stranger"),
    Case("moderation_list_reports", 200, by="admin"),
    Case("moderation_list_reports", 422, "invalid_request", by="admin", query="?cursor=x"),
    Case("moderation_decide_report", 200, by="admin", parameters="reported"),
    Case(
        "moderation_decide_report",
        409,
        "report_decided",
        by="admin",
        parameters="reported",
        options={"body": {"state": "dismissed"}},
    ),
    Case("moderation_decide_report", 404, "report_not_found", by="admin"),
    Case("voice_toggle_mic", 409, "muted_by_moderator", by="silenced"),
    Case("roles_revoke_role", 204),
    Case("roles_offer_ownership", 201),
    Case("roles_accept_ownership", 403, "forbidden"),
    Case("roles_accept_ownership", 409, "too_many_rooms", by="landlady", room="offered"),
    Case("roles_accept_ownership", 200, by="heir", room="offered"),
    Case("roles_list_roles", 422, "invalid_request", query="?cursor=x"),
    *each(["roles_grant_role", "roles_revoke_role"], 422, "invalid_request", user="x" * 129),
    Case("lifecycle_update_room", 200, by="admin", room="fresh"),
    Case("lifecycle_toggle_status", 200, by="admin", room="fresh"),
    Case("lifecycle_delete_room", 204, by="admin", room="fresh"),
]


def declared_statuses(route: Route) -> set[int]:
    """The statuses that the route declares, and those that follow from its access, body and query. Without 429: each
    signed-in call can exceed the budget of its user. Without 503: `test_http_service` has the outage."""
    implied = set[int]() if route.access is Access.OPEN else {401}
    implied |= {403} if route.access is Access.ADMIN else set()
    implied |= {404} if route.has_room else set()
    implied |= {413, 422} if route.body else set()
    implied |= {400, 415} if route.body and not route.is_body_optional else set()
    implied |= {422} if route.query or route.idempotent else set()
    return {route.status} | {error.status for error in route.errors} | implied


@pytest.fixture(scope="session")
def stage(api: Api, deployment: Deployment) -> Stage:
    return Stage(api, deployment)


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.view}-{case.status}-{case.code}-{case.room}")
def test_a_route_answers_as_declared(stage: Stage, case: Case) -> None:
    answer = case.call(stage)
    assert answer.status_code == case.status, answer.text
    check_origin(answer, ORIGIN if case.by == "spent" else "*")
    if case.status >= 400:
        check_problem(answer, case)
    elif case.status == 204:
        assert answer.content == b""
    elif case.view == "api_get_docs":
        assert answer.headers["Content-Type"].startswith("text/html")
    else:
        assert answer.headers["Content-Type"] == "application/json"
        assert answer.json() is not None


def check_origin(answer: httpx.Response, origin: str) -> None:
    """Check that a page of this origin may read the answer and its special headers."""
    assert answer.headers["Access-Control-Allow-Origin"] == origin
    assert set(answer.headers["Access-Control-Expose-Headers"].split(",")) == {"Link", "Retry-After"}


def check_problem(answer: httpx.Response, case: Case) -> None:
    """Check the problem document (RFC 9457): it has a code for programs and a sentence for people."""
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.headers["Cache-Control"] == "no-store"
    problem = answer.json()
    assert (problem["code"], problem["status"]) == (case.code, answer.status_code)
    assert problem["detail"] == SENTENCES.get((case.view, case.code), problem["detail"])
    assert len(problem["detail"].split()) > 1
    extra = {"invalid_request": {"errors"}, "rate_limited": {"retry_after"}, "banned": {"until"}}.get(case.code, set())
    assert set(problem) == MEMBERS | extra
    if answer.status_code == 401:
        assert answer.headers["x-amzn-Remapped-WWW-Authenticate"] == "Bearer"
    if answer.status_code == 429:
        assert 0 < int(answer.headers["Retry-After"]) == problem["retry_after"]


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.name)
def test_the_table_has_every_declared_status(route: Route) -> None:
    assert {case.status for case in CASES if case.view == route.name} - {429} == declared_statuses(route) - {503}


@pytest.mark.parametrize("path", sorted({route.path for route in ROUTES}))
def test_a_preflight_is_answered(api: Api, path: str) -> None:
    asked = {"Origin": ORIGIN, "Access-Control-Request-Method": "POST"}
    asked |= {"Access-Control-Request-Headers": "idempotency-key"}
    answer = api.nobody.request("OPTIONS", path.format(room_id=uuid.uuid4(), **UNKNOWN), headers=asked)
    assert answer.status_code == 200
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    allowed = {name.lower() for name in answer.headers["Access-Control-Allow-Headers"].split(",")}
    assert {"authorization", "content-type", "idempotency-key"} <= allowed
    methods = {route.method for route in ROUTES if route.path == path}
    assert set(answer.headers["Access-Control-Allow-Methods"].split(",")) == methods | {"OPTIONS"}


def test_only_the_configured_origin_is_allowed(deployment: Deployment) -> None:
    for method, path in (("GET", f"{ROOMS}/x"), ("DELETE", f"{ROOMS}/x"), ("OPTIONS", ROOMS)):
        answer = deployment.api.nobody.request(method, path, headers={"Origin": "https://evil.test"})
        assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN
