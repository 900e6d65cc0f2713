"""The wire types of chat."""

import unicodedata
from typing import Annotated, Any, Literal

import emoji
from pydantic import (
    AfterValidator,
    AliasChoices,
    Field,
    TypeAdapter,
    ValidationInfo,
    ValidatorFunctionWrapHandler,
    field_validator,
)

from chalicelib.contract import Answer, Body, ClientFrame, Data, ServerFrame
from chalicelib.contract.fields import MAX_INTEGER, MessageSeq, NotBlank, Text, Timestamp, UserId
from chalicelib.contract.frames import Sender, Seq
from chalicelib.log.schemas import EntryFrame, EventFrame, RoomMessage


def _emoji(text: str) -> str:
    """At least one emoji, and no letter beside it."""
    rest = emoji.replace_emoji(text, "")
    if rest == text or any(unicodedata.category(character).startswith("L") for character in rest):
        raise ValueError("must be an emoji")
    return text


MessageText = Annotated[str, Text(1, 4000), Field(description="Not blank.", examples=["Good morning!"]), NotBlank]
Emoji = Annotated[
    str,
    Text(1, 10),
    Field(description="At least one emoji, and no letters.", examples=["🎉"]),
    Field(json_schema_extra={"format": "emoji"}),
    AfterValidator(_emoji),
]
_EMOJI: TypeAdapter[str] = TypeAdapter(Emoji)
MAX_MENTIONS, MAX_MENTION_BYTES = 20, 2600


def _few(user_ids: list[str]) -> list[str]:
    """Different ids, within the size that a message has for them."""
    if len(user_ids) > MAX_MENTIONS:
        raise ValueError(f"must name at most {MAX_MENTIONS} users")
    if sum(len(one.encode()) for one in user_ids) > MAX_MENTION_BYTES:
        raise ValueError(f"must have at most {MAX_MENTION_BYTES} bytes together")
    return list(dict.fromkeys(user_ids))


Mentions = Annotated[
    list[UserId],
    Field(description="The ids of users, with or without a seat.", json_schema_extra={"maxItems": MAX_MENTIONS}),
    AfterValidator(_few),
]
ReplyTo = Annotated[MessageSeq | None, Field(description="The `seq` of the message that this one answers.")]


class SendMessageRequest(Body):
    """A chat message. Existing front ends send `message` instead of `message_text`: the service reads it, too."""

    message_type: Annotated[
        Literal["text", "emoji"], Field(description="For `emoji`, the text follows the rules of `/emoji`.")
    ] = "text"
    message_text: Annotated[MessageText, Field(validation_alias=AliasChoices("message_text", "message"))]
    reply_to: ReplyTo = None
    mentions: Mentions = Field(default_factory=list)

    @field_validator("message_text", mode="wrap")
    @classmethod
    def _read_by_type(cls, text: Any, read: ValidatorFunctionWrapHandler, info: ValidationInfo) -> Any:
        """Validate the text by the message type: an emoji has the same rules on both routes."""
        return _EMOJI.validate_python(text) if info.data.get("message_type") == "emoji" else read(text)


class EditMessageRequest(Body):
    """The new text of a message. Without `mentions`, these stay as they are."""

    message_text: MessageText
    mentions: Mentions | None = None


class EmojiReactionRequest(Body):
    """One to ten code points with at least one emoji and no letters."""

    emoji: Emoji


class HistoryQuery(Body):
    """A part of a room's log: the newest before `before_seq`, or the oldest after `after_seq`."""

    before_seq: Annotated[int, Field(ge=0, le=MAX_INTEGER, description="Only older messages.")] | None = None
    after_seq: Annotated[int, Field(ge=0, le=MAX_INTEGER, description="Only newer messages.")] | None = None
    limit: Annotated[int, Field(ge=1, le=100)] = 50


class History(Answer):
    """A part of the log, oldest first. It may be smaller than `limit`: it has at most 200,000 bytes.

    `has_more`: there are more messages in the requested direction.
    """

    messages: list[RoomMessage]
    has_more: bool


class EntriesQuery(Body):
    """A part of a room's log, events included: the oldest entries after `after_seq`."""

    after_seq: Annotated[int, Field(ge=0, le=MAX_INTEGER)] = 0
    limit: Annotated[int, Field(ge=1, le=100)] = 100


class EntryList(Answer):
    """A part of the log, oldest first, in at most 200,000 bytes. Each entry is the frame that was pushed.

    Messages come as they are now. `last_seq`: you have everything up to this number. Use it as the next `after_seq`.
    `has_more`: more entries can be read now. An entry that is being stored comes with a later call.
    """

    entries: list[EntryFrame]
    last_seq: int
    has_more: bool


class SendMessage(ClientFrame):
    """A chat message."""

    type: Literal["message"]
    text: MessageText
    reply_to: ReplyTo = None
    mentions: Mentions = Field(default_factory=list)


class SendEmoji(ClientFrame):
    """An emoji reaction."""

    type: Literal["emoji"]
    emoji: Emoji


class EditMessage(ClientFrame):
    """The new text of a message of the sender's. Without `mentions`, these stay as they are."""

    type: Literal["edit"]
    seq: MessageSeq
    text: MessageText
    mentions: Mentions | None = None


class DeleteMessage(ClientFrame):
    """Deletes a message."""

    type: Literal["delete"]
    seq: MessageSeq


class MessageSent(ServerFrame):
    """A chat message was stored."""

    type: Literal["message_sent"] = "message_sent"
    sender: Sender = None
    seq: Seq
    data: RoomMessage


class EmojiReaction(ServerFrame):
    """An emoji was stored."""

    type: Literal["emoji_reaction"] = "emoji_reaction"
    sender: Sender = None
    seq: Seq
    data: RoomMessage


class MessageEditedData(Data):
    """The message as it is since the edit."""

    target_seq: int
    text: str
    edited_at: Timestamp
    mentions: list[str]


class MessageEdited(EventFrame):
    """The author changed a message."""

    type: Literal["message_edited"] = "message_edited"
    data: MessageEditedData
