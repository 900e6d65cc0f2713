"""The acts of moderators. Each is one event of the log, in the same transaction as what it does."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import get_args

from pynamodb.expressions.update import Action as Change

from chalicelib.contract import Access, Context
from chalicelib.delivery import Connection, OutboundFrame
from chalicelib.grants.audit import AuditLine, new_line_id, page_lines, put_lines
from chalicelib.grants.rules import rank_of
from chalicelib.grants.table import FOREVER, Standing, find_standings, get_standings, page_standings
from chalicelib.kernel.errors import InvalidRequestError, UnavailableError
from chalicelib.kernel.times import Moment, iso
from chalicelib.log import Event, EventDraft
from chalicelib.moderation.schemas import (
    MAX_SLOW_SECONDS,
    AboutUser,
    Action,
    Audit,
    AuditEntry,
    AuditQuery,
    Ban,
    BanList,
    BansQuery,
    MemberModerated,
    MemberModeratedData,
    Moderated,
    ModerationRequest,
)
from chalicelib.rooms.authority import authorize
from chalicelib.rooms.table import Change as RoomChange
from chalicelib.rooms.table import get_room, plan_change
from chalicelib.seats.broadcast import deliver
from chalicelib.seats.connections import get_roster
from chalicelib.seats.endings import Removal, end_membership
from chalicelib.seats.entries import commit
from chalicelib.seats.table import PARTICIPANTS, Participant, list_participants
from chalicelib.seats.targets import Person, Target, read_person, read_target
from chalicelib.store import ATTEMPTS, Put, Write
from chalicelib.voice.schemas import MicToggled, MicToggledData, SpeakingChanged, SpeakingChangedData

KICK_SECONDS = 600
MOST_WRITES = 95
"""A transaction has at most 100. The others are the event, the audit with its note, and what proves the authority."""
MUTE_PRICE = 3
"""What it costs to mute one more person, in units of `store.budgets`."""
_BUSY = "The room is too busy; try again"
_HIDDEN_REASONS: tuple[Action, ...] = ("kick", "ban", "unban")


def moderate(context: Context, request: ModerationRequest) -> Moderated:
    """Do what a moderator asks for. An act that would change nothing writes no event.

    Raises:
        InvalidRequestError: the action needs a field that is missing or wrong.
        RoomNotFoundError, BannedError.
        ForbiddenError: the caller is no moderator, or the user has no lower role, or is the caller.
    """
    _require_fields(request)
    for _ in range(ATTEMPTS):
        if done := _ACTS[request.action](context, request):
            return done
    raise UnavailableError(_BUSY)


def list_bans(context: Context, query: BansQuery) -> BanList:
    """A page of the users who are kept out of the room.

    Raises:
        RoomNotFoundError, BannedError, ForbiddenError.
    """
    store, room_id = context.store, context.room_id
    room, standings, (page, cursor) = store.run_parallel(
        partial(get_room, store, room_id),
        partial(get_standings, store, room_id, context.user_id),
        partial(page_standings, store, room_id, query.cursor),
    )
    authorize(context, room, standings, Access.MODERATOR)
    return BanList(bans=[show_ban(one) for one in page if one.is_banned_at(context.now)], cursor=cursor)


def show_ban(standing: Standing) -> Ban:
    """A ban as moderators see it."""
    return Ban(
        user_id=standing.user_id,
        name=standing.name,
        until=_show_end(standing.banned_until),
        banned_at=iso(standing.banned_at) if standing.banned_at else None,
        banned_by=standing.banned_by,
        reason=standing.ban_reason,
    )


def get_audit(context: Context, query: AuditQuery) -> Audit:
    """A page of the acts in the room, the newest first.

    Raises:
        RoomNotFoundError, BannedError, ForbiddenError.
    """
    store, room_id = context.store, context.room_id
    room, standings, (lines, cursor) = store.run_parallel(
        partial(get_room, store, room_id),
        partial(get_standings, store, room_id, context.user_id),
        partial(page_lines, store, room_id, query.limit, query.cursor),
    )
    authorize(context, room, standings, Access.MODERATOR)
    return Audit(entries=[_show_line(line) for line in lines], cursor=cursor)


@dataclass(frozen=True)
class Act:
    """What is told of an act. `readers` may read its reason; None means everybody."""

    context: Context
    data: MemberModeratedData
    readers: frozenset[str] | None = None

    @property
    def public(self) -> MemberModeratedData:
        return self.data if self.readers is None else self.data.model_copy(update={"reason": None})

    @property
    def draft(self) -> EventDraft:
        """The event. A hidden reason is kept apart."""
        private = {"reason": self.data.reason} if self.readers is not None else None
        return EventDraft("member_moderated", self.public, private=private, about_id=self.data.user_id)

    def note(self, person: Person | None = None, until: Moment | None = None) -> list[Put]:
        """The writes that add the act to the audit."""
        context, data = self.context, self.data
        line = AuditLine(
            context.room_id,
            new_line_id(context.now),
            data.action,
            context.user_id,
            context.now,
            user_id=data.user_id,
            name=person.name if person else None,
            reason=data.reason,
            until=until,
            seconds=data.seconds,
        )
        return put_lines(line)

    def show(self, event: Event, roster: Sequence[Connection]) -> list[OutboundFrame]:
        """The frames that tell the act, with or without its reason."""
        whole, public = (
            self.context.stamp(MemberModerated, seq=event.seq, data=data).encode() for data in (self.data, self.public)
        )
        readers = self.readers or frozenset()
        return [OutboundFrame(one, whole if one.user_id in readers else public) for one in roster]

    def commit(self, writes: Sequence[Write], roster: Sequence[Connection], texts: Sequence[bytes] = ()) -> bool:
        """Commit the act, and tell the room, also these texts. False if a condition of a write is not met."""
        event = commit(self.context, self.draft, writes)
        if event is None:
            return False
        more = [OutboundFrame(one, text) for one in roster for text in texts]
        deliver(self.context, [*self.context.claim_ack(), *self.show(event, roster), *more], roster)
        return True


def _remove(context: Context, request: ModerationRequest) -> Moderated | None:
    """Kick or ban: keep a user out, and end the seat. None: something has changed since it was read."""
    target = read_target(context, request.user_id or "")
    until, known = _end_of_ban(context, request), target.standing.banned_until or 0
    changes = {"banned_until": until, "banned_at": context.now, "banned_by": context.user_id}
    changes |= {"ban_reason": request.reason or None}
    if request.action == "kick" and known >= until:
        until, changes = known, {}  # a kick does not shorten a ban
    is_same = (until, request.reason or None) == (known, target.standing.ban_reason)
    if target.member is None and (is_same or not changes):
        return _answer(request, until)
    act = _describe(context, request, until)
    writes: list[Write] = [*act.note(target, until), target.note(context.now, **changes)]
    writes += target.authority.standing_checks
    return _answer(request, until) if _end_or_keep_out(target, act, writes) else None


def _end_or_keep_out(target: Target, act: Act, writes: Sequence[Write]) -> bool:
    context, authority = act.context, target.authority
    if target.member is None:
        has_no_seat, is_room_as_read = target.change_seat([]), authority.checks[:1]
        return act.commit([*writes, has_no_seat, *is_room_as_read], target.roster)
    removal = Removal(context, act.draft, writes, authority.room_condition, act.show)
    leaving = context.for_user(target.user_id)
    return end_membership(leaving, target.member, target.roster, "removed", removal=removal)


def _unban(context: Context, request: ModerationRequest) -> Moderated | None:
    target = read_target(context, request.user_id or "")
    if not target.standing.is_banned_at(context.now):
        return _answer(request)
    act = _describe(context, request)
    nothing = dict.fromkeys(("banned_until", "banned_at", "banned_by", "ban_reason"))
    writes: list[Write] = [*act.note(target), target.note(context.now, **nothing), *target.authority.checks]
    return _answer(request) if act.commit(writes, target.roster) else None


def _set_mute(context: Context, request: ModerationRequest) -> Moderated | None:
    """Mute or unmute. Who is unmuted stays muted: only the user turns on the microphone."""
    target = read_target(context, request.user_id or "")
    muted_by = context.user_id if request.action == "mute" else None
    known = [one.muted_by for one in (target.standing, target.member) if one]
    if all(bool(one) == bool(muted_by) for one in known):
        return _answer(request)
    act = _describe(context, request)
    writes: list[Write] = [*act.note(target), *_mute(target, context.now, muted_by), *target.authority.checks]
    texts = _show_silence(context, [target.member]) if target.member and muted_by else []
    return _answer(request) if act.commit(writes, target.roster, texts) else None


def _mute_all(context: Context, request: ModerationRequest) -> Moderated | None:
    """Mute everybody with a seat but moderators and the caller."""
    store, room_id = context.store, context.room_id
    room, standings, members, roster = store.run_parallel(
        partial(get_room, store, room_id),
        partial(get_standings, store, room_id, context.user_id),
        partial(list_participants, store, room_id),
        partial(get_roster, store, room_id),
    )
    authority = authorize(context, room, standings, Access.MODERATOR)
    silenced = [one for one in members if _is_below_moderators(one) and one.user_id != context.user_id]
    silenced = [one for one in silenced if not one.muted_by]
    if not silenced:
        return _answer(request)
    context.backend.budgets.charge(context.user_id, MUTE_PRICE * len(silenced), context.now)
    known = find_standings(store, room_id, [member.user_id for member in silenced])
    people = [Person(member.user_id, known[member.user_id], member) for member in silenced]
    act = _describe(context, request)
    # The state of the room must agree with the event, so all seats are in its transaction. In a full room, a few
    # standings follow: they keep the mute if the user leaves and comes back.
    first = people[: max(0, MOST_WRITES - len(people))]
    writes = [write for one in people for write in _mute(one, context.now, context.user_id)[: 2 if one in first else 1]]
    if not act.commit([*act.note(), *writes, *authority.checks], roster, _show_silence(context, silenced)):
        return None
    for one in people[len(first) :]:
        _keep_muted(context, one.user_id)
    return _answer(request)


def _keep_muted(context: Context, user_id: str) -> None:
    """Mute a user for the time after the seat, if nobody has lifted the mute, and the user is still no moderator."""
    for _ in range(ATTEMPTS):
        person = read_person(context, user_id)
        is_lifted = person.member is not None and not person.member.muted_by
        is_done = person.standing.muted_by or rank_of(person.standing.role) >= rank_of("moderator")
        if is_lifted or is_done or context.store.transact(_mute(person, context.now, context.user_id)):
            return
    raise UnavailableError(_BUSY)


def _mute(person: Person, now: Moment, muted_by: str | None) -> list[Write]:
    """The writes that set or lift a mute: of the seat, and what stays after it."""
    attribute = PARTICIPANTS.muted_by
    lifted: list[Change] = [attribute.remove()]
    muted = [attribute.set(muted_by), PARTICIPANTS.is_muted.set(True), PARTICIPANTS.is_speaking.set(False)]
    return [person.change_seat(muted if muted_by else lifted), person.note(now, muted_by=muted_by)]


def _change_room(context: Context, request: ModerationRequest) -> Moderated | None:
    """Lock, unlock, or set the time between two messages of one person."""
    store, room_id = context.store, context.room_id
    found, standings, roster = store.run_parallel(
        partial(get_room, store, room_id),
        partial(get_standings, store, room_id, context.user_id),
        partial(get_roster, store, room_id),
    )
    authority = authorize(context, found, standings, Access.MODERATOR)
    changes = _room_change(request)
    if all(getattr(authority.room, name) == value for name, value in changes.items()):
        return _answer(request)
    act = _describe(context, request)
    change = plan_change(authority.room, changes, also=authority.room_condition)
    writes: list[Write] = [*act.note(), change, *authority.standing_checks]
    return _answer(request) if act.commit(writes, roster) else None


def _room_change(request: ModerationRequest) -> RoomChange:
    if request.action == "slow":
        return {"slow_seconds": request.seconds or 0}
    return {"is_locked": request.action == "lock"}


_ACTS: dict[Action, Callable[[Context, ModerationRequest], Moderated | None]] = {
    "kick": _remove,
    "ban": _remove,
    "unban": _unban,
    "mute": _set_mute,
    "unmute": _set_mute,
    "mute_all": _mute_all,
    "lock": _change_room,
    "unlock": _change_room,
    "slow": _change_room,
}


def _require_fields(request: ModerationRequest) -> None:
    if request.action in get_args(AboutUser) and request.user_id is None:
        raise InvalidRequestError.of("user_id", "is required for this action")
    if request.action == "slow" and request.seconds is None:
        raise InvalidRequestError.of("seconds", "is required for this action")
    if request.action == "slow" and (request.seconds or 0) > MAX_SLOW_SECONDS:
        raise InvalidRequestError.of("seconds", f"must be at most {MAX_SLOW_SECONDS}")
    if request.action in ("kick", "ban") and request.seconds == 0:
        raise InvalidRequestError.of("seconds", "must be at least 1")


def _end_of_ban(context: Context, request: ModerationRequest) -> Moment:
    seconds = request.seconds or (KICK_SECONDS if request.action == "kick" else None)
    return context.now + seconds * 1000 if seconds else FOREVER


def _describe(context: Context, request: ModerationRequest, until: Moment | None = None) -> Act:
    """The act. Its reason is hidden from plain members if it keeps the user out, or ends that."""
    about = request.user_id if request.action in get_args(AboutUser) else None
    data = MemberModeratedData(
        action=request.action,
        user_id=about,
        by=context.user_id,
        until=_show_end(until),
        reason=request.reason or None,
        seconds=request.seconds if request.action == "slow" else None,
    )
    if not request.reason or request.action not in _HIDDEN_REASONS:
        return Act(context, data)
    members = list_participants(context.store, context.room_id)
    moderators = {one.user_id for one in members if not _is_below_moderators(one)}
    return Act(context, data, frozenset({*moderators, context.user_id, request.user_id or ""}))


def _is_below_moderators(member: Participant) -> bool:
    return rank_of(member.role) < rank_of("moderator")


def _show_silence(context: Context, members: Sequence[Participant]) -> list[bytes]:
    """The frames by which clients of older versions learn that microphones are off."""
    texts = []
    for member in members:
        theirs = context.for_user(member.user_id)
        if not member.is_muted:
            toggled = MicToggledData(user_id=member.user_id, is_muted=True)
            texts.append(theirs.stamp(MicToggled, data=toggled).encode())
        if member.is_speaking:
            silent = SpeakingChangedData(user_id=member.user_id, is_speaking=False)
            texts.append(theirs.stamp(SpeakingChanged, data=silent).encode())
    return texts


def _answer(request: ModerationRequest, until: Moment | None = None) -> Moderated:
    user_id = request.user_id if request.action in get_args(AboutUser) else None
    return Moderated(action=request.action, user_id=user_id, until=_show_end(until))


def _show_end(until: Moment | None) -> str | None:
    return iso(until) if until and until < FOREVER else None


def _show_line(line: AuditLine) -> AuditEntry:
    return AuditEntry(
        action=line.action,
        by=line.by,
        user_id=line.user_id,
        name=line.name,
        reason=line.reason,
        until=_show_end(line.until),
        seconds=line.seconds,
        role=line.role,
        created_at=iso(line.created_at),
    )
