"""What API Gateway itself answers."""

from collections.abc import Iterator
from typing import Any

import botocore.session
import pytest
from moto import mock_aws

from infra.gateway_responses import RESPONSES, STAGE, allow_origin
from infra.local.engine import CREDENTIALS, REGION


@pytest.fixture
def gateway() -> Iterator[Any]:
    """A client of API Gateway, in memory."""
    with mock_aws():
        session = botocore.session.Session()
        session.set_credentials(CREDENTIALS["AWS_ACCESS_KEY_ID"], CREDENTIALS["AWS_SECRET_ACCESS_KEY"])
        client = session.create_client("apigateway", region_name=REGION)
        yield client
        client.close()


@pytest.fixture
def api_id(gateway: Any) -> str:
    """An API with one method."""
    made: str = gateway.create_rest_api(name="rooms")["id"]
    root = gateway.get_resources(restApiId=made)["items"][0]["id"]
    gateway.put_method(restApiId=made, resourceId=root, httpMethod="GET", authorizationType="NONE")
    gateway.put_integration(restApiId=made, resourceId=root, httpMethod="GET", type="MOCK")
    return made


def read_headers(gateway: Any, api_id: str) -> dict[str, dict[str, str]]:
    declared = gateway.get_gateway_responses(restApiId=api_id)["items"]
    return {response["responseType"]: response["responseParameters"] for response in declared}


@pytest.mark.parametrize("times", [1, 2])
def test_pages_may_read_what_the_gateway_answers(gateway: Any, api_id: str, times: int) -> None:
    for _ in range(times):
        allow_origin(gateway, api_id, "https://rooms.example.com")

    header = {"gatewayresponse.header.Access-Control-Allow-Origin": "'https://rooms.example.com'"}
    assert read_headers(gateway, api_id) == dict.fromkeys(RESPONSES, header)


def test_what_was_declared_is_deployed(gateway: Any, api_id: str) -> None:
    allow_origin(gateway, api_id, "*")

    stage = gateway.get_stage(restApiId=api_id, stageName=STAGE)
    assert [stage["deploymentId"]] == [one["id"] for one in gateway.get_deployments(restApiId=api_id)["items"]]


def test_another_origin_takes_the_place_of_the_first(gateway: Any, api_id: str) -> None:
    allow_origin(gateway, api_id, "*")
    allow_origin(gateway, api_id, "https://rooms.example.com")

    values = {value for headers in read_headers(gateway, api_id).values() for value in headers.values()}
    assert values == {"'https://rooms.example.com'"}
