"""How clients connect to the WebSocket API, and how it refuses them, on the local stack."""

from collections.abc import Callable
from contextlib import ExitStack
from functools import partial

import pytest
from websockets.exceptions import ConnectionClosed

from tests.fakes.backend import NOWHERE
from tests.fakes.clients import Caller
from tests.fakes.socket_client import COWORKING, RefusedError, Scene, SocketClient, at_once, open_socket

Url = Callable[[Scene, str], str]
WAYS_WITH_A_TOKEN: dict[str, Url] = {
    "?room_id=&token=": lambda scene, token: scene.url(room_id=scene.room_id, token=token),
    "/ws/room/": lambda scene, token: f"{scene.stack.socket_url}/room/{scene.room_id}?token={token}",
    "/api/ws/rooms/": lambda scene, token: (
        f"{scene.stack.api.replace('http', 'ws')}/ws/rooms/{scene.room_id}?token={token}"
    ),
    "in capitals": lambda scene, token: scene.url(room_id=scene.room_id.upper(), token=token),
}


def refusal(url: str, *subprotocols: str) -> tuple[int, str]:
    """The status and the error code of a refused upgrade."""
    with pytest.raises(RefusedError) as caught:
        open_socket(url, subprotocols).close()
    assert caught.value.content_type == "application/problem+json"
    assert caught.value.problem["status"] == caught.value.status
    return caught.value.status, str(caught.value.problem["code"])


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
    assert client.connection.subprotocol is None
    assert is_open_to(client, ada, scene)


def test_a_ticket_opens_its_own_room_once(scene: Scene) -> None:
    ada = scene.member()
    url = scene.url(ticket=scene.ticket(ada)["ticket"], room_id=ada.make_room()["id"])
    assert is_open_to(scene.open(url), ada, scene)
    assert refusal(url) == (401, "unauthorized")


def test_six_simultaneous_uses_of_a_ticket_open_one_connection(scene: Scene) -> None:
    url = scene.ticket(scene.member())["url"]
    assert sorted(at_once(*[lambda: outcome(url)] * 6)) == [101] + [401] * 5


@pytest.mark.parametrize("way", WAYS_WITH_A_TOKEN.values(), ids=WAYS_WITH_A_TOKEN)
def test_a_token_of_a_member_connects_and_a_strangers_is_403(scene: Scene, way: Url) -> None:
    ada, stranger = scene.member(), scene.api.person("Mallory")
    assert is_open_to(scene.open(way(scene, str(ada.token))), ada, scene)
    assert refusal(way(scene, str(stranger.token))) == (403, "not_in_room")


def test_a_subprotocol_takes_a_credential_and_is_echoed(scene: Scene) -> None:
    ada = scene.member()
    for url, credentials in (
        (scene.url(room_id=scene.room_id), [f"bearer.{ada.token}"]),
        (scene.stack.socket_url, [f"ticket.{scene.ticket(ada)['ticket']}"]),
        (scene.ticket(ada)["url"], []),
    ):
        client = scene.open(url, [COWORKING, *credentials])
        assert client.connection.subprotocol == COWORKING
        assert is_open_to(client, ada, scene)


def test_without_a_valid_credential_it_is_401(scene: Scene) -> None:
    """The unit tests of `tickets` and `tokens` cover all forms of credentials."""
    ada = scene.member()
    ticket, room = scene.ticket(ada)["ticket"], {"room_id": scene.room_id}
    for query in (
        *({"ticket": text} for text in ("", "\u0000\u2603" * 20, ticket[:-2], str(ada.token))),
        *(room | {"token": text} for text in (ticket, str(ada.token)[:-2])),
        room,
    ):
        assert refusal(scene.url(**query)) == (401, "unauthorized")
    for offer in ((COWORKING,), (COWORKING, "bearer."), (COWORKING, "ticket.x"), ("bearer.a.b.c",)):
        assert refusal(scene.url(**room), *offer) == (401, "unauthorized")


def test_without_a_seat_it_is_403_and_without_a_room_404(scene: Scene) -> None:
    ada = scene.member()
    url = scene.ticket(ada)["url"]
    ada.leave(scene.room_id)
    assert refusal(url) == (403, "not_in_room")
    for room_id in (NOWHERE, "", "0" * 2000):
        assert refusal(scene.url(room_id=room_id, token=str(ada.token))) == (404, "room_not_found")


def test_five_of_nine_simultaneous_connections_stay(scene: Scene) -> None:
    ada = scene.member()
    urls = [scene.ticket(ada)["url"] for _ in range(9)]
    with ExitStack() as closing:
        clients = at_once(*[partial(open_socket, url) for url in urls])
        for client in clients:
            closing.callback(client.close)
        assert sum(is_served(client) for client in clients) == 5


def is_served(client: SocketClient) -> bool:
    """True if the connection is still on the roster."""
    try:
        return bool(client.ask("ping")["type"] == "pong")
    except ConnectionClosed:
        return False
