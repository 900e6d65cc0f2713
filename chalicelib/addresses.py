"""Where this deployment's WebSocket API is."""

import os

from chalicelib.errors import UnavailableError

_STAGE = "api"


def find_websocket_url(api_name: str) -> str:
    """The URL of the WebSocket API of this name, so that a plain `chalice deploy` needs no further configuration.

    Raises:
        UnavailableError: there is no such API.
    """
    import botocore.session

    region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
    client = botocore.session.get_session().create_client("apigatewayv2", region_name=region)
    for page in client.get_paginator("get_apis").paginate():
        for api in page["Items"]:
            if api["Name"] == api_name:
                return f"{api['ApiEndpoint']}/{_STAGE}"
    raise UnavailableError(f"There is no WebSocket API named {api_name}; set WEBSOCKET_URL")
