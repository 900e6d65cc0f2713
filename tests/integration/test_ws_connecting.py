"""Ways into the WebSocket API, and how it refuses, over the local stack."""

import base64
import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import jwt
import pytest
from websockets.exceptions import ConnectionClosed

from infra.local.stack import LocalStack
from tests.fakes.clients import Api, Caller
from tests.fakes.socket_client import COWORKING, RefusedError, Scene, SocketClient, at_once, open_socket

Url = Callable[[Scene, str], str]
WAYS_WITH_A_TOKEN: dict[str, Url] = {
    "?room_id=&token=": lambda scene, token: scene.url(room_id=scene.room_id, token=token),
    "/ws/room/": lambda scene, token: f"{scene.stack.socket_url}/room/{scene.room_id}?token={token}",
    "/api/ws/rooms/": lambda scene, token: (
        f"{scene.stack.api.replace('http', 'ws')}/ws/rooms/{scene.room_id}?token={token}"
    ),
}
ROOM_OF_NOBODY = "00000000-0000-4000-8000-000000000000"


@pytest.fixture(params=WAYS_WITH_A_TOKEN.values(), ids=list(WAYS_WITH_A_TOKEN))
def way_with_a_token(request: pytest.FixtureRequest) -> Url:
    way: Url = request.param
    return way


def refusal(url: str, *subprotocols: str) -> RefusedError:
    """How the server refuses; anything else fails."""
    with pytest.raises(RefusedError) as caught:
        open_socket(url, subprotocols).close()
    assert caught.value.content_type == "application/problem+json"
    assert caught.value.problem["status"] == caught.value.status
    return caught.value


def outcome(url: str) -> int:
    """The status of the upgrade."""
    try:
        open_socket(url).close()
    except RefusedError as refused:
        return refused.status
    return 101


def is_open_to(client: SocketClient, caller: Caller, scene: Scene) -> bool:
    data = client.sync()
    return (data["you"]["user_id"], data["room"]["id"]) == (caller.id, scene.room_id)


def test_the_url_of_a_join_connects(scene: Scene) -> None:
    ada = scene.api.person()
    client = scene.open(ada.join(scene.room_id)["websocket"]["url"])
    assert is_open_to(client, ada, scene)


def test_the_url_of_a_fresh_ticket_connects(scene: Scene) -> None:
    ada = scene.member()
    assert is_open_to(scene.open(scene.ticket(ada)["url"]), ada, scene)


def test_a_ticket_opens_one_connection_once(scene: Scene) -> None:
    url = scene.ticket(scene.member())["url"]
    scene.open(url)
    refused = refusal(url)
    assert (refused.status, refused.problem["code"]) == (401, "unauthorized")


def test_of_many_who_use_a_ticket_at_the_same_moment_one_gets_in(scene: Scene) -> None:
    url = scene.ticket(scene.member())["url"]
    assert sorted(at_once(*[lambda: outcome(url)] * 6)) == [101] + [401] * 5


def test_a_ticket_that_was_refused_for_want_of_a_seat_is_not_used_up(scene: Scene) -> None:
    ada = scene.member()
    url = scene.ticket(ada)["url"]
    ada.leave(scene.room_id)
    assert refusal(url).status == 403
    ada.join(scene.room_id)
    assert is_open_to(scene.open(url), ada, scene)


def tamper_with_claims(ticket: str, **changes: object) -> str:
    header, payload, signature = ticket.split(".")
    claims = json.loads(base64.urlsafe_b64decode(payload + "==")) | changes
    forged = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return f"{header}.{forged}.{signature}"


