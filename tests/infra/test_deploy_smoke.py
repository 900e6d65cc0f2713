"""The smoke test at the end of a deployment, on the local stack."""

import json
import threading
import uuid
from collections.abc import Mapping

import jwt
import pytest
from websockets.sync.server import serve

from infra.deploy import smoke
from infra.deploy.target import DeployError
from infra.local.stack import LocalStack

pytestmark = pytest.mark.proof


def new_token(stack: LocalStack) -> str:
    return stack.token(f"smoke-{uuid.uuid4()}")


def list_rooms(stack: LocalStack, token: str) -> list[str]:
    return [room["name"] for room in smoke.Person(stack.api, token).call("GET", "/coworking/rooms")]


@pytest.mark.parametrize("people", [1, 2])
def test_a_working_stage_passes_and_is_not_changed(stack: LocalStack, people: int) -> None:
    tokens, told = [new_token(stack) for _ in range(people)], list[str]()

    smoke.play(stack.api, tokens, told.append)

    assert told == ["joining", "connecting", "relaying", "leaving"]
    assert "Smoke test" not in list_rooms(stack, tokens[0])


def test_an_invalid_token_is_reported(stack: LocalStack) -> None:
    with pytest.raises(DeployError, match="POST /coworking/rooms answers 401"):
        smoke.play(stack.api, ["nonsense"], lambda _: None)


def test_the_room_is_deleted_after_a_failure(stack: LocalStack) -> None:
    token = new_token(stack)

    def fail(what: str) -> None:
        if what == "connecting":
            raise DeployError("no luck", "")

    with pytest.raises(DeployError, match="no luck"):
        smoke.play(stack.api, [token], fail)

    assert "Smoke test" not in list_rooms(stack, token)


def test_the_health_check_returns_the_version(stack: LocalStack) -> None:
    assert smoke.check_health(stack.api) == smoke.Person(stack.api, "").call("GET", "/healthz")["version"]


def test_an_unreachable_service_is_reported() -> None:
    with pytest.raises(DeployError, match="GET /healthz is not answered"):
        smoke.check_health("http://127.0.0.1:9")
    with pytest.raises(DeployError, match="can't be opened"):
        smoke.Socket("ws://127.0.0.1:9/")


def test_a_missing_frame_is_reported(stack: LocalStack, monkeypatch: pytest.MonkeyPatch) -> None:
    ada = smoke.Person(stack.api, new_token(stack))
    room = ada.call("POST", "/coworking/rooms", {"name": "Quiet"})["id"]

    with smoke.Socket(ada.call("POST", f"/coworking/rooms/{room}/join")["websocket"]["url"]) as socket:
        with monkeypatch.context() as patched:
            patched.setattr(smoke, "SECONDS", 0.1)
            with pytest.raises(DeployError, match="Expected wave over the WebSocket, but got nothing"):
                socket.wait("wave")
        ada.call("POST", f"/coworking/rooms/{room}/leave")
        with pytest.raises(DeployError, match="ended before wave came"):
            socket.wait("wave")


def test_a_frame_of_api_gateway_itself_is_reported() -> None:
    frame = {"message": "Internal server error", "connectionId": "c=", "requestId": "r="}
    with serve(lambda connection: connection.send(json.dumps(frame)), "127.0.0.1", 0) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with smoke.Socket(f"ws://127.0.0.1:{server.socket.getsockname()[1]}") as socket:
            with pytest.raises(DeployError, match=r"API Gateway answers: Internal server error \(request r=\)"):
                socket.wait("snapshot")


def test_the_code_of_an_error_frame_is_reported() -> None:
    assert smoke.describe_frame({"type": "error", "data": {"code": "internal_error"}}) == "error (internal_error)"
    assert smoke.describe_frame({"type": "wave", "data": {}}) == "wave"


@pytest.mark.parametrize(
    ("variables", "claims"),
    [({}, {}), ({"AUTH_ISSUER": "https://us", "AUTH_AUDIENCE": "rooms"}, {"iss": "https://us", "aud": "rooms"})],
)
def test_tokens_have_the_claims_that_the_stage_requires(variables: Mapping[str, str], claims: dict[str, str]) -> None:
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
def test_the_reason_is_read_from_the_answer(body: str, said: str) -> None:
    assert smoke.describe_problem(body.encode()) == said
