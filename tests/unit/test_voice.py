"""Microphones."""

from collections.abc import Callable
from typing import Any

import pytest

from chalicelib import voice
from chalicelib.errors import MutedError, NotInRoomError, RoomNotFoundError
from tests.fakes.backend import MINUTE, NOW, World

NOWHERE = "00000000-0000-4000-8000-000000000000"
HTTP_LEASE = 15 * MINUTE
Act = Callable[..., Any]


@pytest.fixture
def room_id(world: World) -> str:
    made = world.open_room()
    world.join("ada", made)
    return made


@pytest.fixture
def there(world: World, room_id: str) -> str:
    """The connection of somebody else, who has been told nothing yet."""
    return world.enter("bob", room_id)


def mute(world: World, room_id: str, is_muted: bool, now: int = NOW, *, by: str = "ada") -> None:
    voice.set_muted(world.backend, by, room_id, is_muted, now)


def speak(world: World, room_id: str, is_speaking: bool, now: int = NOW, *, by: str = "ada") -> None:
    voice.set_speaking(world.backend, by, room_id, is_speaking, now)


def state(world: World, room_id: str) -> tuple[bool, bool]:
    """Muted, speaking."""
    member = world.member("ada", room_id)
    return member.is_muted, member.is_speaking


def test_unmuting_is_told_to_the_room(world: World, room_id: str, there: str) -> None:
    mute(world, room_id, False)

    assert state(world, room_id) == (False, False)
    frame = world.fanout.last(there)
    assert (frame["type"], frame["from"], frame["data"]) == (
        "mic_toggled",
        "ada",
        {"user_id": "ada", "is_muted": False},
    )


def test_speaking_is_told_to_the_room(world: World, room_id: str, there: str) -> None:
    mute(world, room_id, False)
    speak(world, room_id, True)

    assert state(world, room_id) == (False, True)
    frame = world.fanout.last(there)
    assert (frame["type"], frame["data"]) == ("speaking_changed", {"user_id": "ada", "is_speaking": True})


def test_muting_also_ends_speaking_and_both_are_told(world: World, room_id: str, there: str) -> None:
    mute(world, room_id, False)
    speak(world, room_id, True)
    world.fanout.forget()

    mute(world, room_id, True)

    assert state(world, room_id) == (True, False)
    assert world.fanout.types(there) == ["mic_toggled", "speaking_changed"]
    assert world.fanout.last(there)["data"] == {"user_id": "ada", "is_speaking": False}


def test_falling_silent_is_told_to_the_room(world: World, room_id: str, there: str) -> None:
    mute(world, room_id, False)
    speak(world, room_id, True)

    speak(world, room_id, False)

    assert state(world, room_id) == (False, False)
    assert world.fanout.last(there)["data"] == {"user_id": "ada", "is_speaking": False}


def test_speaking_while_muted_is_refused(world: World, room_id: str, there: str) -> None:
    with pytest.raises(MutedError) as raised:
        speak(world, room_id, True)

    assert (raised.value.status, raised.value.code) == (409, "muted")
    assert state(world, room_id) == (True, False)
    assert world.fanout.types(there) == []


def test_being_silent_while_muted_is_not(world: World, room_id: str) -> None:
    speak(world, room_id, False)

    assert state(world, room_id) == (True, False)


def test_what_does_not_change_is_not_told(world: World, room_id: str, there: str) -> None:
    mute(world, room_id, True)
    speak(world, room_id, False)

    assert world.fanout.types(there) == []


@pytest.mark.parametrize("act", [mute, speak])
def test_a_microphone_needs_a_seat(world: World, room_id: str, act: Act) -> None:
    with pytest.raises(NotInRoomError) as raised:
        act(world, room_id, False, by="eve")
    assert (raised.value.status, raised.value.code) == (403, "not_in_room")
    with pytest.raises(NotInRoomError):
        act(world, room_id, False, NOW + HTTP_LEASE)
    with pytest.raises(RoomNotFoundError):
        act(world, NOWHERE, False)


def test_speaking_without_a_seat_is_not_a_matter_of_being_muted(world: World, room_id: str) -> None:
    with pytest.raises(NotInRoomError):
        speak(world, room_id, True, by="eve")
    with pytest.raises(NotInRoomError):
        speak(world, room_id, True, NOW + HTTP_LEASE)


def test_using_the_microphone_keeps_the_seat(world: World, room_id: str) -> None:
    mute(world, room_id, False, NOW + 2 * MINUTE)
    assert world.member("ada", room_id).lease_expires_at == NOW + 2 * MINUTE + HTTP_LEASE

    speak(world, room_id, True, NOW + 4 * MINUTE)
    assert world.member("ada", room_id).lease_expires_at == NOW + 4 * MINUTE + HTTP_LEASE


def test_a_push_that_fails_does_not_fail_the_microphone(world: World, room_id: str, there: str) -> None:
    world.fanout.error = ConnectionError("no network")

    mute(world, room_id, False)
    speak(world, room_id, True)

    assert state(world, room_id) == (False, True)
