"""Taking and giving up a seat: join, leave, and the end of memberships whose lease ran out."""

import uuid
from collections.abc import Callable, Sequence
from functools import cache, partial

from chalicelib import presence, telemetry, tickets
from chalicelib.auth import User
from chalicelib.backend import Backend
from chalicelib.errors import (
    NothingToLeaveError,
    NotInRoomError,
    RateLimitedError,
    RoomFullError,
    RoomInactiveError,
    RoomNotFoundError,
    UnavailableError,
)
from chalicelib.protocol import ByeData, LeaveReason, UserJoined, UserJoinedData, UserLeft, UserLeftData
from chalicelib.records import Connection, Message, Participant, Profile, Room
from chalicelib.schemas import JoinRoomResponse, ParticipantView, RoomDetail, RoomMessage, Success, WebsocketAccess
from chalicelib.store import connections, guards, membership, messages, participants, profiles, rooms
from chalicelib.store.client import together
from chalicelib.times import Moment, iso

SHOWN_MESSAGES = 50
_ATTEMPTS = 5

FAREWELLS: dict[LeaveReason, ByeData] = {
    "left": ByeData(code="left", reason="You left the room", action="stop"),
    "timed_out": ByeData(code="timed_out", reason="Your seat was given up", action="rejoin"),
    "removed": ByeData(code="removed", reason="You were removed from the room", action="stop"),
    "room_closed": ByeData(code="room_closed", reason="The room was closed", action="stop"),
}


def join(backend: Backend, user: User, room_id: str, now: Moment) -> JoinRoomResponse:
    """Take a seat, or find out that one has it already. The room's expired members go first.

    Raises:
        RoomNotFoundError, RoomInactiveError, RoomFullError, RateLimitedError.
    """
    limit = backend.settings.joins_limit
    room, members, profile, wait = together(
        partial(rooms.get, room_id),
        partial(participants.members, room_id),
        partial(profiles.get, user.id),
        partial(guards.admit, f"join#{user.id}", limit, now),
    )
    if wait:
        raise RateLimitedError(wait)
    newcomer = _newcomer(user, profile, room_id, now)
    for attempt in range(_ATTEMPTS):
        open_room = _require_open(room)
        present = end_expired(backend, room_id, members, now, claimed_too=attempt > 0)
        mine = next((member for member in present if member.user_id == user.id), None)
        if mine:
            return _welcome_back(backend, open_room, mine, now)
        if len(present) >= open_room.max_participants:
            raise RoomFullError
        message = system_message(room_id, messages.allocate(room_id, now), f"{newcomer.name} joined the room", now)
        if membership.take_seat(newcomer, message, backend.settings.message_retention_days):
            telemetry.current().note_message(message)
            return _welcome(backend, open_room, newcomer, message, now)
        room, members = together(partial(rooms.get, room_id), partial(participants.members, room_id))
    raise UnavailableError("The room is too busy to find you a seat; try again")


def leave(
    backend: Backend, user_id: str, room_id: str, now: Moment, before_bye: Callable[[], None] = lambda: None
) -> Success:
    """Give up the seat at once; the user's connections in the room are told `bye` and closed.

    `before_bye` is called when it is done and the connections are still open.

    Raises:
        NothingToLeaveError: there is no seat of theirs.
        RoomNotFoundError: there is no such room.
    """
    number = _numbering(room_id, now)
    for _ in range(_ATTEMPTS):
        member, roster = together(partial(participants.get, room_id, user_id), partial(connections.roster, room_id))
        if member is None or not member.holds_at(now):
            if member:
                end_expired(backend, room_id, [member], now)
            raise RoomNotFoundError if rooms.get(room_id) is None else NothingToLeaveError
        if end(backend, member, roster, "left", number, now, before_bye=before_bye):
            return Success(message="Left room successfully")
    raise UnavailableError("Leaving did not work out; try again")


def ticket(backend: Backend, user: User, room_id: str, now: Moment) -> WebsocketAccess:
    """A fresh way into the room's WebSocket, for one who has a seat."""
    member = require_member(room_id, user.id, participants.get(room_id, user.id), now)
    _keep_seat(member, now)
    return access(backend, user.id, room_id, now)


def access(backend: Backend, user_id: str, room_id: str, now: Moment) -> WebsocketAccess:
    """A ticket and the URL that it opens."""
    text, expires_at = tickets.issue(user_id, room_id, backend.secret, now)
    return WebsocketAccess(url=f"{backend.websocket_url}?ticket={text}", ticket=text, expires_at=iso(expires_at))


def require_member(room_id: str, user_id: str, member: Participant | None, now: Moment) -> Participant:
    """The membership, if it holds.

    Raises:
        NotInRoomError: it doesn't.
        RoomNotFoundError: there is no such room.
    """
    if member is not None and member.user_id == user_id and member.holds_at(now):
        return member
    raise RoomNotFoundError if rooms.get(room_id) is None else NotInRoomError


def end_expired(
    backend: Backend, room_id: str, members: Sequence[Participant], now: Moment, *, claimed_too: bool = False
) -> list[Participant]:
    """End the memberships whose lease ran out, each once whoever else notices; the others are returned.

    `claimed_too`: also those that somebody else has just set out to end, where their seat is needed now.
    """
    expired = [member for member in members if not member.holds_at(now)]
    mine = [member for member in expired if participants.claim_ending(member, now) or claimed_too]
    if mine:
        going = {member.user_id for member in expired}
        roster = connections.roster(room_id)
        for member in mine:
            told = [one for one in roster if one.user_id == member.user_id or one.user_id not in going]
            end(backend, member, told, "timed_out", _numbering(room_id, now), now)
    return [member for member in members if member.holds_at(now)]


