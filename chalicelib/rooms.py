"""Rooms: the list, one in detail, making, changing, closing and deleting them."""

import base64
import binascii
import hmac
import json
import uuid
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

from chalicelib import presence, seats
from chalicelib.auth import User
from chalicelib.backend import Backend
from chalicelib.errors import ForbiddenError, InvalidCursorError, RateLimitedError, RoomNotFoundError
from chalicelib.protocol import RoomClosed, RoomClosedData, RoomUpdated
from chalicelib.records import Room, RoomStatus
from chalicelib.schemas import RoomCreate, RoomDetail, RoomsQuery, RoomSummary, RoomUpdate, StatusToggled, Success
from chalicelib.store import connections, guards, messages, participants, rooms
from chalicelib.store.client import together
from chalicelib.store.guards import Claim, ClaimedError, Receipt
from chalicelib.times import Moment, iso

_MAC_BYTES = 16
_ERASED_PAGES = 8
CloseReason = Literal["deactivated", "deleted"]


@dataclass(frozen=True)
class Page:
    """A page of rooms, and the cursor of the next, if there is one."""

    rooms: list[RoomSummary]
    next_cursor: str | None


def list_active(backend: Backend, query: RoomsQuery) -> Page:
    """The active rooms, oldest first.

    Raises:
        InvalidCursorError: the cursor was not made here, or was changed since.
    """
    after = _read_cursor(backend.secret, query.cursor) if query.cursor else None
    found, next_key = rooms.page("active", query.limit, after)
    cursor = _write_cursor(backend.secret, next_key) if next_key else None
    return Page([RoomSummary.of(room) for room in found], cursor)


def create(backend: Backend, user: User, request: RoomCreate, client_key: str | None, now: Moment) -> RoomSummary:
    """Make a room; the same client key again answers the room that it made first.

    Raises:
        RateLimitedError: too many rooms for one day.
    """
    receipt = Receipt("rooms", user.id, client_key) if client_key else None
    if receipt and (claim := guards.find_claim(receipt, now)):
        return _made_before(claim)
    if wait := guards.admit(f"rooms#{user.id}", backend.settings.rooms_limit, now):
        raise RateLimitedError(wait)
    room = new_room(request, user.id, now)
    try:
        rooms.create(room, receipt, now)
    except ClaimedError:
        if receipt and (claim := guards.find_claim(receipt, now)):
            return _made_before(claim)
        raise
    return RoomSummary.of(room)


def new_room(request: RoomCreate, created_by: str | None, now: Moment) -> Room:
    """A room as it starts: active and empty."""
    return Room(
        id=str(uuid.uuid4()),
        name=request.name,
        description=request.description,
        status="active",
        participant_count=0,
        max_participants=request.max_participants,
        color=request.color,
        created_at=now,
        created_by=created_by,
    )


def detail(backend: Backend, user: User, room_id: str, now: Moment) -> RoomDetail:
    """A room with who is in it now and its last 50 messages. Keeps the caller's own HTTP lease alive.

    Raises:
        RoomNotFoundError: there is no such room.
    """
    room, members, log = together(
        partial(rooms.get, room_id),
        partial(participants.members, room_id),
        partial(messages.newest, room_id, seats.SHOWN_MESSAGES),
    )
    if room is None:
        raise RoomNotFoundError
    present = seats.end_expired(backend, room_id, members, now)
    for member in present:
        if member.user_id == user.id:
            presence.renew_by_call(member, now)
    return RoomDetail.compose(room, present, log)


def update(backend: Backend, room_id: str, request: RoomUpdate, now: Moment) -> RoomSummary:
    """Change what an administrator may change; deactivating ends every membership.

    Raises:
        RoomNotFoundError: there is no such room.
    """
    changes: Any = request.model_dump(exclude_none=True)
    changed = rooms.change(room_id, changes) if changes else rooms.get(room_id)
    if changed is None:
        raise RoomNotFoundError
    return _tell(backend, changed, now)


