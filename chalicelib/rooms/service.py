"""Create rooms."""

import uuid
from functools import partial

from chalicelib.contract import Request
from chalicelib.kernel.errors import InvalidRequestError, RateLimitedError, RoomNotFoundError, TooManyRoomsError
from chalicelib.kernel.times import Moment
from chalicelib.rooms.defaults import looks_like_default
from chalicelib.rooms.schemas import DEFAULT_COLOR, DEFAULT_SEATS, RoomCreate, RoomSummary
from chalicelib.rooms.table import ROOMS, Room, get_room, list_owned, owner_of
from chalicelib.store import Put, Store
from chalicelib.store.idempotency import IdempotencyKey, IdempotencyRecord, find_record, record_once


def create_room(request: Request, body: RoomCreate) -> RoomSummary:
    """Create a room. The same idempotency key again answers the room that it created first.

    Raises:
        InvalidRequestError: the name looks like that of a default room, and the user is no administrator.
        RateLimitedError: the user has created too many rooms in a day.
        TooManyRoomsError: the user owns as many rooms as a user may own.
    """
    backend, user, now = request.backend, request.user, request.now
    store = backend.store
    if not user.is_admin and looks_like_default(body.name):
        raise InvalidRequestError.of("name", "must not look like the name of one of the service's own rooms")
    client_key = request.client_key
    key = IdempotencyKey("rooms", user.id, client_key) if client_key else None
    if key and (record := find_record(store, key, now)):
        return _created_before(store, record)
    owner = owner_of(user.id)
    wait, owned = store.run_parallel(
        partial(backend.rate_limits.check, f"rooms#{user.id}", backend.settings.rooms_limit, now),
        partial(list_owned, store, owner),
    )
    if wait:
        raise RateLimitedError(wait)
    if len(owned) >= backend.settings.owned_rooms_limit:
        raise TooManyRoomsError(f"You own {len(owned)} rooms; delete one of them first")
    room = new_room(body, user.id, now)
    if key is None:
        store.put(ROOMS, room, owner=owner)
        return RoomSummary.of(room)
    if store.transact([Put(ROOMS, room, also={"owner": owner}), record_once(key, now, room_id=room.room_id)]):
        return RoomSummary.of(room)
    record = find_record(store, key, now)
    if record is None:
        raise RuntimeError("an idempotency key was refused, but has no record")
    return _created_before(store, record)


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
    )


def _created_before(store: Store, record: IdempotencyRecord) -> RoomSummary:
    room = get_room(store, record.room_id)
    if room is None:
        raise RoomNotFoundError("The room that this key made has been deleted")
    return RoomSummary.of(room)
