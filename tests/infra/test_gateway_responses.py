"""The answers that API Gateway gives by itself."""

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


def test_pages_of_one_origin_may_read_the_answers(gateway: Any, api_id: str) -> None:
    """A second origin replaces the first; a repetition changes nothing."""
    for origin in ("*", "https://rooms.example.com", "https://rooms.example.com"):
        allow_origin(gateway, api_id, origin)

    header = {"gatewayresponse.header.Access-Control-Allow-Origin": "'https://rooms.example.com'"}
    declared = gateway.get_gateway_responses(restApiId=api_id)["items"]
    shown = {response["responseType"]: response["responseParameters"] for response in declared}
    assert shown == dict.fromkeys(RESPONSES, header)


def test_the_declared_answers_are_deployed(gateway: Any, api_id: str) -> None:
    allow_origin(gateway, api_id, "*")

    stage = gateway.get_stage(restApiId=api_id, stageName=STAGE)
    assert [stage["deploymentId"]] == [one["id"] for one in gateway.get_deployments(restApiId=api_id)["items"]]
