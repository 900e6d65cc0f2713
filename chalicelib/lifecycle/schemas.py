"""The wire types of changing and closing rooms."""

from typing import Literal

from chalicelib.contract import Answer, Body, Data, ServerFrame
from chalicelib.contract.fields import Uuid
from chalicelib.log.schemas import EventFrame
from chalicelib.rooms.schemas import (
    Color,
    Description,
    RetentionDays,
    RoomName,
    RoomStatus,
    RoomSummary,
    RoomVisibility,
    Seats,
)

CloseReason = Literal["deactivated", "deleted"]


class RoomPatch(Body):
    """The changes an owner may make. A field that is left out stays as it is."""

    name: RoomName | None = None
    description: Description | None = None
    max_participants: Seats | None = None
    color: Color | None = None
    visibility: RoomVisibility | None = None
    retention_days: RetentionDays | None = None


class RoomUpdate(RoomPatch):
    """The changes an administrator may make. A field that is left out stays as it is."""

    status: RoomStatus | None = None


class StatusToggled(Answer):
    """The new status of the room."""

    success: Literal[True] = True
    room_id: Uuid
    new_status: RoomStatus


class RoomUpdated(EventFrame):
    """A setting of the room changed."""

    type: Literal["room_updated"] = "room_updated"
    data: RoomSummary


class RoomClosedData(Data):
    """`deactivated`: the room may open again. `deleted`: it does not."""

    reason: CloseReason


class RoomClosed(ServerFrame):
    """The room was closed; `bye` follows."""

    type: Literal["room_closed"] = "room_closed"
    data: RoomClosedData


EVENTS = (RoomUpdated, RoomClosed)
