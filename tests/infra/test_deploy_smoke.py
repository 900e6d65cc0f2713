"""The trial at the end of a deployment, on the local stack."""

import json
import uuid
from collections.abc import Mapping

import jwt
import pytest

from infra.deploy import smoke
from infra.deploy.target import DeployError
from infra.local.stack import LocalStack

pytestmark = pytest.mark.proof


def somebody(stack: LocalStack) -> str:
    return stack.token(f"smoke-{uuid.uuid4()}")


def list_rooms(stack: LocalStack, token: str) -> list[str]:
    return [room["name"] for room in smoke.Person(stack.api, token).call("GET", "/coworking/rooms")]


@pytest.mark.parametrize("people", [1, 2])
def test_a_stage_that_works_is_said_to_work_and_left_as_it_was(stack: LocalStack, people: int) -> None:
    tokens, told = [somebody(stack) for _ in range(people)], list[str]()

    smoke.play(stack.api, tokens, told.append)

    assert told == ["joining", "connecting", "relaying", "leaving"]
    assert "Smoke test" not in list_rooms(stack, tokens[0])


def test_a_token_that_does_not_hold_is_said_not_to(stack: LocalStack) -> None:
    with pytest.raises(DeployError, match="POST /coworking/rooms answers 401"):
        smoke.play(stack.api, ["nonsense"], lambda _: None)


def test_a_room_that_does_not_work_is_deleted_all_the_same(stack: LocalStack) -> None:
    token = somebody(stack)

    def fail(what: str) -> None:
        if what == "connecting":
            raise DeployError("no luck", "")

    with pytest.raises(DeployError, match="no luck"):
        smoke.play(stack.api, [token], fail)

    assert "Smoke test" not in list_rooms(stack, token)


def test_health_is_told_with_the_version(stack: LocalStack) -> None:
    assert smoke.check_health(stack.api) == smoke.Person(stack.api, "").call("GET", "/healthz")["version"]


def test_what_is_not_there_is_said_not_to_answer() -> None:
    with pytest.raises(DeployError, match="GET /healthz is not answered"):
        smoke.check_health("http://127.0.0.1:9")
    with pytest.raises(DeployError, match="can't be opened"):
        smoke.Socket("ws://127.0.0.1:9/")


def test_a_frame_that_does_not_come_is_said_not_to(stack: LocalStack, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither before a deadline, nor before the connection ends."""
    ada = smoke.Person(stack.api, somebody(stack))
    room = ada.call("POST", "/coworking/rooms", {"name": "Quiet"})["id"]

    with smoke.Socket(ada.call("POST", f"/coworking/rooms/{room}/join")["websocket"]["url"]) as socket:
        with monkeypatch.context() as patched:
            patched.setattr(smoke, "SECONDS", 0.1)
            with pytest.raises(DeployError, match="Expected wave over the WebSocket, but got nothing"):
                socket.wait("wave")
        ada.call("POST", f"/coworking/rooms/{room}/leave")
        with pytest.raises(DeployError, match="ended before wave came"):
            socket.wait("wave")


def test_an_error_that_came_instead_is_told() -> None:
    assert smoke.describe_frame({"type": "error", "data": {"code": "internal_error"}}) == "error (internal_error)"
    assert smoke.describe_frame({"type": "wave", "data": {}}) == "wave"


@pytest.mark.parametrize(
    ("variables", "claims"),
    [({}, {}), ({"AUTH_ISSUER": "https://us", "AUTH_AUDIENCE": "rooms"}, {"iss": "https://us", "aud": "rooms"})],
)
def test_tokens_are_made_as_the_stage_wants_them(variables: Mapping[str, str], claims: dict[str, str]) -> None:
    secret = "s" * 32

    token = smoke.issue_token({**variables, "AUTH_SECRET": secret}, "Ada")

    read = jwt.decode(token, secret, ["HS256"], audience=claims.get("aud"))
    assert read["name"] == "Ada"
    assert claims.items() <= read.items()


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (json.dumps({"detail": "Room is full", "code": "room_full"}), "Room is full"),
        (json.dumps({"message": "Missing Authentication Token"}), "Missing Authentication Token"),
        ("<html>", "<html>"),
        ("[1]", "[1]"),
        ("", "nothing"),
    ],
)
def test_what_went_wrong_is_read_from_an_answer(body: str, said: str) -> None:
    assert smoke.describe_problem(body.encode()) == said
