"""HTTP: change, close and delete rooms."""

from chalicelib.contract import Access, Request, Route, Success
from chalicelib.kernel.errors import ForbiddenError
from chalicelib.lifecycle import service
from chalicelib.lifecycle.schemas import RoomPatch, RoomUpdate, StatusToggled
from chalicelib.rooms.schemas import RoomSummary


def delete_own_room(request: Request) -> Success:
    """Delete a room that you own. An administrator may delete any room."""
    return service.delete_own_room(request.context, request.user)


def update_own_room(request: Request, body: RoomPatch) -> RoomSummary:
    """Change settings of a room that you own. Fields that you leave out stay as they are.

    An administrator may change any room.
    """
    return service.update_own_room(request.context, request.user, body)


def update_room(request: Request, body: RoomUpdate) -> RoomSummary:
    """Change settings or the status of a room. Fields that you leave out stay as they are."""
    return service.update_room(request.context, body)


def toggle_status(request: Request) -> StatusToggled:
    """Open a closed room, or close an open one. Closing ends every membership; the messages stay."""
    return service.toggle_status(request.context)


def delete_room(request: Request) -> None:
    """Delete a room. Its participants, messages and connections are deleted with it."""
    service.delete_room(request.context)


_ADMIN = "/coworking/admin/rooms/{room_id}"
ROUTES = (
    Route("PATCH", "/coworking/rooms/{room_id}", update_own_room, access=Access.OWNER, errors=(ForbiddenError,)),
    Route("DELETE", "/coworking/rooms/{room_id}", delete_own_room, access=Access.OWNER, errors=(ForbiddenError,)),
    Route("PUT", _ADMIN, update_room, access=Access.ADMIN),
    Route("PATCH", f"{_ADMIN}/status", toggle_status, access=Access.ADMIN),
    Route("DELETE", _ADMIN, delete_room, access=Access.ADMIN, status=204),
)
