"""Valid bodies and frames, and for each field the values that the service must refuse."""

from typing import Any

from chalicelib.access.schemas import Admission, InviteCreate
from chalicelib.chat.schemas import (
    EditMessageRequest,
    EmojiReactionRequest,
    EntriesQuery,
    HistoryQuery,
    SendMessageRequest,
)
from chalicelib.contract import Body
from chalicelib.lifecycle.schemas import RoomUpdate
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
from chalicelib.rooms.schemas import RoomCreate, RoomsQuery
from chalicelib.seats.schemas import JoinRequest
from chalicelib.voice.schemas import MicToggleRequest, SpeakingStatusRequest

NOT_TEXT = [None, 5, True, ["x"], {"x": "y"}]
BLANK = ["", "\n\t ", "\u2060\ufeff", "\u115f\u1160", *" \u200b\u00ad\u3000\u2028\u3164\uffa0\u2800"]
CONTROL = ["a\x00b", "\x0b", "\x0ba", "a\x1f", "a\rb", "\x7f", "a\x85", "a\x9f", "\ud800", "a\udfff"]
HIDDEN = ["a\nb", "a\tb", "Ada\u200b", "Ada\u200d", "\u202eAda", "a\u2066b", "a\u2028b", "a\u00adb", "A\ufe0fda"]
HIDDEN += ["x\U0001d159", "x\u3164", "x\u2800", "\U000e0041da", "👍\U000e0041\U000e0042", "a\U000e0100b"]
RESERVED = [
    "System",
    "SYSTEM",
    "Ѕуstem",
    "ｓｙｓｔｅｍ",
    "ꜱʏꜱᴛᴇᴍ",
    "Sуsтем",
    "Systern",
    "[system]",
    "s y s t e m",
    "Sýstém",
    "Syst℮m",
    "Sys⊤em",
    "|System|",
    "🅢🆈🅢🆃🅔🅜",
    "🇸🇾🇸🇹🇪🇲",
    "System 🇩🇪",
    "∪ Syst⋿m",
]
RESERVED += ["Grace was removed by an administrator. Linus", "Ada left the room. Linus", "Linus Jоined the rооm!"]
BAD_SEATS: list[Any] = [None, 0, 51, -1, 2**63, "5", 5.5, True, 1e300, [5], {}]
BAD_DAYS: list[Any] = [0, 366, -1, 2**63, "5", 5.5, True, [5], {}]
BAD_VISIBILITIES: list[Any] = ["", "hidden", "PUBLIC", 1, True, []]
BAD_COLORS: list[Any] = [None, "", "red green", "x" * 41, "bg-red\n", "<b>", "é", 5, []]
BAD_URLS = [
    "x",
    "javascript:alert(1)",
    "data:image/png;base64,AA==",
    "ftp://host/a",
    "//host/a",
    "http://",
    "https:///a",
]
BAD_CHARACTERS = ["/a b", "\\\\host", "/\\host", "https://host/\x00"]
BAD_AVATARS = ["", *BAD_URLS, *BAD_CHARACTERS, "https://host/" + "a" * 2036, 5, True, []]
BAD_EMOJIS = [*NOT_TEXT, *BLANK, *CONTROL, "x", "👍x", "é", "1", "#", ":)", "👍" * 11, "字👍"]
BAD_SEQS: list[Any] = [0, -1, 2**53, 1.5, "5", True, [5], {}]
BAD_MENTIONS: list[Any] = [None, "ada", 5, {}, [str(n) for n in range(21)], ["\U0001f600" * 128] * 6]
BAD_USERS: list[Any] = [None, "", "x" * 129, "a\nb", "\ud800", 5, True, [], {}]
NOT_BOOLEAN: list[Any] = [None, 0, 1, "true", "false", "", [], {}]

GOOD: dict[str, dict[str, Any]] = {
    "profiles_update_me": {"name": "Ada", "avatar": None},
    "rooms_create_room": {"name": "Room"},
    "seats_join": {"expects_socket": True},
    "access_answer_knock": {"admit": True},
    "access_create_invite": {"role": "member", "uses": 10, "expires_in": 3600},
    "chat_send_message": {"message_text": "hello"},
    "chat_send_emoji": {"emoji": "👍"},
    "chat_edit_message": {"message_text": "hello again"},
    "voice_toggle_mic": {"is_muted": False},
    "voice_set_speaking": {"is_speaking": False},
    "roles_grant_role": {"role": "member"},
    "moderation_moderate": {"action": "lock"},
    "moderation_ban_everywhere": {"reason": "spam"},
    "moderation_report_message": {"reason": "spam"},
    "moderation_decide_report": {"state": "removed"},
    "roles_offer_ownership": {"user_id": "heir"},
    "lifecycle_update_own_room": {"name": "Room"},
    "lifecycle_update_room": {"name": "Room"},
}
"""A valid body for each route, by the name of the route."""

FIELDS: dict[str, dict[str, Any]] = {
    "message": {"text": "hello"},
    "emoji": {"emoji": "\U0001f44b"},
    "edit": {"seq": 1, "text": "hello again"},
    "delete": {"seq": 1},
    "react": {"seq": 1, "emoji": "\U0001f44b", "on": True},
    "mic": {"is_muted": True},
    "speaking": {"is_speaking": False},
    "typing": {"is_typing": True},
    "moderate": {"action": "unlock"},
    "read": {"seq": 1},
}
"""The fields of a valid frame, by its type."""

