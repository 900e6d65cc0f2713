"""Connections: letting them in, and noticing that they are gone."""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from threading import Lock

from chalicelib import presence, seats, telemetry
from chalicelib.backend import Backend
from chalicelib.errors import NotInRoomError, UnauthorizedError
from chalicelib.protocol import ByeData, PresenceChanged, PresenceChangedData
from chalicelib.records import Connection, Participant
from chalicelib.store import connections, guards, participants
from chalicelib.store.client import together
from chalicelib.times import Moment, iso

MOST_CONNECTIONS = 5
_REMEMBERED = 10_000
_REPLACED = ByeData(code="replaced", reason="You opened the room in too many places", action="stop")


@dataclass(frozen=True)
class Admission:
    """Whom a credential lets in, where, and the ticket that is spent on it."""

    user_id: str
    room_id: str
    ticket_id: str | None = None


class Memory:
    """Which user and room a connection belongs to, as this process has seen it: that never changes."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, Connection] = OrderedDict()
        self._lock = Lock()

    def recall(self, connection_id: str) -> Connection | None:
        with self._lock:
            return self._known.get(connection_id)

    def remember(self, connection: Connection) -> None:
        with self._lock:
            self._known[connection.connection_id] = connection
            while len(self._known) > _REMEMBERED:
                self._known.popitem(last=False)


memory = Memory()


def connect(backend: Backend, admission: Admission, connection_id: str, endpoint: str, now: Moment) -> None:
    """Put a connection on its room's roster. A user's sixth closes their oldest.

    Raises:
        UnauthorizedError: the ticket has been used.
        NotInRoomError: the user has no seat in the room.
        RoomNotFoundError: there is no such room.
    """
    room_id, user_id = admission.room_id, admission.user_id
    member, roster = together(partial(participants.get, room_id, user_id), partial(connections.roster, room_id))
    member = seats.require_member(room_id, user_id, member, now)
    connection = Connection(room_id, connection_id, user_id, endpoint, now, announced=False)
    # The record comes before the membership learns of it: whoever ends the membership meanwhile finds the record,
    # or else `attach` finds the membership ended.
    is_valid, _ = together(partial(_spend, admission, connection_id, now), partial(connections.put, connection))
    if not is_valid:
        connections.remove(room_id, connection_id)
        raise UnauthorizedError("The ticket has been used")
    before = participants.attach(room_id, user_id, connection_id, presence.lease_end(member.lease_kind, now), now)
    if before is None:
        connections.remove(room_id, connection_id)
        raise NotInRoomError
    memory.remember(connection)
    if not before.is_online:
        data = PresenceChangedData(user_id=user_id, is_online=True)
        presence.push(backend, roster, PresenceChanged(room_id=room_id, ts=iso(now), data=data), now)
    _make_place(backend, before, roster, now)


def disconnect(backend: Backend, connection_id: str, now: Moment) -> None:
    """A connection is gone, as API Gateway tells, if it does: take it off the roster, and tell its peers."""
    known = memory.recall(connection_id)
    room_id = known.room_id if known else connections.find_room(connection_id)
    if room_id is None:
        return
    telemetry.current().note(room_id=room_id)
    roster = connections.roster(room_id)
    for connection in roster:
        if connection.connection_id == connection_id:
            telemetry.current().note_user(connection.user_id)
            presence.lose(backend, connection, [other for other in roster if other is not connection], now)


def _spend(admission: Admission, connection_id: str, now: Moment) -> bool:
    return admission.ticket_id is None or guards.use_ticket(admission.ticket_id, connection_id, now)


def _make_place(backend: Backend, before: Participant, roster: Sequence[Connection], now: Moment) -> None:
    """Close the oldest of the connections that the member had before, so that with the new one there are five."""
    if len(before.connections) < MOST_CONNECTIONS:
        return
    if not before.connections <= {other.connection_id for other in roster}:
        roster = connections.roster(before.room_id)  # some came in since it was read
    others = [other for other in roster if other.connection_id in before.connections]
    surplus = sorted(others, key=lambda other: other.connected_at)[: max(0, len(others) + 1 - MOST_CONNECTIONS)]
    for connection in surplus:
        connections.remove(connection.room_id, connection.connection_id)
        participants.detach(connection.room_id, connection.user_id, connection.connection_id)
    presence.dismiss(backend, surplus, _REPLACED, now)
