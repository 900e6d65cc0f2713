"""Leases: how long a membership lasts without a sign of life.

A membership starts with an HTTP lease, which calls in the room renew. The first `sync` or `ping` makes it a socket
lease, which `ping` renews: a client that dies unnoticed is gone in 90 s.
"""

from chalicelib.contract import Context
from chalicelib.kernel.times import Moment
from chalicelib.seats.table import LeaseKind, Participant, extend_lease

HTTP_LEASE_MS = 15 * 60_000
SOCKET_LEASE_MS = 90_000
GRACE_MS = 20_000
"""How long the seat of an offline member is kept."""
RENEW_EVERY_MS = 60_000


def lease_end(kind: LeaseKind, now: Moment) -> Moment:
    """The end of a lease that is renewed now."""
    return now + (SOCKET_LEASE_MS if kind == "socket" else HTTP_LEASE_MS)


def renew_by_call(context: Context, member: Participant) -> None:
    """Renew an HTTP lease, at most once a minute. A socket lease needs `ping`."""
    now = context.now
    if member.lease_kind == "http" and member.lease_expires_at < now + HTTP_LEASE_MS - RENEW_EVERY_MS:
        extend_lease(context.store, member, lease_end("http", now), now)


def renew_by_ticket(context: Context, member: Participant) -> None:
    """Renew the lease of a member who requests a ticket, so that the seat outlives the ticket."""
    extend_lease(context.store, member, lease_end(member.lease_kind, context.now), context.now)
