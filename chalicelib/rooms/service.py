"""Create rooms."""

import uuid
from collections.abc import Sequence
from functools import partial

from chalicelib.contract import Request
from chalicelib.grants.bans import require_admission
from chalicelib.kernel.errors import (
    RateLimitedError,
    RoomNotFoundError,
    TooManyRoomsError,
    UnavailableError,
)
from chalicelib.kernel.times import Moment
from chalicelib.log import LogPosition, keep_for
from chalicelib.rooms.defaults import require_own_name
from chalicelib.rooms.schemas import DEFAULT_COLOR, DEFAULT_SEATS, RoomCreate, RoomSummary
from chalicelib.rooms.table import ROOMS, Room, get_room, list_owned, owner_of
from chalicelib.store import ATTEMPTS, Put, Write
from chalicelib.store.idempotency import IdempotencyKey, IdempotencyRecord, find_record, record_once


def create_room(request: Request, body: RoomCreate) -> RoomSummary:
    """Create a room. The same idempotency key again answers the room that it created first.

    Raises:
        InvalidRequestError: the name looks like that of a default room, and the user is no administrator.
        RateLimitedError: the user has created too many rooms in a day.
        TooManyRoomsError: the user owns as many rooms as a user may own.
        BannedError: the user is kept out of all rooms.
        AccountClosingError: the user's data is being deleted.
    """
    backend, user, now = request.backend, request.user, request.now
    store = backend.store
    require_own_name(user, body.name)
    client_key = request.client_key
    room = new_room(body, user.id, now)
    if client_key:
        return _create_once(request, room, IdempotencyKey("rooms", user.id, client_key))
    wait, owned, _ = store.run_parallel(
        partial(backend.rate_limits.check, f"rooms#{user.id}", backend.settings.rooms_limit, now),
        partial(list_owned, store, owner_of(user.id)),
        partial(require_admission, store, user.id, now),
    )
    if wait:
        raise RateLimitedError(wait)
    _require_few(request, owned)
    store.transact(_make(room))
    return RoomSummary.of(room, backend.settings)


def _create_once(request: Request, room: Room, key: IdempotencyKey) -> RoomSummary:
    """Store a room, its key, and its count in one transaction: simultaneous calls with one key count once."""
    store, user_id, now = request.backend.store, request.user.id, request.now
    limits, limit = request.backend.rate_limits, request.backend.settings.rooms_limit
    for _ in range(ATTEMPTS):
        record, count, owned, _ = store.run_parallel(
            partial(find_record, store, key, now),
            partial(limits.plan, f"rooms#{user_id}", limit, now),
            partial(list_owned, store, owner_of(user_id)),
            partial(require_admission, store, user_id, now),
        )
        if record:
            return _created_before(request, record)
        if isinstance(count, int):
            raise RateLimitedError(count)
        _require_few(request, owned)
        if store.transact([*_make(room), record_once(key, now, room_id=room.room_id), count]):
            return RoomSummary.of(room, request.backend.settings)
    raise UnavailableError("You create too many rooms at the same moment; try again")


def _make(room: Room) -> list[Write]:
    """The writes that make a room. A room with a retention time of its own tells its log."""
    made: list[Write] = [Put(ROOMS, room)]
    if room.retention_days:
        position = LogPosition(room.room_id, 0, 0, 0)
        made.append(keep_for(position, room.retention_days, room.retention_days))
    return made


def _require_few(request: Request, owned: Sequence[object]) -> None:
    if len(owned) >= request.backend.settings.owned_rooms_limit:
        raise TooManyRoomsError(f"You own {len(owned)} rooms; delete one of them first")


def new_room(body: RoomCreate, created_by: str | None, now: Moment) -> Room:
    """A new room: active and empty."""
    return Room(
        room_id=str(uuid.uuid4()),
        name=body.name,
        description=body.description or "",
        status="active",
        participant_count=0,
        max_participants=body.max_participants or DEFAULT_SEATS,
        color=body.color or DEFAULT_COLOR,
        created_at=now,
        created_by=created_by,
        used_at=now,
        owner=owner_of(created_by),
        visibility=body.visibility or "public",
        retention_days=body.retention_days,
    )


def _created_before(request: Request, record: IdempotencyRecord) -> RoomSummary:
    room = get_room(request.backend.store, record.room_id)
    if room is None or (room.visibility == "private" and room.owner_id != request.user.id):
        raise RoomNotFoundError("The room that was made with this key has been deleted")
    return RoomSummary.of(room, request.backend.settings)
