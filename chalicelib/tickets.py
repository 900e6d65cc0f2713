"""Tickets: what opens a WebSocket. Each names a user and a room, lives a minute, and is good for one opening.

A ticket is a JWT of its own kind and audience, so that it is no login token and no login token is a ticket,
even where both are signed with the same secret. That it opens once is for the caller to see to, by
`ticket_id`.
"""

import secrets
from dataclasses import dataclass

from chalicelib.auth import read_header
from chalicelib.errors import UnauthorizedError

LIFETIME = 60_000

_KIND = "ticket+jwt"
_AUDIENCE = "socket"
_ALGORITHM = "HS256"


@dataclass(frozen=True, slots=True)
class Ticket:
    """A ticket that holds. Its moment is milliseconds since the epoch."""

    user_id: str
    room_id: str
    ticket_id: str
    expires_at: int


def issue(user_id: str, room_id: str, key: bytes, now: int) -> tuple[str, int]:
    """A ticket, safe in a URL, and when it expires. `key` has 32 bytes or more.

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


def verify(text: str, key: bytes, now: int) -> Ticket:
    """What the ticket says.

    Raises:
        UnauthorizedError: it isn't a ticket signed with this key, or its minute is over.
    """
    import jwt

    try:
        read_header(text, frozenset({_KIND}))
        claims = jwt.decode(
            text,
            key,
            algorithms=[_ALGORITHM],
            audience=_AUDIENCE,
            # PyJWT would ask its own clock.
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
