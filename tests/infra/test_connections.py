"""The `@connections` API over HTTP, as the functions use it."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import create_autospec

import httpx
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError
from starlette.requests import Request
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection

from infra.local.connections import Connections
from infra.local.engine import CREDENTIALS, REGION
from infra.local.faults import Faults
from infra.local.options import MESSAGE_BYTES
from infra.local.signature import SignatureChecker, SignatureError, read_time
from tests.infra.conftest import Platform, learn_id

OpenSocket = Callable[..., ClientConnection]
KEYS = (CREDENTIALS["AWS_ACCESS_KEY_ID"], CREDENTIALS["AWS_SECRET_ACCESS_KEY"])


def refusal(act: Callable[..., object], **options: object) -> tuple[int, str]:
    """The status and the code of an error."""
    with pytest.raises(ClientError) as error:
        act(**options)
    response = error.value.response
    return response["ResponseMetadata"]["HTTPStatusCode"], response["Error"]["Code"]


@pytest.mark.parametrize(
    ("data", "received"),
    [("hé".encode(), "hé"), (b"\xff\x00", b"\xff\x00"), (b"x" * MESSAGE_BYTES, "x" * MESSAGE_BYTES)],
    ids=["text", "no text", "128 KB"],
)
def test_a_post_reaches_the_client(
    management: Any, open_socket: OpenSocket, data: bytes, received: str | bytes
) -> None:
    socket = open_socket()
    management.post_to_connection(ConnectionId=learn_id(socket), Data=data)
    assert socket.recv(timeout=20) == received


def test_a_post_over_128_kb_is_refused(management: Any, open_socket: OpenSocket) -> None:
    connection_id = learn_id(open_socket())
    refused = refusal(management.post_to_connection, ConnectionId=connection_id, Data=b"x" * (MESSAGE_BYTES + 1))
    assert refused == (413, "PayloadTooLargeException")


def test_an_unknown_connection_is_gone(management: Any) -> None:
    for operation, data in (("post_to_connection", {"Data": b"x"}), ("get_connection", {}), ("delete_connection", {})):
        act = getattr(management, operation)
        assert refusal(act, ConnectionId="AAAAAAAAAAAAAAA=", **data) == (410, "GoneException")


def test_a_connection_can_be_looked_up(management: Any, open_socket: OpenSocket) -> None:
    found = management.get_connection(ConnectionId=learn_id(open_socket(user_agent_header="me")))
    assert found["Identity"] == {"SourceIp": "127.0.0.1", "UserAgent": "me"}
    assert found["ConnectedAt"] <= found["LastActiveAt"] <= datetime.now(UTC)


@pytest.mark.parametrize("by", ["its client", "a call"])
def test_a_closed_connection_is_gone(platform: Platform, management: Any, open_socket: OpenSocket, by: str) -> None:
    socket = open_socket()
    connection_id = learn_id(socket)
    if by == "its client":
        socket.close()
    else:
        deleted = management.delete_connection(ConnectionId=connection_id)
        assert deleted["ResponseMetadata"]["HTTPStatusCode"] == 204
        with pytest.raises(ConnectionClosed):
            socket.recv(timeout=20)
    platform.wait_for_end(connection_id)
    assert refusal(management.post_to_connection, ConnectionId=connection_id, Data=b"x") == (410, "GoneException")


def test_a_client_that_does_not_read_reaches_its_limit(management: Any, open_socket: OpenSocket) -> None:
    socket = open_socket(max_queue=1, close_timeout=0.1)  # it cannot read the answer to its close frame
    connection_id = learn_id(socket)

    def post_megabytes() -> None:
        for _ in range(1000):
            management.post_to_connection(ConnectionId=connection_id, Data=b"x" * MESSAGE_BYTES)

    with pytest.raises(management.exceptions.LimitExceededException):
        post_megabytes()
    management.delete_connection(ConnectionId=connection_id)


@pytest.mark.parametrize(("host", "status"), [("127.0.0.1", 410), ("::1", 410), ("192.0.2.7", 403)])
def test_another_device_cannot_post_as_the_service(host: str, status: int) -> None:
    async def receive() -> dict[str, Any]:
        return {"type": "http.request"}

    url = {"raw_path": b"/x", "query_string": b"", "headers": [(b"host", b"x")], "path_params": {"connection_id": "x"}}
    request = Request({"type": "http", "method": "POST", "client": (host, 1), **url}, receive)
    answer = Connections(create_autospec(SignatureChecker), Faults()).answer(request)
    assert asyncio.run(answer).status_code == status


def test_a_post_without_a_signature_is_forbidden(platform: Platform) -> None:
    answer = httpx.post(f"{platform.stack.connections_url}/@connections/x=", content="x")
    assert answer.status_code == 403
    assert answer.headers["x-amzn-errortype"] == "MissingAuthenticationTokenException"


URL = "http://127.0.0.1:8000/_local/connections/@connections/abc%3D"


def sign(
    *, key: str = KEYS[0], secret: str = KEYS[1], service: str = "execute-api", region: str = REGION
) -> dict[str, str]:
    """The headers of a signed request to URL, as the server receives them."""
    request = AWSRequest("POST", URL, data=b"hello")
    SigV4Auth(Credentials(key, secret), service, region).add_auth(request)
    return {"host": "127.0.0.1:8000"} | {name.lower(): value for name, value in request.headers.items()}


def check(headers: dict[str, str], body: bytes = b"hello", minutes: int = 0) -> None:
    """Check a request that arrives this long after it was signed."""
    now = read_time(headers.get("x-amz-date", "")) + timedelta(minutes=minutes)
    SignatureChecker(Credentials(*KEYS), REGION).check("POST", URL, headers, body, now)


def test_a_good_signature_is_accepted() -> None:
    check(sign())


def without(name: str) -> dict[str, str]:
    return {header: value for header, value in sign().items() if header != name}


INVALID, INCOMPLETE = "InvalidSignatureException", "IncompleteSignatureException"
REFUSED: dict[str, tuple[str, Callable[[], None]]] = {
    "another secret": (INVALID, lambda: check(sign(secret="other"))),
    "another key": (INVALID, lambda: check(sign(key="other"))),
    "for another service": (INVALID, lambda: check(sign(service="dynamodb"))),
    "for another region": (INVALID, lambda: check(sign(region="eu-west-1"))),
    "another body": (INVALID, lambda: check(sign(), b"hellO")),
    "from the future": (INVALID, lambda: check(sign(), minutes=-6)),
    "old": (INVALID, lambda: check(sign(), minutes=6)),
    "no signature": (INCOMPLETE, lambda: check(sign() | {"authorization": "Bearer x"})),
    "half of one": (INCOMPLETE, lambda: check(sign() | {"authorization": "AWS4-HMAC-SHA256 Credential=x"})),
    "an empty header": (INCOMPLETE, lambda: check(sign() | {"authorization": ""})),
    "no time": (INCOMPLETE, lambda: check(without("x-amz-date"))),
    "no host": (INCOMPLETE, lambda: check(without("host"))),
}


@pytest.mark.parametrize("what", REFUSED)
def test_any_other_signature_is_refused(what: str) -> None:
    kind, check_it = REFUSED[what]
    with pytest.raises(SignatureError) as error:
        check_it()
    assert error.value.kind == kind
