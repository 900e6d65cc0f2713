"""List and create rooms."""

import base64
import binascii
import hmac
import json
import uuid
from dataclasses import dataclass

from chalicelib.contract import Request
from chalicelib.kernel.errors import InvalidCursorError, InvalidRequestError, RateLimitedError, RoomNotFoundError
from chalicelib.kernel.times import Moment
from chalicelib.rooms.defaults import looks_like_default
from chalicelib.rooms.schemas import RoomCreate, RoomsQuery, RoomSummary
from chalicelib.rooms.table import ROOMS, Room, get_room, list_page
from chalicelib.store import Put, Store
from chalicelib.store.idempotency import IdempotencyKey, IdempotencyRecord, find_record, record_once
from chalicelib.store.store import PageKey

_MAC_BYTES = 16


@dataclass(frozen=True)
class RoomPage:
    """A page of rooms, and the cursor of the next page, if there is one."""

    rooms: list[RoomSummary]
    next_cursor: str | None


def list_rooms(request: Request, query: RoomsQuery) -> RoomPage:
    """The active rooms, oldest first.

    Raises:
        InvalidCursorError: the cursor was not made by this service, or was changed.
    """
    backend = request.backend  # the secret is read only if there is a cursor
    start = _read_cursor(backend.secret, query.cursor) if query.cursor else None
    found, next_key = list_page(backend.store, "active", query.limit, start)
    cursor = _write_cursor(backend.secret, next_key) if next_key else None
    return RoomPage([RoomSummary.of(room) for room in found], cursor)


def create_room(request: Request, body: RoomCreate) -> RoomSummary:
    """Create a room. The same idempotency key again answers the room that it created first.

    Raises:
        InvalidRequestError: the name looks like that of a default room, and the user is no administrator.
        RateLimitedError: the user has created too many rooms in a day.
    """
    backend, user, now = request.backend, request.user, request.now
    store = backend.store
    if not user.is_admin and looks_like_default(body.name):
        raise InvalidRequestError.of("name", "must not look like the name of one of the service's own rooms")
    client_key = request.client_key
    key = IdempotencyKey("rooms", user.id, client_key) if client_key else None
    if key and (record := find_record(store, key, now)):
        return _created_before(store, record)
    if wait := backend.rate_limits.check(f"rooms#{user.id}", backend.settings.rooms_limit, now):
        raise RateLimitedError(wait)
    room = new_room(body, user.id, now)
    if key is None:
        store.put(ROOMS, room)
        return RoomSummary.of(room)
    if store.transact([Put(ROOMS, room), record_once(key, now, room_id=room.room_id)]):
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
        description=body.description,
        status="active",
        participant_count=0,
        max_participants=body.max_participants,
        color=body.color,
        created_at=now,
        created_by=created_by,
    )


def _created_before(store: Store, record: IdempotencyRecord) -> RoomSummary:
    room = get_room(store, record.room_id)
    if room is None:
        raise RoomNotFoundError("The room that this key made has been deleted")
    return RoomSummary.of(room)


def _write_cursor(secret: bytes, key: PageKey) -> str:
    text = json.dumps(key, separators=(",", ":"), sort_keys=True).encode()
    return base64.urlsafe_b64encode(_mac(secret, text) + text).decode()


def _read_cursor(secret: bytes, cursor: str) -> PageKey:
    try:
        raw = base64.b64decode(cursor.encode("ascii"), altchars=b"-_", validate=True)
    except (ValueError, binascii.Error) as error:
        raise InvalidCursorError from error
    mac, text = raw[:_MAC_BYTES], raw[_MAC_BYTES:]
    if not hmac.compare_digest(mac, _mac(secret, text)):
        raise InvalidCursorError
    key: PageKey = json.loads(text)
    return key


def _mac(secret: bytes, text: bytes) -> bytes:
    return hmac.digest(secret, b"cursor:" + text, "sha256")[:_MAC_BYTES]
