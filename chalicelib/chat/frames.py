"""Frames: messages and emoji."""

from chalicelib.chat import service
from chalicelib.chat.schemas import EmojiReaction, MessageSent, SendEmoji, SendMessage
from chalicelib.contract import FrameContext, FrameSpec
from chalicelib.log.schemas import RoomMessage


def send_message(context: FrameContext[SendMessage]) -> None:
    """Store a chat message and push it to the room. The ack has it as it is stored."""
    frame = context.frame
    service.send_message(context, frame.text, "text", frame.id, reply_to=frame.reply_to, mentions=frame.mentions)


def send_emoji(context: FrameContext[SendEmoji]) -> None:
    """Store an emoji and push it to the room. The ack has it as it is stored."""
    service.send_message(context, context.frame.emoji, "emoji", context.frame.id)


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
)
EVENTS = (MessageSent, EmojiReaction)
