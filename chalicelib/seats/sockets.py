"""Connections: admit them, identify their users, and handle those that are gone."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from chalicelib.backend import Backend
from chalicelib.contract import Context, ServerFrame
from chalicelib.contract.fields import is_uuid
from chalicelib.delivery import Connection, OutboundFrame
from chalicelib.delivery.fanout import NEWBORN_MS
from chalicelib.identity.tickets import use_ticket
from chalicelib.identity.tokens import User
from chalicelib.kernel import telemetry
from chalicelib.kernel.errors import NotInRoomError, UnauthorizedError
from chalicelib.kernel.times import Moment
from chalicelib.rooms.authority import explain_absence
from chalicelib.seats.broadcast import announce, close_all, deliver, handle_gone
from chalicelib.seats.connections import find_room, get_roster, put_connection, remove_connection
from chalicelib.seats.leases import lease_end
from chalicelib.seats.schemas import REPLACED, PresenceChanged, PresenceChangedData
from chalicelib.seats.service import JOIN_PRICE, enter, require_member
from chalicelib.seats.table import Participant, attach, detach, read_member_and_roster
from chalicelib.store import Store

MAX_CONNECTIONS = 5
"""Connections of one user in one room."""


@dataclass(frozen=True)
class ConnectionGrant:
    """The user and the room that a credential names.

    `ticket_id`: the ticket that is used up. `has_token`: it is no ticket. `joins`: the user, if the connection takes a
    seat.
    """

    user_id: str
    room_id: str
    ticket_id: str | None = None
    has_token: bool = False
    joins: User | None = None


@dataclass(frozen=True)
class SocketEvent:
    """The connection of an event, as API Gateway names it."""

    connection_id: str
    endpoint: str
    connected_at: Moment = 0


def connect(backend: Backend, grant: ConnectionGrant, event: SocketEvent, now: Moment) -> None:
    """Add a connection to the roster of its room. A user's sixth connection closes the oldest one.

    Raises:
        UnauthorizedError: the ticket has been used.
        NotInRoomError: the user has no seat in the room.
        RoomNotFoundError: the room does not exist.
        CoworkingError: the connection was to take a seat, and joining fails.
    """
    context = Context(backend, grant.room_id, grant.user_id, now)
    store = backend.store
    member, roster = _find_member(context, grant)
    connection = Connection(grant.room_id, event.connection_id, grant.user_id, event.endpoint, now, grant.has_token)
    # The item is written before the membership knows of it. If the membership ends in between, its end
    # removes the item, or `attach` fails and we remove the item here.
    is_valid, _ = store.run_parallel(
        lambda: grant.ticket_id is None or use_ticket(store, grant.ticket_id, event.connection_id, now),
        partial(put_connection, store, connection),
    )
    if not is_valid:
        remove_connection(store, connection)
        raise UnauthorizedError("The ticket has been used")
    is_expected = member.lease_kind == "expected"
    lease = lease_end(context, "http" if is_expected else member.lease_kind)
    before = attach(store, connection, lease, now, is_expected=is_expected)
    if before is None:
        remove_connection(store, connection)
        raise explain_absence(context)
    backend.connection_cache.put(event.connection_id, connection)
    if grant.has_token:
        # Read again: of two connections that open at the same moment, the later one must see the other.
        roster = [one for one in get_roster(store, grant.room_id) if one.connection_id != event.connection_id]
    _tell_peers(context, connection, before, roster)
    _close_surplus(context, before, roster)


def _find_member(context: Context, grant: ConnectionGrant) -> tuple[Participant, list[Connection]]:
    """The membership of the grant's user, and the roster of the room. A user who joins and has no seat takes one."""
    store = context.store
    member, roster = read_member_and_roster(store, grant.room_id, grant.user_id)
    if grant.joins and not (member and member.holds_at(context.now)):
        context.backend.budgets.charge(grant.user_id, JOIN_PRICE, context.now)
        enter(context, grant.joins)
        member, roster = read_member_and_roster(store, grant.room_id, grant.user_id)
    return require_member(context, member), roster


