"""What the deployment decides."""

from collections.abc import Iterator
from dataclasses import fields

import pytest

from chalicelib.settings import Limit, Settings, settings


@pytest.fixture
def unread() -> Iterator[None]:
    """Settings that no test has read yet, and none will find afterwards."""
    settings.cache_clear()
    yield
    settings.cache_clear()


def test_an_empty_environment_is_the_defaults() -> None:
    assert Settings.from_environment({}) == Settings()


def test_there_is_no_default_secret() -> None:
    assert (Settings().auth_secret, Settings().auth_jwks_url) == ("", "")


def test_the_limits_are_those_of_the_contract() -> None:
    defaults = Settings()

    assert defaults.rooms_limit == Limit(5, 24 * 60 * 60)
    assert defaults.messages_limit == Limit(30, 10)
    assert defaults.joins_limit == Limit(30, 60)
    assert defaults.message_retention_days == 90


@pytest.mark.parametrize("name", [field.name for field in fields(Settings) if isinstance(field.default, str)])
def test_every_text_is_read_from_the_variable_of_its_name(name: str) -> None:
    assert getattr(Settings.from_environment({name.upper(): "chosen"}), name) == "chosen"


@pytest.mark.parametrize(
    ("text", "value"), [("true", True), ("True", True), ("1", True), ("false", False), ("0", False)]
)
def test_a_switch_is_true_or_false(text: str, value: bool) -> None:
    assert Settings.from_environment({"SOCKET_TOKENS": text}).socket_tokens is value


def test_numbers_and_limits_are_read() -> None:
    read = Settings.from_environment({"MESSAGE_RETENTION_DAYS": "7", "MESSAGES_LIMIT": "3/60", "JOINS_LIMIT": "1/1"})

    assert (read.message_retention_days, read.messages_limit, read.joins_limit) == (7, Limit(3, 60), Limit(1, 1))


def test_an_empty_variable_is_no_variable() -> None:
    assert Settings.from_environment({"TABLE_PREFIX": "", "MESSAGES_LIMIT": ""}) == Settings()


def test_other_variables_are_not_ours() -> None:
    assert Settings.from_environment({"PATH": "/bin", "table_prefix": "mine-"}) == Settings()


@pytest.mark.parametrize(
    ("variable", "text"),
    [
        ("SOCKET_TOKENS", "perhaps"),
        ("MESSAGE_RETENTION_DAYS", "ninety"),
        ("MESSAGE_RETENTION_DAYS", "0"),
        ("MESSAGE_RETENTION_DAYS", "-1"),
        ("MESSAGE_RETENTION_DAYS", "1.5"),
        ("MESSAGES_LIMIT", "30"),
        ("MESSAGES_LIMIT", "30/"),
        ("MESSAGES_LIMIT", "/10"),
        ("MESSAGES_LIMIT", "many/10"),
        ("JOINS_LIMIT", "30 in 60"),
        ("JOINS_LIMIT", "0/60"),
        ("ROOMS_LIMIT", "5/0"),
        ("ROOMS_LIMIT", "-5/60"),
    ],
)
def test_what_a_variable_cannot_mean_is_refused_by_its_name(variable: str, text: str) -> None:
    with pytest.raises(ValueError, match=variable):
        Settings.from_environment({variable: text})


@pytest.mark.usefixtures("unread")
def test_a_process_reads_its_settings_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TABLE_PREFIX", "first-")
    first = settings()
    monkeypatch.setenv("TABLE_PREFIX", "second-")

    assert settings() is first
    assert first.table_prefix == "first-"
