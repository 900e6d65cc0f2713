"""Remove a user from one room: seat, ownership, role, log, and what the room has noted. Each step may be repeated."""

from collections.abc import Sequence

from chalicelib.account.notes import erase_notes
from chalicelib.account.table import forget_room
from chalicelib.account.work import Work
from chalicelib.contract import Context
from chalicelib.delivery import Connection
from chalicelib.grants.schemas import RoleChanged, RoleChangedData
from chalicelib.grants.table import (
    DELETED_MODERATOR,
    DEPLOYMENT,
    Standing,
    get_standing,
    list_standings,
    write_standing,
)
from chalicelib.kernel.errors import UnavailableError
from chalicelib.lifecycle.service import close_room
from chalicelib.log import EventDraft
from chalicelib.log.redaction import erase_page
from chalicelib.rooms.table import Room, forget_user, get_room, hand_over, release_room
from chalicelib.seats.broadcast import broadcast, close_all
from chalicelib.seats.connections import get_roster, remove_connection
from chalicelib.seats.endings import evict
from chalicelib.seats.entries import commit
from chalicelib.seats.schemas import CLOSE_FRAMES
from chalicelib.seats.table import PARTICIPANTS, get_participant, list_participants, update_participant
from chalicelib.seats.targets import Person
from chalicelib.store import ATTEMPTS


def erase_in_room(work: Work, room_id: str) -> None:
    """Remove the user from a room, as far as the pages last. The note that the user was in the room goes last."""
    context = Context(work.backend, room_id, work.user_id, work.now)
    if work.erasure.at_room != room_id:
        work.note(at_room=room_id, at_seq=0, at_kind=None)
    if get_room(work.store, room_id):
        _leave_room(context)
    if _erase_log(work, room_id) and erase_notes(work, room_id):
        forget_room(work.store, work.user_id, room_id)


def _leave_room(context: Context) -> None:
    """Take everything from the user that allows an act in the room, so that no new entry of theirs appears."""
    store, user_id = context.store, context.user_id
    evict(context, user_id, "left")
    standing = get_standing(store, context.room_id, user_id)
    if standing.role:
        store.transact([write_standing(standing, user_id, context.now, role=None)])
    for _ in range(ATTEMPTS):
        room = get_room(store, context.room_id)
        if room is None or (_give_up_ownership(context, room) and forget_user(store, room, user_id)):
            break
    else:
        raise UnavailableError
    _leave_roster(context)
    _forget_mutes(context)


def _give_up_ownership(context: Context, room: Room) -> bool:
    """Hand the room to the moderator who has been one for the longest time, else close it. False: try again."""
    if room.owner_id != context.user_id:
        return True
    standings = list_standings(context.store, room.room_id)
    moderators = [one for one in standings if one.role == "moderator" and not one.is_banned_at(context.now)]
    heirs = sorted((one.granted_at or 0, one.user_id, one) for one in moderators if one.user_id)
    for _, user_id, standing in heirs:
        if not get_standing(context.store, DEPLOYMENT, user_id).is_banned_at(context.now):
            return _hand_over(context, room, user_id, standing)
    if context.store.transact([release_room(room, context.user_id)]):
        close_room(Context(context.backend, room.room_id, "", context.now), "deactivated")
    return False


def _hand_over(context: Context, room: Room, user_id: str, standing: Standing) -> bool:
    """Make a moderator the owner, and tell the room. Always False: the room has changed, or the owner or the role has
    changed at the same moment."""
    store, silent = context.store, Context(context.backend, room.room_id, "", context.now)
    heir = Person(user_id, standing, get_participant(store, room.room_id, user_id))
    role = heir.note(context.now, role=None, granted_at=None, granted_by=None)
    writes = [hand_over(room, user_id), role, heir.change_seat([PARTICIPANTS.role.set("owner")])]
    data = RoleChangedData(user_id=user_id, role="owner", by=None)
    if event := commit(silent, EventDraft(RoleChanged.type_name(), data, about_id=user_id), writes):
        frame = silent.stamp(RoleChanged, seq=event.seq, sender=None, data=data)
        broadcast(silent, frame, get_roster(store, room.room_id))
    return False


def _leave_roster(context: Context) -> None:
    """Close connections that a broken `$connect` has left behind."""
    roster = get_roster(context.store, context.room_id)
    left: Sequence[Connection] = [one for one in roster if one.user_id == context.user_id]
    for connection in left:
        remove_connection(context.store, connection)
    close_all(context, left, CLOSE_FRAMES["left"])


def _forget_mutes(context: Context) -> None:
    """Whom the user has muted stays muted, without the user's id."""
    store, room_id, user_id = context.store, context.room_id, context.user_id
    for member in list_participants(store, room_id):
        if member.muted_by == user_id:
            mute = [PARTICIPANTS.muted_by.set(DELETED_MODERATOR)]
            update_participant(store, room_id, member.user_id, mute, PARTICIPANTS.muted_by == user_id)


def _erase_log(work: Work, room_id: str) -> bool:
    """Rewrite the log page by page. True if that is done."""
    while work.take_page():
        last = erase_page(work.store, room_id, work.user_id, work.erasure.at_seq, work.now)
        if last is None:
            return True
        work.note(at_seq=last)
    return False
