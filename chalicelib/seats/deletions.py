"""Delete a message: its author, or somebody with a higher role."""

from functools import partial

from chalicelib import log
from chalicelib.contract import Context
from chalicelib.delivery import Connection
from chalicelib.grants.bans import require_no_ban
from chalicelib.grants.rules import rank_of
from chalicelib.grants.table import Standing, get_standing, get_standings
from chalicelib.identity.accounts import note_actor
from chalicelib.kernel.errors import ForbiddenError, MessageNotFoundError, NotInRoomError, UnavailableError
from chalicelib.log import EventDraft, Message
from chalicelib.log.changes import blank
from chalicelib.log.schemas import MessageDeleted, MessageDeletedData
from chalicelib.rooms.authority import Authority, require_visible, role_in
from chalicelib.rooms.table import ROOMS, Room, get_room
from chalicelib.seats.broadcast import broadcast
from chalicelib.seats.connections import get_roster
from chalicelib.seats.leases import renew_by_call
from chalicelib.seats.numbers import HeldNumber
from chalicelib.seats.service import require_member
from chalicelib.seats.table import Participant, get_participant
from chalicelib.store import Check

_MODERATOR = rank_of("moderator")


def delete_message(context: Context, seq: int, *, needs_seat: bool = False) -> None:
    """Empty a message for ever, and tell the room. Its number stays. Deleting it again does nothing.

    Authors, moderators, the owner and administrators need no seat: the rows of the room decide who may do it.

    Raises:
        RoomNotFoundError: the room does not exist for the user.
        NotInRoomError: the user has no seat, and none of these rights; or no seat at all, with `needs_seat`.
        MessageNotFoundError: no message has this number.
        ForbiddenError: the message is a system message, or that of somebody whose role is not lower.
        BannedError: the message is not the user's own, and the user is kept out.
        UnavailableError: the message is changed too often at the same time.
    """
    read = partial(_read, context, seq)
    with HeldNumber(context) as number:
        for room, standings, member, found, roster in number.tries(read(), read, lambda _: seq):
            if needs_seat:
                require_member(context, member)
            authority = _find_authority(context, room, standings[0], member)
            message = _require_deletable(context, authority, found)
            if message.user_id != context.user_id and not context.is_admin:
                require_no_ban(standings, context.now)
            if message.deleted_at is not None:
                _renew(context, member)
                return
            if _try(context, authority, message, member, roster, number):
                return
    raise UnavailableError("The message changes too often; try again")


def _renew(context: Context, member: Participant | None) -> None:
    if member:
        renew_by_call(context, member)


_Rows = tuple[Room | None, tuple[Standing, Standing], Participant | None, Message | None, list[Connection]]


def _read(context: Context, seq: int) -> _Rows:
    store, room_id, user_id = context.store, context.room_id, context.user_id
    return store.run_parallel(
        partial(get_room, store, room_id),
        partial(get_standings, store, room_id, user_id),
        partial(get_participant, store, room_id, user_id),
        partial(log.get_message, store, room_id, seq),
        partial(get_roster, store, room_id),
    )


def _find_authority(context: Context, found: Room | None, standing: Standing, member: Participant | None) -> Authority:
    is_seated = member is not None and member.holds_at(context.now)
    room = require_visible(context, found, standing, is_seated=is_seated)
    role = role_in(room, standing, context.user_id, is_seated=is_seated)
    return Authority(room, role, context.is_admin, standing)


def _require_deletable(context: Context, authority: Authority, message: Message | None) -> Message:
    """The message, if the user may delete it, as far as these rows show it."""
    is_own = message is not None and message.user_id == context.user_id
    if not is_own and authority.rank == 0:
        raise NotInRoomError
    if message is None:
        raise MessageNotFoundError
    if message.type == "system":
        raise ForbiddenError("A system message can't be deleted")
    if not is_own and authority.rank < _MODERATOR:
        raise ForbiddenError("Only its author and moderators may delete a message")
    if not is_own and message.user_id == authority.room.owner_id:
        authority.require_above("owner")
    return message


def _try(
    context: Context,
    authority: Authority,
    message: Message,
    member: Participant | None,
    roster: list[Connection],
    number: HeldNumber,
) -> bool:
    """Delete a message, and tell the room. False if the message or a right has changed."""
    store, room_id = context.store, context.room_id
    data = MessageDeletedData(target_seq=message.seq, by=context.user_id)
    draft = EventDraft("message_deleted", data, target=message)
    is_role_compared = authority.rank == _MODERATOR and message.user_id not in (context.user_id, None)
    _, author, _ = store.run_parallel(
        partial(number.take, draft, above=message.seq),
        partial(get_standing, store, room_id, message.user_id or "") if is_role_compared else lambda: None,
        partial(_renew, context, member),
    )
    if author:
        authority.require_above(author.role)
    # A room that is deleted has no owner, so this also refuses an entry in its log. Two checks would cost too much.
    guards = authority.standing_checks or [Check(ROOMS, room_id, authority.room_condition)]
    # An erasure of the account of an administrator without a role finds the room by this note.
    notes = [note_actor(room_id, context.user_id)] if context.is_admin and authority.role is None else []
    event = number.try_commit(draft, [blank(message, context.now), *guards, *notes])
    if event:
        broadcast(context, context.stamp(MessageDeleted, seq=event.seq, data=data), roster)
    return event is not None
