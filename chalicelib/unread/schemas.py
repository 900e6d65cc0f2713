"""The wire types of unread messages."""

from typing import Annotated, Literal, Self

from pydantic import Field

from chalicelib.contract import Answer, ClientFrame
from chalicelib.contract.fields import MAX_INTEGER
from chalicelib.grants.rules import Role
from chalicelib.log import LogPosition
from chalicelib.personal.table import ReadMarker
from chalicelib.rooms.schemas import RoomSummary
from chalicelib.seats.table import Participant


class Read(ClientFrame):
    """You have read everything up to `seq`."""

    type: Literal["read"]
    seq: Annotated[int, Field(ge=1, le=MAX_INTEGER)]


class MyRoom(Answer):
    """A room of the caller: the role in it (null without one), and what is new there.

    `unread`: how many text messages were sent after `read_seq`, the number up to which the caller has read; 0 if
    the caller has read nothing. `mentions`: how often the caller was mentioned since reading the last mention.
    """

    room: RoomSummary
    role: Role | None
    unread: int
    mentions: int
    read_seq: int

    @classmethod
    def of(
        cls,
        room: RoomSummary,
        role: Role | None,
        marker: ReadMarker,
        seat: Participant | None,
        position: LogPosition | None,
    ) -> Self:
        """The room with these rows of the caller. Of the two markers, the higher one counts."""
        read_seq = max(marker.read_seq or 0, seat.read_seq or 0 if seat else 0)
        read_n = max(marker.read_n or 0, seat.read_n or 0 if seat else 0)
        chat_n = position.chat_n or 0 if position else 0
        is_mentioned = (marker.mentioned_seq or 0) > read_seq
        return cls(
            room=room,
            role=role,
            unread=max(chat_n - read_n, 0),
            mentions=(marker.mentions_n or 0) - (marker.mentions_read or 0) if is_mentioned else 0,
            read_seq=read_seq,
        )