def disconnect(backend: Backend, connection_id: str, now: Moment) -> None:
    """Handle `$disconnect`: remove the connection from the roster and tell its peers.

    API Gateway does not guarantee this event. A push that answers 410, or the end of the lease, does the same.
    """
    known = backend.connection_cache.get(connection_id)
    room_id = known.room_id if known else find_room(backend.store, connection_id)
    if room_id is None:
        return
    telemetry.current().note(room_id=room_id)
    if found := _find_on_roster(backend.store, room_id, connection_id):
        connection, roster = found
        telemetry.current().note_user(connection.user_id)
        context = Context(backend, room_id, connection.user_id, now)
        handle_gone(context, [connection], [other for other in roster if other is not connection])


def identify(
    backend: Backend, event: SocketEvent, claimed_room: object, now: Moment
) -> tuple[Connection, list[Connection] | None]:
    """The connection of an event, and the roster if it was read to find it.

    The connection is cached, or in the room that the frame claims, or in the room that the index names.

    Raises:
        NotInRoomError: the connection is on no roster.
    """
    if known := backend.connection_cache.get(event.connection_id):
        return known, None
    store, connection_id = backend.store, event.connection_id
    found = _find_on_roster(store, claimed_room, connection_id) if is_uuid(claimed_room) else None
    if found is None:
        room_id = find_room(store, connection_id, is_new=now - event.connected_at < NEWBORN_MS)
        found = _find_on_roster(store, room_id, connection_id) if room_id else None
    if found is None:
        raise NotInRoomError
    backend.connection_cache.put(connection_id, found[0])
    return found


def _tell_peers(context: Context, connection: Connection, before: Participant, roster: Sequence[Connection]) -> None:
    """Tell the others that the member is online again, and announce a connection that may never send a frame.

    A client with a token may be one that waits for `user-joined` and knows no `sync`.
    """
    frames: list[ServerFrame] = []
    if not before.is_online:
        data = PresenceChangedData(user_id=context.user_id, is_online=True)
        frames.append(context.stamp(PresenceChanged, data=data))
    if connection.announced:
        frames.append(announce(context, connection))
    texts = [frame.encode() for frame in frames]
    waits = {one: opening_wait(connection, one) for one in roster}
    deliver(context, [OutboundFrame(one, text, waits[one]) for one in roster for text in texts], roster)


def opening_wait(connection: Connection, peer: Connection) -> float:
    """The seconds that an opening connection waits for a peer that may be opening, too.

    The older one waits less. If both waited as long, each would stay closed until the other gives up.
    """
    is_younger = (peer.connected_at, peer.connection_id) > (connection.connected_at, connection.connection_id)
    return 0.5 if is_younger else 1.5


def _find_on_roster(store: Store, room_id: str, connection_id: str) -> tuple[Connection, list[Connection]] | None:
    """A connection and the roster of its room, or None if the room does not have it."""
    roster = get_roster(store, room_id)
    return next(((one, roster) for one in roster if one.connection_id == connection_id), None)


def _close_surplus(context: Context, before: Participant, roster: Sequence[Connection]) -> None:
    """Close the member's oldest connections, so that five remain with the new one."""
    if len(before.connections) < MAX_CONNECTIONS:
        return
    if not before.connections <= {other.connection_id for other in roster}:
        roster = get_roster(context.store, context.room_id)  # a connection was added since it was read
    others = [other for other in roster if other.connection_id in before.connections]
    surplus = sorted(others, key=lambda other: other.connected_at)[: max(0, len(others) + 1 - MAX_CONNECTIONS)]
    for connection in surplus:
        remove_connection(context.store, connection)
        detach(context.store, connection)
    close_all(context, surplus, REPLACED)
