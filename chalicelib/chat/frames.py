"""Frames: send, edit and delete messages, and send emoji."""

from chalicelib.chat import edits, service
from chalicelib.chat.schemas import (
    DeleteMessage,
    EditMessage,
    EmojiReaction,
    MessageEdited,
    MessageSent,
    SendEmoji,
    SendMessage,
)
from chalicelib.contract import FrameContext, FrameSpec
from chalicelib.log.schemas import MessageDeleted, RoomMessage
from chalicelib.seats import deletions


def send_message(context: FrameContext[SendMessage]) -> None:
    """Store a chat message and push it to the room. The ack has it as it is stored."""
    frame = context.frame
    service.send_message(context, frame.text, "text", frame.id, reply_to=frame.reply_to, mentions=frame.mentions)


def send_emoji(context: FrameContext[SendEmoji]) -> None:
    """Store an emoji and push it to the room. The ack has it as it is stored."""
    service.send_message(context, context.frame.emoji, "emoji", context.frame.id)


def edit_message(context: FrameContext[EditMessage]) -> None:
    """Change the text of a message of one's own, for a day. The ack has the message as it is then."""
    frame = context.frame
    edits.edit_message(context, frame.seq, frame.text, frame.mentions, frame.id)


def delete_message(context: FrameContext[DeleteMessage]) -> None:
    """Delete a message of one's own, or as a moderator. Its number stays, without its text."""
    deletions.delete_message(context, context.frame.seq, needs_seat=True)


FRAMES = (
    FrameSpec(
        "message",
        SendMessage,
        send_message,
        example={"id": "c-17", "data": {"text": "Good morning!", "reply_to": 2, "mentions": ["grace"]}},
        price=8,
        result=RoomMessage,
    ),
    FrameSpec("emoji", SendEmoji, send_emoji, example={"data": {"emoji": "🎉"}}, price=8, result=RoomMessage),
    FrameSpec(
        "edit",
        EditMessage,
        edit_message,
        example={"id": "c-18", "data": {"seq": 3, "text": "Good evening!", "mentions": []}},
        price=8,
        result=RoomMessage,
    ),
    FrameSpec("delete", DeleteMessage, delete_message, example={"id": "c-19", "data": {"seq": 3}}, price=10),
)
EVENTS = (MessageSent, EmojiReaction, MessageEdited, MessageDeleted)
