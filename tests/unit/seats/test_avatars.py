"""Rows may hold avatars from before the present setting."""

import json
from dataclasses import replace

from chalicelib.api import http
from chalicelib.backend import Backend
from chalicelib.chat.service import send_message
from chalicelib.identity.tokens import User
from chalicelib.seats import service
from tests.fakes.backend import NOW, on_moto
from tests.fakes.events import route_of

TRACKER = "https://tracker.example/p.png?id=1"


def test_an_avatar_whose_host_is_not_allowed_any_more_is_not_shown() -> None:
    with on_moto(avatar_hosts="*") as world:
        room_id = world.open_room()
        context = world.context("ada", room_id)
        service.join(context, User("ada", "Ada", TRACKER, is_admin=False))
        connection = world.connect("ada", room_id)
        send_message(context, "hello", "text", None)
        (answer,) = world.send(connection, "sync")
        assert json.dumps(answer).count(TRACKER) == 2
        assert world.member("ada", room_id).avatar == TRACKER

        settings = replace(world.backend.settings, avatar_hosts="pictures.example")
        world.backend = Backend(settings, world.store, world.fanout)
        send_message(world.context("ada", room_id, NOW + 1), "again", "text", None)
        world.send(connection, "sync")
        for frame in world.fanout.frames(connection)[-2:]:
            assert TRACKER not in json.dumps(frame)
        detail = service.get_room_detail(world.context("ada", room_id))
        body = http._respond(world.backend, route_of("seats_get_room"), detail).body
        assert [shown["avatar"] for key in ("participants", "messages") for shown in json.loads(body)[key]][:3] == [
            None
        ] * 3
