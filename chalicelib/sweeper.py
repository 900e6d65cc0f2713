"""What nobody else did: end memberships whose lease ran out in quiet rooms, finish rooms closed half-way."""

import logging
from collections.abc import Callable
from functools import partial

from chalicelib import rooms as open_rooms
from chalicelib import seats, telemetry
from chalicelib.backend import Backend
from chalicelib.store import participants, rooms
from chalicelib.store.client import together
from chalicelib.times import Moment

_log = logging.getLogger(__name__)


def sweep(backend: Backend, clock: Callable[[], Moment]) -> None:
    """Look after every room that somebody is, or lately was, in. One that fails doesn't keep the others waiting.

    A sweep may take longer than a message may take to be stored: with the moment of its beginning on what it writes at
    its end, a number that is still on its way would pass for one that nobody uses.
    """
    failed = 0
    for room_id in rooms.occupied():
        try:
            _tend(backend, room_id, clock())
        except Exception:  # noqa: BLE001  # logged, counted, and raised at the end
            failed += 1
            _log.exception("room %s could not be swept", room_id)
    telemetry.current().count("rooms", 0)
    telemetry.current().count("members", 0)
    if failed:
        raise RuntimeError(f"{failed} rooms could not be swept")


def _tend(backend: Backend, room_id: str, now: Moment) -> None:
    room, members = together(partial(rooms.get, room_id), partial(participants.members, room_id))
    if room is None:
        if rooms.is_buried(room_id):
            open_rooms.clear(backend, room_id, now)
    elif room.status == "inactive" and members:
        open_rooms.empty(backend, room_id, "deactivated", now)
    elif not members:
        rooms.vacate(room_id)
    else:
        present = seats.end_expired(backend, room_id, members, now)
        telemetry.current().count("rooms", bool(present))
        telemetry.current().count("members", len(present))
