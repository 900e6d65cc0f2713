"""Take and give up seats: join, leave, and the end of memberships whose lease ran out."""

from collections.abc import Callable, Sequence
from functools import cache, partial

from chalicelib import log
from chalicelib.contract import Access, Context, Success
from chalicelib.delivery import Connection, OutboundFrame
from chalicelib.identity.profiles import Profile, display_profile, get_profile
from chalicelib.identity.tickets import issue_ticket
from chalicelib.identity.tokens import User
from chalicelib.kernel.errors import (
    NothingToLeaveError,
    NotInRoomError,
    RateLimitedError,
    RoomFullError,
    RoomInactiveError,
    RoomNotFoundError,
    UnavailableError,
)
from chalicelib.kernel.times import Moment, iso
from chalicelib.log import Draft, Message
from chalicelib.log.schemas import RoomMessage
from chalicelib.rooms.table import Room, get_room
from chalicelib.seats.broadcast import broadcast, close_all, deliver, peer_left
from chalicelib.seats.connections import get_roster
from chalicelib.seats.leases import lease_end, renew_by_call, renew_by_ticket
from chalicelib.seats.schemas import (
    CLOSE_FRAMES,
    JoinRoomResponse,
    LeaveReason,
    ParticipantView,
    RoomDetail,
    UserJoined,
    UserJoinedData,
    UserLeft,
    UserLeftData,
    WebsocketAccess,
)
from chalicelib.seats.table import (
    Participant,
    claim_ending,
    get_participant,
    give_up_seat,
    list_participants,
    take_seat,
)

_ATTEMPTS = 5


def join(context: Context, user: User) -> JoinRoomResponse:
    """Take a seat, or confirm the seat that the user has. Expired members of the room are ended first.

    Raises:
        RoomNotFoundError, RoomInactiveError, RoomFullError, RateLimitedError.
    """
    store, room_id, now = context.store, context.room_id, context.now
    limits, limit = context.backend.rate_limits, context.settings.joins_limit
    room, members, profile, wait = store.run_parallel(
        partial(get_room, store, room_id),
        partial(list_participants, store, room_id),
        partial(get_profile, store, user.id),
        partial(limits.check, f"join#{user.id}", limit, now),
    )
    if wait:
        raise RateLimitedError(wait)
    newcomer = _newcomer(context, display_profile(user, profile))
    for attempt in range(_ATTEMPTS):
        open_room = _require_open(room)
        present = end_expired(context, members, include_claimed=attempt > 0)
        mine = next((member for member in present if member.user_id == user.id), None)
        if mine:
            return _welcome_back(context, open_room, mine)
        if len(present) >= open_room.max_participants:
            raise RoomFullError
        message = log.commit(context, Draft(f"{newcomer.name} joined the room"), writes=take_seat(newcomer))
        if message:
            return _welcome(context, open_room, newcomer, message)
        room, members = store.run_parallel(
            partial(get_room, store, room_id), partial(list_participants, store, room_id)
        )
    raise UnavailableError("The room is too busy to find you a seat; try again")


def leave(context: Context) -> Success:
    """Give up the seat at once. The user's connections in the room receive `bye` and are closed.

    Raises:
        NothingToLeaveError: the user has no seat in the room.
        RoomNotFoundError: the room does not exist.
    """
    next_seq = _numbering(context)
    for _ in range(_ATTEMPTS):
        member, roster = read_member_and_roster(context)
        if member is None or not member.holds_at(context.now):
            if member:
                end_expired(context, [member])
            raise RoomNotFoundError if get_room(context.store, context.room_id) is None else NothingToLeaveError
        context.prove(Access.MEMBER)
        if end_membership(context, member, roster, "left", next_seq):
            return Success(message="Left room successfully")
    raise UnavailableError("The room is too busy for you to leave; try again")


def get_room_detail(context: Context) -> RoomDetail:
    """A room with its participants now and its last 50 messages. Renews the caller's own HTTP lease.

    Raises:
        RoomNotFoundError: the room does not exist.
    """
    store, room_id = context.store, context.room_id
    room, members, messages = store.run_parallel(
        partial(get_room, store, room_id),
        partial(list_participants, store, room_id),
        partial(log.list_newest, store, room_id, log.SHOWN),
    )
    if room is None:
        raise RoomNotFoundError
    present = end_expired(context, members)
    for member in present:
        if member.user_id == context.user_id:
            renew_by_call(context, member)
    return RoomDetail.compose(room, present, messages)


def request_ticket(context: Context) -> WebsocketAccess:
    """A fresh ticket for a member, to connect again."""
    member = require_member(context, get_participant(context.store, context.room_id, context.user_id))
    renew_by_ticket(context, member)
    return _grant_access(context)


def read_member_and_roster(context: Context) -> tuple[Participant | None, list[Connection]]:
    """The membership of the context's user, valid or not, and the connections of the room."""
    store, room_id = context.store, context.room_id
    return store.run_parallel(
        partial(get_participant, store, room_id, context.user_id), partial(get_roster, store, room_id)
    )


def require_member(context: Context, member: Participant | None) -> Participant:
    """The membership of the context's user, if it is valid. This proves `Access.MEMBER`.

    Raises:
        NotInRoomError: it is not valid.
        RoomNotFoundError: the room does not exist.
    """
    if member is not None and member.user_id == context.user_id and member.holds_at(context.now):
        context.prove(Access.MEMBER)
        return member
    raise RoomNotFoundError if get_room(context.store, context.room_id) is None else NotInRoomError


