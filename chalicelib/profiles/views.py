"""HTTP: the caller's profile."""

from chalicelib.contract import Access, Request, Route
from chalicelib.profiles import service
from chalicelib.profiles.schemas import Me, ProfileUpdate


def get_me(request: Request) -> Me:
    """Get your profile, as others see you."""
    return service.get_me(request)


def update_me(request: Request, body: ProfileUpdate) -> Me:
    """Choose your name and avatar. They show from your next join on."""
    return service.update_me(request, body)


ROUTES = (
    Route("GET", "/coworking/me", get_me, access=Access.USER),
    Route("PUT", "/coworking/me", update_me, access=Access.USER),
)
