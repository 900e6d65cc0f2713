"""HTTP: roles and ownership."""

from chalicelib.contract import Access, Request, Route
from chalicelib.kernel.errors import (
    AccountClosingError,
    BannedError,
    ForbiddenError,
    InvalidRequestError,
    TooManyRoomsError,
)
from chalicelib.roles import service
from chalicelib.roles.schemas import OwnershipOffer, OwnershipRequest, RoleGrant, RoleList, RoleRequest, RolesQuery


def list_roles(request: Request, query: RolesQuery) -> RoleList:
    """List the users with a role that lasts. The owner comes first."""
    return service.list_roles(request.context, query)


def grant_role(request: Request, body: RoleRequest) -> RoleGrant:
    """Give a user a role that lasts. The user needs no seat.

    Moderators make members, the owner also makes moderators.
    """
    return service.grant_role(request.context, request.target_id, body.role)


def revoke_role(request: Request) -> None:
    """Take a user's role away. In a private room, the user also loses the seat."""
    service.revoke_role(request.context, request.target_id)


def offer_ownership(request: Request, body: OwnershipRequest) -> OwnershipOffer:
    """Offer your room to a user. The user has 24 hours to accept."""
    return service.offer_ownership(request.context, body.user_id)


def accept_ownership(request: Request) -> RoleGrant:
    """Accept a room that was offered to you. You own it then, and its former owner is a moderator."""
    return service.accept_ownership(request.context)


_ROOM = "/coworking/rooms/{room_id}"
_ROLE = f"{_ROOM}/roles/{{user_id}}"
_REFUSED = (BannedError, ForbiddenError)
ROUTES = (
    Route("GET", f"{_ROOM}/roles", list_roles, access=Access.MODERATOR, price=8, errors=_REFUSED),
    Route("PUT", _ROLE, grant_role, access=Access.MODERATOR, price=12, errors=_REFUSED),
    Route(
        "DELETE",
        _ROLE,
        revoke_role,
        access=Access.MODERATOR,
        price=14,
        status=204,
        errors=(*_REFUSED, InvalidRequestError),
    ),
    Route("POST", f"{_ROOM}/owner", offer_ownership, access=Access.OWNER, price=8, status=201, errors=_REFUSED),
    Route(
        "POST",
        f"{_ROOM}/owner/accept",
        accept_ownership,
        access=Access.USER,
        price=18,
        errors=(*_REFUSED, AccountClosingError, TooManyRoomsError),
    ),
)
