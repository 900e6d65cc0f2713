"""Grant and revoke roles, list them, and hand a room over."""

from collections.abc import Sequence
from functools import partial

from chalicelib.contract import Access, Context
from chalicelib.delivery import Connection, OutboundFrame
from chalicelib.grants.audit import AuditLine, new_line_id, put_lines
from chalicelib.grants.bans import require_no_ban
from chalicelib.grants.rules import Role
from chalicelib.grants.schemas import RoleChanged, RoleChangedData
from chalicelib.grants.table import Standing, get_standings, page_standings, require_standing
from chalicelib.kernel.errors import ForbiddenError, TooManyRoomsError, UnavailableError
from chalicelib.kernel.times import iso
from chalicelib.log import Event, EventDraft
from chalicelib.roles.schemas import (
    GrantedRole,
    OwnershipOffer,
    OwnershipOffered,
    OwnershipOfferedData,
    RoleGrant,
    RoleList,
    RolesQuery,
)
from chalicelib.roles.table import Offer, get_offer, make_offer, put_offer, use_offer
from chalicelib.rooms.authority import authorize, require_visible
from chalicelib.rooms.table import Room, get_room, hand_over, list_owned, owner_of
from chalicelib.seats.broadcast import deliver
from chalicelib.seats.connections import get_roster
from chalicelib.seats.endings import Removal, end_membership
from chalicelib.seats.entries import commit, commit_all
from chalicelib.seats.table import PARTICIPANTS, get_participant
from chalicelib.seats.targets import Person, Target, read_person, read_target
from chalicelib.store import ATTEMPTS, Write

_BUSY = "The room is too busy; try again"


def grant_role(context: Context, user_id: str, role: GrantedRole) -> RoleGrant:
    """Give a user a role that lasts, with or without a seat. The same role again changes nothing.

    Raises:
        RoomNotFoundError, BannedError.
        ForbiddenError: the caller's role is not above the role that the user has, and the one that the user gets.
    """
    for _ in range(ATTEMPTS):
        target = _read_target(context, user_id)
        target.authority.require_above(role)
        if target.standing.role == role:
            return _show(target.standing)
        granted = {"role": role, "granted_at": context.now, "granted_by": context.user_id}
        writes = [target.note(context.now, **granted), target.change_seat([PARTICIPANTS.role.set(role)])]
        if _commit(context, target, role, writes):
            return RoleGrant(
                user_id=user_id,
                name=target.name,
                role=role,
                granted_at=iso(context.now),
                granted_by=context.user_id,
            )
    raise UnavailableError(_BUSY)


def revoke_role(context: Context, user_id: str) -> None:
    """Take a role away. In a private room, this ends the seat. Nothing changes for a user without a role.

    Raises:
        RoomNotFoundError, BannedError.
        ForbiddenError: the caller's role is not above that of the user.
    """
    for _ in range(ATTEMPTS):
        target = _read_target(context, user_id)
        if target.standing.role is None or _revoke(context, target):
            return
    raise UnavailableError(_BUSY)


def list_roles(context: Context, query: RolesQuery) -> RoleList:
    """A page of the users with a role that lasts. Only moderators see it.

    Raises:
        RoomNotFoundError, BannedError, ForbiddenError.
    """
    store, room_id = context.store, context.room_id
    found, standings, (page, cursor) = store.run_parallel(
        partial(get_room, store, room_id),
        partial(get_standings, store, room_id, context.user_id),
        partial(page_standings, store, room_id, query.cursor),
    )
    room = authorize(context, found, standings, Access.MODERATOR).room
    owner = [_show_owner(context, room.owner_id)] if room.owner_id and not query.cursor else []
    granted = [_show(standing) for standing in page if standing.role and standing.user_id]
    return RoleList(roles=[*owner, *granted], cursor=cursor)


def offer_ownership(context: Context, user_id: str) -> OwnershipOffer:
    """Offer the room to a user, who has a day to accept. The user's own connections are told.

    Raises:
        RoomNotFoundError, BannedError.
        ForbiddenError: the caller is not the owner and no administrator, or offers the room to themselves or its owner.
    """
    for _ in range(ATTEMPTS):
        target = _read_target(context, user_id, Access.OWNER)
        offer = make_offer(target.authority.room, user_id, context.user_id, context.now)
        line = _line(context, "offer", target)
        if context.store.transact([put_offer(offer), *put_lines(line), *target.authority.checks]):
            _tell_offer(context, offer, target.roster)
            return OwnershipOffer(user_id=user_id, until=iso(offer.until))
    raise UnavailableError(_BUSY)


def accept_ownership(context: Context) -> RoleGrant:
    """Accept the room that was offered. Its owner until now becomes a moderator, in the same transaction.

    Raises:
        RoomNotFoundError: the room does not exist for the user.
        ForbiddenError: there is no valid offer.
        BannedError: the user is kept out.
        TooManyRoomsError: the user owns as many rooms as a user may own.
    """
    store, room_id, user_id = context.store, context.room_id, context.user_id
    for _ in range(ATTEMPTS):
        room, offer, standings, member, owned = store.run_parallel(
            partial(get_room, store, room_id),
            partial(get_offer, store, room_id, user_id),
            partial(get_standings, store, room_id, user_id),
            partial(get_participant, store, room_id, user_id),
            partial(list_owned, store, owner_of(user_id)),
        )
        room, offer = _require_offer(context, room, offer, standings[0])
        require_no_ban(standings, context.now)
        if len(owned) >= context.settings.owned_rooms_limit:
            raise TooManyRoomsError(f"You own {len(owned)} rooms; delete one of them first")
        if _take_over(context, room, offer, Person(user_id, standings[0], member)):
            name = member.name if member else standings[0].name
            return RoleGrant(user_id=user_id, name=name, role="owner", granted_at=iso(context.now))
    raise UnavailableError(_BUSY)


