"""Taking, keeping and giving up a seat over HTTP, and the microphone that goes with it."""

import re
import uuid

import pytest

from tests.fakes.clients import ROOMS, Api, Caller, Json, expect

SUMMARY = {
    "id",
    "name",
    "description",
    "status",
    "participant_count",
    "max_participants",
    "color",
    "created_at",
    "created_by",
}
FOCUS = {"tasks_completed": 0, "tasks_total": 0, "focus_time": 0, "focus_goal": 480}
DETAIL = SUMMARY | {"participants", "messages", "last_seq"} | set(FOCUS)
PARTICIPANT = {"id", "name", "avatar", "is_muted", "is_speaking", "is_online", "joined_at"}
STAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


@pytest.fixture
def ada(api: Api) -> Caller:
    return api.person("Ada")


@pytest.fixture
def room(ada: Caller) -> str:
    room: str = ada.make_room("Focus")["id"]
    return room


def mine(caller: Caller, room: str) -> Json:
    """The caller, as the room shows them."""
    [found] = [one for one in caller.see(room)["participants"] if one["id"] == caller.id]
    return dict(found)


def test_a_join_answers_the_room_and_a_ticket(ada: Caller, room: str) -> None:
    joined = ada.join(room)
    assert set(joined) == {"success", "message", "room", "websocket"}
    assert joined["success"] is True
    assert joined["message"] == "Joined room successfully"
    assert joined["room"] == ada.see(room)
    assert set(joined["websocket"]) == {"url", "ticket", "expires_at"}


def test_a_detail_has_exactly_the_fields_of_the_contract(ada: Caller, room: str) -> None:
    detail = ada.join(room)["room"]
    assert set(detail) == DETAIL
    assert {name: detail[name] for name in FOCUS} == FOCUS
    assert all(type(detail[name]) is int for name in FOCUS)
    [participant] = detail["participants"]
    assert set(participant) == PARTICIPANT
    assert STAMP.fullmatch(participant["joined_at"])
    assert [message["text"] for message in detail["messages"]] == ["Ada joined the room"]
    assert detail["last_seq"] == detail["messages"][-1]["seq"]
    assert (detail["participant_count"], detail["created_by"], detail["status"]) == (1, ada.id, "active")


def test_an_empty_room_has_an_empty_log(ada: Caller, room: str) -> None:
    detail = ada.see(room)
    assert set(detail) == DETAIL
    assert (detail["participants"], detail["messages"], detail["last_seq"]) == ([], [], 0)


def test_a_newcomer_is_muted_silent_and_online(ada: Caller, room: str) -> None:
    ada.join(room)
    shown = mine(ada, room)
    assert (shown["name"], shown["avatar"]) == ("Ada", None)
    assert (shown["is_muted"], shown["is_speaking"], shown["is_online"]) == (True, False, True)


def test_joining_twice_takes_one_seat(ada: Caller, room: str) -> None:
    first = ada.join(room)
    again = ada.join(room)
    assert again["message"] == "Already in this room"
    assert again["success"] is True
    assert set(again) == set(first)
    assert again["room"] == first["room"]
    assert again["websocket"]["ticket"] != first["websocket"]["ticket"]


def test_a_full_room_refuses_until_a_seat_is_free(api: Api, ada: Caller) -> None:
    room = ada.make_room(max_participants=2)["id"]
    people = [ada, api.person("Ben"), api.person("Cem")]
    for person in people[:2]:
        person.join(room)
    problem = expect(409, people[2].post(f"{ROOMS}/{room}/join"))
    assert (problem["code"], problem["detail"]) == ("room_full", "Room is full")
    assert people[0].join(room)["message"] == "Already in this room"
    people[1].leave(room)
    assert people[2].join(room)["room"]["participant_count"] == 2


def test_a_join_after_a_leave_starts_a_new_membership(ada: Caller, room: str) -> None:
    ada.join(room)
    ada.put(f"{ROOMS}/{room}/mic-toggle", {"is_muted": False})
    assert ada.leave(room) == {"success": True, "message": "Left room successfully"}
    back = ada.join(room)
    assert back["message"] == "Joined room successfully"
    assert mine(ada, room)["is_muted"] is True
    assert [message["text"] for message in back["room"]["messages"]] == [
        "Ada joined the room",
        "Ada left the room",
        "Ada joined the room",
    ]


def test_a_person_may_be_in_several_rooms(ada: Caller) -> None:
    rooms = [ada.make_room()["id"] for _ in range(3)]
    for room in rooms:
        ada.join(room)
    ada.leave(rooms[0])
    assert [ada.see(room)["participant_count"] for room in rooms] == [0, 1, 1]


def test_unmuting_speaking_and_muting(ada: Caller, room: str) -> None:
    ada.join(room)
    mic, speaking = f"{ROOMS}/{room}/mic-toggle", f"{ROOMS}/{room}/speaking"
    assert expect(200, ada.put(mic, {"is_muted": False})) == {"success": True, "is_muted": False}
    assert expect(200, ada.put(speaking, {"is_speaking": True})) == {"success": True, "is_speaking": True}
    assert (mine(ada, room)["is_muted"], mine(ada, room)["is_speaking"]) == (False, True)
    assert expect(200, ada.put(speaking, {"is_speaking": False})) == {"success": True, "is_speaking": False}
    assert (mine(ada, room)["is_muted"], mine(ada, room)["is_speaking"]) == (False, False)
    assert expect(200, ada.put(mic, {"is_muted": True})) == {"success": True, "is_muted": True}
    assert (mine(ada, room)["is_muted"], mine(ada, room)["is_speaking"]) == (True, False)


def test_repeating_a_microphone_call_is_no_error(ada: Caller, room: str) -> None:
    ada.join(room)
    for _ in range(2):
        assert ada.put(f"{ROOMS}/{room}/mic-toggle", {"is_muted": False}).status_code == 200
        assert ada.put(f"{ROOMS}/{room}/speaking", {"is_speaking": True}).status_code == 200


@pytest.mark.parametrize(
    "user_id", ["x", "auth0|5f7c", "a/b c", "😀" * 32, "x" * 128, "#", "2b1a6f0e-98f4-4a86-a0a4-2f0a4cf6a5d5"]
)
def test_a_user_id_is_an_opaque_string(api: Api, room: str, user_id: str) -> None:
    person = api.bearer(api.stack.token(user_id, "Ada"), user_id, "Ada")
    person.join(room)
    person.say(room, "hello", "key" + str(uuid.uuid4()))
    assert mine(person, room)["id"] == user_id
    assert person.see(room)["messages"][-1]["user_id"] == user_id
    person.leave(room)
