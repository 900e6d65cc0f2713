"""The HTTP contract as types: what clients send, validated here and nowhere else, and what they get.

The OpenAPI document is generated from these. Unknown fields of a request are ignored.
"""

import re
import unicodedata
import uuid
from typing import Annotated, Any, Literal, Self

import emoji
from pydantic import (
    AfterValidator,
    AliasChoices,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictBool,
    ValidationError,
)

from chalicelib.records import Message, MessageType, Participant, Profile, Room, RoomStatus
from chalicelib.times import hour_and_minute, iso

# Control characters bar newline and tab, and what no UTF-8 text can carry.
_UNWANTED = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
_DEFAULT_COLOR = "bg-grayBlue"
MAX_INTEGER = 2**53 - 1


def _clean(text: str) -> str:
    """NFC, so that equal text is equal bytes; control characters are refused, nothing is escaped."""
    if _UNWANTED.search(text):
        raise ValueError("control characters are not allowed")
    return unicodedata.normalize("NFC", text)


def _not_blank(text: str) -> str:
    if not any(_is_visible(character) for character in text):
        raise ValueError("must not be blank")
    return text


def _is_visible(character: str) -> bool:
    return not character.isspace() and unicodedata.category(character) not in {"Cf", "Mn"}


def _emoji(text: str) -> str:
    """At least one emoji, and no letter beside it."""
    rest = emoji.replace_emoji(text, "")
    if rest == text or any(unicodedata.category(character).startswith("L") for character in rest):
        raise ValueError("must be an emoji")
    return text


def _web_address(text: str) -> str:
    if not re.match(r"(?:https?://[^/\s]|/(?!/))", text, re.IGNORECASE) or re.search(r"[\s\\]", text):
        raise ValueError("must be an http(s) URL or an absolute path")
    return text


Text = Annotated[str, AfterValidator(_clean)]
Trimmed = Annotated[str, BeforeValidator(lambda value: value.strip() if isinstance(value, str) else value)]
Color = Annotated[str, Field(pattern=r"^[A-Za-z0-9_#-]{1,40}$")]
Seats = Annotated[int, Field(ge=1, le=50, strict=True)]
RoomName = Annotated[Trimmed, Field(min_length=1, max_length=255), AfterValidator(_clean), AfterValidator(_not_blank)]
Description = Annotated[Text, Field(max_length=2000)]
DisplayName = Annotated[Trimmed, Field(min_length=1, max_length=80), AfterValidator(_clean), AfterValidator(_not_blank)]
Avatar = Annotated[Text, Field(min_length=1, max_length=2048), AfterValidator(_web_address)]
MessageText = Annotated[Text, Field(min_length=1, max_length=4000), AfterValidator(_not_blank)]
Emoji = Annotated[Text, Field(min_length=1, max_length=10), AfterValidator(_emoji)]
Timestamp = Annotated[str, Field(json_schema_extra={"format": "date-time"}, examples=["2026-11-22T20:53:15.042Z"])]
Uuid = Annotated[str, Field(json_schema_extra={"format": "uuid"})]


class Request(BaseModel):
    """What clients send."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class RoomCreate(Request):
    """A new room."""

    name: RoomName
    description: Description = ""
    max_participants: Seats = 15
    color: Color = _DEFAULT_COLOR


class RoomUpdate(Request):
    """Any subset of what an administrator may change; what is left out stays as it is."""

    name: RoomName | None = None
    description: Description | None = None
    max_participants: Seats | None = None
    color: Color | None = None
    status: RoomStatus | None = None


class ProfileUpdate(Request):
    """How the caller wants to be shown."""

    name: DisplayName
    avatar: Avatar | None = None


class SendMessageRequest(Request):
    """A chat message. `message` is accepted as another name for `message_text`."""

    message_text: Annotated[MessageText, Field(validation_alias=AliasChoices("message_text", "message"))]
    message_type: Literal["text", "emoji"] = "text"


class EmojiReactionRequest(Request):
    """One emoji: one to ten code points, no letters."""

    emoji: Emoji


class MicToggleRequest(Request):
    """Muted or not; a real boolean."""

    is_muted: StrictBool


class SpeakingStatusRequest(Request):
    """Speaking or not; a real boolean."""

    is_speaking: StrictBool


class RoomsQuery(Request):
    """A page of the list of rooms."""

    limit: Annotated[int, Field(ge=1, le=100)] = 50
    cursor: Annotated[str, Field(max_length=2048)] | None = None


class HistoryQuery(Request):
    """A stretch of a room's log: the newest before `before_seq`, or the oldest after `after_seq`."""

    before_seq: Annotated[int, Field(ge=0, le=MAX_INTEGER)] | None = None
    after_seq: Annotated[int, Field(ge=0, le=MAX_INTEGER)] | None = None
    limit: Annotated[int, Field(ge=1, le=100)] = 50


class Answer(BaseModel):
    """What clients get."""

    model_config = ConfigDict(frozen=True)


