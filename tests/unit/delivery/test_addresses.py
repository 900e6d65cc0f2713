"""The address of a deployment's WebSocket API."""

from typing import Any

import botocore.session
import pytest
from moto import mock_aws

from chalicelib.delivery.addresses import find_websocket_url
from chalicelib.kernel.errors import UnavailableError

REGION = "eu-west-1"


def make_api(name: str) -> str:
    """The endpoint of a new WebSocket API."""
    client: Any = botocore.session.get_session().create_client("apigatewayv2", region_name=REGION)
    made = client.create_api(Name=name, ProtocolType="WEBSOCKET", RouteSelectionExpression="$request.body.type")
    return str(made["ApiEndpoint"])


@mock_aws
@pytest.mark.parametrize("region", [REGION, ""], ids=["given", "botocore's own"])
def test_the_api_is_found_by_its_name(region: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1" if region else REGION)
    endpoints = {name: make_api(name) for name in ("another", "rooms", "rooms-prod")}

    assert find_websocket_url("rooms", region) == f"{endpoints['rooms']}/api"


@mock_aws
def test_an_unknown_name_is_an_error_that_says_what_to_set() -> None:
    make_api("another")

    with pytest.raises(UnavailableError, match="WEBSOCKET_URL"):
        find_websocket_url("rooms", REGION)
