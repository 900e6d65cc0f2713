"""What an act of a moderator starts from: the right to act, and the user on whom it acts."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from pynamodb.expressions.update import Action

from chalicelib.contract import Access, Context
from chalicelib.delivery import Connection
from chalicelib.grants.table import Standing, get_standing, get_standings, write_standing
from chalicelib.kernel.errors import ForbiddenError
from chalicelib.rooms.authority import Authority, authorize, role_in
from chalicelib.rooms.table import get_room
from chalicelib.seats.connections import get_roster
from chalicelib.seats.table import PARTICIPANTS, Participant, get_participant
from chalicelib.store import Check, Update, Write


@dataclass(frozen=True)
class Person:
    """A user, what the room has noted about them, and their seat, whether its lease is valid or not."""

    user_id: str
    standing: Standing
    member: Participant | None

    @property
    def name(self) -> str | None:
        """The name, as far as the room knows it."""
        return self.member.name if self.member else self.standing.name

    def note(self, now: int, **changes: Any) -> Update:
        """The write that changes the standing. It is refused if role, mute or ban have changed since they were read."""
        return write_standing(self.standing, self.user_id, now, name=self.name, **changes)

    def change_seat(self, actions: Sequence[Action]) -> Write:
        """The write that changes the seat. It is refused if the user has lost the seat, or has taken one."""
        key = (self.standing.room_id, self.user_id)
        if self.member:
            return Update(PARTICIPANTS, key, actions, PARTICIPANTS.user_id.exists())
        return Check(PARTICIPANTS, key, PARTICIPANTS.user_id.does_not_exist())


@dataclass(frozen=True)
class Target(Person):
    """The user on whom another user acts, and the right to do so."""

    authority: Authority
    roster: list[Connection]


def read_person(context: Context, user_id: str) -> Person:
    """A user, as the room knows them. 1 round trip."""
    store, room_id = context.store, context.room_id
    standing, member = store.run_parallel(
        partial(get_standing, store, room_id, user_id), partial(get_participant, store, room_id, user_id)
    )
    return Person(user_id, standing, member)


def read_target(context: Context, user_id: str, access: Access = Access.MODERATOR) -> Target:
    """A user on whom the context's user may act. This proves `access`. 1 round trip.

    Raises:
        RoomNotFoundError, BannedError: as for `authorize`.
        ForbiddenError: the user may not act, or the other has no lower role, or both are the same user.
    """
    store, room_id = context.store, context.room_id
    room, standings, standing, member, roster = store.run_parallel(
        partial(get_room, store, room_id),
        partial(get_standings, store, room_id, context.user_id),
        partial(get_standing, store, room_id, user_id),
        partial(get_participant, store, room_id, user_id),
        partial(get_roster, store, room_id),
    )
    authority = authorize(context, room, standings, access)
    if user_id == context.user_id:
        raise ForbiddenError("You can't do this to yourself")
    authority.require_above(role_in(authority.room, standing, user_id))
    return Target(user_id, standing, member, authority, roster)
