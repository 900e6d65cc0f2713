"""The sweep, once a minute: end memberships whose lease ran out in quiet rooms, and finish interrupted closings."""

import logging
from collections.abc import Callable
from functools import partial

from chalicelib.backend import Backend
from chalicelib.contract import Context
from chalicelib.kernel import telemetry
from chalicelib.kernel.times import Moment
from chalicelib.lifecycle.service import close_room, purge_room
from chalicelib.rooms.table import get_room, is_marked_deleted, list_occupied, unindex
from chalicelib.seats.endings import end_expired
from chalicelib.seats.table import list_participants

_log = logging.getLogger(__name__)


def sweep(backend: Backend, clock: Callable[[], Moment]) -> None:
    """Visit every room in the index of occupied rooms. A room that fails does not stop the others.

    Each room gets its own time from the clock. A sweep can take longer than storing a message. With the time
    when the sweep began, a number that is still being written could be skipped as unused.
    """
    failed = 0
    for room_id in list_occupied(backend.store):
        try:
            sweep_room(Context(backend, room_id, "", clock()))
        except Exception:  # noqa: BLE001  # logged, counted, and raised at the end
            failed += 1
            _log.exception("room %s could not be swept", room_id)
    telemetry.current().count("rooms", 0)
    telemetry.current().count("members", 0)
    if failed:
        raise RuntimeError(f"{failed} rooms could not be swept")


def sweep_room(context: Context) -> None:
    """Do what is due in one room."""
    store, room_id = context.store, context.room_id
    room, members = store.run_parallel(partial(get_room, store, room_id), partial(list_participants, store, room_id))
    if room is None:
        if is_marked_deleted(store, room_id):
            purge_room(context)
    elif room.status == "inactive" and members:
        close_room(context, "deactivated")
    elif not members:
        unindex(store, room_id)
    else:
        present = end_expired(context, members)
        telemetry.current().count("rooms", bool(present))
        telemetry.current().count("members", len(present))
