"""What a deployment says about the account and about sign-in, and the defaults of its stages."""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from chalicelib.kernel.settings import Settings
from infra.deploy.account import check_sign_in, describe_quotas
from infra.deploy.target import DeployError, Target

KEYS = {"AUTH_JWKS_URL": "https://id.example/keys"}
CLAIMS = {"AUTH_ISSUER": "https://id.example", "AUTH_AUDIENCE": "rooms"}


def stage_with(stage: str, variables: dict[str, str]) -> Target:
    """A stage of this checkout, with variables that a deployment found."""
    target = Target(stage)
    target.found |= variables
    return target


@pytest.mark.parametrize(("stage", "is_safe"), [("dev", False), ("prod", True)])
def test_prod_takes_only_tickets_and_complete_sign_in(stage: str, is_safe: bool) -> None:
    config = Target(stage).config
    settings = Settings.from_environment(config.environment_variables)
    assert (not settings.socket_tokens, settings.auth_strict) == (is_safe, is_safe)
    assert config.api_gateway_endpoint_type == "REGIONAL", "the default is a CloudFront before the REST API"


@pytest.mark.parametrize(
    ("variables", "missing"),
    [
        ({}, "AUTH_JWKS_URL or AUTH_SECRET, AUTH_ISSUER, AUTH_AUDIENCE"),
        (KEYS, "AUTH_ISSUER, AUTH_AUDIENCE"),
        ({"AUTH_SECRET": "s"} | CLAIMS | {"AUTH_AUDIENCE": ""}, "AUTH_AUDIENCE"),
        (CLAIMS, "AUTH_JWKS_URL or AUTH_SECRET"),
    ],
)
def test_prod_is_not_deployed_without_safe_sign_in(variables: dict[str, str], missing: str) -> None:
    with pytest.raises(DeployError, match=f"^prod can't be deployed without {missing}$"):
        check_sign_in(stage_with("prod", variables))


@pytest.mark.parametrize(
    ("stage", "variables", "said"),
    [
        ("prod", KEYS | CLAIMS, "tokens of https://id.example for rooms"),
        ("prod", KEYS | CLAIMS | {"AUTH_AUDIENCE": "*"}, "tokens of https://id.example for *"),
        ("dev", KEYS | CLAIMS, "tokens of https://id.example for rooms"),
        ("dev", {}, "users can't sign in yet"),
        ("dev", KEYS, "WARNING: also tokens for other services are accepted; set AUTH_ISSUER and AUTH_AUDIENCE"),
    ],
)
def test_the_output_says_whose_tokens_are_accepted(stage: str, variables: dict[str, str], said: str) -> None:
    assert check_sign_in(stage_with(stage, variables)).startswith(said)


@pytest.mark.parametrize(("calls", "few"), [(10, True), (99, True), (1000, False)])
def test_the_output_says_what_the_account_may_use(monkeypatch: pytest.MonkeyPatch, calls: int, few: bool) -> None:
    class Client:
        def get_account_settings(self) -> dict[str, Any]:
            return {"AccountLimit": {"ConcurrentExecutions": calls}}

        def get_account(self) -> dict[str, Any]:
            return {"throttleSettings": {"rateLimit": 10000.0, "burstLimit": 5000}}

    monkeypatch.setattr(Target, "client", lambda *_: Client())
    said = describe_quotas(Target("dev"))
    assert f"{calls} calls at a time; API Gateway takes 10000 requests a second, 5000 in a burst" in said
    assert ("that is few" in said) == few


def test_unknown_quotas_stop_no_deployment(monkeypatch: pytest.MonkeyPatch) -> None:
    class Client:
        def get_account_settings(self) -> None:
            raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": ""}}, "GetAccountSettings")

    monkeypatch.setattr(Target, "client", lambda *_: Client())
    assert describe_quotas(Target("dev")) == "its quotas are unknown (AccessDeniedException)"
