"""How users are shown to others."""

from chalicelib.auth import User
from chalicelib.records import Profile
from chalicelib.schemas import Me, ProfileUpdate
from chalicelib.seats import shown_profile
from chalicelib.store import profiles


def me(user: User) -> Me:
    """The caller, as others see them: as they chose, else as their token says."""
    return Me.of(shown_profile(user, profiles.get(user.id)))


def update_me(user: User, request: ProfileUpdate) -> Me:
    """Choose a name and an avatar; they show from the next join on."""
    profile = Profile(user.id, request.name, request.avatar)
    profiles.put(profile)
    return Me.of(profile)
