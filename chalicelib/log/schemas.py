"""The wire type of a log entry."""

from typing import Annotated, Self

from pydantic import Field

from chalicelib.contract import Answer
from chalicelib.contract.fields import ShownAvatar, Timestamp, Uuid
from chalicelib.kernel.times import hour_and_minute, iso
from chalicelib.log.table import EventKind, Message, MessageType


class MessageEvent(Answer):
    """The event that a system message reports: a user took a seat, or gave it up."""

    kind: EventKind
    user_id: str
    name: str


class RoomMessage(Answer):
    """A message of a room's log. `user_id` is null and `user` is "System" if the room itself speaks.

    `avatar` is the author's avatar now: as in the room, or in the profile of an author who has left. `event` says in
    data what the text of a system message says in English.
    """

    id: Uuid
    seq: int
    type: MessageType
    user_id: str | None
    user: str
    avatar: ShownAvatar
    text: str
    time: Annotated[str, Field(pattern=r"^\d\d:\d\d$", description="HH:MM in UTC", examples=["20:53"])]
    created_at: Timestamp
    event: Annotated[MessageEvent | None, Field(exclude_if=lambda value: value is None)] = None

    @classmethod
    def of(cls, message: Message, avatar: str | None = None) -> Self:
        """The wire form of a stored message. `avatar` is that of its author."""
        return cls(
            id=message.message_id,
            seq=message.seq,
            type=message.type,
            user_id=message.user_id,
            user=message.user,
            avatar=avatar,
            text=message.text,
            time=hour_and_minute(message.created_at),
            created_at=iso(message.created_at),
            event=_event_of(message),
        )


def _event_of(message: Message) -> MessageEvent | None:
    if message.event is None:
        return None
    return MessageEvent(kind=message.event, user_id=message.about_id or "", name=message.about_name or "")