def _read_target(context: Context, user_id: str, access: Access = Access.MODERATOR) -> Target:
    """As `read_target`. Nobody gives a role to the owner: the ownership is handed over."""
    target = read_target(context, user_id, access)
    if target.authority.room.owner_id == user_id:
        raise ForbiddenError("This user owns the room")
    return target


def _commit(context: Context, target: Target, role: Role | None, writes: Sequence[Write]) -> bool:
    """Change a role, and tell the room. False if something has changed since it was read."""
    line = _line(context, "role", target, role)
    event = commit(
        context, _draft(context, target.user_id, role), [*target.authority.checks, *put_lines(line), *writes]
    )
    if event is None:
        return False
    frames = _show_events(context, [event], target.roster)
    deliver(context, [*context.claim_ack(), *frames], target.roster)
    return True


def _revoke(context: Context, target: Target) -> bool:
    room, member = target.authority.room, target.member
    note = target.note(context.now, role=None, granted_at=None, granted_by=None)
    if member is None or room.visibility != "private":
        return _commit(context, target, None, [note, target.change_seat([PARTICIPANTS.role.remove()])])
    removal = Removal(
        context,
        _draft(context, target.user_id, None),
        [note, *put_lines(_line(context, "role", target)), *target.authority.standing_checks],
        target.authority.room_condition,
        lambda event, roster: _show_events(context, [event], roster),
    )
    return end_membership(context.for_user(target.user_id), member, target.roster, "removed", removal=removal)


def _take_over(context: Context, room: Room, offer: Offer, heir: Person) -> bool:
    """Change both roles. False if something has changed since it was read."""
    former = read_person(context, room.owner_id) if room.owner_id else None
    drafts = [_draft(context, heir.user_id, "owner")]
    writes: list[Write] = [hand_over(room, heir.user_id), use_offer(offer)]
    writes += [_without_role(context, heir), heir.change_seat([PARTICIPANTS.role.set("owner")])]
    writes += put_lines(_line(context, "role", heir, "owner"))
    if former:
        drafts.append(_draft(context, former.user_id, "moderator"))
        granted = {"role": "moderator", "granted_at": context.now, "granted_by": context.user_id}
        writes += [former.note(context.now, **granted), former.change_seat([PARTICIPANTS.role.set("moderator")])]
    entries = commit_all(context, drafts, writes)
    if not entries:
        return False
    roster = get_roster(context.store, context.room_id)
    events = [entry for entry in entries if isinstance(entry, Event)]
    deliver(context, _show_events(context, events, roster), roster)
    return True


def _without_role(context: Context, person: Person) -> Write:
    if person.standing.role is None:
        return require_standing(person.standing)
    return person.note(context.now, role=None, granted_at=None, granted_by=None)


def _require_offer(context: Context, room: Room | None, offer: Offer | None, standing: Standing) -> tuple[Room, Offer]:
    if room and offer and offer.is_valid(room, context.now):
        return room, offer
    require_visible(context, room, standing)
    raise ForbiddenError("Nobody offers you this room now")


def _show(standing: Standing) -> RoleGrant:
    return RoleGrant(
        user_id=standing.user_id or "",
        name=standing.name,
        role=standing.role or "member",
        granted_at=iso(standing.granted_at) if standing.granted_at else None,
        granted_by=standing.granted_by,
    )


def _show_owner(context: Context, owner_id: str) -> RoleGrant:
    return RoleGrant(user_id=owner_id, name=read_person(context, owner_id).name, role="owner")


def _line(context: Context, action: str, person: Person, role: Role | None = None) -> AuditLine:
    return AuditLine(
        context.room_id,
        new_line_id(context.now),
        action,
        context.user_id,
        context.now,
        user_id=person.user_id,
        name=person.name,
        role=role,
    )


def _draft(context: Context, user_id: str, role: Role | None) -> EventDraft:
    data = RoleChangedData(user_id=user_id, role=role, by=context.user_id)
    return EventDraft("role_changed", data, about_id=user_id)


def _show_events(context: Context, events: Sequence[Event], roster: Sequence[Connection]) -> list[OutboundFrame]:
    texts = [
        context.stamp(RoleChanged, seq=event.seq, data=RoleChangedData.model_validate_json(event.data)).encode()
        for event in events
    ]
    return [OutboundFrame(one, text) for one in roster for text in texts]


def _tell_offer(context: Context, offer: Offer, roster: Sequence[Connection]) -> None:
    data = OwnershipOfferedData(user_id=offer.user_id, by=offer.offered_by, until=iso(offer.until))
    text = context.stamp(OwnershipOffered, data=data).encode()
    deliver(context, [OutboundFrame(one, text) for one in roster if one.user_id == offer.user_id], roster)
