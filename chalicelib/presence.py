"""Who is there: leases, connections that come and go, and telling the room.

A membership holds a lease. It starts as an HTTP lease, renewed by calls in the room; the first `sync` or `ping`
makes it a socket lease, renewed by `ping`, so that a client that dies unnoticed is gone in 90 s.
"""

import logging
from collections.abc import Sequence
from functools import partial

from chalicelib import telemetry
from chalicelib.backend import Backend
from chalicelib.fanout import Close, Post
from chalicelib.protocol import Bye, ByeData, PeerData, PeerLeft, PresenceChanged, PresenceChangedData, ServerFrame
from chalicelib.records import Connection, LeaseKind, Participant
from chalicelib.store import connections, participants
from chalicelib.store.client import together
from chalicelib.times import Moment, iso

HTTP_LEASE_MS = 15 * 60_000
SOCKET_LEASE_MS = 90_000
GRACE_MS = 20_000
RENEW_EVERY_MS = 60_000
NEWBORN_MS = 10_000
"""A connection this young may answer 410 because its own `$connect` is still under way."""

Parcel = tuple[Connection, bytes]

_log = logging.getLogger(__name__)


def lease_end(kind: LeaseKind, now: Moment) -> Moment:
    """When a lease that is renewed now runs out."""
    return now + (SOCKET_LEASE_MS if kind == "socket" else HTTP_LEASE_MS)


def renew_by_call(member: Participant, now: Moment) -> None:
    """Let an authenticated call keep the seat, writing once a minute at most; a socket lease needs its `ping`."""
    if member.lease_kind == "http" and member.lease_expires_at < now + HTTP_LEASE_MS - RENEW_EVERY_MS:
        participants.extend_lease(member, lease_end("http", now), now)


def push(backend: Backend, roster: Sequence[Connection], frame: ServerFrame, now: Moment) -> None:
    """Tell every connection of the roster; those that turn out to be gone are treated as disconnected.

    A push that fails never fails what it tells of: that is stored already.
    """
    text = frame.encode()
    send(backend, [(connection, text) for connection in roster], roster, now)


def answer(backend: Backend, connection: Connection, frame: ServerFrame, now: Moment) -> None:
    """Tell one connection; should it turn out to be gone, its room is told of that."""
    send(backend, [(connection, frame.encode())], None, now)


def send(backend: Backend, parcels: Sequence[Parcel], roster: Sequence[Connection] | None, now: Moment) -> None:
    """Give each connection its own bytes; `roster` is who is told of those that turn out to be gone, None the room."""
    data = [Post(connection.endpoint, connection.connection_id, text) for connection, text in parcels]
    try:
        report = backend.fanout.deliver(data)
    except Exception:  # noqa: BLE001  # logged; what it tells of is stored already
        _log.exception("nothing could be delivered")
        return
    telemetry.current().note_delivery([connection.connection_id for connection, _ in parcels], report)
    try:
        _lose_all(backend, [connection for connection, _ in parcels], set(report.gone), roster, now)
    except Exception:  # noqa: BLE001  # logged; the next push sees to it, or the end of the lease
        _log.exception("connections that are gone could not be taken off")


def _lose_all(
    backend: Backend,
    told: Sequence[Connection],
    gone: set[str],
    roster: Sequence[Connection] | None,
    now: Moment,
) -> None:
    for connection in dict.fromkeys(told):
        if connection.connection_id in gone and now - connection.connected_at >= NEWBORN_MS:
            others = connections.roster(connection.room_id) if roster is None else roster
            lose(backend, connection, [other for other in others if other.connection_id not in gone], now)


def lose(backend: Backend, connection: Connection, left: Sequence[Connection], now: Moment) -> None:
    """A connection is gone: take it off the roster; was it the user's last, they are offline and have 20 s."""
    room_id, user_id = connection.room_id, connection.user_id
    if not _detach(connection, any(other.user_id == user_id for other in left), now):
        return
    offline = PresenceChanged(
        room_id=room_id, ts=iso(now), data=PresenceChangedData(user_id=user_id, is_online=False)
    ).encode()
    others = [other for other in left if other.user_id != user_id]
    texts = (offline, peer_left(room_id, user_id, connection.connection_id, now).encode())
    send(backend, [(other, text) for other in others for text in texts], others, now)


def _detach(connection: Connection, has_others: bool, now: Moment) -> bool:
    """Take a connection off the roster and its member; whether it was the last. `has_others` is a guess, from the
    roster as it was: it decides what is tried first, never what is so, since others may come and go at this moment.
    """
    place = (connection.room_id, connection.user_id, connection.connection_id)
    detach = partial(participants.detach, *place)
    detach_last = partial(participants.detach_last, *place, now + GRACE_MS, now)
    remove = partial(connections.remove, connection.room_id, connection.connection_id)
    if has_others:
        _, was_one_of_several = together(remove, detach)
        return not was_one_of_several and detach_last()
    _, was_last = together(remove, detach_last)
    return was_last or (not detach() and detach_last())


def peer_left(room_id: str, user_id: str, connection_id: str, now: Moment) -> PeerLeft:
    """What tells those who only know signalling that a user's last connection is gone."""
    return PeerLeft(
        room_id=room_id,
        ts=iso(now),
        sender=user_id,
        connection=connection_id,
        data=PeerData(user_id=user_id),
    )


def dismiss(backend: Backend, leaving: Sequence[Connection], farewell: ByeData, now: Moment) -> None:
    """Say `bye` to connections, and when that is out, close them. Their records are the caller's affair."""
    if not leaving:
        return
    texts = [
        Post(c.endpoint, c.connection_id, Bye(room_id=c.room_id, ts=iso(now), data=farewell).encode()) for c in leaving
    ]
    try:
        report = backend.fanout.deliver(texts)
        telemetry.current().note_delivery([connection.connection_id for connection in leaving], report)
        backend.fanout.deliver([Close(c.endpoint, c.connection_id) for c in leaving])
    except Exception:  # noqa: BLE001  # logged; what it tells of is stored already
        _log.exception("connections could not be closed")
