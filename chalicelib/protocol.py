"""The WebSocket contract as types: what clients send, what the server sends, and how a text becomes a frame.

The AsyncAPI document is generated from these. Each client frame may carry its fields under `data` or beside
`type`; each server frame is an envelope with `type`, `roomId`, `ts`, and what applies of `data`, `from`,
`connection`, `to`, `seq` and `ref`.
"""

import json
import re
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StrictBool

from chalicelib import strict_json
from chalicelib.errors import FrameTooLargeError, InvalidFrameError
from chalicelib.schemas import (
    MAX_INTEGER,
    Emoji,
    MessageText,
    ParticipantView,
    RoomDetail,
    RoomMessage,
    RoomSummary,
    Timestamp,
    Uuid,
)
from chalicelib.strict_json import MAX_DEPTH, TooDeepError

MAX_FRAME_BYTES = 32_000
TYPE_PATTERN = r"^[a-z0-9_-]{1,64}$"
MAX_ID = 64
FrameId = Annotated[str, Field(min_length=1, max_length=MAX_ID, description="the client's own name for this frame")]
LastSeq = Annotated[int, Field(ge=0, le=MAX_INTEGER)] | None
Frame = dict[str, Any]


class ClientFrame(BaseModel):
    """What every frame from a client has."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    type: Annotated[str, Field(pattern=TYPE_PATTERN)]
    id: FrameId | None = None


class Sync(ClientFrame):
    """The first frame, and whenever something is missing: asks for all after `last_seq`."""

    type: Literal["sync"]
    last_seq: LastSeq = None


class Ping(ClientFrame):
    """Sent every 30 s: keeps the seat."""

    type: Literal["ping"]
    last_seq: LastSeq = None


class SendMessage(ClientFrame):
    """A chat message."""

    type: Literal["message"]
    text: MessageText


class SendEmoji(ClientFrame):
    """An emoji reaction."""

    type: Literal["emoji"]
    emoji: Emoji


class Mic(ClientFrame):
    """Mutes or unmutes the sender."""

    type: Literal["mic"]
    is_muted: StrictBool


class Speaking(ClientFrame):
    """The sender speaks or falls silent."""

    type: Literal["speaking"]
    is_speaking: StrictBool


class Typing(ClientFrame):
    """The sender writes or stops writing; stored nowhere."""

    type: Literal["typing"]
    is_typing: StrictBool


class Signal(ClientFrame):
    """WebRTC signalling to one user, one connection, or all others."""

    type: Literal["offer", "answer", "ice-candidate"]
    to: Annotated[str, Field(min_length=1, max_length=128)] | None = None


class Leave(ClientFrame):
    """Gives up the seat; `bye` follows."""

    type: Literal["leave"]


class Relay(ClientFrame):
    """Any other type: relayed whole to the other connections of the room."""


CLIENT_FRAMES: dict[str, type[ClientFrame]] = {
    "sync": Sync,
    "ping": Ping,
    "message": SendMessage,
    "emoji": SendEmoji,
    "mic": Mic,
    "speaking": Speaking,
    "typing": Typing,
    "offer": Signal,
    "answer": Signal,
    "ice-candidate": Signal,
    "leave": Leave,
}


class Data(BaseModel):
    """What a server frame is about."""

    model_config = ConfigDict(frozen=True)


class ServerFrame(BaseModel):
    """What every frame from the server has."""

    model_config = ConfigDict(frozen=True, populate_by_name=True, serialize_by_alias=True)

    type: str
    room_id: Annotated[Uuid, Field(alias="roomId")]
    ts: Timestamp

    def encode(self) -> bytes:
        """The frame as it goes over the wire."""
        return self.model_dump_json().encode()


Ref = Annotated[str | None, Field(exclude_if=lambda value: value is None, description="the `id` this answers")]
Sender = Annotated[
    str | None, Field(alias="from", exclude_if=lambda value: value is None, description="user id, set by the server")
]
SenderConnection = Annotated[
    str | None, Field(exclude_if=lambda value: value is None, description="connection id, set by the server")
]
Seq = Annotated[int, Field(ge=1, description="the place in the room's log")]


class You(Data):
    """Whom the server takes the client for."""

    user_id: str
    connection_id: str


class SnapshotRoom(RoomSummary):
    """The room and who is in it, oldest first."""

    participants: list[ParticipantView]
    last_seq: int
    tasks_completed: int = 0
    tasks_total: int = 0
    focus_time: int = 0
    focus_goal: int = 480

    @classmethod
    def of_detail(cls, detail: RoomDetail, known_seq: int) -> "SnapshotRoom":
        """`known_seq` is the client's, which is the newest where the detail has no messages."""
        return cls(**detail.model_dump(exclude={"messages"}) | {"last_seq": detail.last_seq or known_seq})


class SnapshotData(Data):
    """`recovered`: every message after the client's `last_seq` is here. Otherwise these are the last 50.

    Up to `last_seq` nothing can be missing any more.
    """

    room: SnapshotRoom
    you: You
    messages: list[RoomMessage]
    recovered: bool
    last_seq: int


class Snapshot(ServerFrame):
    """The room as it is, and what the client missed."""

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


class Ack(ServerFrame):
    """The frame named by `ref` is done; for `message` and `emoji`, `data` is what was stored."""

    type: Literal["ack"] = "ack"
    ref: Ref = None
    data: Annotated[RoomMessage | None, Field(exclude_if=lambda value: value is None)] = None


class ErrorData(Data):
    """What was wrong: `code` for programs, `detail` for people, and what the code adds."""

    model_config = ConfigDict(frozen=True, extra="allow")

    code: str
    detail: str


