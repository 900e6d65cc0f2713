"""Reports of messages, in the table `grants` under the whole deployment."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from chalicelib.grants.table import DEPLOYMENT, new_key, page_rows
from chalicelib.identity.accounts import note_actor
from chalicelib.kernel.fingerprints import fingerprint
from chalicelib.kernel.times import Moment
from chalicelib.log import Message
from chalicelib.store import Put, Store, Table, Update, Write

REPORT, REASON = "report#", "reason#"
ReportState = Literal["open", "dismissed", "removed", "banned"]
_KEPT_SECONDS = 365 * 86_400


@dataclass(frozen=True, slots=True)
class Report:
    """A reported message, with its text at that time. The row belongs to its author, and hides who reported it."""

    room_id: str
    kind_id: str
    user_id: str
    name: str
    in_room: str
    seq: int
    text: str
    reason_id: str
    """The key of the reason. It holds no user id."""
    created_at: Moment
    state: ReportState = "open"
    decided_by: str | None = None
    """None, too, after the administrator has deleted the account."""
    decided_at: Moment | None = None
    is_done: bool = False
    """True when everything is done that the decision asks for."""

    @property
    def report_id(self) -> str:
        return self.kind_id.removeprefix(REPORT)


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a message was reported. The row belongs to the user who reported it."""

    room_id: str
    kind_id: str
    user_id: str
    in_room: str
    seq: int
    reason: str | None
    created_at: Moment


REPORTS = Table("grants", Report, also={"expires_at": int})
REASONS = Table("grants", Reason, also={"expires_at": int})


def make_report(message: Message, author_id: str, reporter_id: str, reason: str | None, now: Moment) -> list[Put]:
    """The writes of a new report. They are refused if the user has reported the message as it is before.

    DynamoDB deletes the rows after a year. 1 write unit for each KB and row, and for each row of the index.
    """
    ends = {"expires_at": now // 1000 + _KEPT_SECONDS}
    _, reason_id = reason_key(message, reporter_id)
    place = (message.room_id, message.seq)
    report = Report(DEPLOYMENT, new_key(REPORT, now), author_id, message.user, *place, message.text, reason_id, now)
    why = Reason(DEPLOYMENT, reason_id, reporter_id, *place, reason, now)
    return [Put(REPORTS, report, also=ends), Put(REASONS, why, REASONS.kind_id.does_not_exist(), also=ends)]


def reason_key(message: Message, reporter_id: str) -> tuple[str, str]:
    """The key of a user's reason to report a message as it is: after an edit, there is another one."""
    subject = f"{message.seq}#{message.edited_seq or 0}#{reporter_id}"
    return DEPLOYMENT, REASON + fingerprint(message.room_id, subject)


def is_reported(store: Store, message: Message, reporter_id: str) -> bool:
    """True if the user has reported the message as it is. 1 read unit."""
    return store.get(REASONS, reason_key(message, reporter_id)) is not None


def get_report(store: Store, report_id: str) -> Report | None:
    """A report. 1 read unit for each 4 KB."""
    return store.get(REPORTS, (DEPLOYMENT, REPORT + report_id))


def page_reports(store: Store, limit: int, before: str | None) -> tuple[list[Report], str | None]:
    """The newest reports, before that one, and where the next page starts, if there is one."""
    return page_rows(store, REPORTS, DEPLOYMENT, REPORT, before, limit=limit, scan_index_forward=False)


def find_reasons(store: Store, reports: Sequence[Report]) -> dict[str, Reason]:
    """The reasons of reports by key, as far as their users have not deleted their accounts."""
    keys = [(DEPLOYMENT, report.reason_id) for report in reports]
    return {one.kind_id: one for one in store.get_many(REASONS, keys, consistent=True)} if keys else {}


def finish_report(store: Store, report: Report) -> None:
    """Note that a decision is carried out. If its author is gone, so is the report."""
    actions, condition = [REPORTS.is_done.set(True)], REPORTS.kind_id.exists()
    store.update(REPORTS, (report.room_id, report.kind_id), actions, condition)


def decide_report(report: Report, state: ReportState, by: str, now: Moment) -> list[Write]:
    """The writes that note a decision. They are refused if the report was decided before, or is gone."""
    actions = [REPORTS.state.set(state), REPORTS.decided_by.set(by), REPORTS.decided_at.set(now)]
    key = (report.room_id, report.kind_id)
    return [Update(REPORTS, key, actions, REPORTS.state == "open"), note_actor(DEPLOYMENT, by)]
