"""The wire types of roles and of the ownership of a room."""

from typing import Annotated, Literal

from pydantic import Field

from chalicelib.contract import Answer, Body, Data, ServerFrame
from chalicelib.contract.fields import Timestamp, UserId
from chalicelib.contract.frames import Sender
from chalicelib.grants.rules import Role

GrantedRole = Literal["moderator", "member"]
Cursor = Annotated[
    str, Field(pattern=r"^[A-Za-z0-9_-]{12}$", description="From `cursor` of the answer before: the next page.")
]


class RoleRequest(Body):
    """The role that the user gets. Only the owner and administrators make moderators."""

    role: Annotated[GrantedRole, Field(examples=["moderator"])]


class RoleGrant(Answer):
    """A user with a role that lasts, when it was given, and by whom. `name` is the last name that the room knew."""

    user_id: str
    name: str | None = None
    role: Role
    granted_at: Timestamp | None = None
    granted_by: str | None = None


class RolesQuery(Body):
    """A page of the roles of a room."""

    cursor: Cursor | None = None


class RoleList(Answer):
    """Users with a role that lasts; the owner is on the first page. `cursor`: there are more, or null.

    A page may be short, or empty, even if there is a next one.
    """

    roles: list[RoleGrant]
    cursor: str | None = None


class OwnershipRequest(Body):
    """The user to whom the room is offered."""

    user_id: UserId


class OwnershipOffer(Answer):
    """The user to whom the room is offered, and until when the user can accept."""

    user_id: str
    until: Timestamp


class OwnershipOfferedData(Data):
    """The user to whom the room is offered, the user who offers it, and until when the offer is valid."""

    user_id: str
    by: str
    until: Timestamp


class OwnershipOffered(ServerFrame):
    """The room is offered to you. Only your own connections get this frame."""

    type: Literal["ownership_offered"] = "ownership_offered"
    sender: Sender = None
    data: OwnershipOfferedData


EVENTS = (OwnershipOffered,)
