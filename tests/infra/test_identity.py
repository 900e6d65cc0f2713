"""Tokens of the local identity provider."""

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import jwt
import pytest

from infra.local.identity import Identity, TokenRequest
from tests.infra.conftest import Platform


def read(platform: Platform, token: str) -> dict[str, Any]:
    """The claims of a token that the stack signed."""
    secret = (platform.stack.data_dir / "auth-secret").read_text("utf-8")
    claims: dict[str, Any] = jwt.decode(token, secret, algorithms=["HS256"])
    return claims


def test_a_token_names_its_user_and_its_end(platform: Platform) -> None:
    wanted = {"sub": "ada", "name": "Ada", "avatar": "/ada.png", "roles": ["admin"]}
    answer = httpx.post(f"{platform.stack.url}/dev/token", json=wanted).json()
    claims = read(platform, answer["token"])
    begins, ends = claims.pop("iat"), claims.pop("exp")
    assert claims == {"sub": "ada", "name": "Ada", "picture": "/ada.png", "cognito:groups": ["admin"]}
    assert ends - begins == timedelta(hours=24).total_seconds()
    assert datetime.fromtimestamp(ends, UTC) <= datetime.fromisoformat(answer["expires_at"])
    assert read(platform, platform.stack.token("ada")).keys() == {"sub", "iat", "exp"}


@pytest.mark.parametrize(
    ("host", "status"),
    [
        *((host, 200) for host in ("localhost:80", "LOCALHOST", "127.0.0.1:1", "[::1]:8000")),
        *((host, 403) for host in ("rebound.example:8000", "localhost.example", "127.0.0.2", "[", "")),
    ],
)
def test_only_local_names_get_tokens(platform: Platform, host: str, status: int) -> None:
    """A page of another site can't read tokens, even if its name leads to this machine (DNS rebinding)."""
    answer = httpx.post(f"{platform.stack.url}/dev/token", json={"sub": "ada"}, headers={"Host": host})
    assert answer.status_code == status


def test_an_invalid_request_is_refused(platform: Platform) -> None:
    for wanted in (
        *(b"", b"no json", b"[]", b"{}", b'{"sub": ""}', b'{"sub": 7}', b'{"sub": "' + b"x" * 129 + b'"}'),
        *(b'{"sub": "ada", "roles": "admin"}', b'{"sub": "ada", "role": "admin"}'),
    ):
        answer = httpx.post(f"{platform.stack.url}/dev/token", content=wanted)
        assert (wanted, answer.status_code) == (wanted, 422)
        assert answer.json()["errors"]


@pytest.mark.parametrize(
    ("origin", "allowed"), [("http://localhost:5173", True), ("http://127.0.0.1", True), ("http://evil.test", False)]
)
def test_only_pages_of_this_machine_get_tokens(platform: Platform, origin: str, allowed: bool) -> None:
    answer = httpx.post(f"{platform.stack.url}/dev/token", json={"sub": "a"}, headers={"Origin": origin})
    assert (answer.headers.get("access-control-allow-origin") == origin) is allowed


def test_claims_follow_the_configuration() -> None:
    identity = Identity(
        {"AUTH_SECRET": "s", "AUTH_ISSUER": "me", "AUTH_AUDIENCE": "you", "AUTH_ADMIN_CLAIM": "https://x/roles"}
    )
    claims: dict[str, Any] = identity.claims(TokenRequest(sub="ada", roles=["admin"]))
    assert claims == {"iss": "me", "aud": "you", "sub": "ada", "https://x/roles": ["admin"]}
