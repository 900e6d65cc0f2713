"""Requests are validated field by field, and errors are sentences for people."""

import unicodedata
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.access.schemas import Admission, InviteCreate
from chalicelib.account.schemas import ExportQuery
from chalicelib.api.validation import validate
from chalicelib.chat.schemas import (
    EditMessageRequest,
    EmojiReactionRequest,
    EntriesQuery,
    HistoryQuery,
    SendMessageRequest,
)
from chalicelib.contract import Body
from chalicelib.contract.fields import MAX_INTEGER, is_uuid
from chalicelib.kernel.errors import InvalidRequestError
from chalicelib.kernel.settings import Settings
from chalicelib.lifecycle.schemas import RoomPatch, RoomUpdate
from chalicelib.log import Message
from chalicelib.log.schemas import RoomMessage
from chalicelib.moderation.schemas import (
    AuditQuery,
    BanRequest,
    BansQuery,
    ModerationRequest,
    ReportDecision,
    ReportRequest,
    ReportsQuery,
)
from chalicelib.profiles.schemas import ProfileUpdate
from chalicelib.roles.schemas import OwnershipRequest, RoleRequest, RolesQuery
from chalicelib.rooms.schemas import RoomCreate, RoomsQuery, RoomSummary
from chalicelib.rooms.table import Room
from chalicelib.seats.schemas import JoinRequest, RoomDetail
from chalicelib.seats.table import Participant
from chalicelib.voice.schemas import MicToggleRequest, SpeakingStatusRequest
from tests.fakes.bodies import BAD_EMOJIS, REFUSED

ROOM_ID = "6f1c2f0e-3f4e-4a55-9b0b-0f5f5b1c9a77"
NOW = 1_800_000_000_123

CASES = [
    pytest.param(model, base | {name: value}, name, id=f"{model.__name__}-{name}-{value!r:.24}")
    for model, base, name, values in REFUSED
    for value in values
]


BODIES: dict[type[Body], dict[str, Any]] = {
    RoomCreate: {"name": "x"},
    ProfileUpdate: {"name": "x"},
    JoinRequest: {},
    InviteCreate: {},
    Admission: {"admit": True},
    SendMessageRequest: {"message_text": "x"},
    EditMessageRequest: {"message_text": "x"},
    EmojiReactionRequest: {"emoji": "👍"},
    MicToggleRequest: {"is_muted": True},
    SpeakingStatusRequest: {"is_speaking": True},
    RoleRequest: {"role": "member"},
    OwnershipRequest: {"user_id": "ada"},
    RolesQuery: {},
    ModerationRequest: {"action": "lock"},
    BansQuery: {},
    BanRequest: {},
    ReportRequest: {},
    ReportDecision: {"state": "removed"},
    ReportsQuery: {},
    AuditQuery: {},
    RoomPatch: {},
    RoomUpdate: {},
    RoomsQuery: {},
    ExportQuery: {},
    HistoryQuery: {},
    EntriesQuery: {},
}
"""A valid body of each type, with only the required field."""


def refusals(model: type[Body], body: object) -> list[dict[str, Any]]:
    with pytest.raises(InvalidRequestError) as caught:
        validate(model, body)
    return caught.value.errors


@pytest.mark.parametrize(("model", "body", "name"), CASES)
def test_an_invalid_field_is_named_and_explained(model: type[Body], body: dict[str, Any], name: str) -> None:
    [error] = refusals(model, body)
    assert error["loc"] == [name]
    assert error["msg"].startswith(("must ", "is "))
    assert error["type"].isidentifier()
    detail = InvalidRequestError([error]).detail
    for word in ("Input", "Value", "item", "dictionary", "instance", "parse", "validation", model.__name__):
        assert word not in detail, "no word of Python or pydantic"


@pytest.mark.parametrize("model", BODIES)
@pytest.mark.parametrize("body", [None, [], "text", 5, True, 1.5, "\ud800"])
def test_a_body_must_be_an_object(model: type[Body], body: object) -> None:
    [error] = refusals(model, body)
    assert (error["loc"], error["msg"]) == ([], "must be a JSON object")


@pytest.mark.parametrize(("model", "body"), BODIES.items())
def test_only_the_required_field_is_required(model: type[Body], body: dict[str, Any]) -> None:
    model.model_validate(body)
    errors = refusals(model, {"other": 1}) if body else []
    assert [(error["loc"], error["msg"], error["type"]) for error in errors] == [
        ([name], "is required", "missing") for name in body
    ]


def test_all_errors_are_reported_at_once() -> None:
    errors = refusals(RoomCreate, {"name": "", "color": "<b>", "max_participants": 99})
    assert [error["loc"] for error in errors] == [["name"], ["max_participants"], ["color"]]


