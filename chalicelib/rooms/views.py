"""HTTP: list and create rooms."""

from urllib.parse import urlencode

from chalicelib.contract import Access, Reply, Request, Route
from chalicelib.kernel.errors import InvalidCursorError, RoomNotFoundError
from chalicelib.rooms import service
from chalicelib.rooms.schemas import RoomCreate, RoomsQuery, RoomSummary


def list_rooms(request: Request, query: RoomsQuery) -> Reply[list[RoomSummary]]:
    """List the active rooms, oldest first.

    If there is a next page, its address is in the `Link` header with `rel="next"`.
    """
    page = service.list_rooms(request, query)
    return Reply(page.rooms, _next_link(request, query.limit, page.next_cursor) if page.next_cursor else {})


def create_room(request: Request, body: RoomCreate) -> RoomSummary:
    """Create a room. You may delete it again; you have no seat in it before you join."""
    return service.create_room(request, body)


def _next_link(request: Request, limit: int, cursor: str) -> dict[str, str]:
    target = f"{request.base_url}{request.route_path}?{urlencode({'limit': limit, 'cursor': cursor})}"
    return {"Link": f'<{target}>; rel="next"'}


ROUTES = (
    Route("GET", "/coworking/rooms", list_rooms, access=Access.USER, price=10, errors=(InvalidCursorError,)),
    Route(
        "POST",
        "/coworking/rooms",
        create_room,
        access=Access.USER,
        status=201,
        errors=(RoomNotFoundError,),
        idempotent=True,
    ),
)
