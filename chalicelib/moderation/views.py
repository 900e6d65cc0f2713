"""HTTP: the acts of moderators, bans and the audit."""

from chalicelib.contract import Access, Request, Route
from chalicelib.kernel.errors import BannedError, ForbiddenError
from chalicelib.moderation import service
from chalicelib.moderation.schemas import Audit, AuditQuery, Bans, BansQuery, Moderated, ModerationRequest


def moderate(request: Request, body: ModerationRequest) -> Moderated:
    """Kick, ban or mute a user, lock the room, or slow its messages down. You need no seat.

    An act that would change nothing succeeds, and nobody is told.
    """
    return service.moderate(request.context, body)


def list_bans(request: Request, query: BansQuery) -> Bans:
    """List the users who are kept out of the room."""
    return service.list_bans(request.context, query)


def get_audit(request: Request, query: AuditQuery) -> Audit:
    """Read who has moderated the room and changed its roles, the newest act first. Acts are kept for a year."""
    return service.get_audit(request.context, query)


_ROOM = "/coworking/rooms/{room_id}"
_REFUSED = (BannedError, ForbiddenError)
ROUTES = (
    Route("POST", f"{_ROOM}/moderation", moderate, access=Access.MODERATOR, price=18, errors=_REFUSED),
    Route("GET", f"{_ROOM}/bans", list_bans, access=Access.MODERATOR, price=8, errors=_REFUSED),
    Route("GET", f"{_ROOM}/audit", get_audit, access=Access.MODERATOR, price=8, errors=_REFUSED),
)
