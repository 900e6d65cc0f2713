"""The wire types of access to rooms."""

from typing import Annotated, Literal, Self

from pydantic import Field

from chalicelib.access.table import Knock
from chalicelib.contract import Answer, Body, Data, ServerFrame
from chalicelib.contract.fields import ShownAvatar, Timestamp, Uuid, Whole
from chalicelib.contract.frames import Sender
from chalicelib.grants.invites import Invite, InvitedRole
from chalicelib.kernel.times import Moment, iso
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


class InviteList(Answer):
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


class KnockState(Answer):
    """How a knock was answered. `until`: the end of the knock; if it was `admitted`, of the seat that is kept."""

    state: Literal["waiting", "admitted", "refused", "expired"]
    until: Timestamp | None = None

    @classmethod
    def of(cls, knock: Knock | None, now: Moment) -> "KnockState":
        """The state of a knock, which may not exist."""
        if knock is None or not knock.is_valid_at(now):
            return KnockState(state="expired")
        return KnockState(state=knock.state, until=iso(knock.until))


class KnockAnswer(KnockState):
    """The room that the user knocked on. `can_admit`: a moderator is connected, and was told."""

    room: RoomPreview
    can_admit: bool


class KnockView(Answer):
    """A user who waits for an answer."""

    user_id: str
    name: str
    avatar: ShownAvatar
    knocked_at: Timestamp
    until: Timestamp

    @classmethod
    def of(cls, knock: Knock) -> Self:
        """The wire form of a knock."""
        fields = {name: getattr(knock, name) for name in ("user_id", "name", "avatar")}
        return cls(**fields, knocked_at=iso(knock.knocked_at), until=iso(knock.until))


class KnockList(Answer):
    """Users who wait for an answer, the first ones first: up to 50."""

    knocks: list[KnockView]


class Admission(Body):
    """Let the user in, or not."""

    admit: Annotated[bool, Field(strict=True)]


class KnockedData(Data):
    """The user who asks to be let in."""

    user_id: str
    name: str
    avatar: ShownAvatar


class Knocked(ServerFrame):
    """A user asks to be let in. Only moderators get this frame."""

    type: Literal["knocked"] = "knocked"
    sender: Sender = None
    data: KnockedData


EVENTS = (Knocked,)
