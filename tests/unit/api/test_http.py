"""HTTP dispatch: every request gets an answer or a problem document, never a trace."""

import base64
import json
import logging
import time
from collections.abc import Iterator
from typing import Any

import jwt
import pytest

from app import app
from chalicelib.api import http
from chalicelib.api.problems import Health
from chalicelib.backend import get_backend
from chalicelib.contract import Page, Reply
from chalicelib.kernel.errors import CoworkingError, RoomFullError, UnavailableError
from chalicelib.kernel.times import now_ms
from tests.fakes.backend import World, on_moto
from tests.fakes.events import read_json, rest_event, route_of
from tests.fakes.issuer import Issuer

SECRET = "a secret that the tokens of these tests are signed with"
MISSING = "6f1c2f0e-3f4e-4a55-9b0b-0f5f5b1c9a77"


@pytest.fixture(autouse=True)
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """The app in this process, on tables in memory, with sign-in by a shared secret."""
    with on_moto(auth_secret=SECRET) as world:
        monkeypatch.setattr("chalicelib.backend._process_backend", world.backend)
        yield world


def call(view: str, **options: Any) -> dict[str, Any]:
    """Call a route as Ada."""
    token = jwt.encode({"sub": "ada", "name": "Ada", "exp": time.time() + 600}, SECRET, "HS256")
    result: dict[str, Any] = app(rest_event(view, token=token, **options), None)
    return result


def fail(*_: object, **__: object) -> None:
    raise RuntimeError("the engine room is on fire")


@pytest.mark.parametrize("view", ["api_get_health", "api_get_docs", "seats_list_rooms"])
def test_only_the_cdn_may_call_if_it_has_a_secret(monkeypatch: pytest.MonkeyPatch, view: str) -> None:
    assert call(view)["statusCode"] == 200
    with on_moto(auth_secret=SECRET, origin_secret="known to the CDN") as world:
        monkeypatch.setattr("chalicelib.backend._process_backend", world.backend)
        for sent in ({}, {"X-Origin-Secret": "guessed"}):
            refused = call(view, headers=sent)
            assert (refused["statusCode"], read_json(refused)["code"]) == (403, "forbidden")
        assert call(view, headers={"X-Origin-Secret": "known to the CDN"})["statusCode"] == 200


def test_a_bug_is_answered_and_logged_without_its_trace(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("chalicelib.seats.service.get_room_detail", fail)
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


def test_a_user_without_budget_is_refused_before_anything_runs(world: World) -> None:
    world.spend("ada", now_ms())
    result = call("rooms_create_room", body={"name": "Quiet"})
    assert (result["statusCode"], read_json(result)["code"]) == (429, "rate_limited")
    assert call("seats_list_rooms")["statusCode"] == 429
    assert call("api_get_health")["statusCode"] == 200


def test_a_call_costs_its_price_and_the_size_of_its_answer(world: World) -> None:
    for number in range(40):
        world.open_room(name=f"Room {number}")
    before = world.credit("ada")
    size = len(call("seats_list_rooms")["body"])
    assert size > 8_000
    assert before - world.credit("ada") == 10 + size // 4_000


def test_an_invalid_answer_is_a_bug_and_not_the_callers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chalicelib.profiles.service.get_profile", lambda *_: Health.model_validate(5))
    assert call("profiles_get_me")["statusCode"] == 500


@pytest.mark.parametrize("error", [RoomFullError(), UnavailableError(), UnavailableError("Try again")])
def test_an_error_of_a_service_is_answered_as_its_problem(
    monkeypatch: pytest.MonkeyPatch, error: CoworkingError
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("chalicelib.seats.service.join", refuse)
    result = call("seats_join", room_id=MISSING)
    assert result["statusCode"] == error.status
    assert read_json(result) == error.problem()


TRACE = {"requestContext": {"resourcePath": "/coworking/me", "httpMethod": "TRACE"}}


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"requestContext": {}}, 500, "internal_error"),
        ({"pathParameters": None}, 500, "internal_error"),
        (TRACE, 405, "method_not_allowed"),
    ],
)
def test_an_error_of_chalice_is_a_problem_document(changes: dict[str, Any], status: int, code: str) -> None:
    result = call("seats_get_room", room_id=MISSING, **changes)
    assert result["statusCode"] == status
    assert result["headers"]["Content-Type"] == "application/problem+json"
    assert (read_json(result)["status"], read_json(result)["code"]) == (status, code)
    assert result["headers"].get("Allow") == ("DELETE, GET, PUT" if status == 405 else None)


