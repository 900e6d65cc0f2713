"""The name and avatar that others see."""

import pytest

from chalicelib.contract import Request
from chalicelib.identity.profiles import get_profile
from chalicelib.identity.tokens import User
from chalicelib.kernel.errors import ForbiddenError, InvalidRequestError
from chalicelib.profiles.schemas import Me, ProfileUpdate
from chalicelib.profiles.views import get_me, update_me
from tests.fakes.backend import NOW, World, on_moto


@pytest.fixture
def request_of_ada(world: World) -> Request:
    return request_of(world)


def request_of(world: World) -> Request:
    request = Request(world.backend, NOW, {}, "", "", {})
    request.__dict__["user"] = User("ada", "Ada", "/token.png", is_admin=False)
    return request


def test_the_token_names_a_user_without_a_profile(request_of_ada: Request) -> None:
    assert get_me(request_of_ada) == Me(id="ada", name="Ada", avatar="/token.png")


@pytest.mark.parametrize("avatar", ["/chosen.png", None])
def test_a_chosen_profile_replaces_the_token(request_of_ada: Request, avatar: str | None) -> None:
    chosen = Me(id="ada", name="Countess", avatar=avatar)

    assert update_me(request_of_ada, ProfileUpdate(name="Countess", avatar=avatar)) == chosen
    assert get_me(request_of_ada) == chosen


def test_an_avatar_of_another_host_is_refused(world: World, request_of_ada: Request) -> None:
    with pytest.raises(InvalidRequestError, match="avatar must be an absolute path, or on a host") as caught:
        update_me(request_of_ada, ProfileUpdate(name="Ada", avatar="https://tracker.example/p.png?id=1"))
    assert caught.value.errors[0]["loc"] == ["avatar"]
    assert get_profile(world.store, "ada") is None


def test_a_name_from_the_token_cannot_be_changed() -> None:
    with on_moto(names_from_token=True) as world:
        with pytest.raises(ForbiddenError, match="come from your sign-in: change them there"):
            update_me(request_of(world), ProfileUpdate(name="Countess"))
        assert get_me(request_of(world)).name == "Ada"


def test_a_chosen_profile_shows_from_the_next_join_on(world: World, request_of_ada: Request) -> None:
    room_id = world.open_room()
    world.join("ada", room_id)

    update_me(request_of_ada, ProfileUpdate(name="Countess"))
    assert world.member("ada", room_id).name == "Ada"

    world.leave("ada", room_id)
    world.join("ada", room_id)
    assert world.member("ada", room_id).name == "Countess"
