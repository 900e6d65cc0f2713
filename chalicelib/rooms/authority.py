"""Find a room as a user may see it, and prove the right to act in it."""

from dataclasses import dataclass
from functools import partial

from chalicelib.contract import Access, Context
from chalicelib.grants.bans import require_no_ban
from chalicelib.grants.rules import Role, rank_of
from chalicelib.grants.table import Standing, get_standing, get_standings, require_standing
from chalicelib.kernel.errors import (
    AccountClosingError,
    CoworkingError,
    ForbiddenError,
    NotInRoomError,
    RoomNotFoundError,
)
from chalicelib.rooms.table import ROOMS, Room, get_room, has_owner_as_read, has_visibility_as_read
from chalicelib.store import Check, Condition

_NOT_LOWER = "You may act only on people with a lower role than yours"
_LEAST: dict[Access, tuple[Role, str]] = {
    Access.MODERATOR: ("moderator", "Only moderators may do this"),
    Access.OWNER: ("owner", "Only the owner of the room may do this"),
}


@dataclass(frozen=True)
class Authority:
    """A user who may act in a room, and the conditions under which that stays true.

    A transaction that acts holds `checks`. If it changes the room's own item, it holds `room_condition` and
    `standing_checks` instead: a transaction has one operation for each item.
    """

    room: Room
    role: Role | None
    is_admin: bool
    standing: Standing

    @property
    def rank(self) -> int:
        return rank_of(self.role, is_admin=self.is_admin)

    @property
    def room_condition(self) -> Condition:
        """The room has the owner and the visibility that it had when it was read. A deleted room has no owner."""
        condition: Condition = has_owner_as_read(self.room) & has_visibility_as_read(self.room)
        return condition

    @property
    def standing_checks(self) -> list[Check]:
        """A moderator is still a moderator, and not kept out."""
        return [] if self.is_admin or self.role != "moderator" else [require_standing(self.standing)]

    @property
    def room_check(self) -> Check:
        """`room_condition`, for a transaction that does not change the room's own item."""
        return Check(ROOMS, self.room.room_id, self.room_condition)

    @property
    def checks(self) -> list[Check]:
        """All conditions, for a transaction that does not change the room's own item."""
        return [self.room_check, *self.standing_checks]

    def require_above(self, role: Role | None, detail: str = _NOT_LOWER) -> None:
        """One may act only on people of a strictly lower role, and give only such a role.

        Raises:
            ForbiddenError: the role is not lower.
        """
        if self.rank <= rank_of(role):
            raise ForbiddenError(detail)


def role_in(room: Room, standing: Standing, user_id: str, *, is_seated: bool = False) -> Role | None:
    """The role of a user. Somebody with a seat is a member."""
    if room.owner_id == user_id:
        return "owner"
    return standing.role or ("member" if is_seated else None)


def is_visible(room: Room, standing: Standing, user_id: str, *, is_admin: bool, is_seated: bool = False) -> bool:
    """False if the room is private, and the user has no role and no seat in it. To this user it does not exist."""
    return room.visibility != "private" or is_admin or role_in(room, standing, user_id, is_seated=is_seated) is not None


def look_up(context: Context) -> tuple[Room | None, Standing]:
    """The room as it is, and the standing of the context's user. 1 round trip."""
    store, room_id, user_id = context.store, context.room_id, context.user_id
    return store.run_parallel(partial(get_room, store, room_id), partial(get_standing, store, room_id, user_id))


def require_visible(context: Context, room: Room | None, standing: Standing, *, is_seated: bool = False) -> Room:
    """The room, if the context's user may see it. A member keeps the seat in a room that turns private.

    Raises:
        RoomNotFoundError: it does not exist, or not for this user.
        BannedError: it is private, and the user has a role in it, and is kept out.
    """
    is_admin = context.is_admin
    if room is None or not is_visible(room, standing, context.user_id, is_admin=is_admin, is_seated=is_seated):
        raise RoomNotFoundError
    if room.visibility == "private" and not is_admin and not is_seated:
        require_no_ban([standing], context.now)
    return room


def explain_absence(context: Context) -> CoworkingError:
    """The error of a user without a seat: the room does not exist for the user, or the user is not in it."""
    try:
        require_visible(context, *look_up(context))
    except RoomNotFoundError as error:
        return error
    return NotInRoomError()


def require_moderator(context: Context) -> Authority:
    """The authority of a moderator, the owner or an administrator. This proves `Access.MODERATOR`.

    Raises:
        RoomNotFoundError: the room does not exist for the user.
        BannedError: the user is kept out.
        ForbiddenError: the user has a lower role.
    """
    return authorize(context, *look_up_everywhere(context), Access.MODERATOR)


def require_owner(context: Context) -> Authority:
    """The authority of the owner or an administrator. This proves `Access.OWNER`.

    Raises:
        RoomNotFoundError: the room does not exist for the user.
        BannedError: the user is kept out.
        ForbiddenError: the user is not the owner.
    """
    return authorize(context, *look_up_everywhere(context), Access.OWNER)


def look_up_everywhere(context: Context) -> tuple[Room | None, tuple[Standing, Standing]]:
    """The room as it is, and the standings of the context's user in it and in the whole deployment. 1 round trip."""
    store, room_id, user_id = context.store, context.room_id, context.user_id
    return store.run_parallel(partial(get_room, store, room_id), partial(get_standings, store, room_id, user_id))


def authorize(context: Context, found: Room | None, standings: tuple[Standing, Standing], access: Access) -> Authority:
    """The authority of the context's user in a room that was read. This proves `access`. A ban suspends a role.

    Raises:
        RoomNotFoundError: the room does not exist for the user.
        BannedError: the user is kept out, and no administrator.
        ForbiddenError: the user has a lower role than `access` needs, or deletes the account.
    """
    room = require_visible(context, found, standings[0])
    if standings[1].erasing_since:
        raise ForbiddenError(AccountClosingError.title)
    if not context.is_admin:
        require_no_ban(standings, context.now)
    authority = Authority(room, role_in(room, standings[0], context.user_id), context.is_admin, standings[0])
    least, detail = _LEAST[access]
    if authority.rank < rank_of(least):
        raise ForbiddenError(detail)
    context.prove(access)
    return authority
