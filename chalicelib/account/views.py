"""HTTP: a person's data."""

from chalicelib.account import service
from chalicelib.account.schemas import ErasureState
from chalicelib.contract import Access, Request, Route


def erase_me(request: Request) -> ErasureState:
    """Delete your account: your seats, roles, profile and markers. Your messages stay as "Deleted user", without text.

    Rooms that you own go to the moderator who has been one for the longest time. Without a moderator they are closed.
    """
    return service.erase_account(request)


ROUTES = (Route("DELETE", "/coworking/me", erase_me, access=Access.USER, price=400, status=202),)
