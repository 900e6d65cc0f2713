"""Lets pages read what API Gateway itself answers: throttled, too large, no such route, no answer in time.

Those answers never see the functions, so that they lack what lets a page of another origin read them, and a browser
reports no status at all. Chalice has no means to declare it, and each of its deployments may take it away: it is to be
declared anew after each.
"""

from typing import Any

STAGE = "api"
RESPONSES = ("DEFAULT_4XX", "DEFAULT_5XX")
"""All that aren't declared one by one, and none is."""


def allow_origin(client: Any, api_id: str, origin: str) -> None:
    """Let pages of `origin` (or `*`) read API Gateway's own answers, and deploy that. Doing it again changes nothing.

    `client` is botocore's for `apigateway`.
    """
    header = {"gatewayresponse.header.Access-Control-Allow-Origin": f"'{origin}'"}
    for response in RESPONSES:
        client.put_gateway_response(restApiId=api_id, responseType=response, responseParameters=header)
    client.create_deployment(restApiId=api_id, stageName=STAGE, description="CORS for API Gateway's own answers")
