"""The address of this deployment's WebSocket API."""

from chalicelib.kernel.errors import UnavailableError

_STAGE = "api"


def find_websocket_url(api_name: str, region: str) -> str:
    """The URL of the WebSocket API with this name. With it, `chalice deploy` needs no further configuration.

    Raises:
        UnavailableError: no API has this name.
    """
    import botocore.session

    client = botocore.session.get_session().create_client("apigatewayv2", region_name=region or None)
    for page in client.get_paginator("get_apis").paginate():
        for api in page["Items"]:
            if api["Name"] == api_name:
                return f"{api['ApiEndpoint']}/{_STAGE}"
    raise UnavailableError(f"There is no WebSocket API named {api_name}; set WEBSOCKET_URL")


def make_endpoint(api_id: str, stage: str, region: str) -> str:
    """Where frames are posted. It is never made from `domainName`: a custom domain has no connections API.

    Raises:
        ValueError: the region is unknown.
    """
    if not region:
        raise ValueError("AWS_REGION is not set")
    suffix = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
    return f"https://{api_id}.execute-api.{region}.{suffix}/{stage}"
