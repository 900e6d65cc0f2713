"""Invite people, and show them which room they are invited into."""

from functools import partial
from urllib.parse import urlsplit

from chalicelib.access.schemas import (
    DEFAULT_EXPIRES_IN,
    DEFAULT_USES,
    InviteCreate,
    InviteList,
    InvitePreview,
    InviteView,
    NewInvite,
    RoomPreview,
)
from chalicelib.backend import Backend
from chalicelib.contract import Context, Request
from chalicelib.grants.bans import require_no_ban
from chalicelib.grants.invites import (
    PREFIX,
    Invite,
    find_invite,
    invite_id_of,
    is_backed,
    list_invites,
    new_token,
    put_invite,
    revoke_invite,
    room_of,
)
from chalicelib.grants.table import get_standings
from chalicelib.identity.accounts import note_actor
from chalicelib.identity.profiles import get_profile
from chalicelib.kernel.errors import InviteNotFoundError, TooManyInvitesError, UnavailableError
from chalicelib.kernel.names import clean_name
from chalicelib.kernel.settings import Settings
from chalicelib.rooms.authority import require_moderator
from chalicelib.rooms.table import Room, get_room
from chalicelib.seats.table import get_participant
from chalicelib.store import ATTEMPTS

MAX_INVITE_ID = 64
"""DynamoDB refuses a key of more than 1,024 bytes."""
MAX_INVITES = 100
"""Valid invitations of one room. A race can exceed it by a few."""
_BUSY = "The room is too busy; try again"


def create_invite(context: Context, body: InviteCreate) -> NewInvite:
    """Make an invitation. Only the owner and administrators invite moderators.

    Raises:
        RoomNotFoundError, BannedError, ForbiddenError.
        TooManyInvitesError: the room has as many as it may have.
    """
    token, now = new_token(context.room_id), context.now
    invite = Invite(
        context.room_id,
        PREFIX + invite_id_of(token),
        context.user_id,
        body.role,
        body.uses or DEFAULT_USES,
        now + (body.expires_in or DEFAULT_EXPIRES_IN) * 1000,
        now,
        by_admin=context.is_admin,
    )
    for _ in range(ATTEMPTS):
        authority = require_moderator(context)
        authority.require_above(body.role, "Only the owner invites moderators")
        if len(list_invites(context.store, context.room_id, now)) >= MAX_INVITES:
            raise TooManyInvitesError
        if context.store.transact(
            [put_invite(invite), note_actor(context.room_id, context.user_id), *authority.checks]
        ):
            return NewInvite.of(invite, token=token, url=_link(context.settings, token))
    raise UnavailableError(_BUSY)


def show_invites(context: Context) -> InviteList:
    """The valid invitations of a room, newest first.

    Raises:
        RoomNotFoundError, BannedError, ForbiddenError.
    """
    require_moderator(context)
    found = list_invites(context.store, context.room_id, context.now)
    return InviteList(invites=[InviteView.of(invite) for invite in found])


def revoke(context: Context, invite_id: str) -> None:
    """End an invitation. Joins that are under way with it are refused.

    Raises:
        RoomNotFoundError, BannedError, ForbiddenError.
        InviteNotFoundError: the room has no such invitation.
    """
    authority = require_moderator(context)
    if len(invite_id) > MAX_INVITE_ID:
        raise InviteNotFoundError
    if not context.store.transact([revoke_invite(context.room_id, invite_id), *authority.checks]):
        require_moderator(context)
        raise InviteNotFoundError


def preview(request: Request, token: str) -> InvitePreview:
    """The room that an invitation is for, before the caller joins.

    Raises:
        InviteNotFoundError: the invitation is not valid.
        BannedError: the caller is kept out of the room.
        AccountClosingError: the caller deletes the account.
    """
    store, now, room_id = request.backend.store, request.now, room_of(token)
    if room_id is None:
        raise InviteNotFoundError
    room, found, standings = store.run_parallel(
        partial(get_room, store, room_id),
        partial(find_invite, store, room_id, token, now),
        partial(get_standings, store, room_id, request.user.id),
    )
    if room is None or found is None or not is_backed(*found, room.owner_id, now):
        raise InviteNotFoundError
    require_no_ban(standings, now)
    invite, _ = found
    return InvitePreview(
        room=show_room(request.backend, room), role=invite.role, expires_at=InviteView.of(invite).expires_at
    )


def show_room(backend: Backend, room: Room) -> RoomPreview:
    """What people outside of a room may know of it. 1 round trip.

    The owner's name is that of their seat, or the one they chose. The service stores no name from a token.
    """
    store = backend.store
    if room.owner_id is None:
        return RoomPreview.of(room, None)
    seat, chosen = store.run_parallel(
        partial(get_participant, store, room.room_id, room.owner_id), partial(get_profile, store, room.owner_id)
    )
    if seat or chosen is None or backend.settings.names_from_token:
        return RoomPreview.of(room, seat.name if seat else None)
    return RoomPreview.of(room, clean_name(chosen.name) or None)


def _link(settings: Settings, token: str) -> str:
    """The link of an invitation: `PUBLIC_URL` is the address of the API, on the host of the page."""
    address = urlsplit(settings.public_url)
    page = f"{address.scheme}://{address.netloc}/" if settings.public_url else ""
    return f"{page}#/i/{token}"
