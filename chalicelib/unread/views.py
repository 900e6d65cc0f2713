"""HTTP: the caller's rooms."""

from chalicelib.contract import Access, Request, Route
from chalicelib.unread import service
from chalicelib.unread.schemas import MyRoom


def list_my_rooms(request: Request) -> list[MyRoom]:
    """List your rooms, with how many messages are new: where you have a role or a seat, or have read something.

    The last visited comes first. There are 100 at most, and fewer if they do not fit into an answer.
    """
    return service.list_my_rooms(request)


ROUTES = (Route("GET", "/coworking/me/rooms", list_my_rooms, access=Access.USER),)