@pytest.mark.parametrize(
    ("model", "body", "said"),
    [
        (SendMessageRequest, {"message_text": ""}, "must not be blank"),
        (SendMessageRequest, {"message_text": "x" * 4001}, "must have at most 4000 characters"),
        (SendMessageRequest, {"message_text": 5}, "must be text"),
        (SendMessageRequest, {"message_text": "x", "message_type": "system"}, "must be 'text' or 'emoji'"),
        (ProfileUpdate, {"name": "x" * 81}, "must have at most 80 characters"),
        (
            ProfileUpdate,
            {"name": "x", "avatar": "x"},
            "must be an http(s) URL or an absolute path, of at most 2048 bytes",
        ),
        (RoomCreate, {"name": "x", "max_participants": 51}, "must be at most 50"),
        (RoomCreate, {"name": "x", "max_participants": "5"}, "must be a whole number"),
        (RoomCreate, {"name": "x", "color": "<b>"}, "must be 1 to 40 characters of a CSS class name"),
        (MicToggleRequest, {"is_muted": "yes"}, "must be true or false"),
        (RoomsQuery, {"limit": "0"}, "must be at least 1"),
        (RoomsQuery, {"limit": "x"}, "must be a whole number"),
    ],
)
def test_errors_are_plain_sentences(model: type[Body], body: dict[str, Any], said: str) -> None:
    assert refusals(model, body)[0]["msg"] == said


