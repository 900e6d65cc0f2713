"""HTTP: look into a room, join, leave, request a ticket."""

from chalicelib.contract import Access, Request, Route, Success
from chalicelib.kernel.errors import (
    NothingToLeaveError,
    NotInRoomError,
    RoomFullError,
    RoomInactiveError,
    TooManyRoomsError,
)
from chalicelib.seats import service
from chalicelib.seats.schemas import JoinRoomResponse, RoomDetail, WebsocketAccess


def get_room(request: Request) -> RoomDetail:
    """Get a room with its participants now and its last 50 messages. You need no seat in it."""
    return service.get_room_detail(request.context)


def join(request: Request) -> JoinRoomResponse:
    """Take a seat. If you have one already, nothing changes, and you get a new ticket."""
    return service.join(request.context, request.user)


def leave(request: Request) -> Success:
    """Give up your seat. Your connections in the room are closed."""
    return service.leave(request.context)


def request_ticket(request: Request) -> WebsocketAccess:
    """Get a fresh ticket for the room's WebSocket. It opens one connection, within a minute."""
    return service.request_ticket(request.context)


_ROOM = "/coworking/rooms/{room_id}"
ROUTES = (
    Route("GET", _ROOM, get_room, access=Access.USER, price=10),
    Route(
        "POST",
        f"{_ROOM}/join",
        join,
        access=Access.USER,
        price=16,
        errors=(RoomFullError, RoomInactiveError, TooManyRoomsError),
    ),
    Route("POST", f"{_ROOM}/leave", leave, access=Access.MEMBER, errors=(NothingToLeaveError,)),
    Route("POST", f"{_ROOM}/ticket", request_ticket, access=Access.MEMBER, errors=(NotInRoomError,)),
)
