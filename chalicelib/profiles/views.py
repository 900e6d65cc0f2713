"""HTTP: the caller's profile."""

from chalicelib.contract import Access, Request, Route
from chalicelib.identity.profiles import PROFILES, Profile, display_profile, get_profile
from chalicelib.profiles.schemas import Me, ProfileUpdate


def get_me(request: Request) -> Me:
    """Get your profile, as others see you. Until you choose a name, it comes from your token."""
    return Me.of(display_profile(request.user, get_profile(request.backend.store, request.user.id)))


def update_me(request: Request, body: ProfileUpdate) -> Me:
    """Choose your name and avatar. They show from your next join on."""
    profile = Profile(request.user.id, body.name, body.avatar)
    request.backend.store.put(PROFILES, profile)
    return Me.of(profile)


ROUTES = (
    Route("GET", "/coworking/me", get_me, access=Access.USER),
    Route("PUT", "/coworking/me", update_me, access=Access.USER),
)
