"""The WebSocket routes: API Gateway's events in, the status of the upgrade or a use case out."""

import base64
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import Mock

import jwt
import pytest
from chalicelib.sockets import Memory

from chalicelib import realtime
from chalicelib.api import sockets
from chalicelib.api.sockets import SUBPROTOCOL
from chalicelib.identity.tickets import issue_ticket
from chalicelib.kernel.times import now_ms
from chalicelib.store import connections
from chalicelib.store.tables import ConnectionRow, bound_connection
from infra.local.events import SocketEvents
from tests.fakes.backend import World, on_moto
from tests.fakes.faults import Faults

SECRET = "only-for-these-tests-" * 3
Event = dict[str, Any]


@pytest.fixture
def world(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """Behind the routes; a test's parameters are settings."""
    settings = {"auth_secret": SECRET, "connections_endpoint": "https://connections.test/api"}
    with on_moto(**settings | getattr(request, "param", {})) as world:
        monkeypatch.setattr(sockets, "backend", lambda: world.backend)
        yield world


@pytest.fixture
def room_id(world: World) -> str:
    room_id = world.open_room(now=now_ms())
    world.join("ada", room_id, now_ms())
    return room_id


def token(user_id: str = "ada") -> str:
    return jwt.encode({"sub": user_id, "exp": datetime.now(UTC) + timedelta(hours=1)}, SECRET, "HS256")


def ticket(world: World, room_id: str, user_id: str = "ada", now: int | None = None) -> str:
    return issue_ticket(user_id, room_id, world.backend.secret, now or now_ms())[0]


def connecting(query: dict[str, str] | None = None, *offered: str, header: str = "Sec-WebSocket-Protocol") -> Event:
    """The event of an upgrade request."""
    headers = [(header, ", ".join(offered))] if offered else []
    return SocketEvents("rooms.test", "127.0.0.1", "test").connect(headers, list((query or {}).items()))


def status_of(event: Event) -> int:
    return sockets.connect(event).status_code


def test_whoever_is_let_in_is_on_the_roster(world: World, room_id: str) -> None:
    event = connecting({"ticket": ticket(world, room_id)})
    assert status_of(event) == 200
    (connection,) = connections.roster(room_id)
    assert connection.connection_id == event["requestContext"]["connectionId"]
    assert (connection.user_id, connection.endpoint) == ("ada", "https://connections.test/api")


@pytest.mark.parametrize("header", ["Sec-WebSocket-Protocol", "sec-websocket-protocol", "SEC-WEBSOCKET-PROTOCOL"])
def test_the_version_is_echoed_where_it_is_offered(world: World, room_id: str, header: str) -> None:
    answer = sockets.connect(connecting({}, SUBPROTOCOL, f"ticket.{ticket(world, room_id)}", header=header))
    assert (answer.status_code, answer.headers) == (200, {"Sec-WebSocket-Protocol": SUBPROTOCOL})


def test_nothing_is_echoed_where_the_version_is_not_offered(world: World, room_id: str) -> None:
    answer = sockets.connect(connecting({}, f"ticket.{ticket(world, room_id)}"))
    assert (answer.status_code, answer.headers) == (200, {})


def test_a_refusal_is_a_problem_and_says_how_to_sign_in(world: World) -> None:
    answer = sockets.connect(connecting())
    assert answer.status_code == 401
    assert answer.headers == {"Content-Type": "application/problem+json", "WWW-Authenticate": "Bearer"}
    assert json.loads(answer.body)["code"] == "unauthorized"


def test_an_event_without_headers_and_query_is_refused_like_any_other(world: World) -> None:
    event = connecting() | {"headers": None, "queryStringParameters": None}
    assert status_of(event) == 401


def test_a_ticket_holds_for_60_seconds(world: World, room_id: str) -> None:
    assert status_of(connecting({"ticket": ticket(world, room_id, now=now_ms() - 59_000)})) == 200
    answer = sockets.connect(connecting({"ticket": ticket(world, room_id, now=now_ms() - 60_000)}))
    assert (answer.status_code, json.loads(answer.body)["detail"]) == (401, "The ticket has expired")


def test_a_ticket_that_another_deployment_signed_is_refused(world: World, room_id: str) -> None:
    foreign, _ = issue_ticket("ada", room_id, b"another deployment's secret" * 2, now_ms())
    assert status_of(connecting({"ticket": foreign})) == 401


def test_a_ticket_is_its_bearers_own_whoever_the_token_beside_it_names(world: World, room_id: str) -> None:
    assert status_of(connecting({"ticket": ticket(world, room_id), "token": token("ben"), "room_id": room_id})) == 200
    assert [one.user_id for one in connections.roster(room_id)] == ["ada"]


def test_a_ticket_that_fails_is_not_made_up_for_by_a_token(world: World, room_id: str) -> None:
    assert status_of(connecting({"ticket": "no ticket", "token": token(), "room_id": room_id})) == 401


@pytest.mark.parametrize("world", [{"socket_tokens": False}], indirect=True)
def test_tokens_can_be_switched_off(world: World, room_id: str) -> None:
    assert status_of(connecting({"token": token(), "room_id": room_id})) == 401
    assert status_of(connecting({"room_id": room_id}, SUBPROTOCOL, f"bearer.{token()}")) == 401
    assert status_of(connecting({"ticket": ticket(world, room_id)})) == 200


@pytest.mark.parametrize("world", [{"auth_secret": ""}], indirect=True)
def test_without_any_key_configured_a_token_is_refused(world: World, room_id: str) -> None:
    assert status_of(connecting({"token": token(), "room_id": room_id})) == 401


@pytest.mark.parametrize("world", [{"connections_endpoint": ""}], indirect=True)
@pytest.mark.parametrize(
    ("region", "endpoint"),
    [
        ("eu-central-1", "https://abc123.execute-api.eu-central-1.amazonaws.com/live"),
        ("cn-north-1", "https://abc123.execute-api.cn-north-1.amazonaws.com.cn/live"),
    ],
)
def test_frames_are_posted_to_the_api_and_stage_of_the_event_whatever_the_domain(
    world: World, room_id: str, monkeypatch: pytest.MonkeyPatch, region: str, endpoint: str
) -> None:
    monkeypatch.setenv("AWS_REGION", region)
    event = connecting({"ticket": ticket(world, room_id)})
    event["requestContext"] |= {"apiId": "abc123", "stage": "live", "domainName": "rooms.example.org"}
    assert status_of(event) == 200
    assert [one.endpoint for one in connections.roster(room_id)] == [endpoint]


@pytest.fixture
def events(world: World, room_id: str) -> SocketEvents:
    """Those of an open connection."""
    events = SocketEvents("rooms.test", "127.0.0.1", "test")
    assert status_of(events.connect([], [("ticket", ticket(world, room_id))])) == 200
    return events


def test_a_message_is_a_frame(world: World, events: SocketEvents) -> None:
    sockets.receive(events.message('{"type": "ping"}'))
    assert world.fanout.types(events.connection_id) == ["pong"]


def test_the_first_frame_is_answered_though_the_index_is_late(
    world: World, events: SocketEvents, monkeypatch: pytest.MonkeyPatch
) -> None:
    late = [*ConnectionRow.by_connection.query(events.connection_id)]
    monkeypatch.setattr(ConnectionRow.by_connection, "query", Mock(side_effect=[[], late]))
    monkeypatch.setattr(realtime, "memory", Memory())  # frames have processes of their own

    with Faults(bound_connection()):
        sockets.receive(events.message('{"type": "sync"}'))

    assert world.fanout.types(events.connection_id) == ["snapshot"]


@pytest.mark.parametrize("body", [b'{"type": "ping"}', b"", b"\xff\x00"])
def test_a_binary_message_is_no_frame(world: World, events: SocketEvents, body: bytes) -> None:
    event = events.message(body)
    assert base64.b64decode(event["body"]) == body
    sockets.receive(event)
    assert world.fanout.last(events.connection_id)["data"]["code"] == "invalid_frame"
    assert world.fanout.closed() == []


@pytest.mark.parametrize("body", [None, ""])
def test_a_message_without_a_body_is_no_frame(world: World, events: SocketEvents, body: str | None) -> None:
    sockets.receive(events.message("") | {"body": body})
    assert world.fanout.last(events.connection_id)["data"]["code"] == "invalid_frame"


def test_after_the_disconnect_the_connection_is_off_the_roster(
    world: World, room_id: str, events: SocketEvents
) -> None:
    sockets.disconnect(events.disconnect(1001, "Going away"))
    assert world.roster(room_id) == []
    assert not world.member("ada", room_id).is_online


def test_a_disconnect_of_a_connection_that_nobody_knows_does_nothing(world: World, room_id: str) -> None:
    sockets.disconnect(SocketEvents("rooms.test", "127.0.0.1", "test").disconnect(1006, ""))
    assert world.fanout.acts == []


def test_the_same_connect_again_lets_the_same_connection_in(world: World, room_id: str) -> None:
    event = connecting({"ticket": ticket(world, room_id)})
    assert status_of(event) == status_of(event) == 200
    assert len(connections.roster(room_id)) == 1
