"""HTTP: list rooms, look into a room, join, leave, request a ticket."""

from urllib.parse import urlencode

from chalicelib.contract import Access, Reply, Request, Route, Success
from chalicelib.kernel.errors import (
    AccountClosingError,
    BannedError,
    InvalidCursorError,
    InviteNotFoundError,
    NothingToLeaveError,
    NotInRoomError,
    RoomFullError,
    RoomInactiveError,
    RoomLockedError,
    TooManyRoomsError,
)
from chalicelib.rooms.schemas import RoomsQuery, RoomSummary
from chalicelib.seats import service
from chalicelib.seats.schemas import JoinRequest, JoinRoomResponse, RoomDetail, WebsocketAccess


def list_rooms(request: Request, query: RoomsQuery) -> Reply[list[RoomSummary]]:
    """List the active rooms: first those of the service, then the newest.

    If there is a next page, its address is in the `Link` header with `rel="next"`.
    """
    page = service.list_rooms(request, query)
    return Reply(page.rooms, _next_link(request, query.limit, page.next_cursor) if page.next_cursor else {})


def get_room(request: Request) -> RoomDetail:
    """Get a room with its participants now and its last 50 messages. You need no seat in it.

    A closed room shows both only to its owner and to administrators.
    """
    return service.get_room_detail(request.context)


_ONLY_A_SEAT = JoinRequest()


def join(request: Request, body: JoinRequest = _ONLY_A_SEAT) -> JoinRoomResponse:
    """Take a seat. If you have one already, nothing changes, and you get a new ticket.

    With the token of an invitation, you also get into a private room, and get the role that the invitation gives.
    """
    return service.join(request.context, request.user, expects_socket=body.expects_socket, invite=body.invite)


def leave(request: Request) -> Success:
    """Give up your seat. Your connections in the room are closed."""
    return service.leave(request.context)


def request_ticket(request: Request) -> WebsocketAccess:
    """Get a fresh ticket for the room's WebSocket. It opens one connection, within a minute."""
    return service.request_ticket(request.context)


def _next_link(request: Request, limit: int, cursor: str) -> dict[str, str]:
    target = f"{request.base_url}{request.route_path}?{urlencode({'limit': limit, 'cursor': cursor})}"
    return {"Link": f'<{target}>; rel="next"'}


_ROOM = "/coworking/rooms/{room_id}"
ROUTES = (
    Route("GET", "/coworking/rooms", list_rooms, access=Access.USER, price=10, errors=(InvalidCursorError,)),
    Route("GET", _ROOM, get_room, access=Access.USER, price=10),
    Route(
        "POST",
        f"{_ROOM}/join",
        join,
        access=Access.USER,
        price=service.JOIN_PRICE,
        errors=(
            AccountClosingError,
            BannedError,
            InviteNotFoundError,
            RoomFullError,
            RoomInactiveError,
            RoomLockedError,
            TooManyRoomsError,
        ),
    ),
    Route("POST", f"{_ROOM}/leave", leave, access=Access.MEMBER, errors=(NothingToLeaveError,)),
    Route("POST", f"{_ROOM}/ticket", request_ticket, access=Access.MEMBER, errors=(NotInRoomError,)),
)
