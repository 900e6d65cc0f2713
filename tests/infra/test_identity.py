"""Local identity."""

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import jwt
import pytest

from infra.local.identity import Identity, TokenRequest
from tests.infra.conftest import Platform


def secret_of(platform: Platform) -> str:
    return (platform.stack.data_dir / "auth-secret").read_text("utf-8")


def test_a_token_says_who_and_for_how_long(platform: Platform) -> None:
    wanted = {"sub": "ada", "name": "Ada", "avatar": "/ada.png", "roles": ["admin"]}
    answer = httpx.post(f"{platform.stack.url}/dev/token", json=wanted).json()
    claims = jwt.decode(answer["token"], secret_of(platform), algorithms=["HS256"])
    assert {name: claims[name] for name in ("sub", "name", "picture", "cognito:groups")} == {
        "sub": "ada",
        "name": "Ada",
        "picture": "/ada.png",
        "cognito:groups": ["admin"],
    }
    assert claims["exp"] - claims["iat"] == timedelta(hours=24).total_seconds()
    assert datetime.fromtimestamp(claims["exp"], UTC) <= datetime.fromisoformat(answer["expires_at"])


def test_the_shortest_request_will_do(platform: Platform) -> None:
    claims = jwt.decode(platform.stack.token("ada"), secret_of(platform), algorithms=["HS256"])
    assert claims.keys() == {"sub", "iat", "exp"}


@pytest.mark.parametrize(
    "wanted",
    [
        b"",
        b"no json",
        b"[]",
        b"{}",
        b'{"sub": ""}',
        b'{"sub": 7}',
        b'{"sub": "' + b"x" * 129 + b'"}',
        b'{"sub": "ada", "roles": "admin"}',
        b'{"sub": "ada", "role": "admin"}',
    ],
)
def test_what_makes_no_sense_is_refused(platform: Platform, wanted: bytes) -> None:
    answer = httpx.post(f"{platform.stack.url}/dev/token", content=wanted)
    assert answer.status_code == 422
    assert answer.json()["errors"]


@pytest.mark.parametrize(
    ("origin", "allowed"), [("http://localhost:5173", True), ("http://127.0.0.1", True), ("http://evil.test", False)]
)
def test_only_pages_of_this_machine_may_ask(platform: Platform, origin: str, allowed: bool) -> None:
    answer = httpx.post(f"{platform.stack.url}/dev/token", json={"sub": "a"}, headers={"Origin": origin})
    assert (answer.headers.get("access-control-allow-origin") == origin) is allowed


def test_claims_follow_the_configuration() -> None:
    identity = Identity(
        {"AUTH_SECRET": "s", "AUTH_ISSUER": "me", "AUTH_AUDIENCE": "you", "AUTH_ADMIN_CLAIM": "https://x/roles"}
    )
    claims: dict[str, Any] = identity.claims(TokenRequest(sub="ada", roles=["admin"]))
    assert claims == {"iss": "me", "aud": "you", "sub": "ada", "https://x/roles": ["admin"]}
