"""Delete an account: begin at once, go on with each sweep, and end when nothing of the user is left."""

from chalicelib.account.notes import erase_keys
from chalicelib.account.rooms import erase_in_room
from chalicelib.account.schemas import ErasureState
from chalicelib.account.table import Places, begin, delete_personal, find_places, finish
from chalicelib.account.work import Work
from chalicelib.backend import Backend
from chalicelib.contract import Request
from chalicelib.grants.table import DEPLOYMENT
from chalicelib.identity.accounts import Erasure
from chalicelib.kernel.times import Moment

CALL_PAGES = 20
"""A small account is empty after the call."""
SWEEP_PAGES = 40
SETTLED_MS = 60_000
"""The erasure does not end before. A call that began earlier, or an index that is late, may still add a row."""


def erase_account(request: Request) -> ErasureState:
    """Begin to delete the caller's account, and do the first part at once. Again: do the next part."""
    erasure, is_new = begin(request.backend.store, request.user.id, request.now)
    work_on(request.backend, erasure, request.now, CALL_PAGES)
    return ErasureState(state="started" if is_new else "under_way")


def work_on(backend: Backend, erasure: Erasure, now: Moment, pages: int) -> bool:
    """Do a part of an erasure. True if nothing was left, and the erasure has ended."""
    work = Work(backend, erasure, now, pages)
    places = find_places(work.store, work.user_id)
    if places.is_empty and erasure.at_room is None and now - erasure.started_at >= SETTLED_MS:
        return finish(work.store, erasure, now)
    for room_id in _in_order(places, erasure):
        erase_in_room(work, room_id)
        if work.pages < 0:
            return False
    _erase_everywhere(work, places)
    work.note(at_room=None, at_seq=0, at_kind=None)
    return False


def _in_order(places: Places, erasure: Erasure) -> list[str]:
    """First the room that the last part was in. The indexes may not show it any more."""
    first = [erasure.at_room] if erasure.at_room else []
    return first + [room_id for room_id in places.rooms if room_id not in first]


def _erase_everywhere(work: Work, places: Places) -> None:
    """Remove what is stored outside of rooms. The profile and the last standing go when the erasure ends."""
    erase_keys(work, DEPLOYMENT, places.everywhere)
    delete_personal(work.store, work.user_id, places.personal)
