"""The `@connections` API over HTTP, as the functions use it."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection

from infra.local.engine import CREDENTIALS, REGION
from infra.local.options import MESSAGE_BYTES
from infra.local.signature import SignatureChecker, SignatureError, read_time
from tests.infra.conftest import Platform, learn_id

OpenSocket = Callable[..., ClientConnection]
KEYS = (CREDENTIALS["AWS_ACCESS_KEY_ID"], CREDENTIALS["AWS_SECRET_ACCESS_KEY"])


def status_of(error: pytest.ExceptionInfo[ClientError]) -> tuple[int, str]:
    response = error.value.response
    return response["ResponseMetadata"]["HTTPStatusCode"], response["Error"]["Code"]


def test_a_post_reaches_the_client_as_text(management: Any, open_socket: OpenSocket) -> None:
    socket = open_socket()
    management.post_to_connection(ConnectionId=learn_id(socket), Data="hé".encode())
    assert socket.recv(timeout=20) == "hé"


def test_a_post_that_is_no_text_reaches_the_client_as_bytes(management: Any, open_socket: OpenSocket) -> None:
    socket = open_socket()
    management.post_to_connection(ConnectionId=learn_id(socket), Data=b"\xff\x00")
    assert socket.recv(timeout=20) == b"\xff\x00"


def test_a_post_of_128_kb_arrives(management: Any, open_socket: OpenSocket) -> None:
    socket = open_socket()
    management.post_to_connection(ConnectionId=learn_id(socket), Data=b"x" * MESSAGE_BYTES)
    assert len(socket.recv(timeout=20)) == MESSAGE_BYTES


def test_a_larger_post_is_refused(management: Any, open_socket: OpenSocket) -> None:
    with pytest.raises(ClientError) as error:
        management.post_to_connection(ConnectionId=learn_id(open_socket()), Data=b"x" * (MESSAGE_BYTES + 1))
    assert status_of(error) == (413, "PayloadTooLargeException")


@pytest.mark.parametrize("operation", ["post_to_connection", "get_connection", "delete_connection"])
def test_an_unknown_connection_is_gone(management: Any, operation: str) -> None:
    data = {"Data": b"x"} if operation == "post_to_connection" else {}
    with pytest.raises(management.exceptions.GoneException) as error:
        getattr(management, operation)(ConnectionId="AAAAAAAAAAAAAAA=", **data)
    assert status_of(error) == (410, "GoneException")


def test_a_closed_connection_is_gone(platform: Platform, management: Any, open_socket: OpenSocket) -> None:
    socket = open_socket()
    connection_id = learn_id(socket)
    socket.close()
    platform.wait_for_end(connection_id)
    with pytest.raises(management.exceptions.GoneException):
        management.post_to_connection(ConnectionId=connection_id, Data=b"x")


def test_a_connection_can_be_looked_up(management: Any, open_socket: OpenSocket) -> None:
    found = management.get_connection(ConnectionId=learn_id(open_socket(user_agent_header="me")))
    assert found["Identity"] == {"SourceIp": "127.0.0.1", "UserAgent": "me"}
    assert found["ConnectedAt"] <= found["LastActiveAt"] <= datetime.now(UTC)


def test_deleting_closes_the_socket(platform: Platform, management: Any, open_socket: OpenSocket) -> None:
    socket = open_socket()
    connection_id = learn_id(socket)
    deleted = management.delete_connection(ConnectionId=connection_id)
    assert deleted["ResponseMetadata"]["HTTPStatusCode"] == 204
    with pytest.raises(ConnectionClosed):
        socket.recv(timeout=20)
    platform.wait_for_end(connection_id)
    with pytest.raises(management.exceptions.GoneException):
        management.post_to_connection(ConnectionId=connection_id, Data=b"x")


def test_a_client_that_does_not_read_is_at_its_limit(management: Any, open_socket: OpenSocket) -> None:
    socket = open_socket(max_queue=1)
    connection_id = learn_id(socket)

    def post_megabytes() -> None:
        for _ in range(1000):
            management.post_to_connection(ConnectionId=connection_id, Data=b"x" * MESSAGE_BYTES)

    with pytest.raises(management.exceptions.LimitExceededException):
        post_megabytes()
    management.delete_connection(ConnectionId=connection_id)


def test_a_post_without_a_signature_is_forbidden(platform: Platform) -> None:
    answer = httpx.post(f"{platform.stack.connections_url}/@connections/x=", content="x")
    assert answer.status_code == 403
    assert answer.headers["x-amzn-errortype"] == "MissingAuthenticationTokenException"


URL = "http://127.0.0.1:8000/_local/connections/@connections/abc%3D"


def sign(
    *, key: str = KEYS[0], secret: str = KEYS[1], service: str = "execute-api", region: str = REGION
) -> dict[str, str]:
    """The headers of a signed request to URL, as they arrive."""
    request = AWSRequest("POST", URL, data=b"hello")
    SigV4Auth(Credentials(key, secret), service, region).add_auth(request)
    return {"host": "127.0.0.1:8000"} | {name.lower(): value for name, value in request.headers.items()}


def check(headers: dict[str, str], body: bytes = b"hello", skew: timedelta = timedelta()) -> None:
    """Check a request that arrives a while after it was signed."""
    now = read_time(headers.get("x-amz-date", "")) + skew
    SignatureChecker(Credentials(*KEYS), REGION).check("POST", URL, headers, body, now)


def test_a_good_signature_is_accepted() -> None:
    check(sign())


@pytest.mark.parametrize(
    "wrong",
    [{"secret": "other"}, {"key": "other"}, {"service": "dynamodb"}, {"region": "eu-west-1"}],
    ids=lambda wrong: next(iter(wrong)),
)
def test_a_signature_by_others_or_for_others_is_refused(wrong: dict[str, str]) -> None:
    with pytest.raises(SignatureError) as error:
        check(sign(**wrong))
    assert error.value.kind == "InvalidSignatureException"


def test_another_body_than_the_signed_one_is_refused() -> None:
    with pytest.raises(SignatureError):
        check(sign(), b"hellO")


@pytest.mark.parametrize("skew", [timedelta(minutes=-6), timedelta(minutes=6)])
def test_an_old_signature_is_refused(skew: timedelta) -> None:
    with pytest.raises(SignatureError) as error:
        check(sign(), skew=skew)
    assert error.value.kind == "InvalidSignatureException"


@pytest.mark.parametrize("damage", ["Bearer x", "AWS4-HMAC-SHA256 Credential=x", ""])
def test_what_is_no_signature_is_refused(damage: str) -> None:
    with pytest.raises(SignatureError) as error:
        check(sign() | {"authorization": damage})
    assert error.value.kind == "IncompleteSignatureException"


@pytest.mark.parametrize("name", ["x-amz-date", "host"])
def test_a_signed_header_that_is_missing_is_noticed(name: str) -> None:
    headers = sign()
    del headers[name]
    with pytest.raises(SignatureError):
        check(headers)
