"""HTTP: the acts of moderators, bans, the audit, and reports."""

from chalicelib.contract import Access, Request, Route, Success
from chalicelib.kernel.errors import (
    BannedError,
    ForbiddenError,
    InvalidRequestError,
    MessageDeletedError,
    MessageNotFoundError,
    NotInRoomError,
    ReportDecidedError,
    ReportNotFoundError,
)
from chalicelib.moderation import everywhere, reports, service
from chalicelib.moderation.schemas import (
    Audit,
    AuditQuery,
    Ban,
    BanList,
    BanRequest,
    BansQuery,
    Moderated,
    ModerationRequest,
    ReportDecision,
    ReportList,
    ReportRequest,
    ReportsQuery,
    ReportView,
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


def report_message(request: Request, body: ReportRequest) -> Success:
    """Report a message of somebody else to the administrators. Its text is copied as it is now.

    Only administrators learn who reported it. Reporting it again changes nothing, until the message is edited.
    """
    return reports.report_message(request.context, request.seq, body.reason)


def list_reports(request: Request, query: ReportsQuery) -> ReportList:
    """List the messages that were reported. The newest report comes first. Reports are kept for a year."""
    return reports.list_reports(request, query)


def decide_report(request: Request, body: ReportDecision) -> ReportView:
    """Decide a report. `removed` deletes the message, `banned` also keeps its author out of all rooms.

    A report is decided once. The same decision again does what an interrupted call has left.
    """
    return reports.decide(request, request.parameter("report_id"), body)


_ROOM = "/coworking/rooms/{room_id}"
_BANS = "/coworking/admin/bans"
_REPORTS = "/coworking/admin/reports"
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
    Route(
        "POST",
        f"{_ROOM}/messages/{{seq}}/report",
        report_message,
        access=Access.MEMBER,
        price=14,
        status=202,
        errors=(NotInRoomError, ForbiddenError, MessageNotFoundError, MessageDeletedError),
        idempotent=True,
    ),
    Route("GET", _REPORTS, list_reports, access=Access.ADMIN, price=16),
    Route(
        "POST",
        f"{_REPORTS}/{{report_id}}",
        decide_report,
        access=Access.ADMIN,
        price=60,
        errors=(ReportNotFoundError, ReportDecidedError),
    ),
)
