"""Take and give up seats: join and leave, and the reads of a room that belong to it."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, cast

from chalicelib import log
from chalicelib.contract import Access, Context, Request, ServerFrame, Success
from chalicelib.delivery import Connection, OutboundFrame
from chalicelib.grants.bans import require_no_ban
from chalicelib.grants.rules import Role
from chalicelib.grants.schemas import RoleChanged, RoleChangedData
from chalicelib.grants.table import DEPLOYMENT, Standing, get_standing, get_standings
from chalicelib.identity.profiles import Profile, display_profile, get_profile
from chalicelib.identity.tickets import issue_ticket
from chalicelib.identity.tokens import User
from chalicelib.kernel.errors import (
    BannedError,
    InviteNotFoundError,
    NothingToLeaveError,
    NotInRoomError,
    RateLimitedError,
    RoomFullError,
    RoomInactiveError,
    RoomLockedError,
    RoomNotFoundError,
    UnavailableError,
)
from chalicelib.kernel.times import iso
from chalicelib.log import Event, LogPosition, Message, Numbered
from chalicelib.log.schemas import RoomMessage
from chalicelib.rooms import listing
from chalicelib.rooms.authority import explain_absence, require_visible, role_in
from chalicelib.rooms.listing import RoomPage
from chalicelib.rooms.schemas import RoomsQuery
from chalicelib.rooms.table import Room, get_room, is_expected, kept_for_others
from chalicelib.seats.authors import show_messages
from chalicelib.seats.broadcast import deliver
from chalicelib.seats.connections import get_roster
from chalicelib.seats.endings import end_expired, end_membership, evict
from chalicelib.seats.entrance import BY_GRANT, Admission, Entrance, Invitation
from chalicelib.seats.entries import commit_all, joined
from chalicelib.seats.fitting import fit_detail, left_for_log
from chalicelib.seats.leases import lease_end, renew_by_call, renew_by_join, renew_by_list, renew_by_ticket
from chalicelib.seats.limits import give_up_surplus, require_free_seat
from chalicelib.seats.schemas import (
    Caller,
    JoinMessage,
    JoinRoomResponse,
    ParticipantView,
    RoomDetail,
    UserJoined,
    UserJoinedData,
    WebsocketAccess,
)
from chalicelib.seats.table import (
    LeaseKind,
    Participant,
    get_participant,
    list_participants,
    list_seats,
    read_member_and_roster,
    take_seat,
)
from chalicelib.store import ATTEMPTS

JOIN_PRICE = 16
"""In units of `store.budgets`."""


def join(context: Context, user: User, *, expects_socket: bool = False, invite: str | None = None) -> JoinRoomResponse:
    """Take a seat, or confirm it, and get access to the room's WebSocket. The errors are those of `enter`.

    `invite`: the token of an invitation.
    """
    websocket = _grant_access(context)  # this can fail, so it comes before the seat
    entrance = Invitation(invite) if invite else BY_GRANT
    message, room = enter(context, user, expects_socket=expects_socket, entrance=entrance)
    return JoinRoomResponse(message=message, room=room, websocket=websocket, websocket_url=websocket.url)


def enter(
    context: Context, user: User, *, expects_socket: bool = False, entrance: Entrance = BY_GRANT
) -> tuple[JoinMessage, RoomDetail]:
    """Take a seat, or confirm the seat that the user has. Expired members of the room are ended first.

    `expects_socket`: the seat is held a minute until the first connection.

    Raises:
        RoomNotFoundError, InviteNotFoundError, BannedError, AccountClosingError, RoomInactiveError, RoomLockedError,
        RoomFullError, TooManyRoomsError, RateLimitedError.
    """
    store, room_id, now = context.store, context.room_id, context.now
    limits, limit = context.backend.rate_limits, context.settings.joins_limit
    room, members, standings, chosen, seats, wait, _ = store.run_parallel(
        partial(get_room, store, room_id),
        partial(list_participants, store, room_id),
        partial(get_standings, store, room_id, user.id, consistent=False),  # the transaction checks them
        partial(get_profile, store, user.id),
        partial(list_seats, store, user.id),
        partial(limits.check, f"join#{user.id}", limit, now),
        partial(entrance.read, context),
    )
    if wait:
        raise RateLimitedError(wait)
    profile = display_profile(context.settings, user, chosen)
    for attempt in range(ATTEMPTS):
        is_seated = _find_seat(context, members) is not None
        try:
            open_room = _require_open(context, entrance, room, standings, is_seated=is_seated)
        except (RoomNotFoundError, InviteNotFoundError, BannedError):
            if attempt:
                raise
            room, members, standings = _read_again(context, entrance)  # a right may be newer than the first read
            continue
        present = end_expired(context, members, include_claimed=attempt > 0)
        if mine := _find_seat(context, present):
            return "Already in this room", _welcome_back(context, open_room, mine, expects_socket=expects_socket)
        _require_place(context, open_room, present)
        require_free_seat(context, seats)
        admission = entrance.admit(context, open_room, standings[0], profile)
        newcomer = _newcomer(context, profile, "expected" if expects_socket else "http", open_room, admission.standing)
        if entered := _take_seat(context, open_room, newcomer, admission):
            return "Joined room successfully", _welcome(context, open_room, newcomer, entered, present)
        room, members, standings = _read_again(context, entrance)
    raise UnavailableError("The room is too busy to find you a seat; try again")


def _read_again(
    context: Context, entrance: Entrance
) -> tuple[Room | None, list[Participant], tuple[Standing, Standing]]:
    store, room_id = context.store, context.room_id
    room, members, standings, _ = store.run_parallel(
        partial(get_room, store, room_id),
        partial(list_participants, store, room_id),
        partial(get_standings, store, room_id, context.user_id),
        partial(entrance.read, context),
    )
    return room, members, standings


def leave(context: Context) -> Success:
    """Give up the seat at once. The user's connections in the room receive `bye` and are closed.

    Raises:
        NothingToLeaveError: the user has no seat in the room.
        RoomNotFoundError: the room does not exist.
    """
    for _ in range(ATTEMPTS):
        member, roster = read_member_and_roster(context.store, context.room_id, context.user_id)
        if member is None or not member.holds_at(context.now):
            if member:
                end_expired(context, [member])
            absence = explain_absence(context)
            raise NothingToLeaveError if isinstance(absence, NotInRoomError) else absence
        context.prove(Access.MEMBER)
        if end_membership(context, member, roster, "left"):
            return Success(message="Left room successfully")
    raise UnavailableError("The room is too busy for you to leave; try again")


def list_rooms(request: Request, query: RoomsQuery) -> RoomPage:
    """One page of the active rooms. At most once a minute, it also renews the HTTP leases of the caller.

    Raises:
        InvalidCursorError: the cursor was not made by this service.
    """
    page = listing.list_rooms(request, query)
    renew_by_list(request.backend, request.user.id, request.now)
    return page


def get_room_detail(context: Context) -> RoomDetail:
    """A room with its participants now and its last 50 messages. Renews the caller's own HTTP lease.

    Of a closed room, only its owner and administrators see participants and messages.

    Raises:
        RoomNotFoundError: the room does not exist for the user.
        BannedError: it is private, and the user has a role in it, and is kept out.
    """
    store, room_id, user_id = context.store, context.room_id, context.user_id
    found, members, standings, position = store.run_parallel(
        partial(get_room, store, room_id),
        partial(list_participants, store, room_id),
        partial(get_standings, store, room_id, user_id),
        partial(log.get_position, store, room_id, consistent=True),
    )
    mine = _find_seat(context, members)
    room = require_visible(context, found, standings[0], is_seated=mine is not None)
    is_banned = not context.is_admin and any(one.is_banned_at(context.now) for one in standings)
    if room.visibility == "private" and is_banned and not mine:
        require_no_ban(standings, context.now)
    present = end_expired(context, members)
    if mine:
        renew_by_call(context, mine)
    role = role_in(room, standings[0], user_id, is_seated=mine is not None)
    if room.status == "inactive" and not context.is_admin and role != "owner":
        return RoomDetail.compose(room, context.settings, [], [], Caller.of(role, is_banned=is_banned))
    return _compose(context, room, present, _read_newest(context, position, members), role, is_banned=is_banned)


def request_ticket(context: Context) -> WebsocketAccess:
    """A fresh ticket for a member, to connect again."""
    member = require_member(context, get_participant(context.store, context.room_id, context.user_id))
    renew_by_ticket(context, member)
    return _grant_access(context)


def require_member(context: Context, member: Participant | None) -> Participant:
    """The membership of the context's user, if it is valid. This proves `Access.MEMBER`.

    Raises:
        NotInRoomError: it is not valid.
        RoomNotFoundError: the room does not exist.
    """
    if member is not None and member.user_id == context.user_id and member.holds_at(context.now):
        context.prove(Access.MEMBER)
        return member
    raise explain_absence(context)


def _newcomer(context: Context, profile: Profile, lease_kind: LeaseKind, room: Room, standing: Standing) -> Participant:
    return Participant(
        room_id=context.room_id,
        user_id=profile.user_id,
        name=profile.name,
        avatar=profile.avatar,
        joined_at=context.now,
        lease_expires_at=lease_end(context, lease_kind),
        lease_kind=lease_kind,
        role=role_in(room, standing, profile.user_id),
        muted_by=standing.muted_by,
    )


def _find_seat(context: Context, members: Sequence[Participant]) -> Participant | None:
    """The valid membership of the context's user."""
    return next((one for one in members if one.user_id == context.user_id and one.holds_at(context.now)), None)


