"""Read and choose profiles."""

from chalicelib.contract import Request
from chalicelib.identity.accounts import require_open_account
from chalicelib.identity.profiles import PROFILES, Profile, display_profile, get_profile
from chalicelib.kernel.errors import ForbiddenError, InvalidRequestError
from chalicelib.profiles.schemas import ProfileUpdate


def read_profile(request: Request) -> Profile:
    """The caller's profile, as others see it."""
    backend, user = request.backend, request.user
    return display_profile(backend.settings, user, get_profile(backend.store, user.id))


def choose_profile(request: Request, body: ProfileUpdate) -> Profile:
    """Store the name and avatar that the caller chose.

    Raises:
        ForbiddenError: names come from the token.
        InvalidRequestError: the avatar is on a host that is not allowed.
        AccountClosingError: the user's data is being deleted.
    """
    backend = request.backend
    if backend.settings.names_from_token:
        raise ForbiddenError("Your name and picture come from your sign-in: change them there")
    if body.avatar is not None and not backend.avatar_hosts.allow(body.avatar):
        raise InvalidRequestError.of("avatar", "must be an absolute path, or on a host that this deployment allows")
    require_open_account(backend.store, request.user.id)
    profile = Profile(request.user.id, body.name, body.avatar)
    backend.store.put(PROFILES, profile)
    return profile
