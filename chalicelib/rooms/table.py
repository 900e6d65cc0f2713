"""The `rooms` table."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypedDict, get_args

from pynamodb.attributes import UnicodeAttribute
from pynamodb.expressions.update import Action

from chalicelib.kernel.fingerprints import fingerprint
from chalicelib.kernel.settings import Settings
from chalicelib.kernel.times import Moment, from_iso, iso
from chalicelib.store import Check, Condition, Store, Table, Update
from chalicelib.store.store import PageKey
from chalicelib.store.tables import IsoMoment

RoomStatus = Literal["active", "inactive"]
Visibility = Literal["public", "unlisted", "private"]
StoredStatus = Literal["active", "hidden", "inactive"]
"""`active` is a room in the list. A `hidden` room is active and not public: the list does not read it."""
STATUSES: tuple[StoredStatus, ...] = get_args(StoredStatus)
RoomKey = tuple[Moment, str]
"""When a room was made, and its id."""
SERVICE = "service"
"""The owner of the rooms that the seed makes."""
NOBODY = "nobody"
"""The owner of a room whose owner has deleted the account. Administrators may open and delete it."""

_USER = "user#"
_OCCUPIED = "yes"
_DELETED = "deleted"
_DEFAULTS: dict[str, Any] = {"visibility": "public", "is_locked": False, "slow_seconds": 0}
"""The settings that a row holds only if they differ from these values."""


class Change(TypedDict, total=False):
    """New values of a room's attributes."""

    name: str
    description: str
    max_participants: int
    color: str
    status: RoomStatus
    used_at: Moment
    visibility: Visibility
    owner: str
    is_locked: bool
    slow_seconds: int
    retention_days: int | None


class StatusAttribute(UnicodeAttribute):
    """The status of a room: a hidden room is active."""

    def deserialize(self, value: Any) -> Any:
        return "active" if value == "hidden" else value


@dataclass(frozen=True, slots=True)
class Room:
    """A room with seats. `created_by` is None if the seed made it, or if its creator has deleted the account.

    `owner` may change; `created_by` does not. A room of the first release has no `owner`: its creator owns it.
    `used_at`: the last time that somebody took or gave up a seat, or that the room was opened. None: not known.
    `is_locked`: nobody new gets in. `slow_seconds`: the time between two messages of one person. `retention_days`:
    None means the setting of the deployment. `reserved`: the seats that are kept, as JSON: see `live_reservations`.
    """

    room_id: str
    name: str
    description: str
    status: Annotated[RoomStatus, StatusAttribute]
    participant_count: int
    max_participants: int
    color: str
    created_at: Annotated[Moment, IsoMoment]
    created_by: str | None
    used_at: Moment | None = None
    owner: str | None = None
    visibility: Visibility = "public"
    is_locked: bool = False
    slow_seconds: int = 0
    retention_days: int | None = None
    reserved: str | None = None

    def days_kept(self, settings: Settings) -> int:
        """How many days the room's log keeps an entry."""
        return self.retention_days or settings.message_retention_days

    @property
    def is_listed(self) -> bool:
        """True if the list of rooms shows the room."""
        return self.status == "active" and self.visibility == "public"

    @property
    def owner_id(self) -> str | None:
        """The user who owns the room. None if it is the service's own, or belongs to nobody."""
        owner = self.owner or owner_of(self.created_by)
        return owner.removeprefix(_USER) if owner.startswith(_USER) else None

    @property
    def key(self) -> RoomKey:
        """The room's place among the rooms of its status, or of its owner."""
        return self.created_at, self.room_id

    def is_unused_since(self, moment: Moment) -> bool:
        """True if the room is not the service's own, and nobody has been in it since this moment."""
        is_own = (self.owner or owner_of(self.created_by)) == SERVICE
        if is_own or self.participant_count > 0 or self.used_at is None:
            return False
        return self.used_at <= moment


def _stored(room: Room) -> dict[str, Any]:
    defaults = {name: None for name, default in _DEFAULTS.items() if getattr(room, name) == default}
    return {"status": _stored_status(room.status, room.visibility), **defaults}


