"""The `rooms` table."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Literal, get_args

from chalicelib.kernel.times import Moment, from_iso, iso
from chalicelib.store import Condition, Store, Table, Update
from chalicelib.store.store import PageKey
from chalicelib.store.tables import IsoMoment

RoomStatus = Literal["active", "inactive"]
STATUSES: tuple[RoomStatus, ...] = get_args(RoomStatus)
Change = dict[Literal["name", "description", "max_participants", "color", "status", "used_at"], Any]
RoomKey = tuple[Moment, str]
"""When a room was made, and its id."""
SERVICE = "service"
"""The owner of the rooms that the seed makes."""

_USER = "user#"
_OCCUPIED = "yes"
_DELETED = "deleted"


@dataclass(frozen=True, slots=True)
class Room:
    """A room with seats. `created_by` is None if the seed made it.

    `owner` may change; `created_by` does not. A room of the first release has no `owner`: its creator owns it.
    `used_at`: the last time that somebody took or gave up a seat, or that the room was opened. None: not known.
    """

    room_id: str
    name: str
    description: str
    status: RoomStatus
    participant_count: int
    max_participants: int
    color: str
    created_at: Annotated[Moment, IsoMoment]
    created_by: str | None
    used_at: Moment | None = None
    owner: str | None = None

    @property
    def owner_id(self) -> str | None:
        """The user who owns the room. None if it is the service's own."""
        owner = self.owner or owner_of(self.created_by)
        return owner.removeprefix(_USER) if owner.startswith(_USER) else None

    @property
    def key(self) -> RoomKey:
        """The room's place among the rooms of its status, or of its owner."""
        return self.created_at, self.room_id

    def is_unused_since(self, moment: Moment) -> bool:
        """True if the room is a user's, and nobody has been in it since this moment."""
        if self.created_by is None or self.participant_count > 0 or self.used_at is None:
            return False
        return self.used_at <= moment


ROOMS = Table("rooms", Room, also={"occupied": str})


def owner_of(user_id: str | None) -> str:
    """The attribute `owner` of a user's room, or of the service's. Rows of the first release lack it until the seed
    adds it."""
    return SERVICE if user_id is None else f"{_USER}{user_id}"


def is_owned_by(user_id: str) -> Condition:
    """The condition that a room belongs to a user."""
    has_made = ROOMS.owner.does_not_exist() & (ROOMS.created_by == user_id)
    condition: Condition = (ROOMS.owner == owner_of(user_id)) | has_made
    return condition


def adopt_room(store: Store, room: Room, now: Moment) -> None:
    """Give a room of the first release the attributes that it lacks: its owner, and `used_at`, which starts now."""
    actions = [ROOMS.owner.set(owner_of(room.created_by)), ROOMS.used_at.set(now)]
    store.update(ROOMS, room.room_id, actions, _exists() & ROOMS.owner.does_not_exist())


def get_room(store: Store, room_id: str) -> Room | None:
    """The room as it is now, or None. 1 read unit for each 4 KB."""
    room = store.get(ROOMS, room_id)
    return None if room is None or _is_deleted(room) else room


def list_newest(store: Store, limit: int, before: RoomKey | None = None) -> tuple[list[Room], bool]:
    """Up to `limit` active rooms, newest first, made before that room; and whether there are more."""
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


def list_all(store: Store, status: RoomStatus) -> Iterator[Room]:
    """All rooms with this status, oldest first, page by page."""
    return store.query(ROOMS, status, index="by_status")


def change_room(store: Store, room_id: str, changes: Change) -> Room | None:
    """Change some attributes. The room after the change, or None if it does not exist."""
    actions = [getattr(ROOMS, name).set(value) for name, value in changes.items()]
    return store.update(ROOMS, room_id, actions, _exists(), returns="ALL_NEW")


def deactivate_idle(store: Store, room: Room) -> bool:
    """Deactivate an empty room. False if somebody has used it since it was read."""
    is_idle = (ROOMS.status == "active") & (ROOMS.participant_count == 0) & (ROOMS.used_at == room.used_at)
    return store.update(ROOMS, room.room_id, [ROOMS.status.set("inactive")], is_idle) is not None


def compare_and_set_status(
    store: Store, room_id: str, before: RoomStatus, after: RoomStatus, now: Moment
) -> Room | None:
    """Change the status from `before` to `after`. None if the room has another status, or does not exist.

    This is a transaction: if an answer is lost, the retry must not find its own write and report a refusal.
    """
    actions = [ROOMS.status.set(after), ROOMS.used_at.set(now)]
    change = Update(ROOMS, room_id, actions, ROOMS.status == before)
    return get_room(store, room_id) if store.transact([change]) else None


def count_join(room_id: str, now: Moment) -> Update:
    """The write that takes a seat. It is refused if the room is full, inactive or deleted."""
    has_seat = (ROOMS.status == "active") & (ROOMS.participant_count < ROOMS.max_participants)
    actions = [ROOMS.participant_count.add(1), ROOMS.occupied.set(_OCCUPIED), ROOMS.used_at.set(now)]
    return Update(ROOMS, room_id, actions, has_seat)


def count_leave(room_id: str, now: Moment) -> Update:
    """The write that gives a seat back."""
    actions = [ROOMS.participant_count.add(-1), ROOMS.used_at.set(now)]
    return Update(ROOMS, room_id, actions, ROOMS.participant_count > 0)


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


def _is_deleted(room: Room) -> bool:
    return str(room.status) == _DELETED
