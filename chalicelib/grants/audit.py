"""The audit of a room: who used the rights of a role, on whom, and why. It is kept longer than the log."""

from dataclasses import dataclass

from chalicelib.grants.rules import Role
from chalicelib.grants.table import new_key, page_rows
from chalicelib.identity.accounts import note_actor
from chalicelib.kernel.times import Moment
from chalicelib.store import Put, Store, Table

AUDIT_DAYS = 365
PREFIX = "audit#"
_DAY_SECONDS = 86_400


@dataclass(frozen=True, slots=True)
class AuditLine:
    """One act. `action` is an act of moderation, `role` or `owner`. `by` is the user who acted, `user_id` the other."""

    room_id: str
    kind_id: str
    action: str
    by: str | None
    """None after the user has deleted the account."""
    created_at: Moment
    user_id: str | None = None
    name: str | None = None
    """The name of the other user at that time, if it was known."""
    reason: str | None = None
    until: Moment | None = None
    seconds: int | None = None
    role: Role | None = None


AUDIT = Table("grants", AuditLine, also={"expires_at": int})


def new_line_id(now: Moment) -> str:
    """The key of a line within its room. Later lines have higher keys."""
    return new_key(PREFIX, now)


def put_line(line: AuditLine) -> Put:
    """The write that adds a line. DynamoDB deletes it after a year."""
    return Put(AUDIT, line, also={"expires_at": line.created_at // 1000 + AUDIT_DAYS * _DAY_SECONDS})


def put_lines(*lines: AuditLine) -> list[Put]:
    """The writes that add lines, and note who acted: what an act leaves in the room must be found without a scan."""
    actors = {(line.room_id, line.by) for line in lines}
    return [*map(put_line, lines), *(note_actor(room_id, by) for room_id, by in actors if by)]


def page_lines(store: Store, room_id: str, limit: int, before: str | None = None) -> tuple[list[AuditLine], str | None]:
    """The newest lines, before that one, and where the next page starts. 1 read unit for each 4 KB."""
    return page_rows(store, AUDIT, room_id, PREFIX, before, limit=limit, scan_index_forward=False)