def toggle(backend: Backend, room_id: str, now: Moment) -> StatusToggled:
    """Open a closed room, or close an open one.

    Raises:
        RoomNotFoundError: there is no such room.
    """
    while room := rooms.get(room_id):
        status: RoomStatus = "inactive" if room.status == "active" else "active"
        if changed := rooms.switch(room_id, room.status, status):
            _tell(backend, changed, now)
            return StatusToggled(room_id=room_id, new_status=status)
    raise RoomNotFoundError


def delete_own(backend: Backend, user: User, room_id: str, now: Moment) -> Success:
    """Delete a room that the caller made, or any room if they are an administrator.

    Raises:
        RoomNotFoundError, ForbiddenError.
    """
    room = rooms.get(room_id)
    if room is None:
        raise RoomNotFoundError
    if not user.is_admin and room.created_by != user.id:
        raise ForbiddenError("Only who made the room may delete it")
    delete(backend, room_id, now)
    return Success(message="Room deleted")


def delete(backend: Backend, room_id: str, now: Moment) -> None:
    """Delete a room and all that belongs to it. It is gone for everybody at once; should clearing up be cut
    short, the sweeper finishes it.

    Raises:
        RoomNotFoundError: there is no such room.
    """
    if not rooms.bury(room_id) and not rooms.is_buried(room_id):  # by a try before whose answer was lost
        raise RoomNotFoundError
    clear(backend, room_id, now)


def clear(backend: Backend, room_id: str, now: Moment) -> None:
    """Remove what belongs to a deleted room; doing it again does nothing. A long log takes several times."""
    empty(backend, room_id, "deleted", now)
    if not all(messages.erase_some(room_id) for _ in range(_ERASED_PAGES)):
        rooms.erase(room_id)


def empty(backend: Backend, room_id: str, reason: CloseReason, now: Moment) -> None:
    """End every membership of a room that closes: members are told, their connections closed.

    A deleted room's log goes with it, so nothing is written there.
    """
    roster, members = together(partial(connections.roster, room_id), partial(participants.members, room_id))
    presence.push(backend, roster, RoomClosed(room_id=room_id, ts=iso(now), data=RoomClosedData(reason=reason)), now)
    presence.dismiss(backend, roster, seats.FAREWELLS["room_closed"], now)
    for connection in roster:
        connections.remove(room_id, connection.connection_id)
    for member in members:
        seats.evict(backend, room_id, member.user_id, now, logged=reason == "deactivated")


def _tell(backend: Backend, room: Room, now: Moment) -> RoomSummary:
    """Let the members know how the room is now; where it is closed, that is the end of their memberships."""
    if room.status == "inactive":
        empty(backend, room.id, "deactivated", now)
        return RoomSummary.of(rooms.get(room.id) or room)
    summary = RoomSummary.of(room)
    updated = RoomUpdated(room_id=room.id, ts=iso(now), data=summary)
    presence.push(backend, connections.roster(room.id), updated, now)
    return summary


def _made_before(claim: Claim) -> RoomSummary:
    room = rooms.get(claim.room_id)
    if room is None:
        raise RoomNotFoundError("The room that this key made has been deleted")
    return RoomSummary.of(room)


def _write_cursor(secret: bytes, key: rooms.Key) -> str:
    text = json.dumps(key, separators=(",", ":"), sort_keys=True).encode()
    return base64.urlsafe_b64encode(_mac(secret, text) + text).decode()


def _read_cursor(secret: bytes, cursor: str) -> rooms.Key:
    try:
        raw = base64.b64decode(cursor.encode("ascii"), altchars=b"-_", validate=True)
    except (ValueError, binascii.Error) as error:
        raise InvalidCursorError from error
    mac, text = raw[:_MAC_BYTES], raw[_MAC_BYTES:]
    if not hmac.compare_digest(mac, _mac(secret, text)):
        raise InvalidCursorError
    key: rooms.Key = json.loads(text)
    return key


def _mac(secret: bytes, text: bytes) -> bytes:
    return hmac.digest(secret, b"cursor:" + text, "sha256")[:_MAC_BYTES]