@pytest.mark.parametrize(
    ("model", "name", "longest"),
    [
        (RoomCreate, "name", 255),
        (RoomUpdate, "name", 255),
        (ProfileUpdate, "name", 80),
        (SendMessageRequest, "message_text", 4000),
    ],
)
def test_length_is_counted_in_characters_of_the_nfc(model: type[Body], name: str, longest: int) -> None:
    decomposed, exclusion, clef = "e\u0301", "\u0958", "\U0001d160"  # NFC: one, two and three characters
    for text in ("x" * longest, "😀" * longest, decomposed * longest, exclusion * (longest // 2)):
        assert getattr(model.model_validate({name: text}), name) == unicodedata.normalize("NFC", text)
    for text in ("x" * longest + "y", "😀" * longest + "x", exclusion * (longest // 2 + 1), clef * (longest // 3 + 1)):
        assert refusals(model, {name: text})[0]["msg"] == f"must have at most {longest} characters"


@pytest.mark.parametrize("model", [RoomCreate, RoomUpdate, ProfileUpdate])
def test_names_are_trimmed_before_they_are_measured(model: type[Body]) -> None:
    for name in ("A  name", "x" * 80):
        padded = {"name": f"{' ' * 500}\t\n\u00a0 {name} \u3000{chr(10) * 500}"}
        assert model.model_validate(padded).model_dump()["name"] == name


def test_a_message_is_not_changed() -> None:
    text = "  <b>&amp;</b>\n\t\u202eשלום\u200d 👩‍👩‍👧 \U0001f600  "
    assert SendMessageRequest(message_text=text).message_text == text


@given(
    around=st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=50),
    seen=st.characters(categories=["L", "N", "P", "S"], exclude_characters="\u115f\u1160\u2800\u3164\uffa0\U0001d159"),
)
def test_a_visible_message_is_stored_as_its_nfc(around: str, seen: str) -> None:
    assert SendMessageRequest(message_text=around + seen).message_text == unicodedata.normalize("NFC", around + seen)


@given(text=st.text(st.characters(categories=["Zs", "Zl", "Zp", "Cf", "Mn"]), min_size=1, max_size=50))
def test_an_invisible_message_is_refused(text: str) -> None:
    assert refusals(SendMessageRequest, {"message_text": text})[0]["msg"] == "must not be blank"


@pytest.mark.parametrize(
    "text", ["👍", "❤", "❤️", "👩‍👩‍👧‍👦", "🇩🇪", "1️⃣", "👍🏽", "👍👍", "👍 !", "ℹ️", "™", "🏴󠁧󠁢󠁥󠁮󠁧󠁿", "👍" * 10]
)
def test_an_emoji_is_one(text: str) -> None:
    assert EmojiReactionRequest(emoji=text).emoji == unicodedata.normalize("NFC", text)


@pytest.mark.parametrize("name", ["message_text", "message"])
def test_an_emoji_is_validated_alike_on_both_routes(name: str) -> None:
    for text in [*BAD_EMOJIS, "YOUR SESSION HAS EXPIRED", "👍" * 4001, "\u0301" * 9000]:
        alone = refusals(EmojiReactionRequest, {"emoji": text})
        assert refusals(SendMessageRequest, {name: text, "message_type": "emoji"}) == [alone[0] | {"loc": [name]}]
    assert SendMessageRequest.model_validate({name: "👩‍💻", "message_type": "emoji"}).message_text == "👩‍💻"


@pytest.mark.parametrize(
    "avatar",
    [
        *(None, "/", "/a.png", "/a?b#c", "https://host/a.png", "HTTPS://host", "http://[::1]:8000/ä"),
        "http://h/" + "a" * 2039,
    ],
)
def test_an_avatar_is_a_web_address_or_an_absolute_path(avatar: str | None) -> None:
    assert ProfileUpdate(name="x", avatar=avatar).avatar == avatar


@pytest.mark.parametrize(
    "color",
    ["bg-grayBlue", "#ff00aa", "x", "A_1-#" * 8, "bg-blue-50/50", "bg-[#fff]", "hover:bg-[rgb(0,0,0)]", "w-1.5!"],
)
def test_a_color_has_the_characters_of_css_class_names(color: str) -> None:
    assert RoomCreate(name="x", color=color).color == color


def test_a_change_leaves_absent_and_null_fields_alone() -> None:
    nothing: dict[str, Any] = dict.fromkeys(["name", "description", "max_participants", "color", "status"])
    for body in ({}, nothing):
        assert RoomUpdate.model_validate(body).model_dump(exclude_none=True) == {}


@pytest.mark.parametrize(("model", "body"), BODIES.items())
def test_unknown_fields_are_ignored(model: type[Body], body: dict[str, Any]) -> None:
    assert set(BODIES) == {*Body.__subclasses__(), RoomUpdate}
    assert model.model_validate(body | {"id": 1, "\ud800": [], "created_by": "me"}) == model.model_validate(body)


def test_message_is_another_name_for_message_text() -> None:
    assert SendMessageRequest.model_validate({"message": "x"}).message_text == "x"
    assert SendMessageRequest.model_validate({"message": "x", "message_text": "y"}).message_text == "y"


@pytest.mark.parametrize("number", [0, 1, MAX_INTEGER])
def test_a_sequence_number_is_a_safe_integer_of_javascript(number: int) -> None:
    assert HistoryQuery.model_validate({"after_seq": str(number)}).after_seq == number


@pytest.mark.parametrize("other", [ROOM_ID.upper(), None, 5])
def test_an_id_is_a_uuid_in_small_letters(other: object) -> None:
    """`contract/test_routes` has other texts."""
    assert is_uuid(ROOM_ID)
    assert not is_uuid(other)


ROOM = Room(ROOM_ID, "Focus", "", "active", 7, 10, "bg-red", NOW, None)
ADA = Participant(ROOM_ID, "ada", "Ada", None, NOW, NOW + 1)
HELLO = Message(ROOM_ID, 3, "5a2e35d0-7f0a-4d43-a7ea-4f8c1ea0e4ab", "text", "ada", "Ada", "hello", NOW)

SUMMARY = {
    "id": ROOM_ID,
    "name": "Focus",
    "description": "",
    "status": "active",
    "participant_count": 7,
    "max_participants": 10,
    "color": "bg-red",
    "created_at": "2027-01-15T08:00:00.123Z",
    "created_by": None,
    "visibility": "public",
    "is_locked": False,
    "slow_seconds": 0,
    "retention_days": 90,
    "owner_id": None,
}
MESSAGE = {
    "id": "5a2e35d0-7f0a-4d43-a7ea-4f8c1ea0e4ab",
    "seq": 3,
    "type": "text",
    "user_id": "ada",
    "user": "Ada",
    "avatar": None,
    "text": "hello",
    "time": "08:00",
    "created_at": "2027-01-15T08:00:00.123Z",
    "edited_at": None,
    "deleted": False,
    "reply_to": None,
    "mentions": [],
    "reactions": [],
}


def test_summaries_and_messages_have_the_fields_of_the_contract() -> None:
    assert RoomSummary.of(ROOM, Settings()).model_dump() == SUMMARY
    assert RoomMessage.of(HELLO).model_dump() == MESSAGE


def test_a_detail_counts_the_participants_that_it_shows() -> None:
    state = {"is_muted": True, "is_speaking": False, "is_online": True, "role": "member", "muted_by": None}
    participant = {"id": "ada", "name": "Ada", "avatar": None, "joined_at": "2027-01-15T08:00:00.123Z"} | state
    you: dict[str, Any] = {"you": {"role": None, "can": []}}
    focus = {"tasks_completed": 0, "tasks_total": 0, "focus_time": 0, "focus_goal": 480}
    shown = {"participant_count": 1, "participants": [participant], "messages": [MESSAGE], "last_seq": 3}
    empty = {"participant_count": 0, "participants": [], "messages": [], "last_seq": 0}
    detail = RoomDetail.compose(ROOM, Settings(), [ADA], [RoomMessage.of(HELLO)])
    assert detail.model_dump() == SUMMARY | shown | focus | you
    assert RoomDetail.compose(ROOM, Settings(), [], []).model_dump() == SUMMARY | empty | focus | you
