"""HTTP: invitations and knocks."""

from chalicelib.access import knocking, service
from chalicelib.access.schemas import (
    Admission,
    InviteCreate,
    InviteList,
    InvitePreview,
    KnockAnswer,
    KnockList,
    KnockState,
    NewInvite,
)
from chalicelib.contract import Access, Request, Route
from chalicelib.kernel.errors import (
    AccountClosingError,
    BannedError,
    ForbiddenError,
    InviteNotFoundError,
    KnockNotFoundError,
    RoomFullError,
    RoomInactiveError,
    TooManyInvitesError,
)


def create_invite(request: Request, body: InviteCreate) -> NewInvite:
    """Make an invitation into a room. The answer is the only one that has its token and its link.

    Moderators invite members. Only the owner and administrators invite moderators.
    """
    return service.create_invite(request.context, body)


def list_invites(request: Request) -> InviteList:
    """List the valid invitations of a room. The newest comes first. Nobody can read a token again."""
    return service.show_invites(request.context)


def revoke_invite(request: Request) -> None:
    """Revoke an invitation. Nobody gets in with it from now on; roles that it gave stay."""
    service.revoke(request.context, request.parameter("invite_id"))


def preview_invite(request: Request) -> InvitePreview:
    """See which room an invitation is for. Join with its token in the body."""
    return service.preview(request, request.parameter("token"))


def knock(request: Request) -> KnockAnswer:
    """Ask to be let into a room, for ten minutes. Moderators who are connected are told.

    Ask for the state of your knock every few seconds. You may knock once a minute.
    """
    return knocking.knock(request.context, request.user)


def get_knock(request: Request) -> KnockState:
    """See how your knock was answered. If you were admitted, join before `until`: a seat is kept for you."""
    return knocking.get_state(request.context)


def list_knocks(request: Request) -> KnockList:
    """List the users who wait to be let in. Who has waited longest comes first."""
    return knocking.show_waiting(request.context)


def answer_knock(request: Request, body: Admission) -> KnockState:
    """Let a user in, or not. A user who is let in finds a seat for two minutes, also in a locked room.

    In a private room the user also becomes a member.
    """
    return knocking.answer(request.context, request.target_id, admit=body.admit)


_ROOM = "/coworking/rooms/{room_id}"
_INVITES = f"{_ROOM}/invites"
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
        errors=(AccountClosingError, BannedError, InviteNotFoundError),
    ),
    Route(
        "POST",
        f"{_ROOM}/knock",
        knock,
        access=Access.USER,
        price=12,
        errors=(AccountClosingError, BannedError, RoomInactiveError),
    ),
    Route("GET", f"{_ROOM}/knock", get_knock, access=Access.USER, price=4, errors=(AccountClosingError, BannedError)),
    Route("GET", f"{_ROOM}/knocks", list_knocks, access=Access.MODERATOR, errors=(BannedError, ForbiddenError)),
    Route(
        "POST",
        f"{_ROOM}/knocks/{{user_id}}",
        answer_knock,
        access=Access.MODERATOR,
        price=16,
        errors=(BannedError, ForbiddenError, KnockNotFoundError, RoomFullError, RoomInactiveError),
    ),
)
