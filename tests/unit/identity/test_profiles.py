"""How a user is shown to others."""

import pytest

from chalicelib.identity.profiles import PROFILES, Profile, display_profile, get_profile
from chalicelib.identity.tokens import User
from tests.fakes.backend import World


def test_a_user_without_a_profile_has_none(store: World) -> None:
    assert get_profile(store.store, "ada") is None


@pytest.mark.parametrize("avatar", ["https://pictures.test/ada.png", None])
def test_a_profile_is_stored_as_chosen(store: World, avatar: str | None) -> None:
    chosen = Profile("ada", "Ada L.", avatar)
    for profile in (Profile("ada", "Ada", "/old.png"), chosen):
        store.store.put(PROFILES, profile)

    assert get_profile(store.store, "ada") == chosen


def test_the_chosen_profile_comes_before_the_token() -> None:
    user, chosen = User("ada", "Ada", "/token.png", is_admin=False), Profile("ada", "Countess", None)

    assert display_profile(user, chosen) == chosen
    assert display_profile(user, None) == Profile("ada", "Ada", "/token.png")
