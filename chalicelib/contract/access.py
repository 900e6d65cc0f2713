"""Who may use a route or a frame."""

from enum import Enum


class Access(Enum):
    """The rule of access of a route or a frame. Each route and frame names one; the dispatcher enforces it.

    `OPEN`, `USER` and `ADMIN` follow from the token alone: the dispatcher checks them before it reads the body.
    `MEMBER`, `MODERATOR` and `OWNER` follow from rows. The service proves them in the read or the transaction that
    acts, and calls `context.prove(Access.MEMBER)`; a check beforehand could be outdated, and would cost a round trip.
    The dispatcher sends no answer without this proof: it fails with `internal_error` instead.
    """

    OPEN = "anybody"
    USER = "a signed-in user"
    MEMBER = "a member of the room"
    MODERATOR = "a moderator or the owner of the room, or an administrator"
    OWNER = "the owner of the room, or an administrator"
    ADMIN = "an administrator"


PROVEN_BY_ROWS = (Access.MEMBER, Access.MODERATOR, Access.OWNER)


class MissingProofError(Exception):
    """A view or handler succeeded without proving the access that it declares: a bug."""
