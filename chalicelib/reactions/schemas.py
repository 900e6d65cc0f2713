"""The wire types of reactions."""

from typing import Annotated, Literal

import emoji
from pydantic import AfterValidator, Field, StrictBool

from chalicelib.contract import Answer, ClientFrame, Data
from chalicelib.contract.fields import MessageSeq, Text
from chalicelib.log.schemas import EventFrame, Reaction

MAX_CODE_POINTS = 10


def _one(text: str) -> str:
    if not emoji.is_emoji(text):
        raise ValueError("must be exactly one emoji")
    return text


OneEmoji = Annotated[
    str,
    Text(1, MAX_CODE_POINTS),
    Field(description="Exactly one emoji.", examples=["👍"]),
    Field(json_schema_extra={"format": "emoji"}),
    AfterValidator(_one),
]


class MessageReactions(Answer):
    """All reactions to a message, the most frequent first."""

    seq: int
    reactions: list[Reaction]


class React(ClientFrame):
    """Puts an emoji of the sender on a message, or takes it back."""

    type: Literal["react"]
    seq: MessageSeq
    emoji: OneEmoji
    on: StrictBool


class ReactionsChangedData(Data):
    """The user put the emoji on the message (`on`), or took it back. `count` users have it there now."""

    target_seq: int
    emoji: str
    user_id: str
    on: bool
    count: int


class ReactionsChanged(EventFrame):
    """A member reacted to a message, or took a reaction back."""

    type: Literal["reactions_changed"] = "reactions_changed"
    data: ReactionsChangedData
