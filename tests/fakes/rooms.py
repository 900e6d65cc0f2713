"""Changes of rooms as the service plans them, without an event."""

from chalicelib.kernel.times import Moment
from chalicelib.rooms.table import Change, Room, RoomStatus, get_room, plan_change
from chalicelib.store import Store


def change_room(store: Store, room_id: str, changes: Change, *, owner_id: str | None = None) -> Room | None:
    """Change attributes. The room after the change; None if it does not exist, or does not belong to `owner_id`."""
    while room := get_room(store, room_id):
        if owner_id and room.owner_id != owner_id:
            break
        if store.transact([plan_change(room, changes, owner_id=owner_id)]):
            return get_room(store, room_id)
    return None


def compare_and_set_status(store: Store, room: Room, after: RoomStatus, now: Moment) -> Room | None:
    """Change the status of a room that was read. None if it has changed since."""
    change = plan_change(room, {"status": after, "used_at": now})
    return get_room(store, room.room_id) if store.transact([change]) else None
