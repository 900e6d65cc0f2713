"""Change, close and delete rooms."""

from dataclasses import replace
from functools import partial
from typing import Any

from chalicelib import log
from chalicelib.contract import Context, Success
from chalicelib.grants import table as grants
from chalicelib.identity.accounts import note_actor
from chalicelib.identity.tokens import User
from chalicelib.kernel.errors import ForbiddenError, RoomNotFoundError, UnavailableError
from chalicelib.lifecycle.schemas import (
    CloseReason,
    RoomClosed,
    RoomClosedData,
    RoomPatch,
    RoomUpdate,
    RoomUpdated,
    StatusToggled,
)
from chalicelib.log import EventDraft, LogPosition
from chalicelib.rooms.authority import require_owner
from chalicelib.rooms.defaults import require_own_name
from chalicelib.rooms.schemas import RoomSummary
from chalicelib.rooms.table import (
    Change,
    Room,
    RoomStatus,
    get_room,
    has_settings_as_read,
    is_marked_deleted,
    mark_deleted,
    plan_change,
    purge,
    require_settings,
)
from chalicelib.seats.broadcast import broadcast, close_connections, say_bye
from chalicelib.seats.connections import get_roster, remove_connection
from chalicelib.seats.endings import evict
from chalicelib.seats.entries import commit
from chalicelib.seats.schemas import CLOSE_FRAMES
from chalicelib.seats.table import list_participants
from chalicelib.store import ATTEMPTS, Write

_PAGES = 8
_BUSY = "The room is changed too often; try again"


def update_room(context: Context, body: RoomUpdate) -> RoomSummary:
    """Change a room. Deactivating it ends every membership.

    Raises:
        RoomNotFoundError: the room does not exist.
    """
    changes: Any = body.model_dump(exclude_none=True)
    if body.status == "active":
        changes["used_at"] = context.now
    return _change(context, changes)


def update_own_room(context: Context, user: User, body: RoomPatch) -> RoomSummary:
    """Change a room that the user owns, or any room if the user is an administrator. This proves `Access.OWNER`.

    Raises:
        RoomNotFoundError, ForbiddenError.
        InvalidRequestError: the name looks like that of a default room, and the user is no administrator.
    """
    require_own_name(user, body.name)
    require_owner(context)
    changes: Any = body.model_dump(exclude_none=True)
    return _change(context, changes, owner_id=None if user.is_admin else user.id)


def toggle_status(context: Context) -> StatusToggled:
    """Open a closed room, or close an open one.

    Raises:
        RoomNotFoundError: the room does not exist.
        UnavailableError: it is changed too often.
    """
    store, room_id = context.store, context.room_id
    for _ in range(ATTEMPTS):
        room = get_room(store, room_id)
        if room is None:
            raise RoomNotFoundError
        status: RoomStatus = "inactive" if room.status == "active" else "active"
        if _try_change(context, room, {"status": status, "used_at": context.now}):
            return StatusToggled(room_id=room_id, new_status=status)
    raise UnavailableError(_BUSY)


def delete_own_room(context: Context, user: User) -> Success:
    """Delete a room that the user owns, or any room if the user is an administrator. This proves `Access.OWNER`.

    Raises:
        RoomNotFoundError, ForbiddenError.
    """
    require_owner(context)
    delete_room(context, owner_id=None if user.is_admin else user.id)
    return Success(message="Room deleted")


def delete_room(context: Context, *, owner_id: str | None = None) -> None:
    """Delete a room and all that belongs to it. It disappears at once; the sweep finishes an interrupted deletion.

    Raises:
        RoomNotFoundError: the room does not exist.
        ForbiddenError: `owner_id` is given, and the room no longer belongs to this user.
    """
    store, room_id = context.store, context.room_id
    # If the answer to an earlier try was lost, the room is marked already.
    if not mark_deleted(store, room_id, owner_id=owner_id) and not is_marked_deleted(store, room_id):
        raise RoomNotFoundError if get_room(store, room_id) is None else ForbiddenError
    purge_room(context)


def purge_room(context: Context) -> None:
    """Remove everything that belongs to a deleted room. A long log takes several calls; repeating a call is safe."""
    close_room(context, "deleted")
    store, room_id = context.store, context.room_id
    if all(log.delete_page(store, room_id) for _ in range(_PAGES)):
        return
    if not all(grants.delete_page(store, room_id) for _ in range(_PAGES)):
        purge(store, room_id)


def close_room(context: Context, reason: CloseReason) -> None:
    """End every membership of a room that closes: tell the members, then close their connections.

    The log of a deleted room is deleted, too, so nothing is written to it.
    """
    store, room_id = context.store, context.room_id
    roster, members = store.run_parallel(
        partial(get_roster, store, room_id), partial(list_participants, store, room_id)
    )
    broadcast(context, context.stamp(RoomClosed, data=RoomClosedData(reason=reason)), roster)
    say_bye(context, roster, CLOSE_FRAMES["room_closed"])
    for connection in roster:
        remove_connection(store, connection)
    close_connections(context, roster)
    for member in members:
        evict(context, member.user_id, "room_closed", write_log=reason == "deactivated")


def _change(context: Context, changes: Change, *, owner_id: str | None = None) -> RoomSummary:
    """Change attributes of a room. With `owner_id`, only if the room belongs to this user."""
    for _ in range(ATTEMPTS):
        room = get_room(context.store, context.room_id)
        if room is None:
            raise RoomNotFoundError
        if owner_id and room.owner_id != owner_id:
            raise ForbiddenError("Only the owner of the room may do this")
        if summary := _try_change(context, room, changes, owner_id=owner_id):
            return summary
    raise UnavailableError(_BUSY)


def _try_change(context: Context, room: Room, changes: Change, *, owner_id: str | None = None) -> RoomSummary | None:
    """Change a room that was read, and tell its members, also of no change. None if it has changed since.

    If it is inactive now, its memberships end instead: nobody is left to be told of an event.
    """
    # The event shows all settings, not only those that change.
    writes: list[Write] = [require_settings(room)]
    if changes:
        writes = [plan_change(room, changes, owner_id=owner_id, also=has_settings_as_read(room))]
    summary = RoomSummary.of(replace(room, **changes), context.settings)
    if summary.status == "inactive":
        position = log.get_position(context.store, context.room_id, consistent=True)
        if not context.store.transact([*writes, *_keep_log(context, position, changes)]):
            return None
        close_room(context, "deactivated")
        return RoomSummary.of(get_room(context.store, room.room_id) or room, context.settings)
    draft = EventDraft("room_updated", summary)
    position = log.allocate(context, draft)
    writes += _keep_log(context, position, changes)
    writes += [note_actor(room.room_id, context.user_id)] if context.user_id else []
    event = commit(context, draft, writes, position=position)
    if event is None:
        return None
    broadcast(context, context.stamp(RoomUpdated, seq=event.seq, data=summary), get_roster(context.store, room.room_id))
    return summary


def _keep_log(context: Context, position: LogPosition, changes: Change) -> list[Write]:
    """The write that changes how long the log keeps its entries."""
    days, default = changes.get("retention_days"), context.settings.message_retention_days
    return [log.keep_for(position, days, default)] if days else []
