"""The address of a deployment's WebSocket API."""

from typing import Any

import botocore.session
import pytest
from botocore.exceptions import ClientError, ReadTimeoutError
from moto import mock_aws

from chalicelib.delivery.addresses import LOOK_UP_AGAIN_SECONDS, WebsocketUrl, find_websocket_url
from chalicelib.kernel.errors import UnavailableError
from tests.fakes.backend import NOW, World
from tests.fakes.faults import FakeClock

REGION = "eu-west-1"
TIMEOUT = ReadTimeoutError(endpoint_url="https://apigateway.test")


def make_api(name: str) -> str:
    """The endpoint of a new WebSocket API."""
    client: Any = botocore.session.get_session().create_client("apigatewayv2", region_name=REGION)
    made = client.create_api(Name=name, ProtocolType="WEBSOCKET", RouteSelectionExpression="$request.body.type")
    return str(made["ApiEndpoint"])


@mock_aws
@pytest.mark.parametrize("region", [REGION, ""], ids=["given", "botocore's own"])
def test_the_api_is_found_by_its_name(region: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1" if region else REGION)
    endpoints = {name: make_api(name) for name in ("another", "rooms", "rooms-prod")}

    assert find_websocket_url("rooms", region) == f"{endpoints['rooms']}/api"


@mock_aws
def test_an_unknown_name_is_an_error_that_says_what_to_set() -> None:
    make_api("another")

    with pytest.raises(UnavailableError, match="WEBSOCKET_URL"):
        find_websocket_url("rooms", REGION)


@mock_aws
@pytest.mark.parametrize("error", [ClientError({"Error": {"Code": "TooManyRequestsException"}}, "GetApis"), TIMEOUT])
def test_a_control_plane_that_does_not_answer_is_503(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr("botocore.client.BaseClient._make_api_call", fail)
    with pytest.raises(UnavailableError) as raised:
        find_websocket_url("rooms", REGION)
    assert raised.value.code == "unavailable"


class ControlPlane:
    """API Gateway's control plane: 10 calls a second, and 40 at once."""

    def __init__(self, clock: FakeClock) -> None:
        self.clock = clock
        self.left, self.filled_at = 40.0, clock.seconds
        self.calls = 0

    def find(self) -> str:
        self.calls += 1
        self.left = min(40.0, self.left + 10 * (self.clock.seconds - self.filled_at))
        self.filled_at = self.clock.seconds
        if self.left < 1:
            raise UnavailableError
        self.left -= 1
        return "wss://found.test/api"


def test_two_hundred_new_processes_find_the_address() -> None:
    """They start within 10 s, and each has a join every second."""
    clock = FakeClock()
    plane = ControlPlane(clock)
    processes = [WebsocketUrl(plane.find, clock.monotonic) for _ in range(200)]
    refused = 0
    for step in range(25 * 20):
        for process in processes[: step + 1][step % 20 :: 20]:
            try:
                process.get()
            except UnavailableError:
                refused += 1
        clock.sleep(0.05)
    assert refused > 0
    assert plane.calls < 300
    assert {process.get() for process in processes} == {"wss://found.test/api"}


def test_without_an_address_no_seat_is_taken(world: World, room_id: str, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = FakeClock()
    plane = ControlPlane(clock)
    plane.left = 0
    monkeypatch.setitem(world.backend.__dict__, "websocket_url", WebsocketUrl(plane.find, clock.monotonic))
    for _ in range(2):
        with pytest.raises(UnavailableError):
            world.join("ada", room_id)
    assert (world.members(room_id), plane.calls) == ([], 1)
    clock.sleep(LOOK_UP_AGAIN_SECONDS)
    assert world.join("ada", room_id, NOW).websocket.url.startswith("wss://found.test/api?ticket=")
