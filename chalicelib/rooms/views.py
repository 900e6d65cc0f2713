"""HTTP: create rooms."""

from chalicelib.contract import Access, Request, Route
from chalicelib.kernel.errors import AccountClosingError, BannedError, RoomNotFoundError, TooManyRoomsError
from chalicelib.rooms import service
from chalicelib.rooms.schemas import RoomCreate, RoomSummary


def create_room(request: Request, body: RoomCreate) -> RoomSummary:
    """Create a room. You may delete it again; you have no seat in it before you join."""
    return service.create_room(request, body)


ROUTES = (
    Route(
        "POST",
        "/coworking/rooms",
        create_room,
        access=Access.USER,
        status=201,
        errors=(AccountClosingError, BannedError, RoomNotFoundError, TooManyRoomsError),
        idempotent=True,
    ),
)
