"""HTTP: the caller's profile."""

from chalicelib.contract import Access, Request, Route
from chalicelib.kernel.errors import AccountClosingError, ForbiddenError
from chalicelib.profiles.schemas import Me, ProfileUpdate
from chalicelib.profiles.service import choose_profile, read_profile


def get_me(request: Request) -> Me:
    """Get your profile, as others see you. Until you choose a name, it comes from your token."""
    return Me.of(read_profile(request))


def update_me(request: Request, body: ProfileUpdate) -> Me:
    """Choose your name and avatar. They show from your next join on."""
    return Me.of(choose_profile(request, body))


ROUTES = (
    Route("GET", "/coworking/me", get_me, access=Access.USER),
    Route("PUT", "/coworking/me", update_me, access=Access.USER, errors=(AccountClosingError, ForbiddenError)),
)
