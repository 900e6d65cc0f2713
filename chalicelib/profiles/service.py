"""Read and change the caller's profile."""

from chalicelib.contract import Request
from chalicelib.identity.profiles import PROFILES, Profile, display_profile, get_profile
from chalicelib.profiles.schemas import Me, ProfileUpdate


def get_me(request: Request) -> Me:
    """The caller, as others see them."""
    return Me.of(display_profile(request.user, get_profile(request.backend.store, request.user.id)))


def update_me(request: Request, body: ProfileUpdate) -> Me:
    """Choose a name and an avatar. They show from the next join on."""
    profile = Profile(request.user.id, body.name, body.avatar)
    request.backend.store.put(PROFILES, profile)
    return Me.of(profile)