def _stored_status(status: RoomStatus, visibility: Visibility) -> str:
    return "hidden" if status == "active" and visibility != "public" else status


ROOMS = Table("rooms", Room, also={"occupied": str}, stored=_stored)


def owner_of(user_id: str | None) -> str:
    """The attribute `owner` of a user's room, or of the service's. Rows of the first release lack it until the seed
    adds it."""
    return SERVICE if user_id is None else f"{_USER}{user_id}"


def is_owned_by(user_id: str) -> Condition:
    """The condition that a room belongs to a user."""
    has_made = ROOMS.owner.does_not_exist() & (ROOMS.created_by == user_id)
    condition: Condition = (ROOMS.owner == owner_of(user_id)) | has_made
    return condition


def has_owner_as_read(room: Room) -> Condition:
    """The condition that a room has the same owner as when it was read. A deleted room has none."""
    is_as_read = ROOMS.owner == room.owner if room.owner else ROOMS.owner.does_not_exist()
    condition: Condition = is_as_read & _exists()
    return condition


def has_settings_as_read(room: Room) -> Condition:
    """The condition that a room has the same owner, status and settings as when it was read."""
    condition = has_owner_as_read(room) & _has_status(room.status)
    for name in ("name", "description", "max_participants", "color", *_DEFAULTS, "retention_days"):
        condition &= _has(name, getattr(room, name))
    whole: Condition = condition
    return whole


def require_settings(room: Room) -> Check:
    """The part of a transaction that refuses it if owner, status or settings have changed since they were read."""
    return Check(ROOMS, room.room_id, has_settings_as_read(room))


def has_visibility_as_read(room: Room) -> Condition:
    """The condition that a room has the same visibility as when it was read."""
    return _has("visibility", room.visibility)


def hand_over(room: Room, user_id: str) -> Update:
    """The write that gives a room to a user, if its owner is as it was read."""
    return Update(ROOMS, room.room_id, [ROOMS.owner.set(owner_of(user_id))], has_owner_as_read(room))


def adopt_room(store: Store, room: Room, now: Moment) -> None:
    """Give a room of the first release the attributes that it lacks: its owner, and `used_at`, which starts now."""
    actions = [ROOMS.owner.set(owner_of(room.created_by)), ROOMS.used_at.set(now)]
    store.update(ROOMS, room.room_id, actions, _exists() & ROOMS.owner.does_not_exist())


def get_room(store: Store, room_id: str, *, consistent: bool = True) -> Room | None:
    """The room as it is now, or None. 1 read unit for each 4 KB, half of that if not consistent."""
    room = store.get(ROOMS, room_id, consistent=consistent)
    return None if room is None or _is_deleted(room) else room


def get_rooms(store: Store, room_ids: Sequence[str]) -> list[Room]:
    """The rooms of these ids that exist, in any order. They may be a moment old. 0.5 read units for each 4 KB."""
    return [room for room in store.get_many(ROOMS, room_ids) if not _is_deleted(room)] if room_ids else []


def list_newest(store: Store, limit: int, before: RoomKey | None = None) -> tuple[list[Room], bool]:
    """Up to `limit` listed rooms, newest first, made before that room; and whether there are more."""
    start: PageKey | None = None
    if before:
        created_at, room_id = before
        start = {"status": {"S": "active"}, "created_at": {"S": iso(created_at)}, "room_id": {"S": room_id}}
    items, next_key = store.page(
        ROOMS, "active", start=start, index_name="by_status", limit=limit, scan_index_forward=False
    )
    return [ROOMS.read(item) for item in items], next_key is not None


def list_owned(store: Store, owner: str) -> list[RoomKey]:
    """The rooms of an owner, active or not, oldest first, from the index: it may be late. 0.5 read units."""
    pages = store.pages(ROOMS, owner, index="by_owner")
    return sorted((from_iso(item["created_at"]["S"]), item["room_id"]["S"]) for page in pages for item in page)


