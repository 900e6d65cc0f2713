"""The local WebSocket API behaves like API Gateway."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from chalicelib.features import FRAMES
from infra.local.events import SocketEvents
from infra.local.functions import FunctionError, FunctionTimeoutError
from infra.local.options import MESSAGE_BYTES
from infra.local.sockets import describe_error, name_frame, suggest_type
from tests.infra.conftest import Platform, learn_id

OpenSocket = Callable[..., ClientConnection]
CONTEXT = {
    *("apiId", "connectedAt", "connectionId", "domainName", "eventType", "extendedRequestId", "identity"),
    *("messageDirection", "requestId", "requestTime", "requestTimeEpoch", "routeKey", "stage"),
}


def event_of(platform: Platform, kind: str, connection_id: str) -> dict[str, Any]:
    """The first event of this type of a connection."""
    return next(e for e in platform.events(kind) if e["requestContext"]["connectionId"] == connection_id)


def refusal(open_socket: OpenSocket, path: str) -> tuple[int, Any]:
    """The status and the body of a refused upgrade."""
    with pytest.raises(InvalidStatus) as refused:
        open_socket(path)
    return refused.value.response.status_code, json.loads(refused.value.response.body or b"{}")


def test_the_events_are_those_of_api_gateway(platform: Platform, open_socket: OpenSocket) -> None:
    socket = open_socket("/ws?room_id=r&x=1&x=2", user_agent_header="me")
    connection_id = learn_id(socket)
    socket.close(4000, "done")
    end = platform.wait_for_end(connection_id)
    connected, message = (event_of(platform, kind, connection_id) for kind in ("CONNECT", "MESSAGE"))
    assert connected["queryStringParameters"] == {"room_id": "r", "x": "2"}
    assert connected["multiValueQueryStringParameters"] == {"room_id": ["r"], "x": ["1", "2"]}
    assert connected["headers"]["Sec-WebSocket-Version"] == "13"
    assert connected["multiValueHeaders"]["User-Agent"] == ["me"]
    assert connected["requestContext"].keys() == CONTEXT
    assert connected["requestContext"]["identity"] == {"sourceIp": "127.0.0.1", "userAgent": "me"}
    assert message["requestContext"].keys() == CONTEXT | {"messageId"}
    assert (message["body"], message["isBase64Encoded"]) == ("who am I", False)
    assert end["requestContext"].keys() == CONTEXT | {"disconnectStatusCode", "disconnectReason"}
    assert (end["requestContext"]["disconnectStatusCode"], end["requestContext"]["disconnectReason"]) == (4000, "done")
    keys = [event["requestContext"]["routeKey"] for event in (connected, message, end)]
    assert keys == ["$connect", "$default", "$disconnect"]


@pytest.mark.parametrize("path", ["/ws/room/a%20b?token=t&room_id=other", "/api/ws/rooms/a%20b?token=t"])
def test_a_room_in_the_path_becomes_a_query(platform: Platform, open_socket: OpenSocket, path: str) -> None:
    event = event_of(platform, "CONNECT", learn_id(open_socket(path)))
    assert event["queryStringParameters"] == {"room_id": "a b", "token": "t"}


@pytest.mark.parametrize("path", ["/?ticket=t", "/api?ticket=t", "/ws?ticket=t"])
def test_a_ticket_opens_addresses_without_a_room(open_socket: OpenSocket, path: str) -> None:
    assert learn_id(open_socket(path)).endswith("=")


def test_a_refusal_is_the_status_of_the_upgrade(platform: Platform, open_socket: OpenSocket) -> None:
    for status in (401, 403, 404, 429):
        assert refusal(open_socket, f"/ws?do=refuse&status={status}") == (status, {"why": "asked to"})
    status, body = refusal(open_socket, "/ws?do=raise")
    assert (status, body["message"]) == (502, "Internal server error")
    assert refusal(open_socket, "/elsewhere")[0] == 403
    log = platform.stack.log.read_text("utf-8")
    assert "ws $connect 401" in log
    assert "without completing handshake" not in log


def test_a_post_during_its_own_connect_is_answered_gone(platform: Platform, open_socket: OpenSocket) -> None:
    event = event_of(platform, "CONNECT", learn_id(open_socket("/ws?do=post")))
    assert event["posted"] == "gone"


def test_the_chosen_subprotocol_is_echoed(open_socket: OpenSocket) -> None:
    assert open_socket(subprotocols=["coworking.v1", "bearer.t"]).subprotocol == "coworking.v1"


def test_frames_of_one_connection_are_handled_in_parallel(open_socket: OpenSocket) -> None:
    socket = open_socket()
    socket.send("hold frames")
    socket.send("release frames")  # only this lets the first one end
    assert {json.loads(socket.recv(timeout=20))["body"] for _ in range(2)} == {"hold frames", "release frames"}


def test_a_failed_handler_is_answered_with_an_error(open_socket: OpenSocket) -> None:
    socket = open_socket()
    socket.send("raise")
    error = json.loads(socket.recv(timeout=20))
    assert error["message"] == "Internal server error"
    assert error.keys() == {"message", "connectionId", "requestId"}


@pytest.mark.parametrize(
    ("error", "message"),
    [(FunctionError(), "Internal server error"), (FunctionTimeoutError(), "Endpoint request timed out")],
)
def test_the_error_is_that_of_api_gateway(error: FunctionError, message: str) -> None:
    """The second message is in aws/chalice#1406."""
    events = SocketEvents("localhost", "127.0.0.1", "me")
    described = describe_error(error, event := events.message("x"))
    assert described == {
        "message": message,
        "connectionId": events.connection_id,
        "requestId": event["requestContext"]["requestId"],
    }


