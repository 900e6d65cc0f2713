"""Rooms, for administrators."""

from chalicelib import rooms
from chalicelib.api.operation import Call, operation
from chalicelib.errors import ForbiddenError, RoomNotFoundError
from chalicelib.schemas import RoomSummary, RoomUpdate, StatusToggled


@operation(RoomNotFoundError, ForbiddenError)
def update(call: Call, body: RoomUpdate) -> RoomSummary:
    """Change any subset of a room's name, description, size, colour and status."""
    call.require_admin()
    return rooms.update(call.backend, call.room_id, body, call.now)


@operation(RoomNotFoundError, ForbiddenError)
def toggle_status(call: Call) -> StatusToggled:
    """Open a closed room, or close an open one, which ends every membership."""
    call.require_admin()
    return rooms.toggle(call.backend, call.room_id, call.now)


@operation(RoomNotFoundError, ForbiddenError, status=204)
def delete(call: Call) -> None:
    """Delete a room; participants, messages and connections go with it."""
    call.require_admin()
    rooms.delete(call.backend, call.room_id, call.now)
