"""How users are shown."""

import pytest

from chalicelib import profiles
from chalicelib.auth import User
from chalicelib.schemas import Me, ProfileUpdate
from tests.fakes.backend import NOW, World

ADA = User("ada", "Ada", "https://pictures.test/token.png", is_admin=False)


def test_somebody_who_chose_nothing_is_shown_as_their_token_says(world: World) -> None:
    assert profiles.me(ADA) == Me(id="ada", name="Ada", avatar="https://pictures.test/token.png")


@pytest.mark.parametrize("avatar", ["/chosen.png", None])
def test_a_choice_counts_for_more_than_the_token(world: World, avatar: str | None) -> None:
    chosen = Me(id="ada", name="Countess", avatar=avatar)

    assert profiles.update_me(ADA, ProfileUpdate(name="Countess", avatar=avatar)) == chosen
    assert profiles.me(ADA) == chosen


def test_a_choice_shows_from_the_next_join_on(world: World) -> None:
    room_id = world.open_room()
    world.join("ada", room_id)

    profiles.update_me(ADA, ProfileUpdate(name="Countess"))
    assert world.member("ada", room_id).name == "Ada"

    world.leave("ada", room_id)
    world.join("ada", room_id, NOW)
    assert world.member("ada", room_id).name == "Countess"
