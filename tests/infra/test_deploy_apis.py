"""The answers that API Gateway gives by itself, and the throttles of both APIs."""

from collections.abc import Iterator
from typing import Any

import botocore.session
import pytest
from botocore.stub import Stubber
from moto import mock_aws

from infra.deploy.apis import RESPONSES, allow_origin, throttle_http, throttle_sockets
from infra.local.engine import CREDENTIALS, REGION

STAGE = "api"


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
        allow_origin(gateway, api_id, STAGE, origin)

    header = {"gatewayresponse.header.Access-Control-Allow-Origin": "'https://rooms.example.com'"}
    declared = gateway.get_gateway_responses(restApiId=api_id)["items"]
    shown = {response["responseType"]: response["responseParameters"] for response in declared}
    assert shown == dict.fromkeys(RESPONSES, header)


def test_the_declared_answers_are_deployed(gateway: Any, api_id: str) -> None:
    allow_origin(gateway, api_id, STAGE, "*")

    stage = gateway.get_stage(restApiId=api_id, stageName=STAGE)
    assert [stage["deploymentId"]] == [one["id"] for one in gateway.get_deployments(restApiId=api_id)["items"]]


def test_requests_to_each_route_are_limited(gateway: Any, api_id: str) -> None:
    allow_origin(gateway, api_id, STAGE, "*")
    throttle_http(gateway, api_id, STAGE, 20, 40)

    (limits,) = gateway.get_stage(restApiId=api_id, stageName=STAGE)["methodSettings"].values()
    assert (limits["throttlingRateLimit"], limits["throttlingBurstLimit"]) == (20, 40)


def test_connections_and_frames_are_limited() -> None:
    client = botocore.session.Session().create_client("apigatewayv2", region_name=REGION)
    limits = {"ThrottlingRateLimit": 500, "ThrottlingBurstLimit": 1000}
    with Stubber(client) as stub:
        stub.add_response("update_stage", {}, {"ApiId": "def", "StageName": STAGE, "DefaultRouteSettings": limits})
        throttle_sockets(client, "def", STAGE, 500, 1000)
        stub.assert_no_pending_responses()
    client.close()
