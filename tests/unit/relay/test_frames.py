"""Relayed frames: what they cost, how large they may be, and which leases they renew."""

import json

import pytest

from chalicelib.api.frames import MAX_FRAME_BYTES
from chalicelib.log.table import MESSAGES
from chalicelib.relay.frames import MAX_BYTES_TO_ALL
from chalicelib.seats.leases import RENEW_EVERY_MS
from tests.fakes.backend import HTTP_LEASE, MINUTE, NOW, SECOND, World
from tests.fakes.bodies import FIELDS
from tests.fakes.faults import Faults
from tests.fakes.records import make_message

KINDS = [*FIELDS, "offer", "answer", "ice-candidate", "wave", "user-joined"]


@pytest.mark.parametrize("kind", ["wave", "offer"])
@pytest.mark.parametrize("is_cached", [True, False])
def test_a_relayed_frame_costs_one_read_of_the_roster(
    world: World, room_id: str, ada: str, ben: str, kind: str, is_cached: bool
) -> None:
    world.send(ada, "sync")
    world.fanout.forget()
    if not is_cached:
        world.restart()
    with Faults(world.store.connection) as faults:
        world.send(ada, kind, roomId=room_id)
    assert [operation for operation, _ in faults.tries] == ["Query"]
    assert world.fanout.types(ben) == [kind]


def test_frames_other_than_ping_leave_a_socket_lease_alone(world: World, room_id: str, ada: str) -> None:
    world.send(ada, "ping")
    before = world.member("ada", room_id).lease_expires_at
    for kind in KINDS:
        world.send(ada, kind, NOW + MINUTE + SECOND, **FIELDS.get(kind, {}))
    assert world.member("ada", room_id).lease_expires_at == before


@pytest.mark.parametrize("kind", KINDS)
def test_every_frame_renews_an_http_lease_once_a_minute(world: World, room_id: str, ada: str, kind: str) -> None:
    world.grant("ada", room_id, "moderator")
    renewed = []
    world.store.put(MESSAGES, make_message(room_id, 1))  # what `edit`, `delete` and `react` change
    for at in (NOW + RENEW_EVERY_MS - 1, NOW + RENEW_EVERY_MS + 1, NOW + RENEW_EVERY_MS + 2):
        world.send(ada, kind, at, **FIELDS.get(kind, {}))
        renewed.append(world.member("ada", room_id).lease_expires_at)
    assert renewed == [NOW + HTTP_LEASE, *[NOW + RENEW_EVERY_MS + 1 + HTTP_LEASE] * 2]


def test_a_frame_that_grows_too_large_for_a_post_is_refused(world: World, ada: str, ben: str) -> None:
    numbers = ",".join(["1e15"] * 6000)
    text = '{"type": "offer", "data": [' + numbers + "]}"
    assert len(text) < MAX_FRAME_BYTES
    (error,) = world.receive(ada, text)
    assert error["data"]["code"] == "too_large"
    assert world.fanout.frames(ben) == []


@pytest.mark.parametrize("user_id", ["u" * 128, "\U0001f600" * 128, "\u0001" * 128])
def test_the_largest_frame_is_relayed_with_the_longest_user_id(world: World, room_id: str, user_id: str) -> None:
    assert (MAX_FRAME_BYTES, MAX_BYTES_TO_ALL) == (32_000, 8_000)
    ben = world.enter("ben", room_id)
    world.join(user_id, room_id)
    sender = world.connect(user_id, room_id, connection_id="bSzPqfc5oAMCKrg=")
    for kind, largest in (("offer", MAX_FRAME_BYTES), ("wave", MAX_BYTES_TO_ALL), ("user-joined", MAX_BYTES_TO_ALL)):
        bare = json.dumps({"type": kind, "text": ""}, separators=(",", ":"))
        text = bare.replace('""', '"' + "x" * (largest - len(bare)) + '"')
        assert world.receive(sender, text) == []
        assert world.fanout.last(ben)["from"] == user_id


@pytest.mark.parametrize("to", [None, "", 7, True, ["ben"], {"id": "ben"}, "x" * 129])
def test_a_to_that_is_no_address_is_left_to_the_client(world: World, ada: str, ben: str, to: object) -> None:
    for kind in ("wave", "typing"):
        assert world.send(ada, kind, to=to, is_typing=True) == []
        assert world.fanout.last(ben)["to"] == to
        (error,) = world.send(ada, kind, to=to, is_typing=True, text="x" * MAX_BYTES_TO_ALL)
        assert error["data"]["code"] == "too_large"


@pytest.mark.parametrize("kind", ["publish", "JOIN", "userJoined", "Message_Sent"])
def test_a_type_of_the_clients_own_may_have_its_own_addresses(world: World, ada: str, ben: str, kind: str) -> None:
    """y-webrtc sends `publish` with its own ids of peers under `data`."""
    data = {"type": "signal", "from": "peer-1", "to": "peer-2", "signal": {"sdp": "v=0"}}
    assert world.send(ada, kind, topic="notes", data=data) == []
    assert world.fanout.last(ben)["data"] == data
    (error,) = world.send(ada, kind, to="peer-2", data=data)
    assert error["data"]["code"] == "peer_unavailable"
    large = data | {"signal": "x" * MAX_BYTES_TO_ALL}
    (error,) = world.send(ada, kind, data=large)
    assert error["data"]["code"] == "too_large"
    assert world.send(ada, kind, data=large | {"to": "ben"}) == []
    assert world.fanout.last(ben)["data"]["to"] == "ben"
