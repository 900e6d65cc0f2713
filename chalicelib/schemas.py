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
from chalicelib.text import is_blank
from chalicelib.times import hour_and_minute, iso

# Control characters bar newline and tab, and what no UTF-8 text can carry.
_UNWANTED = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
_COLOR = r"^[A-Za-z0-9_#-]{1,40}$"
_DEFAULT_COLOR = "bg-grayBlue"
MAX_INTEGER = 2**53 - 1

# What is refused below, as patterns for those who read the documents; no JSON text holds a surrogate.
_CONTROLS = r"\u0000-\u0008\u000b-\u001f\u007f-\u009f"
_TEXT = rf"^[^{_CONTROLS}]*$"
_ADDRESS = rf"^(?:[Hh][Tt][Tt][Pp][Ss]?://[^/\s\\{_CONTROLS}]|/(?!/))[^\s\\{_CONTROLS}]*$"


def _clean(text: str) -> str:
    """NFC, so that equal text is equal bytes; control characters are refused, nothing is escaped."""
    if _UNWANTED.search(text):
        raise ValueError("must not contain control characters")
    return unicodedata.normalize("NFC", text)


def _not_blank(text: str) -> str:
    if is_blank(text):
        raise ValueError("must not be blank")
    return text


def _emoji(text: str) -> str:
    """At least one emoji, and no letter beside it."""
    rest = emoji.replace_emoji(text, "")
    if rest == text or any(unicodedata.category(character).startswith("L") for character in rest):
        raise ValueError("must be an emoji")
    return text


def _whole(value: object) -> object:
    """JSON has one kind of number: 15.0 is 15."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _color(text: str) -> str:
    if not re.fullmatch(_COLOR, text):
        raise ValueError("must have 1 to 40 letters, digits, `_`, `#` or `-`")
    return text


def _web_address(text: str) -> str:
    if not re.match(r"(?:https?://[^/\s]|/(?!/))", text, re.IGNORECASE) or re.search(r"[\s\\]", text):
        raise ValueError("must be an http(s) URL or an absolute path")
    return text


def _allow_either_name(schema: dict[str, Any]) -> None:
    """Document what the aliases of `message_text` do: it wins where both names are there."""
    text = schema["properties"].pop("message_text")
    other = {"required": ["message"], "properties": {"message": text}, "not": {"required": ["message_text"]}}
    schema["anyOf"] = [{"required": ["message_text"], "properties": {"message_text": text}}, other]
    del schema["required"]


Text = Annotated[str, AfterValidator(_clean), Field(json_schema_extra={"pattern": _TEXT})]
Trimmed = Annotated[Text, AfterValidator(str.strip)]
Color = Annotated[str, AfterValidator(_color), Field(json_schema_extra={"pattern": _COLOR}, examples=["bg-purple"])]
Seats = Annotated[int, Field(ge=1, le=50, strict=True), BeforeValidator(_whole)]
RoomName = Annotated[
    Trimmed,
    Field(min_length=1, max_length=255, description="Trimmed, and not blank.", examples=["Focus Zone"]),
    AfterValidator(_not_blank),
]
Description = Annotated[Text, Field(max_length=2000, examples=["Deep work, few distractions"])]
DisplayName = Annotated[
    Trimmed,
    Field(min_length=1, max_length=80, description="Trimmed, and not blank.", examples=["Ada"]),
    AfterValidator(_not_blank),
]
Avatar = Annotated[
    Text,
    Field(min_length=1, max_length=2048, description="An http(s) URL or an absolute path.", examples=["/ada.png"]),
    Field(json_schema_extra={"pattern": _ADDRESS}),
    AfterValidator(_web_address),
]
MessageText = Annotated[
    Text,
    Field(min_length=1, max_length=4000, description="Not blank.", examples=["Good morning!"]),
    AfterValidator(_not_blank),
]
Emoji = Annotated[
    Text,
    Field(min_length=1, max_length=10, description="At least one emoji, and no letters.", examples=["🎉"]),
    Field(json_schema_extra={"format": "emoji"}),
    AfterValidator(_emoji),
]
Timestamp = Annotated[str, Field(json_schema_extra={"format": "date-time"}, examples=["2026-11-22T20:53:15.042Z"])]
Uuid = Annotated[str, Field(json_schema_extra={"format": "uuid"}, examples=["1f0e7c0a-5c7e-4b8e-9d5e-0a4b8f1c2d3e"])]


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

    model_config = ConfigDict(json_schema_extra=_allow_either_name)

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
    cursor: Annotated[str, Field(max_length=2048, description="From a `Link` header, to go on there.")] | None = None


class HistoryQuery(Request):
    """A stretch of a room's log: the newest before `before_seq`, or the oldest after `after_seq`."""

    before_seq: Annotated[int, Field(ge=0, le=MAX_INTEGER, description="Only what is older.")] | None = None
    after_seq: Annotated[int, Field(ge=0, le=MAX_INTEGER, description="Only what is newer.")] | None = None
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
    time: Annotated[str, Field(pattern=r"^\d\d:\d\d$", description="HH:MM in UTC", examples=["20:53"])]
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


class InvalidRequestProblem(Problem):
    """What is wrong with the request, and where."""

    errors: list[FieldError]


class RateLimitedProblem(Problem):
    """How long to wait, in whole seconds."""

    retry_after: int


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


# What pydantic says, in words that go on after a field's name and that people understand who never saw Python.
_PLAIN = {
    "bool_type": "must be true or false",
    "greater_than_equal": "must be at least {ge}",
    "int_from_float": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_parsing_size": "must be a whole number",
    "int_type": "must be a whole number",
    "less_than_equal": "must be at most {le}",
    "literal_error": "must be {expected}",
    "missing": "is required",
    "model_type": "must be a JSON object",
    "string_too_long": "must have at most {max_length} characters",
    "string_too_short": "must not be blank",
    "string_type": "must be text",
    "string_unicode": "must be text",
    "value_error": "{error}",
}
_ALIASES = {"too_long": "string_too_long", "too_short": "string_too_short"}


def field_errors(error: ValidationError) -> list[dict[str, Any]]:
    """What is wrong with a request and where; never what was sent."""
    return [_field_error(one) for one in error.errors(include_url=False, include_input=False)]


def _field_error(found: Any) -> dict[str, Any]:
    kind = _ALIASES.get(found["type"], found["type"])
    msg = _PLAIN[kind].format_map(found.get("ctx", {})) if kind in _PLAIN else found["msg"]
    return {"loc": list(found["loc"]), "msg": msg, "type": kind}


def is_uuid(value: object) -> bool:
    """Whether this is an id as this service writes them."""
    try:
        return isinstance(value, str) and str(uuid.UUID(value)) == value
    except ValueError:
        return False