def _require_open(
    context: Context, entrance: Entrance, found: Room | None, standings: tuple[Standing, Standing], *, is_seated: bool
) -> Room:
    room = entrance.require_visible(context, found, standings[0], is_seated=is_seated)
    require_no_ban(standings[1:] if context.is_admin else standings, context.now)
    entrance.require_open(context, room, standings[0], is_seated=is_seated)
    if room.status != "active":
        raise RoomInactiveError
    return room


def _require_place(context: Context, room: Room, present: Sequence[Participant]) -> None:
    """Check that the room lets a newcomer in. Seats that are kept for others are not free.

    A moderator who lets a user in keeps a seat for them, also in a locked room.
    """
    if room.is_locked and not is_expected(room, context.user_id, context.now):
        raise RoomLockedError
    if len(present) + len(kept_for_others(room, context.user_id, context.now)) >= room.max_participants:
        raise RoomFullError


@dataclass(frozen=True)
class _Entered:
    """The entries of a join, and the position of the log after them."""

    message: Message
    role_change: Event | None
    position: LogPosition


def _take_seat(context: Context, room: Room, newcomer: Participant, admission: Admission) -> _Entered | None:
    """Store a newcomer and the entries about it. None if something has changed since it was read."""
    drafts: list[Numbered[Any]] = [joined(newcomer), *([admission.event] if admission.event else [])]
    position = log.allocate(context, *drafts)
    entries = commit_all(context, drafts, take_seat(newcomer, room, admission.writes), position=position)
    if not entries:
        return None
    message, *events = entries
    return _Entered(cast(Message, message), next(iter(cast(list[Event], events)), None), position)


