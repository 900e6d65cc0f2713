"""Every status that a route promises, from a real client: its shape, its headers, its words.

The table is complete: a test compares it with what the operations declare, which is what the API document shows.
"""

import uuid
from collections.abc import Iterable
from contextlib import nullcontext
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import httpx
import pytest

from chalicelib.api.routes import ROUTES
from chalicelib.contract import Access, Route
from tests.fakes.bodies import GOOD
from tests.fakes.clients import ROOMS, Api, Caller
from tests.fakes.events import route_of
from tests.integration.conftest import LIMIT, ORIGIN, Deployment, Unplugged

MEMBERS = {"type", "title", "status", "detail", "code"}
TOO_LARGE = b'{"name": "' + b"x" * 65_536 + b'"}'
A_FORM = {"content": "x=1", "headers": {"Content-Type": "text/plain"}}
ROOM_VIEWS = [route.name for route in ROUTES if route.has_room]
ADMIN_VIEWS = [route.name for route in ROUTES if route.access is Access.ADMIN]
MEMBER_VIEWS = [route.name for route in ROUTES if route.access is Access.MEMBER and route.name != "seats_leave"]


@dataclass
class Stage:
    """The people and rooms of the table, made when they are first needed."""

    api: Api
    deployment: Deployment
    unplugged: Unplugged
    missing = str(uuid.uuid4())
    malformed = "no-id"

    @property
    def nobody(self) -> Caller:
        return self.api.nobody

    @property
    def cut_off(self) -> Caller:
        return self.unplugged.api.nobody

    @cached_property
    def admin(self) -> Caller:
        return self.api.admin()

    @cached_property
    def stranger(self) -> Caller:
        return self.api.person("Sam")

    @cached_property
    def member(self) -> Caller:
        return self.api.person("Mia")

    def open_room(self, **fields: Any) -> str:
        """A room of the member's, who is in it."""
        room: str = self.member.make_room(**fields)["id"]
        self.member.join(room)
        return room

    @cached_property
    def room(self) -> str:
        return self.open_room()

    @cached_property
    def full(self) -> str:
        return self.open_room(max_participants=1)

    @cached_property
    def inactive(self) -> str:
        room = self.open_room()
        self.admin.put(f"/coworking/admin/rooms/{room}", {"status": "inactive"})
        return room

    @property
    def guest(self) -> Caller:
        """Somebody new, who is in `room` too."""
        guest = self.api.person("Guy")
        guest.join(self.room)
        return guest

    @cached_property
    def maker(self) -> Caller:
        return self.api.person("Max")

    @property
    def fresh(self) -> str:
        """A room of `maker`'s, to be changed or deleted."""
        return str(self.maker.make_room()["id"])

    @cached_property
    def forgetful(self) -> Caller:
        """Made a room under the key `gone`, and deleted it."""
        person = self.api.person("Flo")
        room = person.post(ROOMS, {"name": "Room"}, key="gone").json()["id"]
        person.delete(f"{ROOMS}/{room}")
        return person

    @cached_property
    def spent(self) -> Caller:
        """Has used up every limit of a stack that has tight ones, once in `spent_room`."""
        return self.deployment.person("Spike")

    @cached_property
    def spent_room(self) -> str:
        rooms: list[str] = [self.spent.make_room()["id"] for _ in range(LIMIT)]
        for room in rooms:
            self.spent.join(room)
            self.spent.say(room, "hello")
        return rooms[0]


@dataclass(frozen=True)
class Case:
    """Who calls what, with what, and what comes back."""

    view: str
    status: int
    code: str = ""
    by: str = "member"
    room: str = "room"
    query: str = ""
    options: dict[str, Any] = field(default_factory=dict)

    @property
    def route(self) -> Route:
        return route_of(self.view)

    def call(self, stage: Stage) -> httpx.Response:
        path = self.route.path.format(room_id=getattr(stage, self.room))
        caller: Caller = getattr(stage, self.by)
        options = self.options or {"body": GOOD.get(self.view)}
        return caller.request(self.route.method, path + self.query, **options)


def each(views: Iterable[str], status: int, code: str = "", **options: Any) -> list[Case]:
    return [Case(view, status, code, **options) for view in views]


