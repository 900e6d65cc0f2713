"""CORS headers for API Gateway's own answers: throttled, too large, no such route, time-out.

The functions never see these requests. Without the header, a page of another origin can't read even the status. Chalice
can't declare it, and each of its deployments may remove it: call this after each deployment.
"""

from typing import Any

STAGE = "api"
RESPONSES = ("DEFAULT_4XX", "DEFAULT_5XX")
"""API Gateway's defaults for all its own answers."""


def allow_origin(client: Any, api_id: str, origin: str) -> None:
    """Let pages of `origin` (or `*`) read API Gateway's own answers. `client` is botocore's for `apigateway`."""
    header = {"gatewayresponse.header.Access-Control-Allow-Origin": f"'{origin}'"}
    for response in RESPONSES:
        client.put_gateway_response(restApiId=api_id, responseType=response, responseParameters=header)
    client.create_deployment(restApiId=api_id, stageName=STAGE, description="CORS for API Gateway's own answers")