def list_all(store: Store, status: StoredStatus) -> Iterator[Room]:
    """All rooms with this status, oldest first, page by page."""
    return store.query(ROOMS, status, index="by_status")


def plan_change(room: Room, changes: Change, *, owner_id: str | None = None, also: Condition | None = None) -> Update:
    """The write that changes attributes of a room that was read, on the condition `also`.

    It is refused if the room was deleted since, or if it does not belong to `owner_id`. If it changes the status or the
    visibility, it is also refused if one of both has changed since, because the stored status depends on both.
    """
    values, condition = dict[str, object](changes), _exists()
    if changes.keys() & {"status", "visibility"}:
        status, visibility = changes.get("status", room.status), changes.get("visibility", room.visibility)
        values["status"] = _stored_status(status, visibility)
        condition &= _has_status(room.status) & _has("visibility", room.visibility)
    if owner_id:
        condition &= is_owned_by(owner_id)
    if also is not None:
        condition &= also
    return Update(ROOMS, room.room_id, [_set(name, value) for name, value in values.items()], condition)


def deactivate_idle(store: Store, room: Room) -> bool:
    """Deactivate an empty room of the list. False if somebody has used or changed it since it was read."""
    is_idle = (ROOMS.status == "active") & (ROOMS.participant_count == 0) & (ROOMS.used_at == room.used_at)
    return store.update(ROOMS, room.room_id, [ROOMS.status.set("inactive")], is_idle) is not None


def live_reservations(room: Room, now: Moment) -> dict[str, Moment]:
    """The users for whom a seat is kept, as fingerprints, each with the time until which it is kept."""
    kept: dict[str, Moment] = json.loads(room.reserved or "{}")
    return {holder: until for holder, until in kept.items() if until > now}


def kept_for_others(room: Room, user_id: str, now: Moment) -> dict[str, Moment]:
    """The reservations of all users but this one."""
    own = fingerprint(room.room_id, user_id)
    return {other: until for other, until in live_reservations(room, now).items() if other != own}


def is_expected(room: Room, user_id: str, now: Moment) -> bool:
    """True if a seat is kept for this user."""
    return fingerprint(room.room_id, user_id) in live_reservations(room, now)


def reserve_seat(room: Room, user_id: str, until: Moment, now: Moment) -> Update:
    """The write that keeps a seat for a user. It is refused if the room is full, inactive or deleted.

    Reservations that are over are dropped. It is also refused if the reservations have changed since the room was read.
    """
    others = kept_for_others(room, user_id, now)
    condition = _has_status("active") & _has_seat_beside(room, others)
    return Update(ROOMS, room.room_id, _keep(room, others | {fingerprint(room.room_id, user_id): until}), condition)


def count_join(room: Room, user_id: str, now: Moment) -> Update:
    """The write that takes a seat. It is refused if the room is full, locked, inactive or deleted.

    A seat that is kept for another user is not free. The user's own reservation ends; with it, the user gets into a
    locked room. The write is also refused if the reservations, the owner or the visibility have changed since the room
    was read.
    """
    others = kept_for_others(room, user_id, now)
    condition = _has_status("active") & _has_seat_beside(room, others)
    condition &= has_owner_as_read(room) & has_visibility_as_read(room)
    if not is_expected(room, user_id, now):
        condition &= _has("is_locked", False)
    actions = [ROOMS.participant_count.add(1), ROOMS.occupied.set(_OCCUPIED), ROOMS.used_at.set(now)]
    return Update(ROOMS, room.room_id, [*actions, *_keep(room, others)], condition)


def _has_seat_beside(room: Room, others: dict[str, Moment]) -> Condition:
    """The condition that a seat is free beside the kept ones. A condition can't subtract, so it names the size."""
    condition: Condition = _has("reserved", room.reserved)
    if others:
        condition &= ROOMS.max_participants == room.max_participants
        condition &= ROOMS.participant_count < room.max_participants - len(others)
    else:
        condition &= ROOMS.participant_count < ROOMS.max_participants
    return condition


