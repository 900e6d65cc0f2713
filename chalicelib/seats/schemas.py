"""The wire types of seats: participants, room details, join answers, and the frames about presence."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal, Self

from pydantic import ConfigDict, Field

from chalicelib.contract import Answer, Body, ClientFrame, Data, ServerFrame
from chalicelib.contract.fields import LastSeq, ShownAvatar, Timestamp
from chalicelib.contract.frames import Ref, Sender, SenderConnection, Seq
from chalicelib.grants.rules import Act, Role, list_acts
from chalicelib.kernel.settings import Settings
from chalicelib.kernel.times import Moment, iso
from chalicelib.log.schemas import EntryFrame, RoomMessage
from chalicelib.log.table import LeaveReason
from chalicelib.rooms.schemas import RoomSummary, summary_fields
from chalicelib.rooms.table import Room
from chalicelib.seats.table import Participant


class ParticipantView(Answer):
    """A participant of the room. `id` is the user id."""

    id: str
    name: str
    avatar: ShownAvatar
    is_muted: bool
    is_speaking: bool
    is_online: bool
    joined_at: Timestamp
    role: Role = "member"
    muted_by: Annotated[str | None, Field(description="the moderator who muted the user: peers play nothing")] = None

    @classmethod
    def of(cls, participant: Participant) -> Self:
        """The wire form of a membership."""
        fields = {name: getattr(participant, name) for name in cls.model_fields if hasattr(participant, name)}
        own = {"id": participant.user_id, "joined_at": iso(participant.joined_at), "role": participant.role or "member"}
        return cls(**fields | own)

    @classmethod
    def newcomer(cls, user_id: str, name: str, role: Role, joined_at: Moment) -> Self:
        """A participant at the moment of the join, from the log: without an avatar."""
        return cls(
            id=user_id,
            name=name,
            role=role,
            avatar=None,
            is_muted=True,
            is_speaking=False,
            is_online=True,
            joined_at=iso(joined_at),
        )


class RoomState(RoomSummary):
    """A room and its participants, oldest first."""

    participants: list[ParticipantView]
    last_seq: int
    tasks_completed: int = 0
    tasks_total: int = 0
    focus_time: int = 0
    focus_goal: int = 480


def state_fields(room: Room, settings: Settings, members: Sequence[Participant]) -> dict[str, Any]:
    """The fields of a room and its participants. The count is the number of participants listed."""
    participants = [ParticipantView.of(member) for member in members]
    return summary_fields(room, settings) | {"participant_count": len(participants), "participants": participants}


class Caller(Answer):
    """The caller in the room: the role (null without one), and what it allows beyond the acts of every member."""

    role: Role | None = None
    can: list[Act] = Field(default_factory=list)

    @classmethod
    def of(cls, role: Role | None, *, is_admin: bool = False, is_banned: bool = False) -> Self:
        """The caller with this role. A ban suspends what it allows."""
        return cls(role=role, can=[] if is_banned else list_acts(role, is_admin=is_admin))


class RoomDetail(RoomState):
    """A room with its participants (oldest first) and its last messages (oldest first): up to 50, in 200,000 bytes."""

    messages: list[RoomMessage]
    you: Caller

    @classmethod
    def compose(
        cls,
        room: Room,
        settings: Settings,
        members: Sequence[Participant],
        messages: Sequence[RoomMessage],
        you: Caller | None = None,
    ) -> Self:
        """The detail of a room, for the caller `you`."""
        return cls(
            **state_fields(room, settings, members),
            you=you or Caller(),
            messages=list(messages),
            last_seq=messages[-1].seq if messages else 0,
        )


class SnapshotRoom(RoomState):
    """The room and its participants, oldest first."""

    @classmethod
    def compose(cls, room: Room, settings: Settings, members: Sequence[Participant], last_seq: int) -> Self:
        """The room of a snapshot."""
        return cls(**state_fields(room, settings, members), last_seq=last_seq)


class WebsocketAccess(Answer):
    """Access to the room's WebSocket: `url` opens one connection, once, until `expires_at`."""

    url: str
    ticket: str
    expires_at: Timestamp


JoinMessage = Literal["Joined room successfully", "Already in this room"]


class JoinRequest(Body):
    """How the client uses its seat. The body may be left out."""

    expects_socket: Annotated[
        bool, Field(strict=True, description="true: the seat is held for a minute until the first connection opens")
    ] = False
    invite: Annotated[str | None, Field(max_length=128, description="the token of an invitation into this room")] = None


class JoinRoomResponse(Answer):
    """The caller has a seat. `websocket_url` is the same as `websocket.url`."""

    success: Literal[True] = True
    message: JoinMessage
    room: RoomDetail
    websocket: WebsocketAccess
    websocket_url: str


