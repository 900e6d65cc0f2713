"""The environment variables of the local functions."""

import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from infra.local.environment import build_environment, read_secret
from infra.local.process import StackError


def build(base: dict[str, str], data_dir: Path, engine_url: str | None = "http://127.0.0.1:1") -> dict[str, str]:
    return build_environment(base, port=8123, data_dir=data_dir, engine_url=engine_url)


def test_with_our_engine_the_users_account_is_not_used(tmp_path: Path) -> None:
    theirs = {"AWS_PROFILE": "work", "AWS_SESSION_TOKEN": "t", "AWS_ENDPOINT_URL": "http://elsewhere"}
    replaced = {"AWS_ACCESS_KEY_ID": "theirs", "AWS_REGION": "eu-west-1"}

    environment = build({"PATH": "/bin", **theirs, **replaced}, tmp_path)

    expected = {
        "PATH": "/bin",
        "AWS_ENDPOINT_URL_DYNAMODB": "http://127.0.0.1:1",
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_REGION": "us-east-1",
        "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
        "WEBSOCKET_URL": "ws://host-of-the-request.invalid/ws",
        "CONNECTIONS_ENDPOINT": "http://127.0.0.1:8123/_local/connections",
        "TABLE_PREFIX": "coworking-local-",
        "CORS_ALLOW_ORIGIN": "*",
        "AUTH_SECRET": read_secret(tmp_path),
    }
    assert environment.items() >= expected.items()
    assert not theirs.keys() & environment.keys()


def test_an_endpoint_of_the_user_is_used(tmp_path: Path) -> None:
    account = {"AWS_ENDPOINT_URL_DYNAMODB": "http://there", "AWS_PROFILE": "work", "AWS_REGION": "eu-west-1"}
    environment = build(account, tmp_path, engine_url=None)
    assert {name: environment[name] for name in account} == account
    assert "AWS_ACCESS_KEY_ID" not in environment


def test_variables_of_the_user_are_kept(tmp_path: Path) -> None:
    chosen = {"TABLE_PREFIX": "mine-", "CORS_ALLOW_ORIGIN": "http://a", "AUTH_SECRET": "s", "WEBSOCKET_URL": "wss://x"}
    environment = build(chosen, tmp_path)
    assert {name: environment[name] for name in chosen} == chosen


def test_the_secret_is_random_and_stays(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    one.mkdir()
    other.mkdir()
    secret = read_secret(one)
    assert len(secret) >= 64
    assert read_secret(one) == secret
    assert read_secret(other) != secret
    assert stat.S_IMODE((one / "auth-secret").stat().st_mode) == 0o600


@pytest.mark.parametrize(("make", "said"), [(Path.touch, "empty"), (Path.mkdir, "can't be read")])
def test_an_unusable_secret_is_explained(tmp_path: Path, make: Callable[[Path], None], said: str) -> None:
    make(tmp_path / "auth-secret")
    with pytest.raises(StackError, match=said):
        read_secret(tmp_path)
