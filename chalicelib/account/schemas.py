"""The wire types of a person's data."""

from typing import Annotated, Any, Literal

from pydantic import Field

from chalicelib.contract import Answer, Body

ItemKind = Literal[
    "profile",
    "room",
    "seat",
    "standing",
    "actor",
    "audit",
    "invite",
    "knock",
    "offer",
    "report",
    "decision",
    "marker",
    "message",
    "mention",
    "reaction",
    "event",
]
"""What an item of an export is. Others may be added."""


class ErasureState(Answer):
    """The deletion has begun, or was under way already. It goes on by itself; a small account takes two minutes."""

    state: Literal["started", "under_way"]


class ExportQuery(Body):
    """One page of the data."""

    cursor: Annotated[str, Field(max_length=2048, description="From `next` of the page before.")] | None = None


class ExportItem(Answer):
    """Something that the service holds about the caller, in the room `room_id` or outside of rooms. `data` follows
    from `kind`."""

    kind: ItemKind
    room_id: str | None = None
    data: dict[str, Any]


class Export(Answer):
    """One page of the data, in at most 200,000 bytes. A page may be empty. `next`: the cursor of the next page."""

    items: list[ExportItem]
    next: str | None
