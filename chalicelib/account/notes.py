"""The rows of `grants` that name a user: what a room, or the whole deployment, has noted."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from chalicelib.access import table as knocks
from chalicelib.access.table import KNOCKS
from chalicelib.account.work import Work
from chalicelib.grants import audit, invites
from chalicelib.grants.audit import AUDIT
from chalicelib.grants.invites import INVITES
from chalicelib.grants.table import FOREVER, PREFIX, STANDINGS, Standing, replace_standing, without_user
from chalicelib.identity.accounts import ACTOR, ACTORS
from chalicelib.kernel.errors import UnavailableError
from chalicelib.kernel.times import Moment, iso
from chalicelib.moderation import table as reports
from chalicelib.moderation.table import REASONS, REPORTS
from chalicelib.roles import table as roles
from chalicelib.roles.table import OFFERS
from chalicelib.rooms.table import owner_of
from chalicelib.store import ATTEMPTS, Condition, Delete, Store, Table, Update, Write
from chalicelib.store.tables import Item

_PAGE = 100


@dataclass(frozen=True)
class Kind:
    """The rows of one kind.

    `name` and `exported`: the kind of the item in an export, and its fields. `owners`: the fields with ids whose user
    takes the row along. `named`: other fields with ids, each with the fields that go with it. `is_secret`: the user
    `user_id` is not told of the row.
    """

    name: str
    table: Table[Any]
    exported: Sequence[str] = ()
    owners: Sequence[str] = ()
    named: Mapping[str, Sequence[str]] = field(default_factory=dict)
    is_secret: bool = False

    def roles_of(self, record: Any, user_id: str) -> list[str]:
        """The fields that hold the id of a user, alone or as the owner of a room."""
        ids = (user_id, owner_of(user_id))
        return [name for name in (*self.owners, *self.named) if getattr(record, name) in ids]


_STANDING = Kind(
    "standing",
    STANDINGS,
    ("name", "role", "granted_at", "banned_until", "banned_at", "ban_reason"),
    named={"user_id": (), "granted_by": (), "muted_by": (), "banned_by": ()},
)
KINDS = {
    PREFIX: _STANDING,
    ACTOR: Kind("actor", ACTORS, owners=("user_id",)),
    audit.PREFIX: Kind(
        "audit",
        AUDIT,
        ("action", "created_at", "reason", "until", "seconds", "role"),
        named={"user_id": ("name", "reason"), "by": ("reason",)},
    ),
    invites.PREFIX: Kind("invite", INVITES, ("role", "uses_left", "ends_at", "created_at"), owners=("user_id",)),
    knocks.PREFIX: Kind("knock", KNOCKS, ("name", "avatar", "knocked_at", "until", "state"), owners=("user_id",)),
    # Who is told of a report could tell who made it.
    reports.REPORT: Kind(
        "decision",
        REPORTS,
        ("created_at", "state", "decided_at"),
        owners=("user_id",),
        named={"decided_by": ()},
        is_secret=True,
    ),
    reports.REASON: Kind("report", REASONS, ("in_room", "seq", "reason", "created_at"), owners=("user_id",)),
    roles.PREFIX: Kind("offer", OFFERS, ("until",), owners=("user_id", "offered_by", "owner")),
}
"""By the start of their keys. A row of another kind names nobody."""


def find_kind(kind_id: str) -> Kind | None:
    """The kind of a row with this key."""
    return next((kind for prefix, kind in KINDS.items() if kind_id.startswith(prefix)), None)


def erase_notes(work: Work, room_id: str) -> bool:
    """Rewrite the rows of a room that name the user, page by page. True if that is done."""
    while work.take_page():
        after = work.erasure.at_kind
        last = _erase_page(work, room_id, STANDINGS.kind_id > after if after else None)
        if last is None:
            return True
        work.note(at_kind=last)
    return False


def erase_keys(work: Work, room_id: str, kind_ids: Sequence[str]) -> None:
    """Rewrite these rows."""
    for kind_id in kind_ids:
        _erase_page(work, room_id, STANDINGS.kind_id == kind_id)


def read_notes(store: Store, keys: Sequence[tuple[str, str]]) -> Iterator[tuple[Kind, Any]]:
    """The rows of these keys that are of a known kind, and no secret."""
    for kind in KINDS.values():
        if kind.is_secret:
            continue
        own = [key for key in keys if find_kind(key[1]) is kind]
        yield from ((kind, record) for record in (store.get_many(kind.table, own) if own else []))


def show_note(kind: Kind, record: Any, user_id: str) -> dict[str, Any]:
    """What an export says of a row. `yours` names the fields that hold the id of the user, such as `by`.

    The names of others are left out.
    """
    names = kind.exported if record.user_id == user_id else [name for name in kind.exported if name != "name"]
    shown = {name: _show(name, getattr(record, name)) for name in names}
    if isinstance(record, Standing):
        shown |= {"is_muted": record.muted_by is not None, "is_banned": record.banned_until is not None}
    return shown | {"yours": kind.roles_of(record, user_id)}


def _show(name: str, value: Any) -> Any:
    if isinstance(value, int) and name.endswith(("_at", "until")):
        return iso(value) if value < FOREVER else None
    return value


def _erase_page(work: Work, room_id: str, condition: Condition | None) -> str | None:
    """Rewrite those of the next 100 rows that name the user. Returns the last key, or None if there are no more.

    A row that changes at the same moment makes it read the rows again.
    """
    store = work.store
    for _ in range(ATTEMPTS):
        items, next_key = store.page(STANDINGS, room_id, condition, limit=_PAGE, consistent_read=True)
        writes = [write for item in items if (write := _plan(item, work.user_id, work.now))]
        if all(store.run_parallel(*(partial(store.transact, [write]) for write in writes)) if writes else ()):
            return str(items[-1]["kind_id"]["S"]) if next_key else None
    raise UnavailableError


def _plan(item: Item, user_id: str, now: Moment) -> Write | None:
    kind = find_kind(item["kind_id"]["S"])
    if kind is None:
        return None
    record = kind.table.read(item)
    if isinstance(record, Standing):
        after = without_user(record, user_id, now)
        is_mark = record.erasing_since is not None  # the end of the erasure removes it
        return None if is_mark or after == record else replace_standing(record, after)
    return _plan_other(kind, record, user_id)


def _plan_other(kind: Kind, record: Any, user_id: str) -> Write | None:
    roles = kind.roles_of(record, user_id)
    key = record.room_id, record.kind_id
    for owner in kind.owners:
        if owner in roles:
            is_own: Condition = getattr(kind.table, owner) == getattr(record, owner)
            return Delete(kind.table, key, is_own)
    gone = {name for role in roles for name in (role, *kind.named[role])}
    if not gone:
        return None
    return Update(kind.table, key, *kind.table.difference(record, replace(record, **dict.fromkeys(gone))))