# A model, the other fields of the body, a field, and values that this field must refuse.
REFUSED: list[tuple[type[Body], dict[str, Any], str, list[Any]]] = [
    (RoomCreate, {"name": "x"}, "name", [*NOT_TEXT, *BLANK, *CONTROL, *HIDDEN, "x" * 256]),
    (RoomCreate, {"name": "x"}, "description", [*NOT_TEXT[1:], *CONTROL, "x" * 2001]),
    (RoomCreate, {"name": "x"}, "max_participants", BAD_SEATS[1:]),
    (RoomCreate, {"name": "x"}, "color", BAD_COLORS[1:]),
    (RoomCreate, {"name": "x"}, "visibility", BAD_VISIBILITIES),
    (RoomCreate, {"name": "x"}, "retention_days", BAD_DAYS),
    (JoinRequest, {}, "expects_socket", NOT_BOOLEAN),
    (JoinRequest, {}, "invite", ["x" * 129, 5, True, []]),
    (Admission, {}, "admit", NOT_BOOLEAN),
    (InviteCreate, {}, "role", [None, "", "owner", "MEMBER", 1, True, []]),
    (InviteCreate, {}, "uses", [0, -1, 1001, "5", 5.5, True, 1e300, []]),
    (InviteCreate, {}, "expires_in", [0, 59, 30 * 86_400 + 1, "60", 60.5, True, []]),
    (RoomUpdate, {}, "name", [*NOT_TEXT[1:], *BLANK, *CONTROL, *HIDDEN, "x" * 256]),
    (RoomUpdate, {}, "description", [*NOT_TEXT[1:], *CONTROL, "x" * 2001]),
    (RoomUpdate, {}, "max_participants", BAD_SEATS[1:]),
    (RoomUpdate, {}, "color", BAD_COLORS[1:]),
    (RoomUpdate, {}, "visibility", BAD_VISIBILITIES),
    (RoomUpdate, {}, "retention_days", BAD_DAYS),
    (RoomUpdate, {}, "status", ["", "deleted", "ACTIVE", 1, True, []]),
    (ProfileUpdate, {"name": "x"}, "name", [*NOT_TEXT, *BLANK, *CONTROL, *HIDDEN, *RESERVED, "x" * 81]),
    (ProfileUpdate, {"name": "x"}, "avatar", BAD_AVATARS),
    (SendMessageRequest, {"message_text": "x"}, "message_text", [*NOT_TEXT, *BLANK, *CONTROL, "x" * 4001]),
    (SendMessageRequest, {}, "message", [*NOT_TEXT, *BLANK, *CONTROL, "x" * 4001]),
    (SendMessageRequest, {"message_text": "x"}, "message_type", ["system", "", "TEXT", None, 1, []]),
    (SendMessageRequest, {"message_text": "x"}, "reply_to", BAD_SEQS),
    (SendMessageRequest, {"message_text": "x"}, "mentions", BAD_MENTIONS),
    (EditMessageRequest, {}, "message_text", [*NOT_TEXT, *BLANK, *CONTROL, "x" * 4001]),
    (EditMessageRequest, {"message_text": "x"}, "mentions", BAD_MENTIONS[1:]),
    (EmojiReactionRequest, {}, "emoji", BAD_EMOJIS),
    (MicToggleRequest, {}, "is_muted", NOT_BOOLEAN),
    (SpeakingStatusRequest, {}, "is_speaking", NOT_BOOLEAN),
    (ModerationRequest, {"action": "lock"}, "action", [None, "", "clear_hand", "KICK", 1, True, []]),
    (ModerationRequest, {"action": "ban"}, "user_id", BAD_USERS[1:]),
    (ModerationRequest, {"action": "lock"}, "reason", [*NOT_TEXT[1:], *CONTROL, "x" * 513]),
    (ModerationRequest, {"action": "lock"}, "seconds", [-1, 31_536_001, 2**63, "5", 5.5, True, [5], {}]),
    (BanRequest, {}, "reason", [*NOT_TEXT[1:], *CONTROL, "x" * 513]),
    (BanRequest, {}, "seconds", [0, -1, 31_536_001, "5", 5.5, True, [5], {}]),
    (ReportRequest, {}, "reason", [*NOT_TEXT[1:], *CONTROL, "x" * 513]),
    (ReportDecision, {}, "state", [None, "", "open", "REMOVED", 1, True, []]),
    (ReportsQuery, {}, "state", ["", "closed"]),
    (ReportsQuery, {}, "limit", ["0", "11", "x"]),
    (ReportsQuery, {}, "cursor", ["", "x", "1" * 15 + "-ABCDEF01"]),
    (AuditQuery, {}, "limit", ["0", "41", "x"]),
    (AuditQuery, {}, "cursor", ["", "x", "1" * 15 + "-ABCDEF01"]),
    (BansQuery, {}, "cursor", ["", "x"]),
    (RoleRequest, {}, "role", [None, "owner", "", "MEMBER", "admin", 1, True, []]),
    (OwnershipRequest, {}, "user_id", BAD_USERS),
    (RolesQuery, {}, "cursor", ["", "x", "x" * 13, "x" * 11 + "#"]),
    (RoomsQuery, {}, "limit", ["0", "101", "-1", "x", "", "1.5", "NaN", "9" * 5000]),
    (RoomsQuery, {}, "cursor", ["x" * 2049]),
    (HistoryQuery, {}, "limit", ["0", "101", "-1", "x", "", "1.5"]),
    (HistoryQuery, {}, "before_seq", ["-1", "x", "", str(2**53), "1e3"]),
    (HistoryQuery, {}, "after_seq", ["-1", "x", "", str(2**53), "1e3"]),
    (EntriesQuery, {}, "limit", ["0", "101", "x"]),
    (EntriesQuery, {}, "after_seq", ["-1", "x", "", str(2**53)]),
]