def _welcome(
    context: Context, room: Room, newcomer: Participant, entered: _Entered, present: Sequence[Participant]
) -> RoomDetail:
    store, room_id = context.store, context.room_id
    members, newest, roster, seats, everywhere = store.run_parallel(
        partial(list_participants, store, room_id),
        partial(_read_newest, context, entered.position, [*present, *present]),  # a join reads them twice
        partial(get_roster, store, room_id),
        partial(list_seats, store, newcomer.user_id),
        partial(get_standing, store, DEPLOYMENT, newcomer.user_id),
    )
    _tell_joined(context, newcomer, entered, roster)
    give_up_surplus(context, seats)
    if everywhere.is_banned_at(context.now) or everywhere.erasing_since:
        evict(context, newcomer.user_id, "removed")  # it began while the seat was taken
    require_no_ban([everywhere], context.now)
    return _compose(context, room, members, newest, newcomer.role)


def _tell_joined(context: Context, newcomer: Participant, entered: _Entered, roster: Sequence[Connection]) -> None:
    message, event = entered.message, entered.role_change
    data = UserJoinedData(participant=ParticipantView.of(newcomer), message=RoomMessage.of(message))
    frames: list[ServerFrame] = [context.stamp(UserJoined, seq=message.seq, data=data)]
    if event:
        frames.append(context.stamp(RoleChanged, seq=event.seq, data=RoleChangedData.model_validate_json(event.data)))
    texts = [frame.encode(context.backend.avatar_hosts) for frame in frames]
    deliver(context, [OutboundFrame(one, text) for one in roster for text in texts], roster)


def _welcome_back(context: Context, room: Room, mine: Participant, *, expects_socket: bool) -> RoomDetail:
    store, room_id = context.store, context.room_id
    members, position, _ = store.run_parallel(
        partial(list_participants, store, room_id),
        partial(log.get_position, store, room_id, consistent=True),
        partial(renew_by_join, context, mine, expects_socket=expects_socket),
    )
    return _compose(context, room, members, _read_newest(context, position, members), mine.role)


def _read_newest(context: Context, position: LogPosition, members: Sequence[Participant]) -> log.Page:
    return log.list_newest(context.store, position, log.SHOWN, most_bytes=left_for_log(members))


def _compose(
    context: Context,
    room: Room,
    members: Sequence[Participant],
    newest: log.Page,
    role: Role | None,
    *,
    is_banned: bool = False,
) -> RoomDetail:
    present = [member for member in members if member.holds_at(context.now)]
    messages = show_messages(context, newest.messages, present, newest.left)
    has_seat = any(member.user_id == context.user_id for member in present)
    you = Caller.of(role or ("member" if has_seat else None), is_admin=context.is_admin, is_banned=is_banned)
    return fit_detail(RoomDetail.compose(room, context.settings, present, messages, you))


def _grant_access(context: Context) -> WebsocketAccess:
    """A ticket, and the URL that it opens."""
    backend = context.backend
    ticket, expires_at = issue_ticket(context.user_id, context.room_id, backend.secret, context.now)
    return WebsocketAccess(
        url=f"{backend.websocket_url.get()}?ticket={ticket}", ticket=ticket, expires_at=iso(expires_at)
    )
