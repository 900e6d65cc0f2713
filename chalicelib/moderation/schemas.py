"""The wire types of moderation."""

from typing import Annotated, Literal

from pydantic import Field

from chalicelib.contract import Answer, Body, ClientFrame, Data
from chalicelib.contract.fields import Text, Timestamp, UserId, Uuid, Whole
from chalicelib.grants.rules import Role
from chalicelib.log.schemas import EventFrame
from chalicelib.moderation.table import ReportState

Action = Literal["kick", "ban", "unban", "mute", "unmute", "mute_all", "lock", "unlock", "slow"]
AboutUser = Literal["kick", "ban", "unban", "mute", "unmute"]
AUDIT_PAGE = 40
"""An answer has at most 200,000 bytes. The largest lines have some 4,500 bytes."""
REPORTS_PAGE = 10
"""The largest reports have some 19,000 bytes."""
TIMED_ID = r"^[0-9]{15}-[0-9a-f]{8}$"
"""The end of a key that `grants.table.new_key` makes."""
MAX_SLOW_SECONDS = 3_600
_YEAR_SECONDS = 31_536_000

Reason = Annotated[str, Text(0, 512), Field(examples=["Advertising"])]
Seconds = Annotated[
    int,
    Field(
        ge=0,
        le=_YEAR_SECONDS,
        strict=True,
        description="`kick`, `ban`: how long the user is kept out. `slow`: the time between two messages, up to 3,600.",
        examples=[600],
    ),
    Whole,
]


class ModerationRequest(Body):
    """An act of a moderator. `kick`, `ban`, `unban`, `mute` and `unmute` name a user, who may have no seat.

    A kick without `seconds` keeps the user out for 10 minutes, a ban without `seconds` has no end. `slow` needs
    `seconds`; 0 ends it.
    """

    action: Annotated[Action, Field(examples=["kick"])]
    user_id: UserId | None = None
    reason: Reason | None = None
    seconds: Seconds | None = None


class Moderate(ClientFrame, ModerationRequest):
    """An act of a moderator, as over HTTP."""

    type: Literal["moderate"]


class Moderated(Answer):
    """The act is done. `until`: the end of a kick or a ban, null if it has none."""

    success: Literal[True] = True
    action: Action
    user_id: str | None = None
    until: Timestamp | None = None


class MemberModeratedData(Data):
    """The act, its user, and the moderator. `until`: the end of a kick or a ban, null if it has none.

    `seconds` is the new time between two messages of one person. The `reason` of `kick`, `ban` and `unban` is null for
    everybody but the user and moderators.
    """

    action: Action
    user_id: str | None
    by: str | None
    until: Timestamp | None = None
    reason: str | None = None
    seconds: int | None = None


class MemberModerated(EventFrame):
    """A moderator has acted. A kick or a ban of somebody with a seat is followed by `user_left`."""

    type: Literal["member_moderated"] = "member_moderated"
    data: MemberModeratedData


class Ban(Answer):
    """A user who is kept out. `until` is null if there is no end. `user_id` is null if the account was deleted."""

    user_id: str | None
    name: str | None
    until: Timestamp | None
    banned_at: Timestamp | None
    banned_by: str | None
    reason: str | None


class BansQuery(Body):
    """A page of the users who are kept out."""

    cursor: Annotated[
        str | None,
        Field(pattern=r"^[A-Za-z0-9_-]{12}$", description="From `cursor` of the answer before: the next page."),
    ] = None


class BanRequest(Body):
    """Why a user is kept out of all rooms, and for how long. Without `seconds`, there is no end."""

    reason: Reason | None = None
    seconds: Annotated[
        int | None, Field(ge=1, le=_YEAR_SECONDS, strict=True, description="How long, up to a year."), Whole
    ] = None


class BanList(Answer):
    """Users who are kept out. `cursor`: there are more, or null. A page may be short, or empty, and have a next one."""

    bans: list[Ban]
    cursor: str | None = None


class AuditQuery(Body):
    """A page of the audit."""

    limit: Annotated[int, Field(ge=1, le=AUDIT_PAGE)] = AUDIT_PAGE
    cursor: Annotated[
        str | None,
        Field(pattern=TIMED_ID, description="From `cursor` of the answer before: older lines."),
    ] = None


class AuditEntry(Answer):
    """An act: of moderation, `role` (a role was changed) or `offer` (the room was offered to another owner).

    `by` acted, on `user_id`; both are null if the account was deleted. `name` is the user's name at that time.
    """

    action: str
    by: str | None
    user_id: str | None
    name: str | None
    reason: str | None
    until: Timestamp | None
    seconds: int | None
    role: Role | None
    created_at: Timestamp


class Audit(Answer):
    """Acts, the newest first. `cursor`: there are older ones, or null."""

    entries: list[AuditEntry]
    cursor: str | None = None


class ReportRequest(Body):
    """Why a message is reported."""

    reason: Reason | None = None


class ReportsQuery(Body):
    """A page of the reports. With `state`, only those of this state: a page may be short, or empty."""

    state: Annotated[str | None, Field(pattern=r"^(open|dismissed|removed|banned)$", examples=["open"])] = None
    limit: Annotated[int, Field(ge=1, le=REPORTS_PAGE)] = REPORTS_PAGE
    cursor: Annotated[
        str | None,
        Field(pattern=TIMED_ID, description="From `cursor` of the answer before: older reports."),
    ] = None


class ReportView(Answer):
    """A reported message. `text` is its text at that time, `room_id` and `seq` its place, and `user_id` its author.

    `reason` and `reported_by` are null after the user who reported it has deleted the account.
    """

    id: str
    room_id: Uuid
    seq: int
    user_id: str
    user: str
    text: str
    reason: str | None
    reported_by: str | None
    created_at: Timestamp
    state: ReportState
    decided_by: str | None
    decided_at: Timestamp | None


class ReportList(Answer):
    """Reports, the newest first. `cursor`: there are older ones, or null."""

    reports: list[ReportView]
    cursor: str | None = None


class ReportDecision(Body):
    """`removed`: the message is deleted. `banned`: its author is also kept out of all rooms, without an end."""

    state: Annotated[Literal["dismissed", "removed", "banned"], Field(examples=["removed"])]