@pytest.mark.parametrize(
    "forge",
    [
        pytest.param(lambda ticket: "", id="empty"),
        pytest.param(lambda ticket: "ticket", id="no-ticket"),
        pytest.param(lambda ticket: ticket[:-2], id="cut-short"),
        pytest.param(lambda ticket: ticket.rpartition(".")[0] + ".", id="unsigned"),
        pytest.param(lambda ticket: tamper_with_claims(ticket, sub="mallory"), id="of-another-user"),
        pytest.param(lambda ticket: tamper_with_claims(ticket, room=ROOM_OF_NOBODY), id="of-another-room"),
        pytest.param(lambda ticket: tamper_with_claims(ticket, exp=4_102_444_800), id="made-to-last"),
        pytest.param(lambda ticket: "\u0000\u2603" * 20, id="not-even-text"),
    ],
)
def test_a_ticket_that_is_not_as_it_was_issued_is_refused(scene: Scene, forge: Callable[[str], str]) -> None:
    refused = refusal(scene.url(ticket=forge(scene.ticket(scene.member())["ticket"])))
    assert (refused.status, refused.problem["code"]) == (401, "unauthorized")


def test_a_ticket_opens_the_room_that_it_names_whatever_the_url_says(scene: Scene) -> None:
    ada = scene.member()
    elsewhere = ada.make_room()["id"]
    client = scene.open(scene.url(ticket=scene.ticket(ada)["ticket"], room_id=elsewhere))
    assert is_open_to(client, ada, scene)


def test_a_ticket_is_no_token_and_a_token_no_ticket(scene: Scene) -> None:
    ada = scene.member()
    assert refusal(scene.url(room_id=scene.room_id, token=scene.ticket(ada)["ticket"])).status == 401
    assert refusal(scene.url(ticket=str(ada.token))).status == 401


def test_a_token_connects(scene: Scene, way_with_a_token: Url) -> None:
    ada = scene.member()
    assert is_open_to(scene.open(way_with_a_token(scene, str(ada.token))), ada, scene)


def test_a_token_in_the_subprotocol_connects_and_the_version_is_echoed(scene: Scene) -> None:
    ada = scene.member()
    client = scene.open(scene.url(room_id=scene.room_id), [COWORKING, f"bearer.{ada.token}"])
    assert client.connection.subprotocol == COWORKING
    assert is_open_to(client, ada, scene)


def test_a_ticket_in_the_subprotocol_connects_and_the_version_is_echoed(scene: Scene) -> None:
    ada = scene.member()
    client = scene.open(scene.stack.socket_url, [COWORKING, f"ticket.{scene.ticket(ada)['ticket']}"])
    assert client.connection.subprotocol == COWORKING
    assert is_open_to(client, ada, scene)


def test_without_the_version_nothing_is_echoed(scene: Scene) -> None:
    ada = scene.member()
    client = scene.open(scene.ticket(ada)["url"])
    assert client.connection.subprotocol is None


def test_offering_only_the_version_beside_a_ticket_in_the_url_echoes_it(scene: Scene) -> None:
    client = scene.open(scene.ticket(scene.member())["url"], [COWORKING])
    assert client.connection.subprotocol == COWORKING


def test_without_a_credential_it_is_401(scene: Scene) -> None:
    refused = refusal(scene.url(room_id=scene.room_id))
    assert (refused.status, refused.problem["code"]) == (401, "unauthorized")


@pytest.mark.parametrize("offer", [(COWORKING,), (COWORKING, "bearer."), (COWORKING, "ticket.x"), ("bearer.a.b.c",)])
def test_a_subprotocol_without_a_credential_that_holds_is_401(scene: Scene, offer: tuple[str, ...]) -> None:
    assert refusal(scene.url(room_id=scene.room_id), *offer).status == 401


def signed(scene: Scene, caller: Caller, **claims: Any) -> str:
    secret = (scene.stack.data_dir / "auth-secret").read_text("utf-8").strip()
    return jwt.encode({"sub": caller.id} | claims, secret, "HS256")


@pytest.mark.parametrize(
    "claims",
    [{"exp": datetime.now(UTC) - timedelta(hours=1)}, {}, {"exp": datetime.now(UTC) + timedelta(hours=1), "sub": ""}],
    ids=["expired", "without-exp", "of-nobody"],
)
def test_a_token_that_does_not_hold_is_401(scene: Scene, claims: dict[str, Any]) -> None:
    token = signed(scene, scene.member(), **claims)
    assert refusal(scene.url(room_id=scene.room_id, token=token)).status == 401


