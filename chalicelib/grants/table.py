"""The standings of a room, in the table `grants`: what the room has noted about a user."""

import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from operator import and_
from typing import Any, TypeVar

from pynamodb.expressions.update import Action

from chalicelib.grants.rules import Role
from chalicelib.kernel.fingerprints import fingerprint
from chalicelib.kernel.times import Moment
from chalicelib.store import Check, Condition, Delete, Store, Table, Update

R = TypeVar("R")
FOREVER: Moment = 253_402_300_799_000
"""The end of a ban that has no end: the last second of the year 9999."""
PREFIX = "person#"
PAGE = 50
"""Standings in one page. The largest have about 3 KB: a reason of 512 characters of 4 bytes, and ids."""
_KEPT_SECONDS = 30 * 86_400
DEPLOYMENT = "*"
"""In place of a room id: the standing of a user in all rooms."""
DELETED_MODERATOR = "deleted"
"""In place of the id of a moderator who has deleted the account, where somebody is still muted."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What a room has noted about a user: a role, a mute, a ban. It stays when the user leaves.

    `user_id` is None after the user has deleted the account. A ban stays: the key holds only a fingerprint.
    """

    room_id: str
    kind_id: str
    user_id: str | None = None
    name: str | None = None
    """The name at the time, for lists."""
    role: Role | None = None
    """Moderator or member. The owner is noted in the room."""
    granted_at: Moment | None = None
    granted_by: str | None = None
    muted_by: str | None = None
    banned_until: Moment | None = None
    banned_at: Moment | None = None
    banned_by: str | None = None
    ban_reason: str | None = None
    erasing_since: Moment | None = None
    """In the standing of the whole deployment: since then the user's data is being deleted."""
    version: int | None = None
    """How often it was changed. It shows a change also if the role, mute or ban is the same again."""

    @property
    def is_lasting(self) -> bool:
        """True if something is noted that has no end."""
        return bool(self.role or self.muted_by or self.erasing_since or self.banned_until == FOREVER)

    def is_banned_at(self, now: Moment) -> bool:
        """True if the user is kept out of the room."""
        return self.banned_until is not None and self.banned_until > now


STANDINGS = Table("grants", Standing, also={"expires_at": int})


def standing_key(room_id: str, user_id: str) -> tuple[str, str]:
    """The key of a user's standing."""
    return room_id, f"{PREFIX}{fingerprint(room_id, user_id)}"


def get_standing(store: Store, room_id: str, user_id: str) -> Standing:
    """The standing of a user, empty if the room has noted nothing. 1 read unit."""
    key = standing_key(room_id, user_id)
    return store.get(STANDINGS, key) or Standing(*key)


def get_standings(store: Store, room_id: str, user_id: str, *, consistent: bool = True) -> tuple[Standing, Standing]:
    """The standings of a user in a room and in the whole deployment. 1 read unit in one request, 2 if consistent."""
    keys = [standing_key(room_id, user_id), standing_key(DEPLOYMENT, user_id)]
    found = {(one.room_id, one.kind_id): one for one in store.get_many(STANDINGS, keys, consistent=consistent)}
    own, everywhere = (found.get(key) or Standing(*key) for key in keys)
    return own, everywhere


def find_standings(store: Store, room_id: str, user_ids: Sequence[str]) -> dict[str, Standing]:
    """The standings of several users, by user id. 1 read unit for each, in one request for 100."""
    keys = {user_id: standing_key(room_id, user_id) for user_id in user_ids}
    found = {one.kind_id: one for one in store.get_many(STANDINGS, list(keys.values()), consistent=True)}
    return {user_id: found.get(key[1]) or Standing(*key) for user_id, key in keys.items()}


def get_standings_in(store: Store, user_id: str, room_ids: Sequence[str]) -> dict[str, Standing]:
    """The standings of a user in several rooms, as far as they exist. They may be a moment old."""
    keys = [standing_key(room_id, user_id) for room_id in room_ids]
    return {one.room_id: one for one in store.get_many(STANDINGS, keys)} if keys else {}


def list_standings(store: Store, room_id: str) -> Iterator[Standing]:
    """All standings of a room, page by page."""
    yield from store.query(STANDINGS, room_id, STANDINGS.kind_id.startswith(PREFIX), consistent=True)


def list_rooms_with_standing(store: Store, user_id: str) -> list[str]:
    """The ids of the rooms that have noted something about a user, from the index: it may be late. 0.5 read units."""
    pages = store.pages(STANDINGS, user_id, STANDINGS.kind_id.startswith(PREFIX), index="by_user")
    return [item["room_id"]["S"] for page in pages for item in page]


