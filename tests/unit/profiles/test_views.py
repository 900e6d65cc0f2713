"""The name and avatar that others see."""

import pytest

from chalicelib.contract import Request
from chalicelib.identity.tokens import User
from chalicelib.profiles.schemas import Me, ProfileUpdate
from chalicelib.profiles.views import get_me, update_me
from tests.fakes.backend import NOW, World


@pytest.fixture
def request_of_ada(world: World) -> Request:
    request = Request(world.backend, NOW, {}, "", "", {})
    request.__dict__["user"] = User("ada", "Ada", "https://pictures.test/token.png", is_admin=False)
    return request


def test_the_token_names_a_user_without_a_profile(request_of_ada: Request) -> None:
    assert get_me(request_of_ada) == Me(id="ada", name="Ada", avatar="https://pictures.test/token.png")


@pytest.mark.parametrize("avatar", ["/chosen.png", None])
def test_a_chosen_profile_replaces_the_token(request_of_ada: Request, avatar: str | None) -> None:
    chosen = Me(id="ada", name="Countess", avatar=avatar)

    assert update_me(request_of_ada, ProfileUpdate(name="Countess", avatar=avatar)) == chosen
    assert get_me(request_of_ada) == chosen


def test_a_chosen_profile_shows_from_the_next_join_on(world: World, request_of_ada: Request) -> None:
    room_id = world.open_room()
    world.join("ada", room_id)

    update_me(request_of_ada, ProfileUpdate(name="Countess"))
    assert world.member("ada", room_id).name == "Ada"

    world.leave("ada", room_id)
    world.join("ada", room_id)
    assert world.member("ada", room_id).name == "Countess"
