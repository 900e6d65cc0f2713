"""How many seats a user may hold at the same time (`SEATS_LIMIT`).

The index by user is eventually consistent, so simultaneous joins can pass the first check. Each join therefore looks
again after its commit, and the newest seats beyond the limit are given up.
"""

from collections.abc import Sequence
from functools import partial

from chalicelib.contract import Context
from chalicelib.kernel.errors import TooManyRoomsError
from chalicelib.seats.endings import evict
from chalicelib.seats.table import Participant, Seat, claim_ending, get_participant


def require_free_seat(context: Context, seats: Sequence[Seat]) -> None:
    """Refuse a newcomer who holds the highest number of seats. `seats` are those that the index has.

    Raises:
        TooManyRoomsError: the user must leave a room first.
    """
    others = [seat for seat in seats if seat.room_id != context.room_id]
    limit = context.settings.seats_limit
    if len(others) >= limit and len(_list_held(context, others)) >= limit:
        raise _error(limit)


def give_up_surplus(context: Context, seats: Sequence[Seat]) -> None:
    """End the newest seats beyond the limit, after the user has taken one.

    Raises:
        TooManyRoomsError: the seat that was just taken is one of them.
    """
    limit = context.settings.seats_limit
    if len(seats) <= limit:
        return
    surplus = _list_held(context, seats)[limit:]
    for member in surplus:
        if claim_ending(context.store, member, context.now):  # a simultaneous join may end the same seats
            evict(Context(context.backend, member.room_id, context.user_id, context.now), context.user_id, "left")
    if context.room_id in {member.room_id for member in surplus}:
        raise _error(limit)


def _list_held(context: Context, seats: Sequence[Seat]) -> list[Participant]:
    """The memberships of these entries that hold a seat now, oldest first. An entry may be out of date."""
    reads = [partial(get_participant, context.store, seat.room_id, context.user_id) for seat in seats]
    held = [member for member in context.store.run_parallel(*reads) if member and member.holds_at(context.now)]
    return sorted(held, key=lambda member: (member.joined_at, member.room_id))


def _error(limit: int) -> TooManyRoomsError:
    return TooManyRoomsError(f"You have a seat in {limit} rooms; leave one of them first")
