"""The wire type of a log entry."""

from typing import Annotated, Self

from pydantic import Field

from chalicelib.contract import Answer
from chalicelib.contract.fields import ShownAvatar, Timestamp, Uuid
from chalicelib.kernel.times import hour_and_minute, iso
from chalicelib.log.table import Message, MessageType


class RoomMessage(Answer):
    """An entry of a room's log. `user_id` is null and `user` is "System" if the room itself speaks."""

    id: Uuid
    seq: int
    type: MessageType
    user_id: str | None
    user: str
    avatar: ShownAvatar
    text: str
    time: Annotated[str, Field(pattern=r"^\d\d:\d\d$", description="HH:MM in UTC", examples=["20:53"])]
    created_at: Timestamp

    @classmethod
    def of(cls, message: Message) -> Self:
        """The wire form of a stored message."""
        return cls(
            id=message.message_id,
            seq=message.seq,
            type=message.type,
            user_id=message.user_id,
            user=message.user,
            avatar=message.avatar,
            text=message.text,
            time=hour_and_minute(message.created_at),
            created_at=iso(message.created_at),
        )
