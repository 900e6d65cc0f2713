"""The addresses of this deployment's WebSocket API."""

import logging
import time
from collections.abc import Callable
from threading import Lock

from chalicelib.kernel.errors import UnavailableError

LOOK_UP_AGAIN_SECONDS = 5.0
_STAGE = "api"
_log = logging.getLogger(__name__)


def find_websocket_url(api_name: str, region: str) -> str:
    """The URL of the WebSocket API with this name. With it, `chalice deploy` needs no further configuration.

    API Gateway answers only 10 such calls a second, in the whole account.

    Raises:
        UnavailableError: no API has this name, or API Gateway does not answer in time.
    """
    import botocore.session
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError, ClientError

    limits = Config(connect_timeout=1, read_timeout=2, retries={"total_max_attempts": 2})
    try:
        client = botocore.session.get_session().create_client("apigatewayv2", region_name=region or None, config=limits)
        for page in client.get_paginator("get_apis").paginate():
            for api in page["Items"]:
                if api["Name"] == api_name:
                    return f"{api['ApiEndpoint']}/{_STAGE}"
    except (BotoCoreError, ClientError) as error:
        raise UnavailableError("The WebSocket API can't be looked up now; try again in some seconds") from error
    raise UnavailableError(f"There is no WebSocket API named {api_name}; set WEBSOCKET_URL")


class WebsocketUrl:
    """The URL that clients open, looked up at most once in a process. After a failure, it waits some seconds."""

    def __init__(self, find: Callable[[], str], clock: Callable[[], float] = time.time) -> None:
        self._find = find
        self._clock = clock
        self._url = ""
        self._failure: UnavailableError | None = None
        self._failed_at = 0.0
        self._lock = Lock()

    def get(self) -> str:
        """The URL, without a ticket; raises UnavailableError."""
        with self._lock:
            if not self._url:
                self._look_up()
            return self._url

    def _look_up(self) -> None:
        if self._failure and abs(self._clock() - self._failed_at) < LOOK_UP_AGAIN_SECONDS:
            raise UnavailableError(self._failure.detail)
        try:
            self._url = self._find()
        except UnavailableError as error:
            self._failure, self._failed_at = error, self._clock()
            _log.warning("%s (%r)", error, error.__cause__)
            raise


def make_endpoint(api_id: str, stage: str, region: str) -> str:
    """Where frames are posted. It is never made from `domainName`: a custom domain has no connections API.

    Raises:
        ValueError: the region is unknown.
    """
    if not region:
        raise ValueError("AWS_REGION is not set")
    suffix = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
    return f"https://{api_id}.execute-api.{region}.{suffix}/{stage}"
