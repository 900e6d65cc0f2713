"""Whatever happens to a request, what comes out is an answer or a problem, never a trace."""

import base64
import json
import logging
import time
from collections.abc import Iterator
from typing import Any

import jwt
import pytest

from app import app
from chalicelib import backend as composition
from chalicelib import profiles, rooms, seats
from chalicelib.api import dispatch
from chalicelib.api.problems import Health
from chalicelib.api.routes import ROUTES
from chalicelib.contract import Page, Reply
from chalicelib.kernel.errors import CoworkingError, RoomFullError, UnavailableError
from chalicelib.seats.schemas import RoomDetail
from chalicelib.store import tables
from tests.fakes.backend import World, on_moto
from tests.fakes.events import read_json, rest_event, route_of
from tests.fakes.issuer import Issuer

SECRET = "a secret that the tokens of these tests are signed with"
MISSING = "6f1c2f0e-3f4e-4a55-9b0b-0f5f5b1c9a77"


@pytest.fixture
def signed_in(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """The app in this process, on tables in memory, with sign-in by a shared secret."""
    with on_moto(auth_secret=SECRET) as world:
        monkeypatch.setattr(composition, "_backend", world.backend)
        yield world


def token(user_id: str = "ada") -> str:
    return jwt.encode({"sub": user_id, "name": "Ada", "exp": time.time() + 600}, SECRET, "HS256")


def call(view: str, **options: Any) -> dict[str, Any]:
    result: dict[str, Any] = app(rest_event(view, token=token(), **options), None)
    return result


def test_a_bug_of_ours_is_a_problem_without_a_trace(
    signed_in: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> RoomDetail:
        raise RuntimeError("the engine room is on fire")

    monkeypatch.setattr(rooms, "detail", fail)
    result = call("seats_get_room", room_id=MISSING)
    assert result["statusCode"] == 500
    assert result["headers"]["Content-Type"] == "application/problem+json"
    assert result["headers"]["Access-Control-Allow-Origin"] == "*"
    assert read_json(result) == {
        "type": "urn:coworking:error:internal_error",
        "title": "Something went wrong on our side",
        "status": 500,
        "detail": "Something went wrong on our side",
        "code": "internal_error",
    }
    [record] = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert "GET /coworking/rooms/{room_id}" in record.getMessage()
    assert record.exc_info
    assert "the engine room is on fire" in str(record.exc_info[1])


def test_an_answer_that_breaks_the_contract_is_our_bug_and_not_the_clients(
    signed_in: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(profiles, "me", lambda _: Health.model_validate(5))
    assert call("profiles_get_me")["statusCode"] == 500


@pytest.mark.parametrize("error", [RoomFullError(), UnavailableError(), UnavailableError("Try again")])
def test_an_error_that_a_use_case_tells_of_is_its_problem(
    signed_in: World, monkeypatch: pytest.MonkeyPatch, error: CoworkingError
) -> None:
    def refuse(*_: object) -> None:
        raise error

    monkeypatch.setattr(seats, "join", refuse)
    result = call("seats_join", room_id=MISSING)
    assert result["statusCode"] == error.status
    assert read_json(result) == error.problem()


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"requestContext": {}}, 500, "internal_error"),
        ({"pathParameters": None}, 500, "internal_error"),
        ({"requestContext": {"resourcePath": "/coworking/me", "httpMethod": "TRACE"}}, 405, "method_not_allowed"),
    ],
)
def test_what_chalice_itself_refuses_is_a_problem_too(
    signed_in: World, changes: dict[str, Any], status: int, code: str
) -> None:
    result = call("seats_get_room", room_id=MISSING, **changes)
    assert result["statusCode"] == status
    assert result["headers"]["Content-Type"] == "application/problem+json"
    assert (read_json(result)["status"], read_json(result)["code"]) == (status, code)


