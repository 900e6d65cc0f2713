"""The wire types of log entries: messages, and events as frames."""

from collections import Counter
from typing import Annotated, Any, Literal, Self

from pydantic import Field

from chalicelib.contract import Answer, Data, ServerFrame
from chalicelib.contract.fields import ShownAvatar, Timestamp, Uuid
from chalicelib.contract.frames import Sender, Seq
from chalicelib.kernel.times import hour_and_minute, iso
from chalicelib.log.table import Message, MessageType, SystemEvent

DELETED_USER = "Deleted user"
"""The name of an author who has deleted their account."""
_EXCERPT = 100


class MessageEvent(Answer):
    """The event that a system message reports: a user took a seat, or gave it up."""

    kind: SystemEvent
    user_id: str | None
    """None after the user has deleted the account."""
    name: str


class Reaction(Answer):
    """How many members reacted to a message with this emoji. `me`: the reader is one of them."""

    emoji: str
    count: int
    me: bool = False


class Original(Answer):
    """The message that a message answers, as it is now: its first 100 characters.

    If it was deleted, `text` is empty. If it can't be read, `user` is empty, too.
    """

    seq: int
    user: str = ""
    text: str = ""

    @classmethod
    def of(cls, seq: int, message: Message | None) -> Self:
        """The wire form of the message with this number."""
        return cls(seq=seq, user=message.user, text=message.text[:_EXCERPT]) if message else cls(seq=seq)


class RoomMessage(Answer):
    """A message of a room's log. `user_id` is null and `user` is "System" if the room itself speaks.

    `avatar` is the author's avatar now: as in the room, or in the profile of an author who has left. `event` says in
    data what the text of a system message says in English. The text of a deleted message is empty. `mentions` are user
    ids.
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
    edited_at: Timestamp | None = None
    deleted: bool = False
    reply_to: Original | None = None
    mentions: list[str] = Field(default_factory=list)
    reactions: list[Reaction] = Field(default_factory=list)

    @classmethod
    def of(
        cls, message: Message, avatar: str | None = None, *, reader: str = "", original: Message | None = None
    ) -> Self:
        """The wire form of a stored message.

        `avatar` is that of its author, `reader` the fingerprint of the user who reads it, and `original` the message
        that it answers.
        """
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
            edited_at=iso(message.edited_at) if message.edited_at else None,
            deleted=message.deleted_at is not None,
            reply_to=Original.of(message.reply_to, original) if message.reply_to else None,
            mentions=sorted(message.mentions),
            reactions=list_reactions(message, reader),
        )


def list_reactions(message: Message, reader: str) -> list[Reaction]:
    """The reactions to a message by emoji, the most frequent first."""
    pairs = [reaction.split(" ", 1) for reaction in message.reactions]
    counts = Counter(emoji for emoji, _ in pairs)
    mine = {emoji for emoji, user in pairs if user == reader}
    ordered = sorted(counts.items(), key=lambda one: (-one[1], one[0]))
    return [Reaction(emoji=emoji, count=count, me=emoji in mine) for emoji, count in ordered]


class EventFrame(ServerFrame):
    """The fields of the frame of every event. `from` is the user who made the change."""

    sender: Sender = None
    seq: Seq


class EntryFrame(EventFrame):
    """An entry of the log, as it was pushed."""

    data: dict[str, Any]


class MessageDeletedData(Data):
    """The message, and the user who deleted it. `reason` is null unless it was given one."""

    target_seq: int
    by: str
    reason: str | None = None


class MessageDeleted(EventFrame):
    """The author or a moderator deleted a message. Its text is gone."""

    type: Literal["message_deleted"] = "message_deleted"
    data: MessageDeletedData


def _event_of(message: Message) -> MessageEvent | None:
    if message.event is None:
        return None
    return MessageEvent(kind=message.event, user_id=message.about_id, name=message.about_name or "")
