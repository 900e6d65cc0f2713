"""Clients that were written before this service, for the same contract, run unchanged on the local stack.

An HTTP-only front end that does not poll, a WebRTC class that waits for `user-joined` and sends nothing before, and
the signalling client of y-webrtc.
"""

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from tests.fakes.clients import ROOMS, Api, Caller, Json, expect
from tests.fakes.socket_client import Frame, RefusedError, SocketClient, open_socket


class FrontEnd:
    """Reads the first page of the list, ignores `Link`, joins with a body of its own, and finds `websocket_url`."""

    def __init__(self, caller: Caller) -> None:
        self.caller = caller

    def list_rooms(self) -> list[Json]:
        rooms: list[Json] = self.caller.get(ROOMS).json()
        return rooms

    def make_room(self, name: str) -> str:
        """Create a room as forms do: an empty field is `null`, and the colour is a class of the style sheet."""
        form = {"name": name, "description": None, "max_participants": 4, "color": "bg-blue-50/50"}
        return str(expect(201, self.caller.post(ROOMS, form))["id"])

    def join(self, room_id: str, **options: Any) -> Json:
        return expect(200, self.caller.post(f"{ROOMS}/{room_id}/join", **options))


class WebRtc:
    """Opens a WebSocket with a token, calls each peer that is announced, and answers calls. It sends nothing else."""

    def __init__(self, caller: Caller, socket_url: str, room_id: str) -> None:
        self.socket: SocketClient = open_socket(
            f"{socket_url}/room/{room_id}?token={caller.token}&join=1", caller=caller
        )

    def wait_peer(self) -> str:
        return str(self.socket.wait("user-joined")["data"]["userId"])

    def call(self, user_id: str) -> None:
        self.socket.send("offer", to=user_id, data={"sdp": "v=0"})

    def answer(self) -> Frame:
        offer = self.socket.wait("offer")
        self.socket.send("answer", to=offer["from"], data={"sdp": "v=0"})
        return offer


class YWebrtc(WebRtc):
    """Subscribes to a topic, and publishes `announce` and `signal` there, as y-webrtc does."""

    def publish(self, kind: str, **data: str) -> None:
        self.socket.send("publish", topic="notes", data={"type": kind, "from": self.socket.user_id, **data})

    def announce(self) -> None:
        self.socket.send("subscribe", topics=["notes"])
        self.publish("announce")

    def wait_published(self, kind: str) -> Frame:
        published = self.socket.wait(lambda frame: frame["type"] == "publish" and frame["data"]["type"] == kind)
        assert published["topic"] == "notes"
        data: Frame = published["data"]
        return data


@pytest.fixture
def closing() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def enter(closing: ExitStack, api: Api, room_id: str, name: str) -> YWebrtc:
    peer = YWebrtc(api.person(name), api.stack.socket_url, room_id)
    closing.callback(peer.socket.close)
    return peer


def test_a_front_end_sees_its_new_room_and_joins_it(api: Api) -> None:
    ada = FrontEnd(api.person("Ada"))
    room_id = ada.make_room("Mine")

    rooms = ada.list_rooms()
    own = [room["created_by"] is None for room in rooms]
    assert own == sorted(own, reverse=True), "the default rooms are first"
    newest = next(room for room in rooms if room["created_by"] is not None)
    assert (newest["id"], newest["description"], newest["color"]) == (room_id, "", "bg-blue-50/50")

    form = {"content": "room=1", "headers": {"Content-Type": "application/x-www-form-urlencoded"}}
    bodies: list[dict[str, Any]] = [{}, {"body": {}}, {"body": []}, {"content": "null"}, {"content": "{"}, form]
    for options in bodies:
        answer = ada.join(room_id, **options)
        assert answer["websocket_url"] == answer["websocket"]["url"]
    refused = ada.caller.post(f"{ROOMS}/{room_id}/join", {"expects_socket": "yes"})
    assert expect(422, refused)["errors"][0]["loc"] == ["expects_socket"]


def test_front_ends_whose_tokens_have_no_name_find_themselves(api: Api) -> None:
    """They take the participant with their own name for themselves."""
    room_id = api.person("Olga").make_room()["id"]
    guests = [FrontEnd(api.bearer(api.stack.token(f"guest-{number}"))) for number in range(2)]
    names = [person["name"] for guest in guests for person in guest.join(room_id)["room"]["participants"][-1:]]
    assert [guest.caller.get("/coworking/me").json()["name"] for guest in guests] == names
    assert len(set(names)) == 2


def test_two_webrtc_clients_that_send_nothing_find_each_other(api: Api, closing: ExitStack) -> None:
    room_id = api.person("Olga").make_room(max_participants=2)["id"]
    ada = enter(closing, api, room_id, "Ada")
    ben = enter(closing, api, room_id, "Ben")

    assert ada.wait_peer() == ben.socket.user_id
    ada.call(ben.socket.user_id)
    assert ben.answer()["from"] == ada.socket.user_id
    assert ada.socket.wait("answer")["from"] == ben.socket.user_id

    for kind in ("signal", "chat:message", "userJoined", "JOIN"):
        ben.socket.send(kind, to=ada.socket.user_id, data={"n": 1})
        assert ada.socket.wait(kind)["to"] == ada.socket.user_id
    ada.socket.send_text("ping")
    assert ada.socket.connection.recv() == "pong"

    with pytest.raises(RefusedError) as refused:
        enter(closing, api, room_id, "Cyd")
    assert (refused.value.status, refused.value.problem["code"]) == (409, "room_full")


def test_a_client_that_only_has_a_socket_comes_back_after_its_seat_is_lost(api: Api, closing: ExitStack) -> None:
    olga = api.person("Olga")
    room_id = olga.make_room()["id"]
    ada = enter(closing, api, room_id, "Ada")
    ada.socket.caller.leave(room_id)
    assert ada.socket.wait_end().types[-1] == "bye"

    again = WebRtc(ada.socket.caller, api.stack.socket_url, room_id)
    closing.callback(again.socket.close)
    assert [one["id"] for one in olga.see(room_id)["participants"]] == [ada.socket.user_id]


def test_clients_of_y_webrtc_find_and_signal_one_another(api: Api, closing: ExitStack) -> None:
    room_id = api.person("Olga").make_room()["id"]
    ada, ben = (enter(closing, api, room_id, name) for name in ("Ada", "Ben"))
    for peer in (ada, ben):
        peer.announce()

    assert ada.wait_published("announce")["from"] == ben.socket.user_id
    ada.publish("signal", to=ben.socket.user_id)
    assert ben.wait_published("announce")["from"] == ada.socket.user_id
    assert ben.wait_published("signal")["to"] == ben.socket.user_id
    ada.socket.send("ping")
    assert ada.socket.wait("pong")["type"] == "pong"