BODIES = list(GOOD)
CASES = [
    *each(["api_get_health", "api_get_openapi", "api_get_asyncapi", "api_get_docs"], 200, by="nobody"),
    *each(["profiles_get_me", "profiles_update_me", "rooms_list_rooms", "seats_get_room", *MEMBER_VIEWS], 200),
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
    *each(["rooms_list_rooms", "chat_get_history"], 422, "invalid_request", query="?limit=0"),
    Case("api_get_health", 503, "unavailable", by="cut_off"),
    Case("rooms_list_rooms", 400, "invalid_cursor", query="?cursor=x"),
    Case("rooms_create_room", 201, by="stranger"),
    Case("rooms_create_room", 404, "room_not_found", by="forgetful", options={"body": {"name": "Room"}, "key": "gone"}),
    Case("lifecycle_delete_own_room", 200, by="maker", room="fresh"),
    Case("lifecycle_delete_own_room", 403, "forbidden", by="stranger"),
    Case("seats_join", 200),
    Case("seats_join", 409, "room_full", by="stranger", room="full"),
    Case("seats_join", 409, "room_inactive", by="stranger", room="inactive"),
    Case("seats_leave", 200, by="guest"),
    Case("seats_leave", 404, "not_in_room", by="stranger"),
    Case("voice_set_speaking", 409, "muted", by="guest", options={"body": {"is_speaking": True}}),
    Case("lifecycle_update_room", 200, by="admin", room="fresh"),
    Case("lifecycle_toggle_status", 200, by="admin", room="fresh"),
    Case("lifecycle_delete_room", 204, by="admin", room="fresh"),
]


def promised(route: Route) -> set[int]:
    """Every status that the route declares, and those that follow from its rule of access, body and query."""
    implied = set[int]() if route.access is Access.OPEN else {401}
    implied |= {403} if route.access is Access.ADMIN else set()
    implied |= {404} if route.has_room else set()
    implied |= {400, 413, 415, 422} if route.body else set()
    implied |= {422} if route.query or route.idempotent else set()
    return {route.status} | {error.status for error in route.errors} | implied


@pytest.fixture(scope="session")
def stage(api: Api, deployment: Deployment, unplugged: Unplugged) -> Stage:
    return Stage(api, deployment, unplugged)


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.view}-{case.status}-{case.code}-{case.room}")
def test_a_route_answers_as_promised(stage: Stage, case: Case) -> None:
    with stage.unplugged.line.broken() if case.by == "cut_off" else nullcontext():
        answer = case.call(stage)
    assert answer.status_code == case.status, answer.text
    check_origin(answer, ORIGIN if case.by == "spent" else "*")
    if case.status >= 400:
        check_problem(answer, case.code)
    elif case.status == 204:
        assert answer.content == b""
    elif case.view == "api_get_docs":
        assert answer.headers["Content-Type"].startswith("text/html")
    else:
        assert answer.headers["Content-Type"] == "application/json"
        assert answer.json() is not None


def check_origin(answer: httpx.Response, origin: str) -> None:
    """A page of another origin may read the answer and the headers that it needs."""
    assert answer.headers["Access-Control-Allow-Origin"] == origin
    assert set(answer.headers["Access-Control-Expose-Headers"].split(",")) == {"Link", "Retry-After"}


def check_problem(answer: httpx.Response, code: str) -> None:
    """RFC 9457, with a code for programs and a sentence for people."""
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.headers["Cache-Control"] == "no-store"
    problem = answer.json()
    assert problem["code"] == code
    assert problem["status"] == answer.status_code
    assert len(problem["detail"].split()) > 1
    extra = {"invalid_request": {"errors"}, "rate_limited": {"retry_after"}}.get(code, set())
    assert set(problem) == MEMBERS | extra
    if answer.status_code == 401:
        assert answer.headers["WWW-Authenticate"] == "Bearer"
    if answer.status_code == 429:
        assert 0 < int(answer.headers["Retry-After"]) == problem["retry_after"]


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.name)
def test_every_status_that_is_promised_is_in_the_table(route: Route) -> None:
    assert {case.status for case in CASES if case.view == route.name} == promised(route)


@pytest.mark.parametrize("path", sorted({route.path for route in ROUTES}))
def test_a_browser_may_ask_first(api: Api, path: str) -> None:
    asked = {"Origin": ORIGIN, "Access-Control-Request-Method": "POST"}
    asked |= {"Access-Control-Request-Headers": "idempotency-key"}
    answer = api.nobody.request("OPTIONS", path.format(room_id=uuid.uuid4()), headers=asked)
    assert answer.status_code == 200
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    allowed = {name.lower() for name in answer.headers["Access-Control-Allow-Headers"].split(",")}
    assert {"authorization", "content-type", "idempotency-key"} <= allowed
    methods = {route.method for route in ROUTES if route.path == path}
    assert set(answer.headers["Access-Control-Allow-Methods"].split(",")) == methods | {"OPTIONS"}


def test_only_the_configured_origin_is_let_in(deployment: Deployment) -> None:
    for method, path in (("GET", f"{ROOMS}/x"), ("DELETE", f"{ROOMS}/x"), ("OPTIONS", ROOMS)):
        answer = deployment.api.nobody.request(method, path, headers={"Origin": "https://evil.test"})
        assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN
