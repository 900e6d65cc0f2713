"""Frames: reactions."""

from chalicelib.contract import FrameContext, FrameSpec
from chalicelib.reactions import service
from chalicelib.reactions.schemas import MessageReactions, React, ReactionsChanged


def react(context: FrameContext[React]) -> None:
    """React to a message, or take a reaction back. The ack has all reactions to the message."""
    service.react(context, context.frame.seq, context.frame.emoji, is_on=context.frame.on)


FRAMES = (
    FrameSpec(
        "react",
        React,
        react,
        example={"id": "c-20", "data": {"seq": 3, "emoji": "👍", "on": True}},
        price=8,
        result=MessageReactions,
    ),
)
EVENTS = (ReactionsChanged,)
