"""The request that a view receives, and the declaration of a route."""

from typing import Any

import pytest

from chalicelib.backend import build_backend
from chalicelib.chat.schemas import HistoryQuery
from chalicelib.contract import Access, Request, Route, Success
from chalicelib.identity.tokens import User
from chalicelib.kernel.errors import InvalidRequestError, RoomFullError, RoomNotFoundError
from chalicelib.kernel.settings import Settings
from chalicelib.voice.schemas import MicToggleRequest

ROOM_ID = "6f1c2f0e-3f4e-4a55-9b0b-0f5f5b1c9a77"
NOW = 1_800_000_000_123


def make_request(**parts: Any) -> Request:
    """A request of a user who is signed in."""
    backend = build_backend(Settings(public_url=parts.pop("public_url", "")))
    whole = {"headers": {}, "path": "/api/coworking/me", "route_path": "/coworking/me", "path_parameters": {}}
    request = Request(backend=backend, now=NOW, **(whole | parts))
    request.__dict__["user"] = User("ada", "Ada", None, is_admin=False)
    return request


@pytest.mark.parametrize("text", [ROOM_ID, ROOM_ID.upper()])
def test_a_room_id_is_read_in_either_case(text: str) -> None:
    context = make_request(path_parameters={"room_id": text}).context
    assert (context.room_id, context.user_id, context.now) == (ROOM_ID, "ada", NOW)


@pytest.mark.parametrize(
    "text",
    [
        *("", "x", "\x00", "\ufffd", "0" * 5000, ROOM_ID.replace("-", ""), "{" + ROOM_ID + "}", "urn:uuid:" + ROOM_ID),
        *(ROOM_ID + "\n", " " + ROOM_ID, ROOM_ID[:-1], ROOM_ID[:-1] + "７", "../" + ROOM_ID),
    ],
)
def test_a_text_that_is_no_id_names_no_room(text: str) -> None:
    with pytest.raises(RoomNotFoundError):
        _ = make_request(path_parameters={"room_id": text}).context


@pytest.mark.parametrize(
    ("sent", "text"),
    [
        *(("auth0%7Cada", "auth0|ada"), ("auth0|ada", "auth0|ada"), ("a%2Fb%2Bc+d", "a/b+c+d"), ("100%25", "100%")),
        *(("%F0%9F%91%8D", "\N{THUMBS UP SIGN}"), ("\N{THUMBS UP SIGN}", "\N{THUMBS UP SIGN}")),
    ],
)
def test_a_parameter_of_the_path_is_decoded_once(sent: str, text: str) -> None:
    """API Gateway passes a parameter on as the client sent it. A gateway that decodes it makes no difference."""
    assert make_request(path_parameters={"name": sent}).parameter("name") == text


@pytest.mark.parametrize(
    ("host", "path", "route", "base"),
    [
        ("localhost:8000", "/api/coworking/rooms", "/coworking/rooms", "https://localhost:8000/api"),
        ("api.example.com", "/api/openapi.json", "/openapi.json", "https://api.example.com/api"),
        ("api.example.com", "/v1/docs", "/docs", "https://api.example.com/v1"),
        ("example.com", "/docs", "/docs", "https://example.com"),
        ("example.com", "/api/coworking/rooms/", "/coworking/rooms", "https://example.com/api"),
        ("x.test", f"/api/rooms/{ROOM_ID}/messages", "/rooms/{room_id}/messages", "https://x.test/api"),
    ],
)
def test_the_base_url_is_the_address_that_the_caller_used(host: str, path: str, route: str, base: str) -> None:
    headers = {"host": host, "x-forwarded-proto": "https"}
    assert make_request(headers=headers, path=path, route_path=route).base_url == base


@pytest.mark.parametrize("public_url", ["https://rooms.example/api", "https://rooms.example/api/"])
def test_a_configured_address_replaces_the_base_url(public_url: str) -> None:
    headers = {"host": "abc.execute-api.eu-west-1.amazonaws.com"}
    assert make_request(headers=headers, public_url=public_url).base_url == "https://rooms.example/api"


@pytest.mark.parametrize("key", ["x", "x" * 64, " ", "é", "a#b", None])
def test_an_idempotency_key_is_optional_and_taken_as_it_is(key: str | None) -> None:
    assert make_request(headers={"idempotency-key": key} if key else {}).client_key == key


@pytest.mark.parametrize("key", ["", "x" * 65])
def test_an_idempotency_key_has_1_to_64_characters(key: str) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        _ = make_request(headers={"idempotency-key": key}).client_key
    assert caught.value.detail == "Idempotency-Key must have 1 to 64 characters"


def test_a_route_takes_its_types_from_the_view() -> None:
    def view(request: Request, body: MicToggleRequest, query: HistoryQuery) -> Success:
        """Do it."""
        return Success(message="done")

    route = Route("PUT", "/x/{room_id}", view, access=Access.USER, status=202, errors=(RoomFullError,), idempotent=True)

    assert (route.status, route.errors, route.idempotent, route.has_room) == (202, (RoomFullError,), True, True)
    assert (route.body, route.query, route.types["return"]) == (MicToggleRequest, HistoryQuery, Success)
    assert (route.feature, route.name) == ("unit", "unit_view")


def test_a_view_may_take_neither_body_nor_query() -> None:
    def view(_request: Request) -> None:
        """Do nothing."""

    route = Route("GET", "/x", view, access=Access.OPEN)

    assert (route.status, route.body, route.query, route.idempotent, route.has_room) == (200, None, None, False, False)