class Sync(ClientFrame):
    """The first frame, and the request for everything after `last_seq` if something is missing."""

    type: Literal["sync"]
    last_seq: LastSeq = None


class Ping(ClientFrame):
    """Sent every 30 s: keeps the seat."""

    type: Literal["ping"]
    last_seq: LastSeq = None


class Leave(ClientFrame):
    """Gives up the seat; `bye` follows."""

    type: Literal["leave"]


class You(Data):
    """The client's own user id, connection id and role, and what the role allows.

    `read_seq`: the user has read everything up to this number; 0 if it is not known.
    """

    user_id: str
    connection_id: str
    role: Role | None = None
    can: list[Act] = Field(default_factory=list)
    read_seq: int = 0


class SnapshotData(Data):
    """`recovered` means that every entry after the client's `last_seq` is here. Otherwise, `messages` are the last 50.

    `entries` are the events after the client's `last_seq`, as they were pushed. An event that changed one of `messages`
    is left out: messages come as they are now. Up to the new `last_seq` the client misses nothing.
    """

    room: SnapshotRoom
    you: You
    messages: list[RoomMessage]
    entries: list[EntryFrame] = Field(default_factory=list)
    recovered: bool
    last_seq: int


class Snapshot(ServerFrame):
    """The room as it is now, and what the client missed."""

    type: Literal["snapshot"] = "snapshot"
    ref: Ref = None
    data: SnapshotData


class PongData(Data):
    """`rotate`: open a new connection with a fresh ticket, then close this one."""

    last_seq: int
    rotate: bool


class Pong(ServerFrame):
    """The answer to `ping`."""

    type: Literal["pong"] = "pong"
    ref: Ref = None
    data: PongData


class UserJoinedData(Data):
    """The new participant, and the system message about it."""

    participant: ParticipantView
    message: RoomMessage


class UserJoined(ServerFrame):
    """A user took a seat."""

    type: Literal["user_joined"] = "user_joined"
    seq: Seq
    data: UserJoinedData


class UserLeftData(Data):
    """The user, the reason, and the system message about it."""

    user_id: str
    reason: LeaveReason
    message: RoomMessage


class UserLeft(ServerFrame):
    """A user gave up or lost a seat."""

    type: Literal["user_left"] = "user_left"
    seq: Seq
    data: UserLeftData


class SeqUnused(ServerFrame):
    """The log has no message with this number: do not wait for it."""

    type: Literal["seq_unused"] = "seq_unused"
    seq: Seq


class PresenceChangedData(Data):
    """The user, and whether the user has any connection."""

    user_id: str
    is_online: bool


class PresenceChanged(ServerFrame):
    """A member's last connection went, or the first came back."""

    type: Literal["presence_changed"] = "presence_changed"
    data: PresenceChangedData


class PeerData(Data):
    """The user of the connection."""

    user_id: Annotated[str, Field(alias="userId")]
    model_config = ConfigDict(frozen=True, populate_by_name=True, serialize_by_alias=True)


class PeerJoined(ServerFrame):
    """A peer's connection is ready: WebRTC signalling can begin."""

    type: Literal["user-joined"] = "user-joined"
    sender: Sender = None
    connection: SenderConnection = None
    data: PeerData


class PeerLeft(ServerFrame):
    """A peer's last connection is gone."""

    type: Literal["user-left"] = "user-left"
    sender: Sender = None
    connection: SenderConnection = None
    data: PeerData


class ByeData(Data):
    """The reason, and what to do: connect again with a fresh ticket, join again, or stop."""

    code: Literal["left", "timed_out", "removed", "room_closed", "replaced", "rate_limited"]
    reason: str
    action: Literal["reconnect", "rejoin", "stop"]


class Bye(ServerFrame):
    """The last frame before the server closes the connection."""

    type: Literal["bye"] = "bye"
    data: ByeData


CLOSE_FRAMES: dict[LeaveReason, ByeData] = {
    "left": ByeData(code="left", reason="You left the room", action="stop"),
    "timed_out": ByeData(code="timed_out", reason="Your seat was given up", action="rejoin"),
    "removed": ByeData(code="removed", reason="You were removed from the room", action="stop"),
    "room_closed": ByeData(code="room_closed", reason="The room was closed", action="stop"),
}
"""The `bye` that a connection gets when its member's seat ends."""
REPLACED = ByeData(code="replaced", reason="You opened the room in too many places", action="stop")
TOO_FAST = ByeData(code="rate_limited", reason="Too many frames", action="reconnect")
