"""Planned faults of the local stack. `test_ws_recovery` tests frames that are handled twice."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from botocore.exceptions import ClientError
from pydantic import ValidationError
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection

from infra.local.faults import FaultPlan, Faults
from tests.infra.conftest import Platform, learn_id

pytestmark = pytest.mark.proof

OpenSocket = Callable[..., ClientConnection]


@pytest.fixture(autouse=True)
def no_faults_afterwards(platform: Platform) -> Iterator[None]:
    yield
    platform.stack.plan_faults()


def test_a_plan_can_be_read_back(platform: Platform) -> None:
    platform.stack.plan_faults(seed=7, frame_delay=[1, 2])
    shown = platform.stack.request("GET", "/dev/faults")
    assert (shown["seed"], shown["frame_delay"], shown["lose_disconnects"]) == (7, [1, 2], False)


@pytest.mark.parametrize(
    "plan",
    [
        {"run_twice": 1.1},
        {"frame_delay": [2, 1]},
        {"frame_delay": [-1, 1]},
        {"post_status": {"404": 1}},
        {"post_status": {"429": 0.6, "500": 0.6}},
        {"unheard_of": True},
    ],
)
def test_an_invalid_plan_is_refused(platform: Platform, plan: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        FaultPlan.model_validate(plan)
    assert httpx.put(f"{platform.stack.url}/dev/faults", json=plan).status_code == 422


def test_a_lost_disconnect_never_reaches_the_app(platform: Platform, open_socket: OpenSocket) -> None:
    platform.stack.plan_faults(lose_disconnects=True)
    socket = open_socket()
    lost = learn_id(socket)
    socket.close()
    platform.stack.plan_faults()
    socket = open_socket()
    learned = learn_id(socket)
    socket.close()
    platform.wait_for_end(learned)
    assert lost not in [event["requestContext"]["connectionId"] for event in platform.events("DISCONNECT")]


def test_late_frames_overtake_each_other(platform: Platform, open_socket: OpenSocket) -> None:
    socket = open_socket()
    platform.stack.plan_faults(frame_delay=[0, 60])
    sent = [str(number) for number in range(30)]
    for body in sent:
        socket.send(body)
    received = [json.loads(socket.recv(timeout=20))["body"] for _ in sent]
    assert sorted(received, key=int) == sent
    assert received != sent


def test_posts_can_be_refused(platform: Platform, management: Any, open_socket: OpenSocket) -> None:
    connection_id = learn_id(open_socket())
    for status in (429, 500, 410):
        platform.stack.plan_faults(post_status={str(status): 1})
        with pytest.raises(ClientError) as error:
            management.post_to_connection(ConnectionId=connection_id, Data=b"x")
        assert error.value.response["ResponseMetadata"]["HTTPStatusCode"] == status
    platform.stack.plan_faults()
    management.post_to_connection(ConnectionId=connection_id, Data=b"x")


def test_one_connection_can_be_cut_or_all_of_them(platform: Platform, open_socket: OpenSocket) -> None:
    one, *others = [open_socket() for _ in range(3)]
    first, *rest = [learn_id(socket) for socket in (one, *others)]
    platform.stack.cut(first)
    with pytest.raises(ConnectionClosed) as closed:
        one.recv(timeout=20)
    assert closed.value.rcvd is None
    assert platform.wait_for_end(first)["requestContext"]["disconnectStatusCode"] == 1006
    assert [learn_id(other) for other in others] == rest
    platform.stack.cut()
    for connection_id in rest:
        platform.wait_for_end(connection_id)
    assert httpx.post(f"{platform.stack.url}/dev/cut?connection=nobody").status_code == 410


@pytest.mark.parametrize("short_limits", [{"LOCAL_FAULTS": "0"}], indirect=True)
def test_without_the_flag_there_are_no_faults(short_limits: Platform) -> None:
    for method, path in (("GET", "/dev/faults"), ("PUT", "/dev/faults"), ("POST", "/dev/cut")):
        assert httpx.request(method, short_limits.stack.url + path).status_code in {404, 405}


def test_the_same_seed_gives_the_same_faults() -> None:
    def throw() -> list[int | None]:
        faults = Faults()
        faults.follow(FaultPlan(seed=3, post_status={"429": 0.3, "500": 0.3}))
        return [faults.pick_post_status() for _ in range(50)]

    assert throw() == throw()
    assert set(throw()) == {None, 429, 500}