def test_a_method_that_is_not_allowed_is_told_which_are(signed_in: World) -> None:
    result = call("profiles_get_me", requestContext={"resourcePath": "/coworking/me", "httpMethod": "TRACE"})
    assert result["headers"]["Allow"] == "GET, PUT"


@pytest.mark.parametrize(
    ("body", "encoded"),
    [
        ('{"name": "\ud800"}', False),
        ("no base64 at all", True),
        ("x", True),
        (base64.b64encode(b"\xff").decode(), True),
    ],
)
def test_a_body_that_is_no_text_is_not_json(signed_in: World, body: str, encoded: bool) -> None:
    result = call("profiles_update_me", body=body, isBase64Encoded=encoded)
    assert (result["statusCode"], read_json(result)["code"]) == (400, "invalid_json")


def test_a_body_may_come_encoded(signed_in: World) -> None:
    body = base64.b64encode(json.dumps({"name": "Zoë"}).encode()).decode()
    assert read_json(call("profiles_update_me", body=body, isBase64Encoded=True))["name"] == "Zoë"


def test_the_caller_is_looked_at_before_the_body(signed_in: World) -> None:
    result = app(rest_event("profiles_update_me", body="no JSON"), None)
    assert result["statusCode"] == 401


def test_an_open_route_asks_for_no_token(signed_in: World) -> None:
    assert app(rest_event("api_get_health"), None)["statusCode"] == 200


def test_tables_that_do_not_answer_are_reported(signed_in: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "unreachable", lambda: ["coworking-rooms"])
    result = app(rest_event("api_get_health"), None)
    assert result["statusCode"] == 503
    assert read_json(result)["detail"] == "The tables can't be reached"


def test_an_identity_provider_that_does_not_answer_is_not_the_callers_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    with Issuer() as issuer, on_moto(auth_jwks_url=issuer.url) as world:
        signed = issuer.sign({"sub": "ada", "exp": time.time() + 600})
        issuer.switch_off()
        monkeypatch.setattr(composition, "_backend", world.backend)
        result = app(rest_event("profiles_get_me", token=signed), None)
        assert result["statusCode"] == 503
        assert result["headers"]["Content-Type"] == "application/problem+json"
        assert result["headers"]["Access-Control-Allow-Origin"] == "*"
        problem = read_json(result)
        assert (problem["code"], problem["detail"]) == ("auth_unavailable", "Sign-in can't be checked for the moment")
        assert app(rest_event("api_get_health"), None)["statusCode"] == 200


def test_without_sign_in_set_up_every_call_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with on_moto() as world:
        monkeypatch.setattr(composition, "_backend", world.backend)
        result = call("profiles_get_me")
        assert result["statusCode"] == 401
        assert read_json(result)["detail"] == "Sign-in is not set up on this server"


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.view)
def test_every_route_names_a_view(route: Any) -> None:
    found = dispatch.find_operation(route)
    assert 200 <= found.status < 300
    assert found.view.__doc__


def test_routes_are_found_by_their_view() -> None:
    assert route_of("rooms_list_rooms").path == "/coworking/rooms"


@pytest.mark.parametrize(
    ("result", "body", "content_type"),
    [
        (Page("<p>", "text/html"), "<p>", "text/html"),
        (Health(version="1"), '{"status":"ok","version":"1"}', "application/json"),
        (Reply([Health(version="1")], {"Link": "<x>"}), '[{"status":"ok","version":"1"}]', "application/json"),
        ({"openapi": "3.1.0"}, '{"openapi":"3.1.0"}', "application/json"),
        (None, "", "application/json"),
    ],
)
def test_what_a_view_returns_becomes_an_answer(result: object, body: str, content_type: str) -> None:
    response = dispatch._respond(dispatch.find_operation(route_of("api_get_health")), result)
    assert (response.status_code, response.body) == (200, body)
    assert response.headers["Content-Type"] == content_type
    if isinstance(result, Reply):
        assert response.headers["Link"] == "<x>"
