"""Where a deployment's WebSocket API is."""

from typing import Any

import botocore.session
import pytest
from moto import mock_aws

from chalicelib.addresses import find_websocket_url
from chalicelib.errors import UnavailableError


@pytest.fixture
def region(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    return "eu-west-1"


def make_api(name: str, region: str) -> str:
    """The endpoint of a new WebSocket API."""
    client: Any = botocore.session.get_session().create_client("apigatewayv2", region_name=region)
    made = client.create_api(Name=name, ProtocolType="WEBSOCKET", RouteSelectionExpression="$request.body.type")
    return str(made["ApiEndpoint"])


@mock_aws
def test_the_api_is_found_by_its_name_among_all(region: str) -> None:
    endpoints = {name: make_api(name, region) for name in ("another", "rooms", "rooms-prod")}

    assert find_websocket_url("rooms") == f"{endpoints['rooms']}/api"


@mock_aws
def test_where_the_region_is_not_lambdas_own_variable_the_default_counts(
    region: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    endpoint = make_api("rooms", region)
    monkeypatch.delenv("AWS_REGION")
    monkeypatch.setenv("AWS_DEFAULT_REGION", region)

    assert find_websocket_url("rooms") == f"{endpoint}/api"


@mock_aws
def test_a_deployment_without_a_websocket_api_says_what_to_set(region: str) -> None:
    make_api("another", region)

    with pytest.raises(UnavailableError, match="WEBSOCKET_URL"):
        find_websocket_url("rooms")
