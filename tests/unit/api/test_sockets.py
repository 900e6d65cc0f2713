"""Socket events: `$connect`, messages and `$disconnect` as API Gateway sends them."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import Mock

import jwt
import pytest

from chalicelib.api import sockets
from chalicelib.api.sockets import SUBPROTOCOL
from chalicelib.identity.tickets import issue_ticket
from chalicelib.kernel.settings import Limit
from chalicelib.kernel.times import now_ms
from chalicelib.seats import connections
from chalicelib.seats import sockets as seat_sockets
from infra.local.events import SocketEvents
from tests.fakes.backend import Interrupt, World, on_moto
from tests.fakes.faults import Faults
from tests.fakes.rooms import change_room

SECRET = "only-for-these-tests-" * 3
Event = dict[str, Any]


@pytest.fixture
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    """A world with sign-in. The parameter of a test replaces settings."""
    settings = {"auth_secret": SECRET, "connections_endpoint": "https://connections.test/api"}
    with on_moto(**settings | getattr(request, "param", {})) as world:
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


def status_of(world: World, event: Event) -> int:
    return sockets.on_connect(world.backend, event).status_code


def test_an_admitted_connection_is_on_the_roster(world: World, room_id: str) -> None:
    event = connecting({"ticket": ticket(world, room_id)})
    assert status_of(world, event) == 200
    (connection,) = world.connections(room_id)
    assert connection.connection_id == event["requestContext"]["connectionId"]
    assert (connection.user_id, connection.endpoint) == ("ada", "https://connections.test/api")


@pytest.mark.parametrize("header", ["Sec-WebSocket-Protocol", "sec-websocket-protocol", "SEC-WEBSOCKET-PROTOCOL"])
@pytest.mark.parametrize("offered", [[SUBPROTOCOL], []])
def test_an_offered_version_is_answered(world: World, room_id: str, header: str, offered: list[str]) -> None:
    event = connecting({}, *offered, f"ticket.{ticket(world, room_id)}", header=header)
    answer = sockets.on_connect(world.backend, event)
    assert (answer.status_code, answer.headers) == (200, {"Sec-WebSocket-Protocol": SUBPROTOCOL} if offered else {})


@pytest.mark.parametrize("changes", [{}, {"headers": None, "queryStringParameters": None}])
def test_a_refusal_is_a_problem_and_says_how_to_sign_in(world: World, changes: Event) -> None:
    answer = sockets.on_connect(world.backend, connecting() | changes)
    assert answer.status_code == 401
    assert answer.headers == {
        "Content-Type": "application/problem+json",
        "WWW-Authenticate": "Bearer",
        "Cache-Control": "no-store",
    }
    assert json.loads(answer.body)["code"] == "unauthorized"


def test_a_ticket_is_valid_for_60_seconds(world: World, room_id: str) -> None:
    assert status_of(world, connecting({"ticket": ticket(world, room_id, now=now_ms() - 59_000)})) == 200
    answer = sockets.on_connect(world.backend, connecting({"ticket": ticket(world, room_id, now=now_ms() - 60_000)}))
    assert (answer.status_code, json.loads(answer.body)["detail"]) == (401, "The ticket has expired")


def test_a_token_does_not_replace_an_invalid_ticket(world: World, room_id: str) -> None:
    foreign, _ = issue_ticket("ada", room_id, b"another deployment's secret" * 2, now_ms())
    for invalid in ("no ticket", foreign):
        assert status_of(world, connecting({"ticket": invalid, "token": token(), "room_id": room_id})) == 401


def test_a_ticket_takes_precedence_over_a_token(world: World, room_id: str) -> None:
    query = {"ticket": ticket(world, room_id), "token": token("ben"), "room_id": room_id}
    assert status_of(world, connecting(query)) == 200
    assert [one.user_id for one in world.connections(room_id)] == ["ada"]


@pytest.mark.parametrize("world", [{"origin_secret": "known to the CDN"}], indirect=True)
def test_only_the_cdn_may_connect(world: World, room_id: str) -> None:
    event = connecting({"ticket": ticket(world, room_id)})
    for sent in ({}, {"X-Origin-Secret": "guessed"}, {"x-origin-secret": "gu\ud800ssed"}):
        assert status_of(world, event | {"headers": sent}) == 403
    assert status_of(world, event | {"headers": {"X-Origin-Secret": "known to the CDN"}}) == 200


@pytest.mark.parametrize("world", [{"socket_tokens": False}, {"auth_secret": ""}], indirect=True)
def test_tokens_can_be_switched_off(world: World, room_id: str) -> None:
    assert status_of(world, connecting({"token": token(), "room_id": room_id})) == 401
    assert status_of(world, connecting({"room_id": room_id}, SUBPROTOCOL, f"bearer.{token()}")) == 401
    assert status_of(world, connecting({"ticket": ticket(world, room_id)})) == 200


def test_a_connection_with_a_token_is_announced_once_when_it_opens(world: World, room_id: str) -> None:
    peer = world.connect("ada", room_id, now_ms())
    world.join("ben", room_id, now_ms())
    for query in ({"ticket": ticket(world, room_id, "ben")}, {"token": token("ben"), "room_id": room_id}):
        world.fanout.forget()
        event = connecting(query)
        assert status_of(world, event) == 200
        told = [frame for frame in world.fanout.frames(peer) if frame["type"] == "user-joined"]
        opened = event["requestContext"]["connectionId"]
        assert [(one["from"], one["connection"]) for one in told] == [("ben", opened)] * ("token" in query)
    world.send(opened, "sync", now_ms())
    assert world.fanout.types(peer) == ["user-joined"]


def test_simultaneous_connections_hear_of_each_other(world: World, room_id: str, just_before: Interrupt) -> None:
    world.join("ben", room_id, now_ms())
    events = [connecting({"token": token(name), "room_id": room_id}) for name in ("ada", "ben")]
    just_before(seat_sockets, "put_connection", lambda: status_of(world, events[1]))

    assert status_of(world, events[0]) == 200

    assert world.fanout.types(events[1]["requestContext"]["connectionId"]) == ["user-joined"]
    assert world.fanout.acts[-1].opens_within in {0.5, 1.5}  # type: ignore[union-attr]


def test_a_token_may_take_a_seat(world: World, room_id: str) -> None:
    def joining(user_id: str, join: str = "1") -> Event:
        return connecting({"token": token(user_id), "room_id": room_id, "join": join})

    before = world.credit("ben")
    assert status_of(world, joining("ben")) == 200
    assert before - world.credit("ben") == 10 + 16, "it costs a connection and a join"
    assert status_of(world, joining("ben")) == 200
    assert world.members(room_id) == ["ada", "ben"]
    assert len(world.said(room_id)) == 2
    assert status_of(world, joining("cyd", "0")) == 403
    assert status_of(world, connecting({"ticket": ticket(world, room_id, "cyd"), "join": "1"})) == 403

    change_room(world.store, room_id, {"max_participants": 2})
    answer = sockets.on_connect(world.backend, joining("cyd"))
    assert (answer.status_code, json.loads(answer.body)["code"]) == (409, "room_full")
    assert status_of(world, joining("ben")) == 200


@pytest.mark.parametrize("world", [{"seats_limit": 1, "joins_limit": Limit(2, 60)}], indirect=True)
def test_a_token_takes_no_seat_above_the_limits(world: World, room_id: str) -> None:
    event = connecting({"token": token(), "room_id": world.open_room(), "join": "1"})
    answers = [json.loads(sockets.on_connect(world.backend, event).body)["code"] for _ in range(2)]
    assert answers == ["too_many_rooms", "rate_limited"]


@pytest.mark.parametrize(
    ("world", "endpoint"),
    [
        (
            {"connections_endpoint": "", "aws_region": region},
            f"https://abc123.execute-api.{region}.amazonaws.com{suffix}/live",
        )
        for region, suffix in (("eu-central-1", ""), ("cn-north-1", ".cn"))
    ],
    indirect=["world"],
)
def test_frames_are_posted_to_the_api_and_stage_of_the_event(world: World, room_id: str, endpoint: str) -> None:
    event = connecting({"ticket": ticket(world, room_id)})
    event["requestContext"] |= {"apiId": "abc123", "stage": "live", "domainName": "rooms.example.org"}
    assert status_of(world, event) == 200
    assert [one.endpoint for one in world.connections(room_id)] == [endpoint]


@pytest.fixture
def events(world: World, room_id: str) -> SocketEvents:
    """The events of an open connection."""
    events = SocketEvents("rooms.test", "127.0.0.1", "test")
    assert status_of(world, events.connect([], [("ticket", ticket(world, room_id))])) == 200
    return events


def test_a_message_is_a_frame(world: World, events: SocketEvents) -> None:
    sockets.on_message(world.backend, events.message('{"type": "ping"}'))
    assert world.fanout.types(events.connection_id) == ["pong"]


def test_the_first_frame_is_answered_though_the_index_is_late(
    world: World, room_id: str, events: SocketEvents, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "_look_up", Mock(side_effect=[None, room_id]))
    world.restart()  # frames have processes of their own

    with Faults(world.store.connection):
        sockets.on_message(world.backend, events.message('{"type": "sync"}'))

    assert world.fanout.types(events.connection_id) == ["snapshot"]


@pytest.mark.parametrize("body", [None, ""])
def test_a_message_without_a_body_is_no_frame(world: World, events: SocketEvents, body: str | None) -> None:
    sockets.on_message(world.backend, events.message("") | {"body": body})
    assert world.fanout.last(events.connection_id)["data"]["code"] == "invalid_frame"


def test_connecting_costs_and_is_refused_without_budget(world: World, room_id: str) -> None:
    before = world.credit("ada")
    assert status_of(world, connecting({"ticket": ticket(world, room_id)})) == 200
    assert status_of(world, connecting({"ticket": ticket(world, room_id)})) == 200
    assert before - world.credit("ada") == 10 + 10
    world.spend("ada", now_ms())
    assert status_of(world, connecting({"ticket": ticket(world, room_id)})) == 429
    assert len(world.roster(room_id)) == 2


def test_a_disconnect_removes_the_connection(world: World, room_id: str, events: SocketEvents) -> None:
    for gone in (SocketEvents("rooms.test", "127.0.0.1", "test"), events):
        assert world.roster(room_id) == [events.connection_id]
        sockets.on_disconnect(world.backend, gone.disconnect(1001, "Going away"))
    assert world.roster(room_id) == []
    assert not world.member("ada", room_id).is_online
