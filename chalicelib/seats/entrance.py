"""The way into a room: by what the room has noted about the user, or by an invitation."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from chalicelib.contract import Context
from chalicelib.grants.invites import Invite, find_invite, is_backed, take_use
from chalicelib.grants.rules import rank_of
from chalicelib.grants.schemas import RoleChangedData
from chalicelib.grants.table import Standing, require_standing, write_standing
from chalicelib.identity.profiles import Profile
from chalicelib.kernel.errors import InviteNotFoundError
from chalicelib.log import EventDraft
from chalicelib.rooms.authority import require_visible, role_in
from chalicelib.rooms.table import Room
from chalicelib.store import Write


@dataclass(frozen=True)
class Admission:
    """How a newcomer gets in: with this standing from now on, by these writes. `event` tells of a new role."""

    standing: Standing
    writes: Sequence[Write]
    event: EventDraft | None = None


class Entrance:
    """The way of a user without an invitation."""

    def read(self, context: Context) -> None:
        """Read what the way needs. This runs in parallel with other reads, and again for each new attempt."""

    def require_visible(self, context: Context, room: Room | None, standing: Standing, *, is_seated: bool) -> Room:
        """The room, if the user may see it.

        Raises:
            RoomNotFoundError: it does not exist, or not for this user.
        """
        return require_visible(context, room, standing, is_seated=is_seated)

    def require_open(self, context: Context, room: Room, standing: Standing, *, is_seated: bool) -> None:
        """Check the rest. A banned user was refused before this."""

    def admit(self, context: Context, room: Room, standing: Standing, profile: Profile) -> Admission:  # noqa: ARG002
        """The writes for a newcomer: they are refused if role, mute or ban have changed since they were read."""
        return Admission(standing, [require_standing(standing)])


BY_GRANT = Entrance()


@dataclass
class Invitation(Entrance):
    """The way of a user with the token of an invitation. A user who has the role already, or a seat, takes no use."""

    token: str = field(repr=False)
    found: tuple[Invite, Standing] | None = field(default=None, init=False, repr=False)
    """The invitation, and the standing of the user who made it."""

    def read(self, context: Context) -> None:
        self.found = find_invite(context.store, context.room_id, self.token, context.now)

    def require_visible(self, context: Context, room: Room | None, standing: Standing, *, is_seated: bool) -> Room:
        """The room, if the invitation is valid, or the user may see the room without it.

        Raises:
            InviteNotFoundError: the answer is the same for a room that does not exist.
        """
        if room and self.found and not is_backed(*self.found, room.owner_id, context.now):
            self.found = None
        if room and (self.found or room.visibility != "private" or _has_access(context, room, standing, is_seated)):
            return room
        raise InviteNotFoundError

    def require_open(self, context: Context, room: Room, standing: Standing, *, is_seated: bool) -> None:
        """Refuse a user who has no other right than an invitation that is not valid.

        Raises:
            InviteNotFoundError
        """
        if self.found is None and not _has_access(context, room, standing, is_seated):
            raise InviteNotFoundError

    def admit(self, context: Context, room: Room, standing: Standing, profile: Profile) -> Admission:
        rank = rank_of(role_in(room, standing, profile.user_id), is_admin=context.is_admin)
        if self.found is None or rank >= rank_of(self.found[0].role):
            return super().admit(context, room, standing, profile)
        invite, maker = self.found
        granted = {"role": invite.role, "granted_at": context.now, "granted_by": invite.user_id, "name": profile.name}
        note = write_standing(standing, profile.user_id, context.now, **granted)
        data = RoleChangedData(user_id=profile.user_id, role=invite.role, by=invite.user_id)
        writes: list[Write] = [note, take_use(invite, context.now), require_standing(maker)]
        return Admission(
            replace(standing, role=invite.role), writes, EventDraft("role_changed", data, about_id=profile.user_id)
        )


def _has_access(context: Context, room: Room, standing: Standing, is_seated: bool) -> bool:
    """True if the user has a role or a seat in the room, or is an administrator."""
    return context.is_admin or role_in(room, standing, context.user_id, is_seated=is_seated) is not None
