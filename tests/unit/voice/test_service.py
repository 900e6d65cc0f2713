"""Microphones: mute and unmute, start and stop speaking."""

import pytest

from chalicelib.kernel.errors import MutedError
from chalicelib.voice import service
from chalicelib.voice.schemas import MicToggleRequest, SpeakingStatusRequest
from tests.fakes.backend import HTTP_LEASE, MINUTE, NOW, World


@pytest.fixture
def room_id(world: World) -> str:
    made = world.open_room()
    world.join("ada", made)
    return made


@pytest.fixture
def there(world: World, room_id: str) -> str:
    """The connection of another member."""
    return world.enter("bob", room_id)


def mute(world: World, room_id: str, is_muted: bool, now: int = NOW, *, by: str = "ada") -> None:
    service.set_muted(world.context(by, room_id, now), MicToggleRequest(is_muted=is_muted))


def speak(world: World, room_id: str, is_speaking: bool, now: int = NOW, *, by: str = "ada") -> None:
    service.set_speaking(world.context(by, room_id, now), SpeakingStatusRequest(is_speaking=is_speaking))


def state(world: World, room_id: str) -> tuple[bool, bool]:
    """`is_muted` and `is_speaking` of Ada."""
    member = world.member("ada", room_id)
    return member.is_muted, member.is_speaking


def test_each_change_is_broadcast_to_the_room(world: World, room_id: str, there: str) -> None:
    for act, value, kind, field in (
        (mute, False, "mic_toggled", "is_muted"),
        (speak, True, "speaking_changed", "is_speaking"),
        (speak, False, "speaking_changed", "is_speaking"),
    ):
        act(world, room_id, value)
        frame = world.fanout.last(there)
        assert (frame["type"], frame["from"], frame["data"]) == (kind, "ada", {"user_id": "ada", field: value})
        assert state(world, room_id) == (False, act is speak and value)


def test_muting_ends_speaking_and_both_are_broadcast(world: World, room_id: str, there: str) -> None:
    mute(world, room_id, False)
    speak(world, room_id, True)
    world.fanout.forget()

    mute(world, room_id, True)

    assert state(world, room_id) == (True, False)
    assert world.fanout.types(there) == ["mic_toggled", "speaking_changed"]
    assert world.fanout.last(there)["data"] == {"user_id": "ada", "is_speaking": False}


def test_speaking_while_muted_is_refused(world: World, room_id: str, there: str) -> None:
    with pytest.raises(MutedError):
        speak(world, room_id, True)
    assert state(world, room_id) == (True, False)
    assert world.fanout.types(there) == []


def test_a_call_without_a_change_is_not_broadcast(world: World, room_id: str, there: str) -> None:
    mute(world, room_id, True)
    speak(world, room_id, False)

    assert state(world, room_id) == (True, False)
    assert world.fanout.types(there) == []


def test_using_the_microphone_renews_the_lease(world: World, room_id: str) -> None:
    mute(world, room_id, False, NOW + 2 * MINUTE)
    assert world.member("ada", room_id).lease_expires_at == NOW + 2 * MINUTE + HTTP_LEASE

    speak(world, room_id, True, NOW + 4 * MINUTE)
    assert world.member("ada", room_id).lease_expires_at == NOW + 4 * MINUTE + HTTP_LEASE
