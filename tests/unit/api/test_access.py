"""Access: every route answers each kind of caller as it declares, before it does anything else."""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any
from unittest.mock import Mock, patch

import jwt
import pytest

from app import app
from chalicelib.access.table import KNOCKS, make_knock
from chalicelib.api import http
from chalicelib.api.routes import ROUTES
from chalicelib.contract import Access, Context, Request, Route, Success
from chalicelib.contract.access import PROVEN_BY_ROWS
from chalicelib.contract.fields import is_uuid
from chalicelib.grants.invites import INVITES, invite_id_of
from chalicelib.identity.profiles import Profile
from chalicelib.kernel.telemetry import Observation, Telemetry
from chalicelib.log.table import MESSAGES, POSITIONS
from chalicelib.moderation.table import REPORTS
from chalicelib.roles.table import make_offer, put_offer
from tests.fakes.backend import HTTP_LEASE, MINUTE, NOW, NOWHERE, World, on_moto
from tests.fakes.bodies import GOOD
from tests.fakes.events import read_json, rest_event
from tests.fakes.records import REPORT_ID, make_invite, make_message, make_report, token_of

SECRET = "a secret that the tokens of these tests are signed with"
CALLERS = ("nobody", "invalid", "stranger", "former", "member", "moderator", "creator", "admin")
NOBODY, INVALID, STRANGER, FORMER, MEMBER, MODERATOR, CREATOR, ADMIN = CALLERS
ADMITTED: dict[Access, tuple[str, ...]] = {
    Access.OPEN: CALLERS,
    Access.USER: (STRANGER, FORMER, MEMBER, MODERATOR, CREATOR, ADMIN),
    Access.MEMBER: (MEMBER,),
    Access.MODERATOR: (MODERATOR, CREATOR, ADMIN),
    Access.OWNER: (CREATOR, ADMIN),
    Access.ADMIN: (ADMIN,),
}
WITH_BODY = [route for route in ROUTES if route.body]
BY_ROWS = [route for route in ROUTES if route.access in PROVEN_BY_ROWS]


def name_of(route: Route) -> str:
    return route.name


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """The app in this process, on tables in memory, at the time NOW."""
    with on_moto(auth_secret=SECRET, seats_limit=50) as world:
        monkeypatch.setattr("chalicelib.backend._process_backend", world.backend)
        monkeypatch.setattr(http, "now_ms", lambda: NOW)
        yield world


@pytest.fixture
def room_id(world: World) -> str:
    return open_room(world)


def open_room(world: World) -> str:
    """A room with its creator and a moderator without seats, a member, and one whose lease has ended."""
    made = world.open_room(made_by=CREATOR)
    world.grant(MODERATOR, made, "moderator")
    world.join(MEMBER, made)
    world.join(FORMER, made, NOW - HTTP_LEASE)
    world.store.put(MESSAGES, make_message(made, 2, user_id=CREATOR))
    world.store.put(MESSAGES, make_message(made, 3, user_id=MEMBER))
    world.store.update(POSITIONS, (made, 0), [POSITIONS.last_seq.set(3)])
    for caller in CALLERS:
        world.store.transact([put_offer(make_offer(world.room(made), caller, CREATOR, NOW))])
    world.store.put(REPORTS, make_report(made, MEMBER))
    world.store.put(INVITES, make_invite(made, token_of(made), user_id=CREATOR))
    world.store.put(KNOCKS, make_knock(made, Profile("user_id", "Eve", None), NOW))
    return made


def parameters_of(room_id: str) -> dict[str, str]:
    """The other parameters of paths: what belongs to the room."""
    token = token_of(room_id) if is_uuid(room_id) else ""
    ids = {"invite_id": invite_id_of(token), "report_id": REPORT_ID}
    return {"token": token, **ids, "seq": "3", "emoji": "👍"}


