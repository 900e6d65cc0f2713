"""Tickets open a WebSocket. A ticket names a user and a room, is valid for a minute, and opens one connection once.

A ticket is a JWT with its own `typ` and audience. The service accepts no ticket as a login token and no login token as
a ticket, even if the same secret signs both.
"""

import secrets
from dataclasses import dataclass

from chalicelib.identity.tokens import read_header
from chalicelib.kernel.errors import UnauthorizedError
from chalicelib.kernel.times import Moment
from chalicelib.store import Store, Table

LIFETIME = 60_000

_KIND = "ticket+jwt"
_AUDIENCE = "socket"
_ALGORITHM = "HS256"


@dataclass(frozen=True, slots=True)
class Ticket:
    """A valid ticket."""

    user_id: str
    room_id: str
    ticket_id: str
    expires_at: Moment


def issue_ticket(user_id: str, room_id: str, key: bytes, now: Moment) -> tuple[str, Moment]:
    """A ticket, safe in a URL, and the moment it expires. `key` has at least 32 bytes.

    Raises:
        jwt.InvalidKeyError: the key is too short.
    """
    import jwt

    expires_at = now + LIFETIME
    claims = {
        "aud": _AUDIENCE,
        "sub": user_id,
        "room": room_id,
        "jti": secrets.token_urlsafe(12),
        "exp": expires_at / 1000,
    }
    signer = jwt.PyJWT({"enforce_minimum_key_length": True})
    return signer.encode(claims, key, _ALGORITHM, {"typ": _KIND}), expires_at


def verify_ticket(text: str, key: bytes, now: Moment) -> Ticket:
    """The content of a ticket.

    Raises:
        UnauthorizedError: it is not a ticket signed with this key, or it has expired.
    """
    import jwt

    try:
        read_header(text, frozenset({_KIND}))
        claims = jwt.decode(
            text,
            key,
            algorithms=[_ALGORITHM],
            audience=_AUDIENCE,
            # PyJWT would read its own clock.
            options={
                "require": ["sub", "room", "jti", "exp"],
                "verify_exp": False,
                "enforce_minimum_key_length": True,
            },
        )
    except (UnauthorizedError, jwt.InvalidTokenError):
        raise UnauthorizedError("The ticket is not one of ours") from None
    ticket = Ticket(claims["sub"], claims["room"], claims["jti"], round(claims["exp"] * 1000))
    if now >= ticket.expires_at:
        raise UnauthorizedError("The ticket has expired")
    return ticket


@dataclass(frozen=True)
class UsedTicket:
    """A ticket that has opened a connection."""

    key: str
    holder: str
    expires_at: int
    """Seconds since the epoch. DynamoDB deletes the item within days after that."""


USED_TICKETS = Table("guards", UsedTicket)
_USED_SECONDS = 120


def use_ticket(store: Store, ticket_id: str, connection_id: str, now: Moment) -> bool:
    """Mark a ticket as used; False if another connection has used it. A retry of the same connection succeeds."""
    used = UsedTicket(f"ticket#{ticket_id}", connection_id, now // 1000 + _USED_SECONDS)
    is_free = USED_TICKETS.key.does_not_exist() | (USED_TICKETS.holder == connection_id)
    return store.put(USED_TICKETS, used, is_free)
