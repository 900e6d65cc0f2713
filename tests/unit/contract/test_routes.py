"""What a view learns of a request: the room, the key, the address of the API, and whether the caller may."""

from typing import Any

import pytest
from chalicelib.api.operation import operation

from chalicelib.backend import Backend
from chalicelib.chat.schemas import HistoryQuery
from chalicelib.contract import Request, Success
from chalicelib.identity.tokens import User
from chalicelib.kernel.errors import ForbiddenError, InvalidRequestError, RoomFullError, RoomNotFoundError
from chalicelib.kernel.settings import Settings
from chalicelib.voice.schemas import MicToggleRequest
from tests.fakes.fanout import FakeFanout

ROOM_ID = "6f1c2f0e-3f4e-4a55-9b0b-0f5f5b1c9a77"
NOW = 1_800_000_000_123


def make_call(**parts: Any) -> Request:
    settings = Settings(public_url=parts.pop("public_url", ""))
    whole: dict[str, Any] = {
        "backend": Backend(settings, FakeFanout()),
        "now": NOW,
        "headers": {},
        "path": "/api/coworking/me",
        "route_path": "/coworking/me",
        "path_parameters": {},
    }
    return Request(**(whole | parts))


@pytest.mark.parametrize("text", [ROOM_ID, ROOM_ID.upper()])
def test_a_room_id_is_read_in_either_case(text: str) -> None:
    assert make_call(path_parameters={"room_id": text}).room_id == ROOM_ID


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        ROOM_ID.replace("-", ""),
        "{" + ROOM_ID + "}",
        "urn:uuid:" + ROOM_ID,
        ROOM_ID + "\n",
        " " + ROOM_ID,
        ROOM_ID[:-1],
        ROOM_ID[:-1] + "７",
        "../" + ROOM_ID,
        "\x00",
        "\ufffd",
        "0" * 5000,
    ],
)
def test_what_is_no_id_names_no_room(text: str) -> None:
    with pytest.raises(RoomNotFoundError):
        _ = make_call(path_parameters={"room_id": text}).room_id


@pytest.mark.parametrize(
    ("host", "path", "route", "base"),
    [
        ("localhost:8000", "/api/coworking/rooms", "/coworking/rooms", "https://localhost:8000/api"),
        ("api.example.com", "/api/openapi.json", "/openapi.json", "https://api.example.com/api"),
        ("api.example.com", "/v1/docs", "/docs", "https://api.example.com/v1"),
        ("example.com", "/docs", "/docs", "https://example.com"),
        ("example.com", "/api/coworking/rooms/", "/coworking/rooms", "https://example.com/api"),
        (
            "x.test",
            f"/api/coworking/rooms/{ROOM_ID}/messages",
            "/coworking/rooms/{room_id}/messages",
            "https://x.test/api",
        ),
    ],
)
def test_the_address_of_the_api_is_the_callers_own(host: str, path: str, route: str, base: str) -> None:
    headers = {"host": host, "x-forwarded-proto": "https"}
    assert make_call(headers=headers, path=path, route_path=route).base_url == base


@pytest.mark.parametrize("public_url", ["https://rooms.example/api", "https://rooms.example/api/"])
def test_a_configured_address_is_used_instead(public_url: str) -> None:
    headers = {"host": "abc.execute-api.eu-west-1.amazonaws.com"}
    assert make_call(headers=headers, public_url=public_url).base_url == "https://rooms.example/api"


@pytest.mark.parametrize("key", ["x", "x" * 64, " ", "é", "a#b"])
def test_an_idempotency_key_is_taken_as_it_is(key: str) -> None:
    assert make_call(headers={"idempotency-key": key}).client_key == key


def test_there_may_be_no_idempotency_key() -> None:
    assert make_call().client_key is None


@pytest.mark.parametrize("key", ["", "x" * 65])
def test_an_idempotency_key_has_1_to_64_characters(key: str) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        _ = make_call(headers={"idempotency-key": key}).client_key
    assert caught.value.detail == "Idempotency-Key must have 1 to 64 characters"


@pytest.mark.parametrize("is_admin", [True, False])
def test_only_administrators_pass_for_administrators(is_admin: bool) -> None:
    call = make_call()
    call.__dict__["user"] = User("ada", "Ada", None, is_admin)
    if is_admin:
        call.require_admin()
    else:
        with pytest.raises(ForbiddenError, match="Only administrators"):
            call.require_admin()


def test_an_operation_knows_what_its_view_takes() -> None:
    @operation(RoomFullError, status=202, idempotent=True)
    def view(call: Request, body: MicToggleRequest, query: HistoryQuery) -> Success:
        """Do it."""
        return Success(message="done")

    assert (view.status, view.errors, view.idempotent) == (202, (RoomFullError,), True)
    assert (view.body, view.query, view.types["return"]) == (MicToggleRequest, HistoryQuery, Success)


def test_a_view_may_take_neither_a_body_nor_a_query() -> None:
    @operation()
    def view(_call: Request) -> None:
        """Nothing to do."""

    assert (view.status, view.body, view.query, view.idempotent) == (200, None, None, False)
