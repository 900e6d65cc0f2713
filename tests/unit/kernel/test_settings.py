"""Settings are read from the environment, in one place."""

from dataclasses import fields

import pytest

from chalicelib.kernel.settings import Limit, Settings

TEXTS = {field.name for field in fields(Settings) if isinstance(field.default, str)} - {"powertools_log_level"}


def test_no_secret_has_a_default() -> None:
    """`test_reference` compares the other defaults with the documentation."""
    assert (Settings().auth_secret, Settings().auth_jwks_url) == ("", "")


@pytest.mark.parametrize(
    "environment",
    [{}, {"TABLE_PREFIX": "", "MESSAGES_LIMIT": ""}, {"PATH": "/bin", "table_prefix": "mine-", "LAMBDA_HANDLER": "x"}],
    ids=["nothing", "empty", "others"],
)
def test_without_our_variables_the_defaults_apply(environment: dict[str, str]) -> None:
    assert Settings.from_environment(environment) == Settings()


@pytest.mark.parametrize("name", sorted(TEXTS))
def test_a_text_is_read_from_the_variable_of_its_name(name: str) -> None:
    variable = {"lambda_handler": "_HANDLER"}.get(name, name.upper())
    assert getattr(Settings.from_environment({variable: "chosen"}), name) == "chosen"


@pytest.mark.parametrize(
    ("environment", "region"),
    [
        ({"AWS_DEFAULT_REGION": "eu-west-1"}, "eu-west-1"),
        ({"AWS_REGION": "", "AWS_DEFAULT_REGION": "eu-west-1"}, "eu-west-1"),
        ({"AWS_REGION": "eu-north-1", "AWS_DEFAULT_REGION": "eu-west-1"}, "eu-north-1"),
    ],
)
def test_lambdas_own_region_comes_before_the_default(environment: dict[str, str], region: str) -> None:
    assert Settings.from_environment(environment).aws_region == region


@pytest.mark.parametrize(
    ("text", "value"),
    [("true", True), ("True", True), ("1", True), ("false", False), ("0", False), ("yes", True), ("off", False)],
)
def test_a_switch_is_true_or_false(text: str, value: bool) -> None:
    read = Settings.from_environment({"SOCKET_TOKENS": text, "POWERTOOLS_METRICS_DISABLED": text})

    assert (read.socket_tokens, read.powertools_metrics_disabled) == (value, value)


def test_numbers_and_limits_are_read() -> None:
    read = Settings.from_environment({"MESSAGE_RETENTION_DAYS": "7", "MESSAGES_LIMIT": "3/60", "JOINS_LIMIT": "1/1"})

    assert (read.message_retention_days, read.messages_limit, read.joins_limit) == (7, Limit(3, 60), Limit(1, 1))


@pytest.mark.parametrize("level", ["DEBUG", "warning"])
def test_a_log_level_is_a_name_in_any_case(level: str) -> None:
    assert Settings.from_environment({"POWERTOOLS_LOG_LEVEL": level}).powertools_log_level == level


@pytest.mark.parametrize(
    ("variable", "text"),
    [
        ("SOCKET_TOKENS", "perhaps"),
        ("POWERTOOLS_LOG_LEVEL", "LOUD"),
        *(("MESSAGE_RETENTION_DAYS", text) for text in ("ninety", "0", "-1", "1.5")),
        *(("MESSAGES_LIMIT", text) for text in ("30", "30/", "/10", "many/10", "30 in 60", "0/60", "5/0", "-5/60")),
    ],
)
def test_a_wrong_value_is_refused_with_the_variables_name(variable: str, text: str) -> None:
    with pytest.raises(ValueError, match=variable):
        Settings.from_environment({variable: text})


@pytest.mark.parametrize("url", ["https://user:s3cret@idp.example/jwks", "https://s3cret@idp.example/jwks"])
def test_a_password_for_the_key_set_is_refused_and_not_shown(url: str) -> None:
    with pytest.raises(ValueError, match="AUTH_JWKS_URL") as refusal:
        Settings.from_environment({"AUTH_JWKS_URL": url})

    assert "s3cret" not in str(refusal.value)
