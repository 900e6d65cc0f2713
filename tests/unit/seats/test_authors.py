"""The avatars of messages come from people, not from messages."""

from unittest.mock import patch

from chalicelib.identity.profiles import PROFILES, Profile
from chalicelib.seats.authors import show_messages
from tests.fakes.backend import MINUTE, NOW, World, on_moto
from tests.fakes.records import make_message, make_participant

LONG = "/" + "x" * 2047


def avatars(world: World, *user_ids: str | None, now: int = NOW) -> list[str | None]:
    """The avatars of messages by these users. Ada is in the room."""
    messages = [make_message("room", user_id=user_id) for user_id in user_ids]
    members = [make_participant("room", avatar="/member.png")]
    return [one.avatar for one in show_messages(world.context("ada", "room", now), messages, members)]


def test_members_are_shown_as_in_the_room_others_as_in_profiles(world: World) -> None:
    for user_id in ("ada", "ben"):
        world.store.put(PROFILES, Profile(user_id, user_id, "/profile.png"))

    assert avatars(world, "ada", "ben", "cyd", None) == ["/member.png", "/profile.png", None, None]


def test_profiles_are_not_shown_if_names_come_from_tokens() -> None:
    with on_moto(names_from_token=True) as world:
        world.store.put(PROFILES, Profile("ben", "Ben", "/profile.png"))
        assert avatars(world, "ada", "ben") == ["/member.png", None]


def test_profiles_are_read_once_in_five_minutes(world: World) -> None:
    with patch.object(world.store, "get_many", wraps=world.store.get_many) as read:
        for _ in range(2):
            avatars(world, "ada", "ben", "cyd")
        avatars(world, "ada", None)
        assert [call.args for call in read.call_args_list] == [(PROFILES, ["ben", "cyd"])]

        world.store.put(PROFILES, Profile("ben", "Ben", "/new.png"))
        assert avatars(world, "ben", now=NOW + 5 * MINUTE) == ["/new.png"]


def test_long_avatars_of_many_authors_are_read_bit_by_bit(world: World) -> None:
    names = [f"user-{number:02}" for number in range(40)]
    for name in names:
        world.store.put(PROFILES, Profile(name, name, LONG))

    shown = [sum(avatar is not None for avatar in avatars(world, *names)) for _ in range(5)]

    assert shown == [11, 22, 33, 40, 40]
