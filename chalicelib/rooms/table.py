"""The `rooms` table."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Literal, get_args

from chalicelib.kernel.times import Moment
from chalicelib.store import Condition, Store, Table, Update
from chalicelib.store.store import PageKey
from chalicelib.store.tables import IsoMoment

RoomStatus = Literal["active", "inactive"]
STATUSES: tuple[RoomStatus, ...] = get_args(RoomStatus)
Change = dict[Literal["name", "description", "max_participants", "color", "status"], Any]

_OCCUPIED = "yes"
_DELETED = "deleted"


@dataclass(frozen=True, slots=True)
class Room:
    """A room with seats. `created_by` is None if the seed made it."""

    room_id: str
    name: str
    description: str
    status: RoomStatus
    participant_count: int
    max_participants: int
    color: str
    created_at: Annotated[Moment, IsoMoment]
    created_by: str | None


ROOMS = Table("rooms", Room, also={"occupied": str})


def get_room(store: Store, room_id: str) -> Room | None:
    """The room as it is now, or None. 1 read unit for each 4 KB."""
    room = store.get(ROOMS, room_id)
    return None if room is None or _is_deleted(room) else room


def list_page(
    store: Store, status: RoomStatus, limit: int, start: PageKey | None = None
) -> tuple[list[Room], PageKey | None]:
    """Up to `limit` rooms with this status, oldest first, and the key where the next page starts, if there is one."""
    items, next_key = store.page(ROOMS, status, start=start, index_name="by_status", limit=limit)
    return [ROOMS.read(item) for item in items], next_key


def list_all(store: Store, status: RoomStatus) -> Iterator[Room]:
    """All rooms with this status, oldest first, page by page."""
    return store.query(ROOMS, status, index="by_status")


def change_room(store: Store, room_id: str, changes: Change) -> Room | None:
    """Change some attributes. The room after the change, or None if it does not exist."""
    actions = [getattr(ROOMS, name).set(value) for name, value in changes.items()]
    return store.update(ROOMS, room_id, actions, _exists(), returns="ALL_NEW")


def compare_and_set_status(store: Store, room_id: str, before: RoomStatus, after: RoomStatus) -> Room | None:
    """Change the status from `before` to `after`. None if the status was another one, or the room does not exist.

    This is a transaction: if an answer is lost, the retry must not find its own write and report a refusal.
    """
    change = Update(ROOMS, room_id, [ROOMS.status.set(after)], ROOMS.status == before)
    return get_room(store, room_id) if store.transact([change]) else None


def count_join(room_id: str) -> Update:
    """The write that takes a seat. It is refused if the room is full, inactive or deleted."""
    has_seat = (ROOMS.status == "active") & (ROOMS.participant_count < ROOMS.max_participants)
    return Update(ROOMS, room_id, [ROOMS.participant_count.add(1), ROOMS.occupied.set(_OCCUPIED)], has_seat)


def count_leave(room_id: str) -> Update:
    """The write that gives a seat back."""
    return Update(ROOMS, room_id, [ROOMS.participant_count.add(-1)], ROOMS.participant_count > 0)


def mark_deleted(store: Store, room_id: str) -> bool:
    """Mark a room as deleted, so that no read finds it. False if it does not exist or is marked already."""
    actions = [ROOMS.status.set(_DELETED), ROOMS.occupied.set(_OCCUPIED)]
    return store.update(ROOMS, room_id, actions, _exists()) is not None


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