def _keep(room: Room, reservations: dict[str, Moment]) -> list[Action]:
    """Store these reservations, if they are not stored already."""
    text = json.dumps(reservations, ensure_ascii=False, separators=(",", ":")) if reservations else None
    return [] if text == room.reserved else [_set("reserved", text)]


def count_leave(room_id: str, now: Moment, condition: Condition | None = None) -> Update:
    """The write that gives a seat back. It is refused if the condition is not met."""
    actions = [ROOMS.participant_count.add(-1), ROOMS.used_at.set(now)]
    is_taken: Condition = ROOMS.participant_count > 0
    return Update(ROOMS, room_id, actions, is_taken if condition is None else is_taken & condition)


def release_room(room: Room, user_id: str) -> Update:
    """The write that closes the room of an owner who deletes the account. It belongs to nobody then."""
    return plan_change(room, {"owner": NOBODY, "status": "inactive"}, owner_id=user_id)


def forget_user(store: Store, room: Room, user_id: str) -> bool:
    """Remove a user's id from the room: as the creator, and of a seat that is kept. False if that has changed."""
    kept: dict[str, Moment] = json.loads(room.reserved or "{}")
    own = fingerprint(room.room_id, user_id)
    actions = _keep(room, {other: until for other, until in kept.items() if other != own}) if own in kept else []
    if room.created_by == user_id:
        actions.append(ROOMS.created_by.remove())
    condition = _exists() & _has("reserved", room.reserved)
    return not actions or store.update(ROOMS, room.room_id, actions, condition) is not None


def mark_deleted(store: Store, room_id: str, *, owner_id: str | None = None) -> bool:
    """Mark a room as deleted, so that no read finds it. False if it does not exist or is marked already.

    With `owner_id`, also False if it does not belong to this user.
    """
    actions = [ROOMS.status.set(_DELETED), ROOMS.occupied.set(_OCCUPIED), ROOMS.owner.remove()]
    condition = _exists() & is_owned_by(owner_id) if owner_id else _exists()
    return store.update(ROOMS, room_id, actions, condition) is not None


def is_marked_deleted(store: Store, room_id: str) -> bool:
    """True if the room is marked as deleted and not yet purged."""
    room = store.get(ROOMS, room_id)
    return room is not None and _is_deleted(room)


def purge(store: Store, room_id: str) -> None:
    """Remove the item of a deleted room. Do this last, after its participants, connections and log."""
    store.delete(ROOMS, room_id)


def list_occupied(store: Store) -> Iterator[str]:
    """The ids of the rooms that the sweep visits: rooms with members, and deleted rooms that are not yet purged."""
    pages = store.pages(ROOMS, _OCCUPIED, index="by_occupied")
    return (item["room_id"]["S"] for page in pages for item in page)


def unindex(store: Store, room_id: str) -> None:
    """Take an empty room off the sweep's index. A join or a deletion at the same moment keeps it there."""
    is_empty = (ROOMS.participant_count == 0) & (ROOMS.status != _DELETED)
    store.update(ROOMS, room_id, [ROOMS.occupied.remove()], is_empty)


def _exists() -> Condition:
    condition: Condition = ROOMS.room_id.exists() & (ROOMS.status != _DELETED)
    return condition


def _has_status(status: RoomStatus) -> Condition:
    condition: Condition = ROOMS.status.is_in("active", "hidden") if status == "active" else ROOMS.status == status
    return condition


def _has(name: str, value: object) -> Condition:
    """The condition that an attribute has this value. None: it is absent."""
    attribute = getattr(ROOMS, name)
    is_absent: Condition = attribute.does_not_exist()
    if value is None:
        return is_absent
    condition: Condition = attribute == value
    return condition | is_absent if value == _DEFAULTS.get(name) else condition


def _set(name: str, value: object) -> Action:
    attribute = getattr(ROOMS, name)
    is_absent = value is None or value == _DEFAULTS.get(name)
    action: Action = attribute.remove() if is_absent else attribute.set(value)
    return action


def _is_deleted(room: Room) -> bool:
    return str(room.status) == _DELETED