def test_a_token_of_somebody_without_a_seat_is_403(scene: Scene, way_with_a_token: Url) -> None:
    stranger = scene.api.person("Mallory")
    refused = refusal(way_with_a_token(scene, str(stranger.token)))
    assert (refused.status, refused.problem["code"]) == (403, "not_in_room")


def test_a_ticket_of_somebody_who_left_is_403(scene: Scene) -> None:
    ada = scene.member()
    url = scene.ticket(ada)["url"]
    ada.leave(scene.room_id)
    refused = refusal(url)
    assert (refused.status, refused.problem["code"]) == (403, "not_in_room")


@pytest.mark.parametrize("room_id", [ROOM_OF_NOBODY, "none", "", "../../etc/passwd", "0" * 2000])
def test_a_room_that_does_not_exist_is_404(scene: Scene, room_id: str) -> None:
    refused = refusal(scene.url(room_id=room_id, token=str(scene.member().token)))
    assert (refused.status, refused.problem["code"]) == (404, "room_not_found")


def test_a_ticket_of_a_deleted_room_is_404(scene: Scene) -> None:
    url = scene.ticket(scene.member())["url"]
    assert scene.owner.delete(scene.path()).status_code == 200
    refused = refusal(url)
    assert (refused.status, refused.problem["code"]) == (404, "room_not_found")


def test_an_id_of_a_room_in_capitals_is_the_same_room(scene: Scene) -> None:
    ada = scene.member()
    client = scene.open(scene.url(room_id=scene.room_id.upper(), token=str(ada.token)))
    assert is_open_to(client, ada, scene)


@pytest.fixture(scope="module")
def ticket_only_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    with LocalStack(data_dir=tmp_path_factory.mktemp("ticket-only"), environment={"SOCKET_TOKENS": "false"}) as running:
        yield running


def test_tokens_can_be_switched_off(ticket_only_stack: LocalStack) -> None:
    with Api(ticket_only_stack) as api, Scene(api) as scene:
        ada = scene.member()
        for way in WAYS_WITH_A_TOKEN.values():
            assert refusal(way(scene, str(ada.token))).status == 401
        assert refusal(scene.url(room_id=scene.room_id), COWORKING, f"bearer.{ada.token}").status == 401
        assert is_open_to(scene.open(scene.ticket(ada)["url"]), ada, scene)


def test_a_sixth_connection_closes_the_oldest_with_bye(scene: Scene) -> None:
    ada = scene.member()
    oldest, *others = [scene.connect(ada) for _ in range(5)]
    sixth = scene.connect(ada)
    end = oldest.wait_end()
    assert end.types[-1] == "bye"
    assert end.frames[-1]["data"]["code"] == "replaced"
    for client in [*others, sixth]:
        assert "bye" not in [frame["type"] for frame in client.settle()]


def test_nobody_hears_of_a_leave_when_a_sixth_connection_closes_the_oldest(scene: Scene) -> None:
    ada, ben = scene.member(), scene.enter("Ben")
    oldest = scene.connect(ada)
    for _ in range(5):
        scene.connect(ada)
    oldest.wait_end()
    assert {frame["type"] for frame in ben.settle()} == {"user-joined"}


def test_five_connections_stay_when_many_are_opened_at_the_same_moment(scene: Scene) -> None:
    ada = scene.member()
    urls = [scene.ticket(ada)["url"] for _ in range(9)]
    with ExitStack() as closing:
        clients = at_once(*[partial(open_socket, url) for url in urls])
        for client in clients:
            closing.callback(client.close)
        assert sum(is_served(client) for client in clients) == 5


def is_served(client: SocketClient) -> bool:
    """Whether the connection is on the roster still."""
    try:
        return bool(client.ask("ping")["type"] == "pong")
    except ConnectionClosed:
        return False
