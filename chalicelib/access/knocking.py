"""Knock on a room, and let people in: a seat is kept for them, and in a private room they become members."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

from chalicelib.access.schemas import KnockAnswer, Knocked, KnockedData, KnockList, KnockState, KnockView
from chalicelib.access.service import show_room
from chalicelib.access.table import (
    SEAT_MS,
    Knock,
    answer_knock,
    get_knock,
    list_waiting,
    make_knock,
    store_knock,
)
from chalicelib.contract import Access, Context
from chalicelib.delivery import Connection, OutboundFrame
from chalicelib.grants.audit import AuditLine, new_line_id, put_lines
from chalicelib.grants.bans import require_no_ban
from chalicelib.grants.rules import rank_of
from chalicelib.grants.schemas import RoleChanged, RoleChangedData
from chalicelib.grants.table import Standing, get_standings, require_standing, write_standing
from chalicelib.identity.profiles import display_profile, get_profile
from chalicelib.identity.tokens import User
from chalicelib.kernel.errors import (
    AccountClosingError,
    BannedError,
    KnockNotFoundError,
    RateLimitedError,
    RoomFullError,
    RoomInactiveError,
    RoomNotFoundError,
    UnavailableError,
)
from chalicelib.kernel.settings import Limit
from chalicelib.kernel.times import Moment
from chalicelib.log import EventDraft
from chalicelib.rooms.authority import Authority, authorize, is_visible, require_visible, role_in
from chalicelib.rooms.table import Room, get_room, kept_for_others, reserve_seat
from chalicelib.seats.broadcast import broadcast, deliver
from chalicelib.seats.connections import get_roster
from chalicelib.seats.endings import end_expired
from chalicelib.seats.entries import commit
from chalicelib.seats.table import PARTICIPANTS, Participant, list_participants
from chalicelib.seats.targets import Person
from chalicelib.store import ATTEMPTS, Update, Write

LIMIT = Limit(1, 60)
"""Knocks of a user on a room."""


def knock(context: Context, user: User) -> KnockAnswer:
    """Ask to be let into a room, for ten minutes. Moderators who are connected are told. 3 round trips.

    An answer that the user has got stays valid until it expires; knocking again does not change it.

    Raises:
        RoomNotFoundError, BannedError, RoomInactiveError.
        RateLimitedError: the user has knocked on the room within a minute.
    """
    store, room_id, now = context.store, context.room_id, context.now
    limits = context.backend.rate_limits
    found, members, standings, chosen, roster, wait = store.run_parallel(
        partial(get_room, store, room_id),
        partial(list_participants, store, room_id),
        partial(get_standings, store, room_id, user.id),
        partial(get_profile, store, user.id),
        partial(get_roster, store, room_id),
        partial(limits.check, f"knock#{room_id}#{user.id}", LIMIT, now),
    )
    if wait:
        raise RateLimitedError(wait)
    present = [member for member in members if member.holds_at(now)]
    is_seated = any(member.user_id == user.id for member in present)
    room = _require_door(context, found, standings, is_seated=is_seated)
    listening = _find_moderators(present, roster)
    made = make_knock(room_id, display_profile(context.settings, user, chosen), now)
    state = KnockState(state="admitted") if is_seated else _leave_knock(context, made, listening)
    return KnockAnswer(**state.model_dump(), room=show_room(context.backend, room), can_admit=bool(listening))


def get_state(context: Context) -> KnockState:
    """How the user's knock was answered. It has expired, too, if there is none.

    Raises:
        RoomNotFoundError: the room does not exist, or is private, and the user has not knocked.
        BannedError: the user is kept out.
    """
    store, room_id = context.store, context.room_id
    room, standings, found = store.run_parallel(
        partial(get_room, store, room_id),
        partial(get_standings, store, room_id, context.user_id),
        partial(get_knock, store, room_id, context.user_id),
    )
    if room is None or found is None:
        require_visible(context, room, standings[0])
    require_no_ban(standings, context.now)
    return KnockState.of(found, context.now)


def show_waiting(context: Context) -> KnockList:
    """The users who wait for an answer, the first ones first.

    Raises:
        RoomNotFoundError, BannedError, ForbiddenError.
    """
    store, room_id = context.store, context.room_id
    room, standings, waiting = store.run_parallel(
        partial(get_room, store, room_id),
        partial(get_standings, store, room_id, context.user_id),
        partial(list_waiting, store, room_id, context.now),
    )
    authorize(context, room, standings, Access.MODERATOR)
    return KnockList(knocks=[KnockView.of(one) for one in waiting])


def answer(context: Context, user_id: str, *, admit: bool) -> KnockState:
    """Let a user in, or not. A user who was let in stays let in; a refusal may be changed while the knock is valid.

    Raises:
        RoomNotFoundError, BannedError, ForbiddenError.
        KnockNotFoundError: the user does not wait, or is kept out.
        RoomInactiveError, RoomFullError: no seat can be kept.
    """
    for attempt in range(ATTEMPTS):
        caller = _read_caller(context, user_id)
        if caller.knock.state == "admitted":
            return KnockState.of(caller.knock, context.now)
        answered = _admit(context, caller, include_claimed=attempt > 0) if admit else _refuse(context, caller)
        if answered:
            return KnockState.of(answered, context.now)
    raise UnavailableError("The room is too busy; try again")


@dataclass(frozen=True)
class _Caller:
    """A user who knocked, and what an answer starts from."""

    authority: Authority
    knock: Knock
    standing: Standing
    members: list[Participant]


def _read_caller(context: Context, user_id: str) -> _Caller:
    store, room_id, now = context.store, context.room_id, context.now
    room, standings, found, theirs, members = store.run_parallel(
        partial(get_room, store, room_id),
        partial(get_standings, store, room_id, context.user_id),
        partial(get_knock, store, room_id, user_id),
        partial(get_standings, store, room_id, user_id),
        partial(list_participants, store, room_id),
    )
    authority = authorize(context, room, standings, Access.MODERATOR)
    if found is None or not found.is_valid_at(now):
        raise KnockNotFoundError
    try:
        require_no_ban(theirs, now)
    except (BannedError, AccountClosingError):
        raise KnockNotFoundError from None
    return _Caller(authority, found, theirs[0], members)


def _require_door(
    context: Context, room: Room | None, standings: tuple[Standing, Standing], *, is_seated: bool
) -> Room:
    """The room, if anybody may knock on it. Who knows the id of a private room may knock, as with a link."""
    if room is None:
        raise RoomNotFoundError
    require_no_ban(standings, context.now)
    if room.status != "active":
        is_known = is_visible(room, standings[0], context.user_id, is_admin=context.is_admin, is_seated=is_seated)
        raise RoomInactiveError if is_known else RoomNotFoundError
    return room


def _find_moderators(present: Sequence[Participant], roster: Sequence[Connection]) -> list[Connection]:
    """The connections of members who may let people in."""
    moderators = {one.user_id for one in present if rank_of(one.role) >= rank_of("moderator")}
    return [one for one in roster if one.user_id in moderators]


def _leave_knock(context: Context, made: Knock, listening: Sequence[Connection]) -> KnockState:
    if not store_knock(context.store, made):
        return KnockState.of(get_knock(context.store, made.room_id, made.user_id), context.now)
    data = KnockedData(user_id=made.user_id, name=made.name, avatar=made.avatar)
    text = context.stamp(Knocked, data=data).encode(context.backend.avatar_hosts)
    deliver(context, [OutboundFrame(one, text) for one in listening], None)
    return KnockState.of(made, context.now)


def _refuse(context: Context, caller: _Caller) -> Knock | None:
    after = replace(caller.knock, state="refused")
    writes: list[Write] = [*caller.authority.checks, answer_knock(caller.knock, after, context.now)]
    return after if context.store.transact(writes) else None


def _admit(context: Context, caller: _Caller, *, include_claimed: bool) -> Knock | None:
    """Keep a seat, and make the user a member of a private room. None if something has changed since it was read."""
    room, now = caller.authority.room, context.now
    if room.status != "active":
        raise RoomInactiveError
    present = end_expired(context, caller.members, include_claimed=include_claimed)
    member = next((one for one in present if one.user_id == caller.knock.user_id), None)
    after = replace(caller.knock, state="admitted", until=now + SEAT_MS)
    writes: list[Write] = [*caller.authority.standing_checks, answer_knock(caller.knock, after, now)]
    writes.append(_keep_seat(caller, after, present, now) if member is None else caller.authority.room_check)
    if room.visibility == "private" and role_in(room, caller.standing, after.user_id) is None:
        return after if _grant(context, caller, member, writes) else None
    return after if context.store.transact([*writes, require_standing(caller.standing)]) else None


def _keep_seat(caller: _Caller, admitted: Knock, present: Sequence[Participant], now: Moment) -> Update:
    room = caller.authority.room
    if len(present) + len(kept_for_others(room, admitted.user_id, now)) >= room.max_participants:
        raise RoomFullError
    kept = reserve_seat(room, admitted.user_id, admitted.until, now)
    return replace(kept, condition=kept.condition & caller.authority.room_condition)


def _grant(context: Context, caller: _Caller, member: Participant | None, writes: Sequence[Write]) -> bool:
    """Make the user a member of the room in the same transaction, and tell the room."""
    user_id, name, now, by = caller.knock.user_id, caller.knock.name, context.now, context.user_id
    line = AuditLine(context.room_id, new_line_id(now), "role", by, now, user_id=user_id, name=name, role="member")
    note = write_standing(caller.standing, user_id, now, name=name, role="member", granted_at=now, granted_by=by)
    person = Person(user_id, caller.standing, member)
    data = RoleChangedData(user_id=user_id, role="member", by=by)
    changes = [note, person.change_seat([PARTICIPANTS.role.set("member")]), *put_lines(line)]
    event = commit(context, EventDraft("role_changed", data, about_id=user_id), [*writes, *changes])
    if event is None:
        return False
    roster = get_roster(context.store, context.room_id)
    broadcast(context, context.stamp(RoleChanged, seq=event.seq, data=data), roster)
    return True