def delete_page(store: Store, room_id: str) -> bool:
    """Delete up to 500 of a room's rows in `grants`. False if nothing is left."""
    return store.delete_page(STANDINGS, room_id)


def require_standing(standing: Standing) -> Check:
    """The part of a transaction that refuses it if role, mute or ban have changed since they were read."""
    return Check(STANDINGS, (standing.room_id, standing.kind_id), is_as_read(standing))


def write_standing(before: Standing, user_id: str, now: Moment, **changes: Any) -> Update:
    """The write that changes fields of a standing, if role, mute and ban are as they were read.

    Without a role, a mute or a ban that lasts, DynamoDB deletes the row a month later.
    """
    after = replace(before, user_id=user_id, **changes)
    actions = [_set(name, getattr(after, name)) for name in ("user_id", *changes)]
    if changes:
        actions.append(STANDINGS.version.add(1))
    ends = None if after.is_lasting else max(after.banned_until or 0, now) // 1000 + _KEPT_SECONDS
    return Update(STANDINGS, (before.room_id, before.kind_id), [*actions, _set("expires_at", ends)], is_as_read(before))


def page_standings(store: Store, room_id: str, after: str | None = None) -> tuple[list[Standing], str | None]:
    """A page of a room's standings, and where the next one starts, if there is one. 1 read unit for each 4 KB."""
    return page_rows(store, STANDINGS, room_id, PREFIX, after, limit=PAGE)


def page_rows(
    store: Store, table: Table[R], room_id: str, prefix: str, after: str | None, **options: Any
) -> tuple[list[R], str | None]:
    """A page of the rows of a room whose keys start with `prefix`, and where the next page starts, if there is one.

    `after` is the rest of the last key of the page before. `options` are PynamoDB's.
    """
    start = {"room_id": {"S": room_id}, "kind_id": {"S": prefix + after}} if after else None
    condition = table.kind_id.startswith(prefix)
    items, next_key = store.page(table, room_id, condition, start=start, consistent_read=True, **options)
    return [table.read(item) for item in items], next_key["kind_id"]["S"].removeprefix(prefix) if next_key else None


def new_key(prefix: str, now: Moment) -> str:
    """A key for a row of this moment. Later rows have higher keys."""
    return f"{prefix}{now:015d}-{uuid.uuid4().hex[:8]}"


def _set(name: str, value: object) -> Action:
    attribute = getattr(STANDINGS, name)
    action: Action = attribute.remove() if value is None else attribute.set(value)
    return action


def is_as_read(standing: Standing) -> Condition:
    """True if role, mute and ban have not changed since the standing was read."""
    values = {name: getattr(standing, name) for name in ("role", "muted_by", "banned_until", "version")}
    conditions: list[Condition] = [
        getattr(STANDINGS, name).does_not_exist() if value is None else getattr(STANDINGS, name) == value
        for name, value in values.items()
    ]
    return reduce(and_, conditions)


def without_user(standing: Standing, user_id: str, now: Moment) -> Standing | None:
    """The standing without a user: of this user, or where this user granted, muted or banned. None: nothing is left.

    The user's own ban or mute stays, without id, name and reason. Of others, the reason goes with its author.
    """
    if standing.kind_id == standing_key(standing.room_id, user_id)[1]:
        bare = Standing(standing.room_id, standing.kind_id, muted_by=standing.muted_by)
        if standing.is_banned_at(now):
            return replace(bare, banned_until=standing.banned_until, banned_at=standing.banned_at)
        return bare if bare.muted_by else None
    own = {name for name in ("granted_by", "muted_by", "banned_by") if getattr(standing, name) == user_id}
    return replace(
        standing,
        granted_by=None if "granted_by" in own else standing.granted_by,
        muted_by=DELETED_MODERATOR if "muted_by" in own else standing.muted_by,
        banned_by=None if "banned_by" in own else standing.banned_by,
        ban_reason=None if "banned_by" in own else standing.ban_reason,
    )


def replace_standing(before: Standing, after: Standing | None) -> Update | Delete:
    """The write that makes one standing into another, if role, mute and ban are as they were read. None deletes it."""
    key, as_read = (before.room_id, before.kind_id), is_as_read(before)
    if after is None:
        return Delete(STANDINGS, key, as_read)
    actions, condition = STANDINGS.difference(before, after)
    return Update(STANDINGS, key, actions, condition & as_read)
