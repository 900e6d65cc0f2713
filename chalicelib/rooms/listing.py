"""The list of active public rooms: first the service's own, oldest first, then those of users, newest first.

A cursor names the last room of its page, so it holds while rooms come and go. A page ends early if its rooms do not
fit into an answer.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import accumulate
from typing import Literal

from chalicelib.contract import Request
from chalicelib.contract.cursors import read_cursor, write_cursor
from chalicelib.contract.sizes import MAX_ANSWER_BYTES, answer_bytes
from chalicelib.rooms.schemas import RoomsQuery, RoomSummary
from chalicelib.rooms.table import SERVICE, Room, RoomKey, deactivate_idle, get_room, list_newest, list_owned
from chalicelib.store import Store

MAX_CLOSED = 5
"""Unused rooms that one request deactivates."""

_LIST = "rooms"
_DAY_MS = 86_400_000
_Cursor = tuple[Literal["own", "users"], RoomKey | None]
"""The part of the list, and the last room that the client got of it."""


@dataclass(frozen=True)
class RoomPage:
    """A page of rooms, and the cursor of the next page, if there is one."""

    rooms: list[RoomSummary]
    next_cursor: str | None


def list_rooms(request: Request, query: RoomsQuery) -> RoomPage:
    """One page of the list. Rooms that nobody has used for `ROOM_IDLE_DAYS` become inactive here, a few at a time.

    1 round trip; 2 if more than `limit` rooms are newer than one of the service's, or if a room is deactivated.

    Raises:
        InvalidCursorError: the cursor was not made by this service, or was changed.
    """
    store, limit = request.backend.store, query.limit
    part, after = _read_cursor(request.backend.secret, query.cursor) if query.cursor else ("own", None)
    own, (found, has_more) = store.run_parallel(
        partial(list_owned, store, SERVICE), partial(list_newest, store, limit, after if part == "users" else None)
    )
    waiting = [key for key in own if part == "own" and (after is None or key > after)]
    first, others = waiting[:limit], [room for room in found if room.key not in own]
    shown = others[: limit - len(first)]
    cursor: _Cursor | None = None
    if len(waiting) > limit or (len(first) == limit and (others or has_more)):
        cursor = "own", first[-1]
    elif len(others) > len(shown):
        cursor = "users", shown[-1].key
    elif has_more:
        cursor = "users", found[-1].key
    rooms = [*_read_own(store, first, found), *_without_idle(request, shown)]
    summaries = _fit([RoomSummary.of(room, request.backend.settings) for room in rooms])
    if len(summaries) < len(rooms):
        last = rooms[len(summaries) - 1].key
        cursor = "own" if last in own else "users", last
    return RoomPage(summaries, _write_cursor(request.backend.secret, cursor) if cursor else None)


def _fit(rooms: Sequence[RoomSummary]) -> list[RoomSummary]:
    """The first rooms that fit into an answer."""
    ends = accumulate(answer_bytes(room) + 1 for room in rooms)
    return [room for room, end in zip(rooms, ends, strict=True) if end < MAX_ANSWER_BYTES]


def _read_own(store: Store, keys: Sequence[RoomKey], found: Sequence[Room]) -> list[Room]:
    """The listed rooms of these keys, which are the service's. Those that are not among the found rooms are read."""
    known: dict[RoomKey, Room | None] = {room.key: room for room in found}
    missing = [key for key in keys if key not in known]
    if missing:
        read = store.run_parallel(*(partial(get_room, store, room_id) for _, room_id in missing))
        known |= dict(zip(missing, read, strict=True))
    rooms = (known[key] for key in keys)
    return [room for room in rooms if room and room.is_listed]


def _without_idle(request: Request, rooms: Sequence[Room]) -> list[Room]:
    """The rooms that stay active. Deactivates at most five: those that were unused the longest."""
    unused_since = request.now - request.backend.settings.room_idle_days * _DAY_MS
    idle = [room for room in rooms if room.is_unused_since(unused_since)][-MAX_CLOSED:]
    if not idle:
        return list(rooms)
    store = request.backend.store
    closed = store.run_parallel(*(partial(deactivate_idle, store, room) for room in idle))
    gone = {room.room_id for room, is_closed in zip(idle, closed, strict=True) if is_closed}
    return [room for room in rooms if room.room_id not in gone]


def _write_cursor(secret: bytes, cursor: _Cursor) -> str:
    return write_cursor(secret, _LIST, cursor)


def _read_cursor(secret: bytes, cursor: str) -> _Cursor:
    part, (created_at, room_id) = read_cursor(secret, _LIST, cursor)
    return part, (created_at, room_id)
