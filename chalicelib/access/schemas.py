"""The wire types of access to rooms."""

from typing import Annotated, Self

from pydantic import Field

from chalicelib.contract import Answer, Body
from chalicelib.contract.fields import Timestamp, Uuid, Whole
from chalicelib.grants.invites import Invite, InvitedRole
from chalicelib.kernel.times import iso
from chalicelib.rooms.table import Room

_MINUTE, _DAY = 60, 86_400
DEFAULT_USES = 25
DEFAULT_EXPIRES_IN = 7 * _DAY


class InviteCreate(Body):
    """A new invitation: the role that it gives, how often, and for how many seconds. `null` means the default."""

    role: InvitedRole = "member"
    uses: Annotated[int, Field(ge=1, le=1000, strict=True, examples=[10]), Whole] | None = DEFAULT_USES
    expires_in: Annotated[int, Field(ge=_MINUTE, le=30 * _DAY, strict=True, examples=[86_400]), Whole] | None = (
        DEFAULT_EXPIRES_IN
    )


class InviteView(Answer):
    """An invitation as moderators see it in the list. It has no token: the service keeps only a hash."""

    id: str
    role: InvitedRole
    uses_left: int
    expires_at: Timestamp
    created_by: str
    created_at: Timestamp

    @classmethod
    def of(cls, invite: Invite, **more: str) -> Self:
        """The wire form of an invitation."""
        return cls(
            id=invite.invite_id,
            role=invite.role,
            uses_left=invite.uses_left,
            expires_at=iso(invite.ends_at),
            created_by=invite.user_id,
            created_at=iso(invite.created_at),
            **more,
        )


class NewInvite(InviteView):
    """A new invitation. `token` and `url` are shown only once."""

    url: Annotated[
        str, Field(description="a link to the page; relative if the service doesn't know the page's address")
    ]
    token: str


class Invites(Answer):
    """The valid invitations of a room, newest first."""

    invites: list[InviteView]


class RoomPreview(Answer):
    """What people outside of a room may know of it. `owner` is a name; null if there is none."""

    id: Uuid
    name: str
    owner: str | None
    participant_count: int
    max_participants: int

    @classmethod
    def of(cls, room: Room, owner: str | None) -> Self:
        """The preview of a room."""
        fields = {name: getattr(room, name) for name in ("name", "participant_count", "max_participants")}
        return cls(id=room.room_id, owner=owner, **fields)


class InvitePreview(Answer):
    """The room that an invitation is for, the role that it gives, and when it ends."""

    room: RoomPreview
    role: InvitedRole
    expires_at: Timestamp
