"""Frames: the acts of moderators."""

from chalicelib.contract import Access, FrameContext, FrameSpec
from chalicelib.moderation import service
from chalicelib.moderation.schemas import MemberModerated, Moderate
from chalicelib.seats.leases import renew_by_frame
from chalicelib.seats.roster import require_roster


def moderate(context: FrameContext[Moderate]) -> None:
    """Act as a moderator. Kick, ban or mute a user, lock the room, or slow its messages down."""
    require_roster(context)  # the frame may have been under way when the sender lost the seat
    service.moderate(context, context.frame)
    renew_by_frame(context)


_EXAMPLE = {"data": {"action": "kick", "user_id": "grace", "reason": "Advertising", "seconds": 600}}
FRAMES = (FrameSpec("moderate", Moderate, moderate, example=_EXAMPLE, access=Access.MODERATOR, price=16),)
EVENTS = (MemberModerated,)