@pytest.mark.parametrize(
    ("body", "encoded"),
    [
        ('{"name": "\ud800"}', False),
        ('{"name": "\\ud800"}', False),
        ('{"name": "x", "other": 1e999}', False),
        ('{"name": "x"', False),
        ("no base64 at all", True),
        ("x", True),
        (base64.b64encode(b"\xff").decode(), True),
    ],
)
def test_a_body_that_is_no_json_is_refused(body: str, encoded: bool) -> None:
    result = call("profiles_update_me", body=body, isBase64Encoded=encoded)
    assert (result["statusCode"], read_json(result)["code"]) == (400, "invalid_json")


def test_a_body_may_be_encoded_in_base64() -> None:
    body = base64.b64encode(json.dumps({"name": "Zoë"}).encode()).decode()
    assert read_json(call("profiles_update_me", body=body, isBase64Encoded=True))["name"] == "Zoë"


def test_an_unreachable_identity_provider_is_answered_503(monkeypatch: pytest.MonkeyPatch) -> None:
    with Issuer() as issuer, on_moto(auth_jwks_url=issuer.url) as world:
        signed = issuer.sign({"sub": "ada", "exp": time.time() + 600})
        issuer.switch_off()
        monkeypatch.setattr("chalicelib.backend._process_backend", world.backend)
        result = app(rest_event("profiles_get_me", token=signed), None)
        assert result["statusCode"] == 503
        assert result["headers"]["Content-Type"] == "application/problem+json"
        assert result["headers"]["Access-Control-Allow-Origin"] == "*"
        problem = read_json(result)
        assert (problem["code"], problem["detail"]) == ("auth_unavailable", "Sign-in can't be checked for the moment")
        assert app(rest_event("api_get_health"), None)["statusCode"] == 200


@pytest.mark.parametrize(
    ("result", "body", "content_type"),
    [
        (Health(version="1"), '{"status":"ok","version":"1"}', "application/json"),
        (Reply([Health(version="1")], {"Link": "<x>"}), '[{"status":"ok","version":"1"}]', "application/json"),
        ({"openapi": "3.1.0"}, '{"openapi":"3.1.0"}', "application/json"),
        (None, "", "application/json"),
    ],
)
def test_the_result_of_a_view_becomes_an_answer(result: object, body: str, content_type: str) -> None:
    response = http._respond(get_backend(), route_of("api_get_health"), result)
    assert (response.status_code, response.body) == (200, body)
    assert response.headers["Content-Type"] == content_type
    assert response.headers.get("Link") == ("<x>" if isinstance(result, Reply) else None)


PAGE = Page("<p>", {"X-Own": "x"})


@pytest.mark.parametrize("name", ["api_get_openapi", "api_get_asyncapi", "api_get_docs"])
def test_a_document_can_be_kept_for_an_hour(name: str) -> None:
    result = app(rest_event(name), None)
    assert result["statusCode"] == 200
    assert result["headers"]["Cache-Control"] == "public, max-age=3600"
    tag = result["headers"]["ETag"]
    again = app(rest_event(name, headers={"If-None-Match": tag}), None)
    assert (again["statusCode"], again["body"], again["headers"]["ETag"]) == (304, "", tag)


@pytest.mark.parametrize(
    ("sent", "status"),
    [("", 200), ('"other"', 200), (PAGE.etag, 304), (f"W/{PAGE.etag}", 304), (f'"other", {PAGE.etag}', 304)],
)
def test_a_page_that_the_client_has_is_not_sent_again(sent: str, status: int) -> None:
    response = http._respond_page(route_of("api_get_docs"), PAGE, {"if-none-match": sent} if sent else {})
    expected = {"ETag": PAGE.etag, "Cache-Control": "public, max-age=3600", "X-Own": "x"}
    kind = {"Content-Type": "text/html; charset=utf-8"} if status == 200 else {}
    assert (response.status_code, response.body) == (status, "<p>" if status == 200 else "")
    assert response.headers == expected | kind
