"""Move the caller's read marker, and list the caller's rooms with what is new in each."""

from dataclasses import dataclass
from functools import partial
from itertools import accumulate

from chalicelib import log
from chalicelib.contract import FrameContext, Request
from chalicelib.contract.sizes import MAX_ANSWER_BYTES, answer_bytes
from chalicelib.grants.table import DEPLOYMENT, Standing, get_standings_in, list_rooms_with_standing, standing_key
from chalicelib.kernel.errors import InvalidRequestError
from chalicelib.log.table import find_before
from chalicelib.personal.table import ReadMarker, list_markers, marker_key, move_marker
from chalicelib.rooms.authority import is_visible, role_in
from chalicelib.rooms.schemas import RoomSummary
from chalicelib.rooms.table import Room, get_rooms, list_owned, owner_of
from chalicelib.seats.leases import renew_by_frame
from chalicelib.seats.roster import require_roster
from chalicelib.seats.table import get_memberships, list_seats
from chalicelib.unread.schemas import MyRoom, Read

MARK_EVERY_MS = 10_000
MAX_ROOMS = 100
_ROOMS_PER_UNIT = 3
"""How many rooms of the list cost one unit of `store.budgets`. Each room needs three reads of half a unit."""


def mark_read(context: FrameContext[Read]) -> None:
    """Move the read marker to `seq`, at most every 10 s. Other frames `read` of this time do nothing.

    Raises:
        NotInRoomError: the sender is not in the room.
        InvalidRequestError: the log does not have this number yet.
    """
    store, room_id, user_id, seq = context.store, context.room_id, context.user_id, context.frame.seq
    position, entry, _ = store.run_parallel(
        partial(log.get_position, store, room_id, consistent=True),
        partial(find_before, store, room_id, seq + 1),
        partial(require_roster, context),
    )
    if seq > position.last_seq:
        raise InvalidRequestError.of("seq", f"must be at most {position.last_seq}, the last number of the log")
    if context.backend.read_marks.allow(f"{room_id}#{user_id}", MARK_EVERY_MS, context.now):
        known = entry.chat_n if entry and seq < position.last_seq else position.chat_n
        chat_n = known if known is not None else position.chat_n or 0  # entries of earlier releases have no count
        move_marker(store, user_id, room_id, seq, chat_n, context.now)
    renew_by_frame(context)


@dataclass(frozen=True)
class _Mine:
    """What the service has noted about the caller's rooms: the ids of the last visited, and what to read of them."""

    markers: dict[str, ReadMarker]
    newest: list[str]
    seated: list[str]
    noted: list[str]
    """The rooms with a standing. `DEPLOYMENT` may be one of them."""


def list_my_rooms(request: Request) -> list[MyRoom]:
    """The rooms where the caller has a role, a seat or a read marker, the last visited first: 100 at most.

    There are fewer if they do not fit into an answer. 2 round trips, whose rows may be a moment old.
    """
    mine = _find_mine(request)
    request.backend.budgets.charge(request.user.id, len(mine.newest) // _ROOMS_PER_UNIT, request.now)
    shown = _read_rooms(request, mine)
    ends = accumulate(answer_bytes(one) + 1 for one in shown)
    return [one for one, end in zip(shown, ends, strict=True) if end < MAX_ANSWER_BYTES]


def _find_mine(request: Request) -> _Mine:
    store, user_id = request.backend.store, request.user.id
    found, seats, owned, noted = store.run_parallel(
        partial(list_markers, store, user_id),
        partial(list_seats, store, user_id),
        partial(list_owned, store, owner_of(user_id)),
        partial(list_rooms_with_standing, store, user_id),
    )
    visits = dict.fromkeys(noted, 0) | {room_id: created_at for created_at, room_id in owned}
    visits |= {seat.room_id: seat.joined_at for seat in seats}
    visits |= {
        one.room_id: max(one.visited_at or 0, visits.get(one.room_id, 0))
        for one in found
        if one.read_seq or one.room_id in visits
    }
    visits.pop(DEPLOYMENT, None)
    newest = sorted(visits, key=lambda room_id: (-visits[room_id], room_id))[:MAX_ROOMS]
    wanted = {DEPLOYMENT, *newest}
    return _Mine(
        markers={one.room_id: one for one in found},
        newest=newest,
        seated=[seat.room_id for seat in seats if seat.room_id in wanted],
        noted=[room_id for room_id in noted if room_id in wanted],
    )


def _read_rooms(request: Request, mine: _Mine) -> list[MyRoom]:
    """The rooms in the order of `mine.newest`, without those that the caller must not see."""
    store, user, now = request.backend.store, request.user, request.now
    rooms, positions, members, standings = store.run_parallel(
        partial(get_rooms, store, mine.newest),
        partial(log.get_positions, store, mine.newest),
        partial(get_memberships, store, user.id, mine.seated),
        partial(get_standings_in, store, user.id, mine.noted),
    )
    everywhere = standings.get(DEPLOYMENT)
    if everywhere and everywhere.is_banned_at(now):
        return []
    known, seats = {room.room_id: room for room in rooms}, {one.room_id: one for one in members}
    shown = []
    for room in (known[room_id] for room_id in mine.newest if room_id in known):
        standing = standings.get(room.room_id) or Standing(*standing_key(room.room_id, user.id))
        marker = mine.markers.get(room.room_id) or ReadMarker(*marker_key(user.id, room.room_id), room.room_id)
        seat = seats.get(room.room_id)
        is_seated = seat is not None and seat.holds_at(now)
        if _is_shown(request, room, standing, is_seated=is_seated):
            role = role_in(room, standing, user.id, is_seated=is_seated)
            summary = RoomSummary.of(room, request.backend.settings)
            shown.append(MyRoom.of(summary, role, marker, seat, positions.get(room.room_id)))
    return [one for one in shown if one.role or one.read_seq]


def _is_shown(request: Request, room: Room, standing: Standing, *, is_seated: bool) -> bool:
    user = request.user
    is_seen = is_visible(room, standing, user.id, is_admin=user.is_admin, is_seated=is_seated)
    return is_seen and not standing.is_banned_at(request.now)
