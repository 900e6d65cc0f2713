"""Frames: how far one has read."""

from chalicelib.contract import FrameContext, FrameSpec
from chalicelib.unread import service
from chalicelib.unread.schemas import Read


def read(context: FrameContext[Read]) -> None:
    """Note that you have read everything up to `seq`. Nobody else sees it.

    It is noted at most every 10 s. Another frame of this time is acknowledged and does nothing: send it again later.
    """
    service.mark_read(context)


FRAMES = (FrameSpec("read", Read, read, example={"data": {"seq": 42}}, price=3),)
