"""Leases: how long a membership lasts if the client sends nothing.

A membership starts with an HTTP lease, which calls in the room and lists of rooms renew. The first `sync` or `ping`
makes it a socket lease, which both renew: if a client stops without a word, its seat ends after 90 s. If the client
says in its join that it will open a WebSocket, the lease is `expected`: it lasts a minute.
"""

from functools import partial
from typing import Any

from chalicelib.backend import Backend
from chalicelib.contract import Context, FrameContext
from chalicelib.kernel.settings import Settings
from chalicelib.kernel.times import Moment
from chalicelib.seats.table import LeaseKind, Participant, extend_lease, list_seats, renew_http_lease

SOCKET_LEASE_MS = 90_000
EXPECTED_LEASE_MS = 60_000
GRACE_MS = 20_000
"""How long the seat of an offline member is kept."""
RENEW_EVERY_MS = 60_000
_MINUTE_MS = 60_000


def lease_ms(settings: Settings, kind: LeaseKind) -> int:
    """How long a lease lasts that is not renewed."""
    lengths = {
        "socket": SOCKET_LEASE_MS,
        "expected": EXPECTED_LEASE_MS,
        "http": settings.http_lease_minutes * _MINUTE_MS,
    }
    return lengths[kind]


def lease_end(context: Context, kind: LeaseKind) -> Moment:
    """The end of a lease that is renewed now."""
    return context.now + lease_ms(context.settings, kind)


def renew_by_call(context: Context, member: Participant) -> None:
    """Renew an HTTP lease, at most once a minute. A socket lease needs `ping`."""
    expires_at = lease_end(context, "http")
    if member.lease_kind == "http" and member.lease_expires_at < expires_at - RENEW_EVERY_MS:
        extend_lease(context.store, member, expires_at, context.now, "http")


def renew_by_join(context: Context, member: Participant, *, expects_socket: bool) -> None:
    """Renew the lease of a member who joins again, this time perhaps without a WebSocket."""
    kind = "http" if member.lease_kind == "expected" and not expects_socket else member.lease_kind
    extend_lease(context.store, member, lease_end(context, kind), context.now, kind)


def renew_by_ticket(context: Context, member: Participant) -> None:
    """Renew the lease of a member who requests a ticket, so that the seat lasts longer than the ticket."""
    extend_lease(context.store, member, lease_end(context, member.lease_kind), context.now, member.lease_kind)


def renew_by_frame(context: FrameContext[Any]) -> None:
    """Renew the HTTP lease of a client without `ping`, at most once a minute for each connection in each process."""
    connection, now = context.connection, context.now
    if now - connection.connected_at >= RENEW_EVERY_MS and context.backend.lease_renewals.allow(
        connection.connection_id, RENEW_EVERY_MS, now
    ):
        renew_http_lease(context.store, context.room_id, context.user_id, lease_end(context, "http"), now)


def renew_by_list(backend: Backend, user_id: str, now: Moment) -> None:
    """Renew the HTTP leases of a user in all rooms, at most once a minute in each process.

    0.5 read units, and a write unit for each seat: the index does not know the kind of a lease.
    """
    if not backend.lease_renewals.allow(f"list#{user_id}", RENEW_EVERY_MS, now):
        return
    expires_at = now + lease_ms(backend.settings, "http")
    seats = list_seats(backend.store, user_id)
    renewals = [partial(renew_http_lease, backend.store, seat.room_id, user_id, expires_at, now) for seat in seats]
    if renewals:
        backend.store.run_parallel(*renewals)
