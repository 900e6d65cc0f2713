"""Your seat in a room."""

from chalicelib import seats
from chalicelib.api.operation import Call, operation
from chalicelib.errors import (
    NothingToLeaveError,
    NotInRoomError,
    RateLimitedError,
    RoomFullError,
    RoomInactiveError,
    RoomNotFoundError,
)
from chalicelib.schemas import JoinRoomResponse, Success, WebsocketAccess


@operation(RoomNotFoundError, RoomFullError, RoomInactiveError, RateLimitedError)
def join(call: Call) -> JoinRoomResponse:
    """Take a seat. Where you have one already, nothing changes and you get a new way in."""
    return seats.join(call.backend, call.user, call.room_id, call.now)


@operation(RoomNotFoundError, NothingToLeaveError)
def leave(call: Call) -> Success:
    """Give up your seat; your connections in the room are closed."""
    return seats.leave(call.backend, call.user.id, call.room_id, call.now)


@operation(RoomNotFoundError, NotInRoomError)
def ticket(call: Call) -> WebsocketAccess:
    """A fresh way into the room's WebSocket, for reconnecting."""
    return seats.ticket(call.backend, call.user, call.room_id, call.now)
