"""Ways into the WebSocket API, and how it refuses, over the local stack."""

from collections.abc import Callable
from contextlib import ExitStack
from functools import partial

import pytest
from websockets.exceptions import ConnectionClosed

from tests.fakes.clients import Caller
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
    assert client.connection.subprotocol is None
    assert is_open_to(client, ada, scene)


def test_a_ticket_opens_one_connection_once(scene: Scene) -> None:
    url = scene.ticket(scene.member())["url"]
    scene.open(url)
    refused = refusal(url)
    assert (refused.status, refused.problem["code"]) == (401, "unauthorized")


def test_a_ticket_used_six_times_at_once_opens_one_connection(scene: Scene) -> None:
    url = scene.ticket(scene.member())["url"]
    assert sorted(at_once(*[lambda: outcome(url)] * 6)) == [101] + [401] * 5


def test_a_ticket_opens_its_own_room_whatever_the_url_says(scene: Scene) -> None:
    ada = scene.member()
    elsewhere = ada.make_room()["id"]
    client = scene.open(scene.url(ticket=scene.ticket(ada)["ticket"], room_id=elsewhere))
    assert is_open_to(client, ada, scene)


def test_a_token_connects(scene: Scene, way_with_a_token: Url) -> None:
    ada = scene.member()
    assert is_open_to(scene.open(way_with_a_token(scene, str(ada.token))), ada, scene)


@pytest.mark.parametrize("way", ["bearer", "ticket", "in the URL"])
def test_the_subprotocol_takes_a_credential_and_the_version_is_echoed(scene: Scene, way: str) -> None:
    ada = scene.member()
    if way == "bearer":
        client = scene.open(scene.url(room_id=scene.room_id), [COWORKING, f"bearer.{ada.token}"])
    elif way == "ticket":
        client = scene.open(scene.stack.socket_url, [COWORKING, f"ticket.{scene.ticket(ada)['ticket']}"])
    else:
        client = scene.open(scene.ticket(ada)["url"], [COWORKING])
    assert client.connection.subprotocol == COWORKING
    assert is_open_to(client, ada, scene)


def test_an_invalid_ticket_or_token_is_401(scene: Scene) -> None:
    """The unit tests of `tickets` and `auth` have every form of them."""
    ada = scene.member()
    ticket = scene.ticket(ada)["ticket"]
    for query in (
        {"ticket": ""},
        {"ticket": "\u0000\u2603" * 20},
        {"ticket": ticket[:-2]},
        {"ticket": str(ada.token)},
        {"room_id": scene.room_id, "token": ticket},
        {"room_id": scene.room_id, "token": str(ada.token)[:-2]},
    ):
        refused = refusal(scene.url(**query))
        assert (refused.status, refused.problem["code"]) == (401, "unauthorized")


def test_without_a_credential_it_is_401(scene: Scene) -> None:
    refused = refusal(scene.url(room_id=scene.room_id))
    assert (refused.status, refused.problem["code"]) == (401, "unauthorized")


@pytest.mark.parametrize("offer", [(COWORKING,), (COWORKING, "bearer."), (COWORKING, "ticket.x"), ("bearer.a.b.c",)])
def test_a_subprotocol_without_a_valid_credential_is_401(scene: Scene, offer: tuple[str, ...]) -> None:
    assert refusal(scene.url(room_id=scene.room_id), *offer).status == 401


def test_a_token_of_a_stranger_is_403(scene: Scene, way_with_a_token: Url) -> None:
    stranger = scene.api.person("Mallory")
    refused = refusal(way_with_a_token(scene, str(stranger.token)))
    assert (refused.status, refused.problem["code"]) == (403, "not_in_room")


def test_a_ticket_of_somebody_who_left_is_403(scene: Scene) -> None:
    ada = scene.member()
    url = scene.ticket(ada)["url"]
    ada.leave(scene.room_id)
    refused = refusal(url)
    assert (refused.status, refused.problem["code"]) == (403, "not_in_room")


@pytest.mark.parametrize("room_id", [ROOM_OF_NOBODY, "", "0" * 2000])
def test_a_room_that_does_not_exist_is_404(scene: Scene, room_id: str) -> None:
    refused = refusal(scene.url(room_id=room_id, token=str(scene.member().token)))
    assert (refused.status, refused.problem["code"]) == (404, "room_not_found")


def test_a_room_id_in_capitals_names_the_same_room(scene: Scene) -> None:
    ada = scene.member()
    client = scene.open(scene.url(room_id=scene.room_id.upper(), token=str(ada.token)))
    assert is_open_to(client, ada, scene)


def test_a_sixth_connection_closes_the_oldest_and_nobody_hears_of_a_leave(scene: Scene) -> None:
    ada, ben = scene.member(), scene.enter("Ben")
    oldest, *others = [scene.connect(ada) for _ in range(5)]
    sixth = scene.connect(ada)
    end = oldest.wait_end()
    assert end.types[-1] == "bye"
    assert end.frames[-1]["data"]["code"] == "replaced"
    for client in [*others, sixth]:
        assert "bye" not in [frame["type"] for frame in client.settle()]
    assert {frame["type"] for frame in ben.settle()} == {"user-joined"}


def test_of_nine_connections_opened_at_once_five_stay(scene: Scene) -> None:
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
