"""Members report messages to the administrators, who decide what happens."""

import re
from contextlib import suppress
from functools import partial

from chalicelib import log
from chalicelib.contract import Context, Request, Success
from chalicelib.kernel.errors import (
    ForbiddenError,
    MessageDeletedError,
    MessageNotFoundError,
    RateLimitedError,
    ReportDecidedError,
    ReportNotFoundError,
    RoomNotFoundError,
    UnavailableError,
)
from chalicelib.kernel.times import iso
from chalicelib.log import Message
from chalicelib.log.changes import is_unchanged
from chalicelib.log.table import MESSAGES
from chalicelib.moderation.everywhere import ban_everywhere
from chalicelib.moderation.schemas import TIMED_ID, BanRequest, ReportDecision, ReportList, ReportsQuery, ReportView
from chalicelib.moderation.table import (
    Reason,
    Report,
    decide_report,
    find_reasons,
    finish_report,
    get_report,
    is_reported,
    make_report,
    page_reports,
)
from chalicelib.seats.deletions import delete_message
from chalicelib.seats.leases import renew_by_call
from chalicelib.seats.service import require_member
from chalicelib.seats.table import get_participant, require_seat
from chalicelib.store import ATTEMPTS, Check

_DONE = Success(message="Reported to the administrators")


def report_message(context: Context, seq: int, reason: str | None) -> Success:
    """Report a message of somebody else, as it is now. Reporting it again changes nothing, until it is edited.

    Raises:
        NotInRoomError, RoomNotFoundError, MessageNotFoundError, MessageDeletedError.
        ForbiddenError: the message is the user's own, or a system message.
        RateLimitedError: the user has made too many reports.
    """
    store, room_id, user_id, now = context.store, context.room_id, context.user_id, context.now
    for attempt in range(ATTEMPTS):
        member, found = store.run_parallel(
            partial(get_participant, store, room_id, user_id), partial(log.get_message, store, room_id, seq)
        )
        member = require_member(context, member)
        message, author_id = _require_other(context, found)
        if is_reported(store, message, user_id):
            return _DONE
        if not attempt:
            _require_rate(context)
        as_read = Check(MESSAGES, (room_id, seq), is_unchanged(message))
        report = make_report(message, author_id, user_id, reason, now)
        if store.transact([*report, as_read, require_seat(member)]):
            renew_by_call(context, member)
            return _DONE
    raise UnavailableError("The message changes too often; try again")


def list_reports(request: Request, query: ReportsQuery) -> ReportList:
    """A page of reports, the newest first."""
    store = request.backend.store
    found, cursor = page_reports(store, query.limit, query.cursor)
    shown = [report for report in found if query.state in (None, report.state)]
    reasons = find_reasons(store, shown)
    return ReportList(reports=[_show(report, reasons.get(report.reason_id)) for report in shown], cursor=cursor)


def decide(request: Request, report_id: str, decision: ReportDecision) -> ReportView:
    """Decide a report, once. The decision is noted first, so the same call again does what an interrupted one left.

    Raises:
        ReportNotFoundError.
        ReportDecidedError: somebody has decided otherwise.
        ForbiddenError: the administrator would ban themselves.
    """
    store, by = request.backend.store, request.user.id
    report = _require_report(request, report_id)
    if decision.state == "banned" and report.user_id == by:
        raise ForbiddenError("You can't do this to yourself")
    if report.state == "open":
        store.transact(decide_report(report, decision.state, by, request.now))
        report = _require_report(request, report_id)
    if report.state != decision.state:
        raise ReportDecidedError
    if not report.is_done:
        _carry_out(request, report)
    return _show(report, find_reasons(store, [report]).get(report.reason_id))


def _require_other(context: Context, message: Message | None) -> tuple[Message, str]:
    """The message and its author, if the user may report it."""
    if message is None:
        raise MessageNotFoundError
    if message.deleted_at is not None:
        raise MessageDeletedError
    if message.user_id in (None, context.user_id):
        raise ForbiddenError("You can report only the messages of other people")
    return message, message.user_id or ""


def _require_rate(context: Context) -> None:
    limit = context.settings.reports_limit
    if wait := context.backend.rate_limits.check(f"reports#{context.user_id}", limit, context.now):
        raise RateLimitedError(wait)


def _require_report(request: Request, report_id: str) -> Report:
    report = get_report(request.backend.store, report_id) if re.fullmatch(TIMED_ID, report_id) else None
    if report is None:
        raise ReportNotFoundError
    return report


def _carry_out(request: Request, report: Report) -> None:
    if report.state != "dismissed":
        _remove(request, report)
    if report.state == "banned":
        ban_everywhere(request, report.user_id, BanRequest())
    finish_report(request.backend.store, report)


def _remove(request: Request, report: Report) -> None:
    context = Context(request.backend, report.in_room, request.user.id, request.now, is_admin=True)
    with suppress(RoomNotFoundError, MessageNotFoundError):  # its room was deleted, or it is not kept any more
        delete_message(context, report.seq)


def _show(report: Report, reason: Reason | None) -> ReportView:
    return ReportView(
        id=report.report_id,
        room_id=report.in_room,
        seq=report.seq,
        user_id=report.user_id,
        user=report.name,
        text=report.text,
        reason=reason.reason if reason else None,
        reported_by=reason.user_id if reason else None,
        created_at=iso(report.created_at),
        state=report.state,
        decided_by=report.decided_by,
        decided_at=iso(report.decided_at) if report.decided_at else None,
    )
