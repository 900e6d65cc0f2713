"""The `rooms` table."""

from collections.abc import Iterator
from typing import Any, Literal, get_args

from pynamodb.exceptions import DoesNotExist, TransactWriteError, UpdateError
from pynamodb.expressions.update import Action
from pynamodb.transactions import TransactWrite

from chalicelib.records import Room, RoomStatus
from chalicelib.store.client import is_refused
from chalicelib.store.guards import Receipt, claim
from chalicelib.store.tables import DELETED, OCCUPIED, RoomRow, bound_connection
from chalicelib.times import Moment, iso

STATUSES: tuple[RoomStatus, ...] = get_args(RoomStatus)
Key = dict[str, dict[str, Any]]
Change = dict[Literal["name", "description", "max_participants", "color", "status"], Any]


def get(room_id: str) -> Room | None:
    """The room as it is this moment, or None where there is none. 0.5 read units for each 2 KB."""
    try:
        row = RoomRow.get(room_id, consistent_read=True)
    except DoesNotExist:
        return None
    return None if row.status == DELETED else row.record()


def page(status: RoomStatus, limit: int, after: Key | None = None) -> tuple[list[Room], Key | None]:
    """Up to `limit` rooms of a status, oldest first, and where the next page starts, if there is one."""
    found = RoomRow.by_status.query(status, limit=limit, page_size=limit, last_evaluated_key=after)
    rooms = [row.record() for row in found]
    return rooms, found.last_evaluated_key


def every(status: RoomStatus) -> Iterator[Room]:
    """All rooms of a status, oldest first, read page by page."""
    return (row.record() for row in RoomRow.by_status.query(status))


def create(room: Room, receipt: Receipt | None, now: Moment) -> None:
    """Write a new room, and in the same transaction the receipt, where there is one.

    Raises:
        ClaimedError: the receipt exists already.
    """
    row = RoomRow(
        room_id=room.id,
        name=room.name,
        description=room.description,
        status=room.status,
        participant_count=room.participant_count,
        max_participants=room.max_participants,
        color=room.color,
        created_at=iso(room.created_at),
        created_by=room.created_by,
    )
    if receipt is None:
        row.save()
    else:
        claim(receipt, row, now, room_id=room.id)


def change(room_id: str, changes: Change) -> Room | None:
    """Change some attributes; None where the room is gone."""
    condition = RoomRow.room_id.exists() & (RoomRow.status != DELETED)
    actions: list[Action] = [getattr(RoomRow, name).set(value) for name, value in changes.items()]
    row = RoomRow(room_id)
    try:
        row.update(actions, condition)
    except UpdateError as error:
        if is_refused(error):
            return None
        raise
    return row.record()


def switch(room_id: str, before: RoomStatus, after: RoomStatus) -> Room | None:
    """Change the status; None where it isn't what it was, or the room is gone.

    A transaction, since a try that follows a lost answer must not find its own work and take it for another's.
    """
    try:
        with TransactWrite(connection=bound_connection()) as transaction:
            transaction.update(RoomRow(room_id), [RoomRow.status.set(after)], RoomRow.status == before)
    except TransactWriteError as error:
        if is_refused(error):
            return None
        raise
    return get(room_id)


def bury(room_id: str) -> bool:
    """Mark a room as deleted, so that nobody finds it; False where there is nothing left to mark."""
    try:
        RoomRow(room_id).update(
            [RoomRow.status.set(DELETED), RoomRow.occupied.set(OCCUPIED)],
            RoomRow.room_id.exists() & (RoomRow.status != DELETED),
        )
    except UpdateError as error:
        if is_refused(error):
            return False
        raise
    return True


def erase(room_id: str) -> None:
    """Remove what `bury` left, once all that belonged to the room is gone."""
    RoomRow(room_id).delete()


def occupied() -> Iterator[str]:
    """The ids of the rooms that the sweeper must look at: somebody is in them, or they wait to be erased."""
    return (row.room_id for row in RoomRow.by_occupied.query(OCCUPIED))


def is_buried(room_id: str) -> bool:
    """Whether the room is deleted and still waits to be erased."""
    try:
        return RoomRow.get(room_id, consistent_read=True).status == DELETED
    except DoesNotExist:
        return False


def vacate(room_id: str) -> None:
    """Take an empty room off the sweeper's list; a join or a deletion that comes in between keeps it there."""
    still_empty = (RoomRow.participant_count == 0) & (RoomRow.status != DELETED)
    try:
        RoomRow(room_id).update([RoomRow.occupied.remove()], still_empty)
    except UpdateError as error:
        if not is_refused(error):
            raise