class Error(ServerFrame):
    """The frame named by `ref` was refused and has done nothing."""

    type: Literal["error"] = "error"
    room_id: Annotated[str, Field(alias="roomId", description="empty where the connection is in no room")]
    ref: Ref = None
    data: ErrorData


class UserJoinedData(Data):
    """Who came, and the system message that says so."""

    participant: ParticipantView
    message: RoomMessage


class UserJoined(ServerFrame):
    """Somebody took a seat."""

    type: Literal["user_joined"] = "user_joined"
    seq: Seq
    data: UserJoinedData


LeaveReason = Literal["left", "timed_out", "removed", "room_closed"]


class UserLeftData(Data):
    """Who went and why, and the system message that says so."""

    user_id: str
    reason: LeaveReason
    message: RoomMessage


class UserLeft(ServerFrame):
    """A seat is free."""

    type: Literal["user_left"] = "user_left"
    seq: Seq
    data: UserLeftData


class MessageSent(ServerFrame):
    """A chat message was stored."""

    type: Literal["message_sent"] = "message_sent"
    sender: Sender = None
    seq: Seq
    data: RoomMessage


class EmojiReaction(ServerFrame):
    """An emoji was stored."""

    type: Literal["emoji_reaction"] = "emoji_reaction"
    sender: Sender = None
    seq: Seq
    data: RoomMessage


class MicToggledData(Data):
    """Who, and how it is now."""

    user_id: str
    is_muted: bool


class MicToggled(ServerFrame):
    """Somebody muted or unmuted."""

    type: Literal["mic_toggled"] = "mic_toggled"
    sender: Sender = None
    data: MicToggledData


class SpeakingChangedData(Data):
    """Who, and how it is now."""

    user_id: str
    is_speaking: bool


class SpeakingChanged(ServerFrame):
    """Somebody speaks or fell silent."""

    type: Literal["speaking_changed"] = "speaking_changed"
    sender: Sender = None
    data: SpeakingChangedData


class PresenceChangedData(Data):
    """Who, and whether any connection of theirs is there."""

    user_id: str
    is_online: bool


class PresenceChanged(ServerFrame):
    """A member's last connection went, or the first came back."""

    type: Literal["presence_changed"] = "presence_changed"
    data: PresenceChangedData


class RoomUpdated(ServerFrame):
    """The room's name, description, size, colour or status changed."""

    type: Literal["room_updated"] = "room_updated"
    data: RoomSummary


class RoomClosedData(Data):
    """Whether it may open again."""

    reason: Literal["deactivated", "deleted"]


class RoomClosed(ServerFrame):
    """The room is no more, or not for now; `bye` follows."""

    type: Literal["room_closed"] = "room_closed"
    data: RoomClosedData


class PeerData(Data):
    """The user whose connection it is."""

    user_id: Annotated[str, Field(alias="userId")]
    model_config = ConfigDict(frozen=True, populate_by_name=True, serialize_by_alias=True)


class PeerJoined(ServerFrame):
    """A peer's connection is there: signalling can begin."""

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
    """Why, and what to do: connect again with a fresh ticket, join again, or stop."""

    code: Literal["left", "timed_out", "removed", "room_closed", "replaced", "rate_limited"]
    reason: str
    action: Literal["reconnect", "rejoin", "stop"]


class Bye(ServerFrame):
    """The last frame before the server closes."""

    type: Literal["bye"] = "bye"
    data: ByeData


SERVER_FRAMES: tuple[type[ServerFrame], ...] = (
    Snapshot,
    Pong,
    Ack,
    Error,
    UserJoined,
    UserLeft,
    MessageSent,
    EmojiReaction,
    MicToggled,
    SpeakingChanged,
    PresenceChanged,
    RoomUpdated,
    RoomClosed,
    PeerJoined,
    PeerLeft,
    Bye,
)

# Existing WebRTC clients announce themselves with these two, so clients may send them too.
ANNOUNCED_BY_CLIENTS = frozenset({"user-joined", "user-left"})
RESERVED_TYPES = frozenset(str(frame.model_fields["type"].default) for frame in SERVER_FRAMES) - ANNOUNCED_BY_CLIENTS


def parse(text: str | None) -> Frame:
    """The frame in a text: a JSON object with a valid `type`, not too large and not too deep.

    Raises:
        FrameTooLargeError: over 32,000 bytes of UTF-8, looked at before anything else.
        InvalidFrameError: anything else that is not such an object, or no text at all.
    """
    if text is None:
        raise InvalidFrameError("A frame is a text message")
    if len(text) > MAX_FRAME_BYTES or len(text.encode("utf-8", "surrogatepass")) > MAX_FRAME_BYTES:
        raise FrameTooLargeError(f"A frame has at most {MAX_FRAME_BYTES} bytes")
    try:
        frame = strict_json.parse(text)
        text.encode()
        json.dumps(frame, ensure_ascii=False, allow_nan=False).encode()
    except TooDeepError as error:
        raise InvalidFrameError(f"A frame is at most {MAX_DEPTH} levels deep") from error
    except ValueError as error:
        raise InvalidFrameError from error
    if not isinstance(frame, dict) or not isinstance(frame.get("type"), str):
        raise InvalidFrameError
    if not re.fullmatch(TYPE_PATTERN, frame["type"]):
        raise InvalidFrameError("A frame's type is 1 to 64 of a-z, 0-9, _ and -")
    return frame


def read(frame: Frame) -> ClientFrame:
    """The frame as its type says, with its fields taken from `data` or from beside `type`; its `id` only from there.

    Raises:
        pydantic.ValidationError: a field breaks the contract.
    """
    data = frame.get("data")
    fields = {**data, "id": None, **frame} if isinstance(data, dict) else frame
    return CLIENT_FRAMES.get(frame["type"], Relay).model_validate(fields)
