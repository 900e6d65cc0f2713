"""Settings of both APIs that Chalice can't make: throttles, and CORS headers of API Gateway's own answers.

The functions never see the requests that API Gateway answers itself: throttled, too large, no such route, time-out.
Without the header, a page of another origin can't read even the status. Chalice overwrites the HTTP API, and with it
these answers: call this after each deployment.
"""

from typing import Any

from infra.deploy import record
from infra.deploy.target import Target

RESPONSES = ("DEFAULT_4XX", "DEFAULT_5XX")
"""API Gateway's defaults for all its own answers."""
THROTTLE = {"http": [20, 40], "sockets": [500, 500]}
"""Requests a second and in a burst, for each route, unless the stage has its own `throttle`. API Gateway allows an
account 10,000 a second: this limits what a flood costs."""


def apply(target: Target) -> str:
    """Apply the settings, and say so."""
    origin = target.variables.get("CORS_ALLOW_ORIGIN") or "*"
    limits = THROTTLE | target.settings.get("throttle", {})
    stage = target.config.api_gateway_stage
    rest, sockets = (record.find(target, kind, f"{kind}_id") for kind in ("rest_api", "websocket_api"))
    allow_origin(target.client("apigateway"), rest, stage, origin)
    throttle_http(target.client("apigateway"), rest, stage, *limits["http"])
    throttle_sockets(target.client("apigatewayv2"), sockets, stage, *limits["sockets"])
    allowed = f"{limits['http'][0]} requests and {limits['sockets'][0]} frames a second for each route"
    return f"{allowed}; pages of {origin} may read API Gateway's own answers"


def allow_origin(client: Any, api_id: str, stage: str, origin: str) -> None:
    """Let pages of `origin` (or `*`) read API Gateway's own answers. `client` is botocore's for `apigateway`."""
    header = {"gatewayresponse.header.Access-Control-Allow-Origin": f"'{origin}'"}
    for response in RESPONSES:
        client.put_gateway_response(restApiId=api_id, responseType=response, responseParameters=header)
    client.create_deployment(restApiId=api_id, stageName=stage, description="CORS for API Gateway's own answers")


def throttle_http(client: Any, api_id: str, stage: str, rate: float, burst: int) -> None:
    """Limit each route of the HTTP API. The limit belongs to the stage, so that later deployments keep it."""
    limits = {"rateLimit": rate, "burstLimit": burst}
    operations = [
        {"op": "replace", "path": f"/*/*/throttling/{name}", "value": str(value)} for name, value in limits.items()
    ]
    client.update_stage(restApiId=api_id, stageName=stage, patchOperations=operations)


def throttle_sockets(client: Any, api_id: str, stage: str, rate: float, burst: int) -> None:
    """Limit each route of the WebSocket API: connections, frames and disconnections."""
    limits = {"ThrottlingRateLimit": rate, "ThrottlingBurstLimit": burst}
    client.update_stage(ApiId=api_id, StageName=stage, DefaultRouteSettings=limits)
