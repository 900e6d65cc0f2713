"""Avatars come from hosts that are allowed."""

import pytest

from chalicelib.identity.avatars import AvatarHosts
from chalicelib.identity.profiles import Profile, display_profile
from chalicelib.identity.tokens import User
from chalicelib.kernel.settings import Settings

LISTED = AvatarHosts(
    Settings(avatar_hosts="pictures.example, *.Trusted.example", public_url="https://rooms.example/api")
)
GOOGLE, AUTH0 = "https://accounts.google.com", "https://tenant.eu.auth0.com/"


@pytest.mark.parametrize(
    "avatar",
    [
        *("/a.png", "https://pictures.example/a", "HTTPS://PICTURES.example:443/a", "http://pictures.example"),
        *("https://a.trusted.example/", "https://a.b.trusted.example/", "https://rooms.example/avatars/7.png"),
    ],
)
def test_pictures_of_listed_hosts_are_shown(avatar: str) -> None:
    assert LISTED.show(avatar) == avatar


@pytest.mark.parametrize(
    "avatar",
    [
        *("https://tracker.example/p.png?id=1", "https://pictures.example.evil.example/", "https://trusted.example/"),
        *("https://eviltrusted.example/", "https://pictures.example@evil.example/", "//pictures.example/a"),
        *("https://evil.example#@pictures.example/", "https://evil.example?.trusted.example", "https://[::1]/a", ""),
        *("https://evil.example%2f.trusted.example/", "https://evil.example\uff0f.trusted.example/", "https://[/"),
        *("https://evil.example\\.trusted.example/", "https://evil.example\t.trusted.example/", "javascript:alert(1)"),
    ],
)
def test_pictures_of_other_hosts_are_not_shown(avatar: str) -> None:
    assert LISTED.show(avatar) is None


@pytest.mark.parametrize(
    ("settings", "shown", "hidden"),
    [
        (Settings(), ["/a"], ["https://a.example/", "http://localhost/a"]),
        (Settings(avatar_hosts="*"), ["https://a.example/", "/a"], ["javascript:alert(1)"]),
        (Settings(auth_issuer=GOOGLE), ["https://lh3.googleusercontent.com/a"], ["https://s.gravatar.com/a", GOOGLE]),
        (Settings(auth_issuer=AUTH0), ["https://s.gravatar.com/a"], ["https://auth0.com/", "https://gravatar.com/a"]),
        (Settings(auth_jwks_url="https://id.example/certs"), ["https://id.example/a.png"], ["https://a.example/"]),
        (Settings(auth_issuer=GOOGLE, avatar_hosts="a.example"), ["https://a.example/"], [f"{GOOGLE}/a"]),
        (Settings(auth_issuer="login", auth_jwks_url="https://["), ["/a"], ["https://login/"]),
    ],
)
def test_pictures_of_the_sign_in_service_are_shown(settings: Settings, shown: list[str], hidden: list[str]) -> None:
    hosts = AvatarHosts(settings)
    assert [hosts.allow(avatar) for avatar in [*shown, *hidden]] == [True] * len(shown) + [False] * len(hidden)


TRACKER = "https://tracker.example/p.png"
ADA = User("ada", "Ada", TRACKER, is_admin=False)


def test_a_profile_shows_no_avatar_of_another_host() -> None:
    assert display_profile(Settings(), ADA, None) == Profile("ada", "Ada", None)
    assert display_profile(Settings(), ADA, Profile("ada", "Countess", TRACKER)) == Profile("ada", "Countess", None)


def test_a_stored_name_is_cleaned() -> None:
    for stored, shown in {"Coun\ntess": "Coun tess", "System": "Ada", "\u202e": "Ada"}.items():
        assert display_profile(Settings(), ADA, Profile("ada", stored, None)).name == shown


def test_names_from_the_token_hide_chosen_ones() -> None:
    settings = Settings(names_from_token=True, avatar_hosts="*")
    assert display_profile(settings, ADA, Profile("ada", "Countess", "/a")) == Profile("ada", "Ada", TRACKER)