def end_expired(
    context: Context, members: Sequence[Participant], *, include_claimed: bool = False
) -> list[Participant]:
    """End the memberships whose lease ran out, each once. Returns the others.

    `include_claimed`: also end those that another process has claimed, because their seat is needed now.
    """
    store, now = context.store, context.now
    expired = [member for member in members if not member.holds_at(now)]
    claimed = [member for member in expired if claim_ending(store, member, now) or include_claimed]
    if claimed:
        leaving = {member.user_id for member in expired}
        roster = get_roster(store, context.room_id)
        for member in claimed:
            told = [one for one in roster if one.user_id == member.user_id or one.user_id not in leaving]
            end_membership(context.for_user(member.user_id), member, told, "timed_out", _numbering(context))
    return [member for member in members if member.holds_at(now)]


def evict(context: Context, user_id: str, *, write_log: bool) -> None:
    """End a membership because the room closes. `write_log`: write an entry, because the log stays."""
    next_seq = _numbering(context) if write_log else None
    leaving = context.for_user(user_id)
    for _ in range(_ATTEMPTS):
        member, roster = read_member_and_roster(leaving)
        if member is None or end_membership(leaving, member, roster, "room_closed", next_seq):
            return
    raise UnavailableError("The room is too busy to be closed; try again")


def end_membership(
    context: Context,
    member: Participant,
    roster: Sequence[Connection],
    reason: LeaveReason,
    next_seq: Callable[[Moment], int] | None,
) -> bool:
    """End a membership: seat, log entry, connections. False if it has changed since it was read.

    `next_seq` returns the number of the entry for a membership that began at a moment. None means that no entry is
    written and nobody is told.
    """
    if not member.connections <= {connection.connection_id for connection in roster}:
        roster = get_roster(context.store, context.room_id)  # a connection was added between the two reads
    leaving = [connection for connection in roster if connection.user_id == member.user_id]
    others = [connection for connection in roster if connection.user_id != member.user_id]
    writes = give_up_seat(member, leaving)
    if next_seq is None:
        if not context.store.transact(writes):
            return False
    else:
        seq = next_seq(member.joined_at)
        message = log.commit(context, Draft(f"{member.name} left the room"), seq=seq, writes=writes)
        if message is None:
            return False
        _tell_left(context, member, message, reason, leaving, others)
    close_all(context, leaving, CLOSE_FRAMES[reason])
    return True


def _tell_left(
    context: Context,
    member: Participant,
    message: Message,
    reason: LeaveReason,
    leaving: Sequence[Connection],
    others: Sequence[Connection],
) -> None:
    data = UserLeftData(user_id=member.user_id, reason=reason, message=RoomMessage.of(message))
    texts = [context.stamp(UserLeft, seq=message.seq, data=data).encode()]
    if last := _last_connection(member, leaving):
        texts.append(peer_left(context, last).encode())
    frames = [OutboundFrame(other, text) for other in others for text in texts]
    deliver(context, [*context.claim_ack(), *frames], others)


def _numbering(context: Context) -> Callable[[Moment], int]:
    """Numbers of the log, one for the end of each membership. A retry uses the same number: an unused
    number makes every client send a `sync`.

    The key is the moment when the membership began: a later membership must not end with an earlier number.
    """
    return cache(lambda _joined_at: log.allocate(context.store, context.room_id, context.now))


def _last_connection(member: Participant, leaving: Sequence[Connection]) -> str | None:
    """The id of the member's newest connection. If it was lost after the lease ended, only the membership knows it."""
    if leaving:
        return max(leaving, key=lambda connection: connection.connected_at).connection_id
    return min(member.connections, default=None)


def _newcomer(context: Context, profile: Profile) -> Participant:
    return Participant(
        room_id=context.room_id,
        user_id=profile.user_id,
        name=profile.name,
        avatar=profile.avatar,
        joined_at=context.now,
        lease_expires_at=lease_end("http", context.now),
    )


def _require_open(room: Room | None) -> Room:
    if room is None:
        raise RoomNotFoundError
    if room.status != "active":
        raise RoomInactiveError
    return room


def _welcome(context: Context, room: Room, joined: Participant, message: Message) -> JoinRoomResponse:
    store, room_id = context.store, context.room_id
    members, messages, roster = store.run_parallel(
        partial(list_participants, store, room_id),
        partial(log.list_newest, store, room_id, log.SHOWN),
        partial(get_roster, store, room_id),
    )
    data = UserJoinedData(participant=ParticipantView.of(joined), message=RoomMessage.of(message))
    broadcast(context, context.stamp(UserJoined, seq=message.seq, data=data), roster)
    return JoinRoomResponse(
        message="Joined room successfully",
        room=_compose(context, room, members, messages),
        websocket=_grant_access(context),
    )


def _welcome_back(context: Context, room: Room, mine: Participant) -> JoinRoomResponse:
    store, room_id = context.store, context.room_id
    members, messages, _ = store.run_parallel(
        partial(list_participants, store, room_id),
        partial(log.list_newest, store, room_id, log.SHOWN),
        partial(renew_by_ticket, context, mine),
    )
    return JoinRoomResponse(
        message="Already in this room",
        room=_compose(context, room, members, messages),
        websocket=_grant_access(context),
    )


def _compose(context: Context, room: Room, members: Sequence[Participant], messages: Sequence[Message]) -> RoomDetail:
    return RoomDetail.compose(room, [member for member in members if member.holds_at(context.now)], messages)


def _grant_access(context: Context) -> WebsocketAccess:
    """A ticket, and the URL that it opens."""
    backend = context.backend
    ticket, expires_at = issue_ticket(context.user_id, context.room_id, backend.secret, context.now)
    return WebsocketAccess(url=f"{backend.websocket_url}?ticket={ticket}", ticket=ticket, expires_at=iso(expires_at))
