"""What the functions find in their environment."""

import stat
from pathlib import Path

import pytest

from infra.local.environment import build_environment, read_secret
from infra.local.process import StackError


def build(base: dict[str, str], data_dir: Path, engine_url: str | None = "http://127.0.0.1:1") -> dict[str, str]:
    return build_environment(base, port=8123, data_dir=data_dir, engine_url=engine_url)


def test_everything_points_to_this_machine(tmp_path: Path) -> None:
    environment = build({"PATH": "/bin"}, tmp_path)
    assert environment["PATH"] == "/bin"
    assert environment["AWS_ENDPOINT_URL_DYNAMODB"] == "http://127.0.0.1:1"
    assert environment["WEBSOCKET_URL"] == "ws://localhost:8123/ws"
    assert environment["CONNECTIONS_ENDPOINT"] == "http://127.0.0.1:8123/_local/connections"
    assert environment["TABLE_PREFIX"] == "coworking-local-"
    assert environment["CORS_ALLOW_ORIGIN"] == "*"
    assert environment["AUTH_SECRET"] == read_secret(tmp_path)


def test_with_our_engine_the_users_account_stays_out(tmp_path: Path) -> None:
    account = {
        "AWS_PROFILE": "work",
        "AWS_SESSION_TOKEN": "t",
        "AWS_ACCESS_KEY_ID": "theirs",
        "AWS_REGION": "eu-west-1",
        "AWS_ENDPOINT_URL": "http://elsewhere",
    }
    environment = build(account, tmp_path)
    assert not {"AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL"} & environment.keys()
    assert (environment["AWS_ACCESS_KEY_ID"], environment["AWS_REGION"]) == ("local", "us-east-1")
    assert environment["AWS_SHARED_CREDENTIALS_FILE"] == "/dev/null"


def test_with_an_endpoint_of_theirs_it_is_used(tmp_path: Path) -> None:
    account = {"AWS_ENDPOINT_URL_DYNAMODB": "http://there", "AWS_PROFILE": "work", "AWS_REGION": "eu-west-1"}
    environment = build(account, tmp_path, engine_url=None)
    assert {name: environment[name] for name in account} == account
    assert "AWS_ACCESS_KEY_ID" not in environment


def test_what_the_user_sets_stands(tmp_path: Path) -> None:
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


def test_an_empty_secret_is_none(tmp_path: Path) -> None:
    (tmp_path / "auth-secret").touch()
    with pytest.raises(StackError, match="empty"):
        read_secret(tmp_path)


def test_an_unreadable_secret_is_explained(tmp_path: Path) -> None:
    (tmp_path / "auth-secret").mkdir()
    with pytest.raises(StackError, match="can't be read"):
        read_secret(tmp_path)