def evict(backend: Backend, room_id: str, user_id: str, now: Moment, *, logged: bool) -> None:
    """End a membership because the room closes; `logged`: whether its log, which stays, is to say so."""
    number = _numbering(room_id, now) if logged else None
    for _ in range(_ATTEMPTS):
        member, roster = together(partial(participants.get, room_id, user_id), partial(connections.roster, room_id))
        if member is None or end(backend, member, roster, "room_closed", number, now):
            return
    raise UnavailableError("The room is too busy to be closed; try again")


def end(
    backend: Backend,
    member: Participant,
    roster: Sequence[Connection],
    reason: LeaveReason,
    number: Callable[[Moment], int] | None,
    now: Moment,
    *,
    before_bye: Callable[[], None] = lambda: None,
) -> bool:
    """End a membership as it was read: seat, announcement, connections. False where it is no longer so.

    `number` gives the announcement its place in the log, by when the membership began; None where nothing is announced.
    """
    room_id = member.room_id
    message = system_message(room_id, number(member.joined_at), f"{member.name} left the room", now) if number else None
    if not member.connections <= {connection.connection_id for connection in roster}:
        roster = connections.roster(room_id)  # one came in between the two reads
    leaving = [connection for connection in roster if connection.user_id == member.user_id]
    if not membership.give_up_seat(member, leaving, message, backend.settings.message_retention_days):
        return False
    if message:
        telemetry.current().note_message(message)
        data = UserLeftData(user_id=member.user_id, reason=reason, message=RoomMessage.of(message))
        texts = [UserLeft(room_id=room_id, ts=iso(now), seq=message.seq, data=data).encode()]
        if last := _last_connection(member, leaving):
            texts.append(presence.peer_left(room_id, member.user_id, last, now).encode())
        others = [other for other in roster if other not in leaving]
        presence.send(backend, [(other, text) for other in others for text in texts], others, now)
    before_bye()
    presence.dismiss(backend, leaving, FAREWELLS[reason], now)
    return True


def _numbering(room_id: str, now: Moment) -> Callable[[Moment], int]:
    """Numbers of the log, one for the end of each membership: whoever tries again uses the same, since of one that is
    never used every client asks what it missed. Another membership began later, and must not end before that.
    """
    return cache(lambda _joined_at: messages.allocate(room_id, now))


def _last_connection(member: Participant, leaving: Sequence[Connection]) -> str | None:
    """The id of the newest connection that nobody was told is gone: of one that was lost when the lease had run out
    already, the membership alone still knows.
    """
    if leaving:
        return max(leaving, key=lambda connection: connection.connected_at).connection_id
    return min(member.connections, default=None)


def system_message(room_id: str, seq: int, text: str, now: Moment) -> Message:
    """What the room itself says in its log."""
    return Message(room_id, seq, str(uuid.uuid4()), "system", None, "System", None, text, now)


def shown_profile(user: User, profile: Profile | None) -> Profile:
    """How others see the user: as they chose, else as their token says."""
    return profile or Profile(user.id, user.name, user.avatar)


def _newcomer(user: User, profile: Profile | None, room_id: str, now: Moment) -> Participant:
    shown = shown_profile(user, profile)
    return Participant(
        room_id=room_id,
        user_id=user.id,
        name=shown.name,
        avatar=shown.avatar,
        is_muted=True,
        is_speaking=False,
        is_online=True,
        joined_at=now,
        lease_expires_at=presence.lease_end("http", now),
        lease_kind="http",
    )


def _require_open(room: Room | None) -> Room:
    if room is None:
        raise RoomNotFoundError
    if room.status != "active":
        raise RoomInactiveError
    return room


def _welcome(backend: Backend, room: Room, joined: Participant, message: Message, now: Moment) -> JoinRoomResponse:
    members, log, roster = together(
        partial(participants.members, room.id),
        partial(messages.newest, room.id, SHOWN_MESSAGES),
        partial(connections.roster, room.id),
    )
    data = UserJoinedData(participant=ParticipantView.of(joined), message=RoomMessage.of(message))
    presence.push(backend, roster, UserJoined(room_id=room.id, ts=iso(now), seq=message.seq, data=data), now)
    return JoinRoomResponse(
        message="Joined room successfully",
        room=RoomDetail.compose(room, [member for member in members if member.holds_at(now)], log),
        websocket=access(backend, joined.user_id, room.id, now),
    )


def _welcome_back(backend: Backend, room: Room, mine: Participant, now: Moment) -> JoinRoomResponse:
    members, log, _ = together(
        partial(participants.members, room.id),
        partial(messages.newest, room.id, SHOWN_MESSAGES),
        partial(_keep_seat, mine, now),
    )
    return JoinRoomResponse(
        message="Already in this room",
        room=RoomDetail.compose(room, [member for member in members if member.holds_at(now)], log),
        websocket=access(backend, mine.user_id, room.id, now),
    )


def _keep_seat(member: Participant, now: Moment) -> None:
    """Asking for a way in shows that the user is there: the seat outlives the ticket."""
    participants.extend_lease(member, presence.lease_end(member.lease_kind, now), now)
