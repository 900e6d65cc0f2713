"""The wire types of rooms: create, list, summary."""

import re
from typing import Annotated, Any, Self

from pydantic import AfterValidator, Field
from typing_extensions import TypeAliasType

from chalicelib.contract import Answer, Body
from chalicelib.contract.fields import NotBlank, OneLine, Text, Timestamp, Uuid, Whole
from chalicelib.kernel.settings import Settings
from chalicelib.kernel.times import iso
from chalicelib.rooms import table
from chalicelib.rooms.table import Room

_COLOR = r"^[A-Za-z0-9_#:/.,%()\[\]!-]{1,40}$"
"""The characters of CSS class names, such as `bg-blue-50/50` and `bg-[#fff]`. No character ends an HTML attribute."""
DEFAULT_COLOR = "bg-grayBlue"
DEFAULT_SEATS = 15
MAX_RETENTION_DAYS = 365


def _color(text: str) -> str:
    if not re.fullmatch(_COLOR, text):
        raise ValueError("must be 1 to 40 characters of a CSS class name")
    return text


Color = Annotated[str, AfterValidator(_color), Field(json_schema_extra={"pattern": _COLOR}, examples=["bg-purple"])]
Seats = Annotated[int, Field(ge=1, le=50, strict=True), Whole]
RetentionDays = Annotated[
    int,
    Field(ge=1, le=MAX_RETENTION_DAYS, strict=True, description="For how many days the log keeps a message."),
    Whole,
]
RoomStatus = TypeAliasType("RoomStatus", table.RoomStatus)
RoomVisibility = TypeAliasType("RoomVisibility", table.Visibility)
"""The documents refer to them by these names, and generators make one type of each."""
RoomName = Annotated[
    str,
    Text(1, 255, is_trimmed=True),
    Field(description="Trimmed, not blank, and one line without invisible characters.", examples=["Night Owls"]),
    NotBlank,
    OneLine,
]
Description = Annotated[str, Text(0, 2000), Field(examples=["Deep work, few distractions"])]


class RoomCreate(Body):
    """A new room. `null` means the default."""

    name: RoomName
    description: Description | None = ""
    max_participants: Seats | None = DEFAULT_SEATS
    color: Color | None = DEFAULT_COLOR
    visibility: RoomVisibility | None = "public"
    retention_days: RetentionDays | None = None


class RoomsQuery(Body):
    """One page of the list of rooms."""

    limit: Annotated[int, Field(ge=1, le=100)] = 100
    cursor: Annotated[str, Field(max_length=2048, description="From a `Link` header: the next page.")] | None = None


class RoomSummary(Answer):
    """A room in the list.

    `visibility`: a room that is not `public` is in no list. `is_locked`: nobody new gets in. `slow_seconds`: the time
    between two messages of one person. `retention_days`: for how long the log keeps a message. `owner_id`: the user who
    owns the room now; null if it is the service's own, or belongs to nobody.
    """

    id: Uuid
    name: str
    description: str
    status: RoomStatus
    participant_count: int
    max_participants: int
    color: str
    created_at: Timestamp
    created_by: str | None
    visibility: RoomVisibility
    is_locked: bool
    slow_seconds: int
    retention_days: int
    owner_id: str | None

    @classmethod
    def of(cls, room: Room, settings: Settings) -> Self:
        """The wire form of a stored room."""
        return cls(**summary_fields(room, settings))


def summary_fields(room: Room, settings: Settings) -> dict[str, Any]:
    """The fields of a summary, for the types that extend it."""
    fields = {name: getattr(room, name) for name in RoomSummary.model_fields if hasattr(room, name)}
    shown = {"id": room.room_id, "created_at": iso(room.created_at), "retention_days": room.days_kept(settings)}
    return fields | shown
