"""The `profiles` table."""

import pytest

from chalicelib.identity.profiles import Profile
from chalicelib.store import profiles
from tests.fakes.backend import World


def test_somebody_who_chose_nothing_has_no_profile(store: World) -> None:
    assert profiles.get("ada") is None


@pytest.mark.parametrize("avatar", ["https://pictures.test/ada.png", None])
def test_a_profile_comes_back_as_chosen(store: World, avatar: str | None) -> None:
    profiles.put(Profile("ada", "Ada", "/old.png"))
    chosen = Profile("ada", "Ada L.", avatar)

    profiles.put(chosen)

    assert profiles.get("ada") == chosen
