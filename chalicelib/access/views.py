"""HTTP: invitations."""

from chalicelib.access import service
from chalicelib.access.schemas import InviteCreate, InvitePreview, Invites, NewInvite
from chalicelib.contract import Access, Request, Route
from chalicelib.kernel.errors import BannedError, ForbiddenError, InviteNotFoundError, TooManyInvitesError


def create_invite(request: Request, body: InviteCreate) -> NewInvite:
    """Make an invitation into a room. The answer is the only one that has its token and its link.

    Moderators invite members. Only the owner and administrators invite moderators.
    """
    return service.create_invite(request.context, body)


def list_invites(request: Request) -> Invites:
    """List the invitations of a room that are valid, newest first."""
    return service.show_invites(request.context)


def revoke_invite(request: Request) -> None:
    """Revoke an invitation. Nobody gets in with it from now on; roles that it gave stay."""
    service.revoke(request.context, request.parameter("invite_id"))


def preview_invite(request: Request) -> InvitePreview:
    """See which room an invitation is for. Join with its token in the body."""
    return service.preview(request, request.parameter("token"))


_INVITES = "/coworking/rooms/{room_id}/invites"
ROUTES = (
    Route(
        "POST",
        _INVITES,
        create_invite,
        access=Access.MODERATOR,
        price=12,
        status=201,
        errors=(BannedError, ForbiddenError, TooManyInvitesError),
    ),
    Route("GET", _INVITES, list_invites, access=Access.MODERATOR, errors=(BannedError, ForbiddenError)),
    Route(
        "DELETE",
        f"{_INVITES}/{{invite_id}}",
        revoke_invite,
        access=Access.MODERATOR,
        price=10,
        status=204,
        errors=(BannedError, ForbiddenError, InviteNotFoundError),
    ),
    Route(
        "GET",
        "/coworking/invites/{token}",
        preview_invite,
        access=Access.USER,
        price=8,
        errors=(BannedError, InviteNotFoundError),
    ),
)