def test_a_message_has_up_to_128_kb(open_socket: OpenSocket) -> None:
    """The result of a handler is not sent."""
    socket = open_socket()
    for sent, body, length in (("text", "text", 4), ("x" * MESSAGE_BYTES, "x" * 1000, MESSAGE_BYTES)):
        socket.send(sent)
        told = json.loads(socket.recv(timeout=20))
        assert (told["body"], told["length"]) == (body, length)


@pytest.mark.parametrize(("message", "code"), [("x" * (MESSAGE_BYTES + 1), 1009), (b"x", 1003)])
def test_a_large_or_binary_message_closes_the_connection(
    platform: Platform, open_socket: OpenSocket, message: str | bytes, code: int
) -> None:
    socket = open_socket()
    connection_id = learn_id(socket)
    socket.send(message)
    with pytest.raises(ConnectionClosed) as closed:
        socket.recv(timeout=20)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == code
    assert platform.wait_for_end(connection_id)["requestContext"]["disconnectStatusCode"] == code


@pytest.mark.parametrize("short_limits", [{"LOCAL_IDLE_SECONDS": "0.4"}, {"LOCAL_LIFE_SECONDS": "0.6"}], indirect=True)
def test_a_connection_ends_when_idle_or_old(short_limits: Platform) -> None:
    with connect(short_limits.stack.socket_url) as socket:
        connection_id = learn_id(socket)
        with pytest.raises(ConnectionClosed) as closed:
            socket.recv(timeout=20)
    assert closed.value.rcvd is not None
    assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (1001, "Going away")
    assert short_limits.wait_for_end(connection_id)["requestContext"]["disconnectStatusCode"] == 1001


@pytest.mark.parametrize("short_limits", [{"LOCAL_TIMEOUT_SECONDS": "0.2"}], indirect=True)
def test_a_connect_that_takes_too_long_is_a_gateway_timeout(short_limits: Platform) -> None:
    with pytest.raises(InvalidStatus) as refused:
        connect(f"{short_limits.stack.socket_url}?do=hold&gate=slow")
    assert refused.value.response.status_code == 504
    short_limits.http.get("/release/slow")


@pytest.mark.parametrize(
    ("name", "meant"), [("mesage", "message"), ("typing-", "typing"), ("message", None), ("wave", None)]
)
def test_the_log_names_the_frame_type_that_was_meant(name: str, meant: str | None) -> None:
    assert suggest_type(name, FRAMES) == (f"; relayed as it is: did you mean {meant}?" if meant else "")


NO_TYPE = [
    "ping",
    '"type":"secret"',
    '{"type":"secret"',
    '{"type": 5}',
    '{"type": "a secret"}',
    '[{"type":"x"}]',
    "[" * 131_000,
]


@pytest.mark.parametrize("body", NO_TYPE, ids=range(len(NO_TYPE)))
def test_the_log_names_only_the_type_of_a_frame(body: str) -> None:
    assert name_frame(body) == "(no type)"
    assert name_frame('{"data": {"type": "secret"}, "type": "wave"}') == "wave"


def test_every_connection_has_one_disconnect(platform: Platform, open_socket: OpenSocket) -> None:
    ids = []
    for _ in range(2):
        socket = open_socket()
        ids.append(learn_id(socket))
        socket.close()
        platform.wait_for_end(ids[-1])
    ends = [event["requestContext"]["connectionId"] for event in platform.events("DISCONNECT")]
    assert ends.count(ids[0]) == 1


def test_a_client_that_gives_up_during_connect_is_disconnected(platform: Platform) -> None:
    with pytest.raises(TimeoutError):
        connect(f"{platform.stack.socket_url}?do=hold&gate=impatient", open_timeout=0.2)
    event = platform.wait_for(lambda e: (e.get("queryStringParameters") or {}).get("gate") == "impatient")
    platform.http.get("/release/impatient")
    platform.wait_for_end(event["requestContext"]["connectionId"])


def test_queries_are_never_logged(platform: Platform, open_socket: OpenSocket) -> None:
    learn_id(open_socket("/ws?token=hush"))
    platform.http.get("/echo/a?token=hush")
    assert "hush" not in platform.stack.log.read_text("utf-8")