def sign(caller: str) -> str | None:
    """The token that a caller sends."""
    claims = {"sub": caller, "cognito:groups": [caller], "exp": (NOW + MINUTE) // 1000}
    if caller == NOBODY:
        return None
    return jwt.encode(claims, "another secret" * 5 if caller == INVALID else SECRET, "HS256")


def call(route: Route, caller: str, room_id: str, **changes: Any) -> dict[str, Any]:
    body = json.dumps(GOOD[route.name]) if route.body else None
    parameters = {name: value for name, value in parameters_of(room_id).items() if name in route.path_names}
    parameters |= {"seq": "2"} if route.name == "moderation_report_message" else {}  # nobody reports their own
    sent = {"body": body, "parameters": parameters} | changes
    event = rest_event(route.name, room_id=room_id, token=sign(caller), **sent)
    result: dict[str, Any] = app(event, None)
    return result


def status_for(route: Route, caller: str) -> tuple[int, str]:
    """The status and the error code that a caller gets."""
    if (route.name, caller) == ("roles_accept_ownership", CREATOR):
        return 403, "forbidden"  # who owns the room already
    if route.name == "chat_delete_message" and caller in (STRANGER, FORMER):
        return 403, "not_in_room"  # rows of the room decide, but not those of the seat alone
    if caller in ADMITTED[route.access]:
        return route.status, ""
    if caller in (NOBODY, INVALID):
        return 401, "unauthorized"
    if route.access is Access.MEMBER:
        return 404 if route.name == "seats_leave" else 403, "not_in_room"
    return 403, "forbidden"


@pytest.fixture(params=["with telemetry", "without telemetry"])
def _telemetry(request: pytest.FixtureRequest) -> Iterator[None]:
    """Each answer must be the same without notes, counters, logs and metrics."""
    with ExitStack() as patches:
        if request.param == "without telemetry":
            nothing = {name: Mock() for name in vars(Observation) if name.startswith(("note", "count_", "line"))}
            patches.enter_context(patch.multiple(Observation, **nothing))
            patches.enter_context(patch.multiple(Telemetry, logger=Mock(), _emit=Mock()))
        yield


@pytest.mark.usefixtures("_telemetry")
@pytest.mark.parametrize("route", ROUTES, ids=name_of)
def test_each_caller_gets_the_status_that_the_route_declares(world: World, route: Route) -> None:
    assert set(ADMITTED) == set(Access)
    room_id = open_room(world)
    for caller in CALLERS:
        result = call(route, caller, open_room(world) if route.has_room else room_id)
        status, code = status_for(route, caller)
        assert (caller, result["statusCode"]) == (caller, status), result["body"]
        assert (read_json(result)["code"] if status >= 400 else "") == code, caller


@pytest.mark.parametrize("route", WITH_BODY, ids=name_of)
@pytest.mark.parametrize("body", ["no JSON", "{}", '"' + "x" * 70_000 + '"'], ids=["no JSON", "empty", "too large"])
def test_access_is_refused_before_the_body_is_read(world: World, room_id: str, route: Route, body: str) -> None:
    assert call(route, NOBODY, room_id, body=body)["statusCode"] == 401
    with patch.object(http, "_read_body", side_effect=AssertionError("the body is read")):
        assert call(route, INVALID, room_id)["statusCode"] == 401
        if route.access is Access.ADMIN:
            for caller in (STRANGER, MEMBER, CREATOR):
                assert call(route, caller, room_id, body=body)["statusCode"] == 403


@pytest.mark.parametrize("route", [route for route in ROUTES if route.has_room], ids=name_of)
def test_access_is_refused_before_the_room_is_looked_up(world: World, route: Route) -> None:
    refused = (NOBODY, INVALID, *((STRANGER,) if route.access is Access.ADMIN else ()))
    for room_id in ("no-id", NOWHERE):
        for caller in refused:
            assert call(route, caller, room_id)["statusCode"] == (403 if caller == STRANGER else 401)
        assert call(route, ADMIN, room_id)["statusCode"] == 404


@pytest.mark.parametrize("route", BY_ROWS, ids=name_of)
def test_a_service_without_its_proof_answers_500(world: World, room_id: str, route: Route) -> None:
    with patch.object(Context, "prove"):
        result = call(route, ADMITTED[route.access][0], room_id)
    assert result["statusCode"] == 500
    assert read_json(result).keys() == {"type", "title", "status", "detail", "code"}


@pytest.mark.parametrize("access", Access)
@pytest.mark.parametrize("proven", [None, *PROVEN_BY_ROWS])
def test_an_answer_needs_the_proof_of_exactly_its_access(
    world: World, room_id: str, access: Access, proven: Access | None
) -> None:
    def view(request: Request) -> Success:
        """Answer, with one proof or none."""
        if proven:
            request.context.prove(proven)
        return Success(message="a secret of the room")

    route = Route("POST", "/coworking/rooms/{room_id}/join", view, access=access)
    sent = Mock(headers={"authorization": f"Bearer {sign(ADMIN)}"}, context={"path": "/"})

    response = http.answer(world.backend, route, sent, {"room_id": room_id})

    is_enough = access in (Access.OPEN, Access.USER, Access.ADMIN, proven)
    assert response.status_code == (200 if is_enough else 500)
    assert ("a secret of the room" in response.body) is is_enough


@pytest.mark.parametrize(
    ("access", "path", "caller", "status"),
    [
        (Access.OPEN, "/coworking/rooms/{room_id}", NOBODY, 200),
        (Access.USER, "/coworking/rooms/{room_id}", NOBODY, 401),
        (Access.MEMBER, "/coworking/me", NOBODY, 401),
        (Access.MEMBER, "/coworking/me", MEMBER, 500),
    ],
)
def test_an_open_route_needs_no_token_and_a_member_route_a_room(
    world: World, room_id: str, access: Access, path: str, caller: str, status: int
) -> None:
    route = Route("GET", path, lambda _: None, access=access)
    sent = Mock(headers={} if caller == NOBODY else {"authorization": f"Bearer {sign(caller)}"}, context={"path": "/"})
    parameters = {"room_id": room_id} if route.has_room else {}
    assert http.answer(world.backend, route, sent, parameters).status_code == status


def test_a_route_must_declare_its_access() -> None:
    with pytest.raises(TypeError, match="access"):
        Route("GET", "/x", call)  # type: ignore[call-arg]