class Me(Answer):
    """The caller, as others see them."""

    id: str
    name: str
    avatar: str | None

    @classmethod
    def of(cls, profile: Profile) -> Self:
        return cls(id=profile.user_id, name=profile.name, avatar=profile.avatar)


class RoomSummary(Answer):
    """A room, as the list shows it."""

    id: Uuid
    name: str
    description: str
    status: RoomStatus
    participant_count: int
    max_participants: int
    color: str
    created_at: Timestamp
    created_by: str | None

    @classmethod
    def of(cls, room: Room) -> Self:
        return cls(**_summary(room))


class ParticipantView(Answer):
    """Somebody in the room. `id` is the user id."""

    id: str
    name: str
    avatar: str | None
    is_muted: bool
    is_speaking: bool
    is_online: bool
    joined_at: Timestamp

    @classmethod
    def of(cls, participant: Participant) -> Self:
        return cls(
            id=participant.user_id,
            name=participant.name,
            avatar=participant.avatar,
            is_muted=participant.is_muted,
            is_speaking=participant.is_speaking,
            is_online=participant.is_online,
            joined_at=iso(participant.joined_at),
        )


class RoomMessage(Answer):
    """An entry of a room's log. `user_id` is null and `user` is "System" where the room itself speaks."""

    id: Uuid
    seq: int
    type: MessageType
    user_id: str | None
    user: str
    avatar: str | None
    text: str
    time: Annotated[str, Field(pattern=r"^\d\d:\d\d$", description="HH:MM in UTC")]
    created_at: Timestamp

    @classmethod
    def of(cls, message: Message) -> Self:
        return cls(
            id=message.id,
            seq=message.seq,
            type=message.type,
            user_id=message.user_id,
            user=message.user,
            avatar=message.avatar,
            text=message.text,
            time=hour_and_minute(message.created_at),
            created_at=iso(message.created_at),
        )


class RoomDetail(RoomSummary):
    """A room with who is in it (oldest first) and its last 50 messages (oldest first)."""

    participants: list[ParticipantView]
    messages: list[RoomMessage]
    last_seq: int
    tasks_completed: int = 0
    tasks_total: int = 0
    focus_time: int = 0
    focus_goal: int = 480

    @classmethod
    def compose(cls, room: Room, members: list[Participant], messages: list[Message]) -> Self:
        """The count is that of the members shown, so that the two never disagree."""
        return cls(
            **_summary(room) | {"participant_count": len(members)},
            participants=[ParticipantView.of(member) for member in members],
            messages=[RoomMessage.of(message) for message in messages],
            last_seq=messages[-1].seq if messages else 0,
        )


class WebsocketAccess(Answer):
    """A way into the room's WebSocket: opening `url` connects, once, until `expires_at`."""

    url: str
    ticket: str
    expires_at: Timestamp


class JoinRoomResponse(Answer):
    """The seat is yours."""

    success: Literal[True] = True
    message: Literal["Joined room successfully", "Already in this room"]
    room: RoomDetail
    websocket: WebsocketAccess


class Success(Answer):
    """It is done."""

    success: Literal[True] = True
    message: str


class MicToggled(Answer):
    """The microphone, as it is now."""

    success: Literal[True] = True
    is_muted: bool


class SpeakingChanged(Answer):
    """Speaking or not, as it is now."""

    success: Literal[True] = True
    is_speaking: bool


class StatusToggled(Answer):
    """The room's status, as it is now."""

    success: Literal[True] = True
    room_id: Uuid
    new_status: RoomStatus


class History(Answer):
    """A stretch of the log, oldest first; `has_more` says whether it goes on in the direction asked for."""

    messages: list[RoomMessage]
    has_more: bool


class Health(Answer):
    """The service and its tables answer."""

    status: Literal["ok"] = "ok"
    version: str


class FieldError(Answer):
    """One thing that is wrong with a request, and where."""

    loc: list[str | int]
    msg: str
    type: str


class Problem(Answer):
    """RFC 9457 problem details. `code` is for programs, `detail` for people."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    errors: list[FieldError] | None = Field(
        default=None, description="with `invalid_request`: what is wrong, and where"
    )
    retry_after: int | None = Field(default=None, description="with `rate_limited`: whole seconds to wait")


def _summary(room: Room) -> dict[str, Any]:
    return {
        "id": room.id,
        "name": room.name,
        "description": room.description,
        "status": room.status,
        "participant_count": room.participant_count,
        "max_participants": room.max_participants,
        "color": room.color,
        "created_at": iso(room.created_at),
        "created_by": room.created_by,
    }


def field_errors(error: ValidationError) -> list[dict[str, Any]]:
    """What pydantic found wrong, less what a client has no use for."""
    found = error.errors(include_url=False, include_context=False, include_input=False)
    return [
        {"loc": list(one["loc"]), "msg": one["msg"].removeprefix("Value error, "), "type": one["type"]} for one in found
    ]


def is_uuid(value: object) -> bool:
    """Whether this is an id as this service writes them."""
    try:
        return isinstance(value, str) and str(uuid.UUID(value)) == value
    except ValueError:
        return False
