"""HTTP: the acts of moderators, bans and the audit."""

from chalicelib.contract import Access, Request, Route
from chalicelib.kernel.errors import BannedError, ForbiddenError, InvalidRequestError
from chalicelib.moderation import everywhere, service
from chalicelib.moderation.schemas import (
    Audit,
    AuditQuery,
    Ban,
    BanList,
    BanRequest,
    BansQuery,
    Moderated,
    ModerationRequest,
)


def moderate(request: Request, body: ModerationRequest) -> Moderated:
    """Kick, ban or mute a user, lock the room, or slow its messages down. You need no seat.

    An act that would change nothing succeeds, and nobody is told.
    """
    return service.moderate(request.context, body)


def list_bans(request: Request, query: BansQuery) -> BanList:
    """List the users who are kept out of the room. `until` is null if a ban has no end."""
    return service.list_bans(request.context, query)


def get_audit(request: Request, query: AuditQuery) -> Audit:
    """Read who has moderated the room and changed its roles, the newest act first. Acts are kept for a year."""
    return service.get_audit(request.context, query)


def ban_everywhere(request: Request, body: BanRequest) -> Ban:
    """Keep a user out of all rooms. The user loses all seats, and can't create rooms."""
    return everywhere.ban_everywhere(request, request.target_id, body)


def lift_ban(request: Request) -> None:
    """Let a user in again. Bans of single rooms stay."""
    everywhere.lift_ban(request, request.target_id)


def list_all_bans(request: Request, query: BansQuery) -> BanList:
    """List the users who are kept out of all rooms. Bans of single rooms are not in it."""
    return everywhere.list_bans(request, query)


_ROOM = "/coworking/rooms/{room_id}"
_BANS = "/coworking/admin/bans"
_REFUSED = (BannedError, ForbiddenError)
ROUTES = (
    Route("POST", f"{_ROOM}/moderation", moderate, access=Access.MODERATOR, price=18, errors=_REFUSED),
    Route("GET", f"{_ROOM}/bans", list_bans, access=Access.MODERATOR, price=8, errors=_REFUSED),
    Route("GET", f"{_ROOM}/audit", get_audit, access=Access.MODERATOR, price=8, errors=_REFUSED),
    Route("GET", _BANS, list_all_bans, access=Access.ADMIN, price=8),
    Route("PUT", f"{_BANS}/{{user_id}}", ban_everywhere, access=Access.ADMIN, price=40),
    Route(
        "DELETE",
        f"{_BANS}/{{user_id}}",
        lift_ban,
        access=Access.ADMIN,
        price=10,
        status=204,
        errors=(InvalidRequestError,),
    ),
)
