"""Unread messages over HTTP and WebSocket: what others send is new, until it is read."""

from tests.fakes.socket_client import Scene, SocketClient
from tests.integration.conftest import walk_rooms

MINE = "/coworking/me/rooms"


def test_messages_are_new_until_they_are_read(scene: Scene, ada: SocketClient, ben: SocketClient) -> None:
    room = scene.owner.see(scene.room_id)
    ada.ask("message", text="hello")
    ada.ask("message", text="@Ben", mentions=[ben.user_id])
    last = ben.settle("message_sent")[-1]["seq"]

    (mine,) = next(walk_rooms(ben.caller, MINE))
    assert mine.pop("room").items() <= (room | {"participant_count": 2}).items()
    assert mine == {"role": "member", "unread": 2, "mentions": 1, "read_seq": 0}
    assert ben.ask("read", seq=last + 1)["data"]["code"] == "invalid_request"
    assert ben.ask("read", seq=last)["type"] == "ack"
    assert ben.sync(last)["you"]["read_seq"] == last
    ben.ask("leave")

    for caller, role in ((ben.caller, None), (ada.caller, "member")):
        (mine,) = next(walk_rooms(caller, MINE))
        assert (mine["role"], mine["unread"], mine["mentions"], mine["read_seq"]) == (role, 0, 0, last)
    assert next(walk_rooms(scene.api.person("Cyd"), MINE)) == []
