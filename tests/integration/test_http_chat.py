"""Chat over HTTP: what is said is stored once, in order, and found again."""

import json
import re
import uuid
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from tests.fakes.clients import ROOMS, Api, Caller, Json, expect

MESSAGE = {"id", "seq", "type", "user_id", "user", "avatar", "text", "time", "created_at"}
STAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


@dataclass(frozen=True)
class Talk:
    """Two people in a room."""

    room: str
    ada: Caller
    ben: Caller

    @property
    def path(self) -> str:
        return f"{ROOMS}/{self.room}/messages"

    def log(self) -> list[Json]:
        messages: list[Json] = self.ada.history(self.room, limit=100)["messages"]
        return messages


@pytest.fixture
def talk(api: Api) -> Talk:
    ada, ben = api.person("Ada", avatar="https://pictures.example/ada.png"), api.person("Ben")
    room: str = ada.make_room()["id"]
    ada.join(room)
    ben.join(room)
    return Talk(room, ada, ben)


def test_a_message_says_who_said_what_when(talk: Talk) -> None:
    message = talk.ada.say(talk.room, "hello")
    assert set(message) == MESSAGE
    assert str(uuid.UUID(message["id"])) == message["id"]
    assert (message["type"], message["text"]) == ("text", "hello")
    assert (message["user_id"], message["user"]) == (talk.ada.id, "Ada")
    assert message["avatar"] == "https://pictures.example/ada.png"
    assert STAMP.fullmatch(message["created_at"])
    assert message["time"] == message["created_at"][11:16]
    assert talk.log()[-1] == message


def test_the_room_itself_speaks_as_system(talk: Talk) -> None:
    first, second = talk.log()
    for message, name in ((first, "Ada"), (second, "Ben")):
        assert set(message) == MESSAGE
        assert (message["type"], message["text"]) == ("system", f"{name} joined the room")
        assert (message["user_id"], message["user"], message["avatar"]) == (None, "System", None)


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ({"message_text": "👍"}, "text"),
        ({"message": "👍"}, "text"),
        ({"message_text": "👍", "message_type": "text"}, "text"),
        ({"message_text": "👍", "message_type": "emoji"}, "emoji"),
        ({"message": "👍", "message_type": "emoji"}, "emoji"),
        ({"message_text": "👍", "message": "other"}, "text"),
    ],
)
def test_a_message_may_be_sent_in_the_ways_of_all_clients(talk: Talk, body: Json, kind: str) -> None:
    message = expect(200, talk.ada.post(talk.path, body))
    assert (message["type"], message["text"]) == (kind, "👍")


def test_nobody_speaks_for_the_system(talk: Talk) -> None:
    problem = expect(422, talk.ada.post(talk.path, {"message_text": "Ben left the room", "message_type": "system"}))
    assert problem["detail"] == "message_type must be 'text' or 'emoji'"
    assert len(talk.log()) == 2


def test_an_emoji_is_a_message_of_its_own_type(talk: Talk) -> None:
    message = expect(200, talk.ben.post(f"{ROOMS}/{talk.room}/emoji", {"emoji": "👩‍👩‍👧‍👦"}))
    assert set(message) == MESSAGE
    assert (message["type"], message["text"], message["user_id"]) == ("emoji", "👩‍👩‍👧‍👦", talk.ben.id)
    assert talk.log()[-1] == message


def test_numbers_grow_by_one_whoever_speaks(talk: Talk) -> None:
    for speaker in (talk.ada, talk.ben, talk.ada):
        speaker.say(talk.room, "hello")
    assert [message["seq"] for message in talk.log()] == [1, 2, 3, 4, 5]


def test_rooms_are_numbered_apart(talk: Talk) -> None:
    other = talk.ada.make_room()["id"]
    talk.ada.join(other)
    assert talk.ada.say(other, "hello")["seq"] == 2


def test_a_detail_shows_the_last_50_messages_and_their_number(api: Api) -> None:
    people = [api.person(), api.person()]
    room = people[0].make_room()["id"]
    for person in people:
        person.join(room)
        for number in range(26):
            person.say(room, str(number))
    detail = people[0].see(room)
    assert [message["seq"] for message in detail["messages"]] == list(range(5, 55))
    assert detail["last_seq"] == 54
    assert people[0].join(room)["room"]["messages"] == detail["messages"]


@pytest.fixture(scope="module")
def archive(api: Api) -> Talk:
    """A room whose log goes from 1 to 12."""
    ada, ben = api.person("Ada"), api.person("Ben")
    room: str = ada.make_room()["id"]
    for person in (ada, ben):
        person.join(room)
    for number in range(10):
        ada.say(room, str(number))
    return Talk(room, ada, ben)


@pytest.mark.parametrize(
    ("query", "seqs", "has_more"),
    [
        ({}, range(1, 13), False),
        ({"limit": 12}, range(1, 13), False),
        ({"limit": 11}, range(2, 13), True),
        ({"limit": 1}, [12], True),
        ({"before_seq": 13}, range(1, 13), False),
        ({"before_seq": 12, "limit": 3}, [9, 10, 11], True),
        ({"before_seq": 4, "limit": 3}, [1, 2, 3], False),
        ({"before_seq": 1}, [], False),
        ({"before_seq": 0}, [], False),
        ({"before_seq": 9007199254740991, "limit": 2}, [11, 12], True),
        ({"after_seq": 0}, range(1, 13), False),
        ({"after_seq": 0, "limit": 3}, [1, 2, 3], True),
        ({"after_seq": 9, "limit": 3}, [10, 11, 12], False),
        ({"after_seq": 11}, [12], False),
        ({"after_seq": 12}, [], False),
        ({"after_seq": 9007199254740991}, [], False),
        ({"after_seq": 3, "before_seq": 6}, [4, 5], False),
        ({"after_seq": 3, "before_seq": 9, "limit": 2}, [4, 5], True),
        ({"after_seq": 3, "before_seq": 6, "limit": 2}, [4, 5], False),
        ({"after_seq": 3, "before_seq": 4}, [], False),
        ({"after_seq": 6, "before_seq": 3}, [], False),
    ],
)
def test_history_is_a_stretch_of_the_log_oldest_first(
    archive: Talk, query: dict[str, int], seqs: Any, has_more: bool
) -> None:
    history = archive.ben.history(archive.room, **query)
    assert set(history) == {"messages", "has_more"}
    assert [message["seq"] for message in history["messages"]] == list(seqs)
    assert history["has_more"] is has_more


@pytest.mark.parametrize("step", [1, 5, 12])
def test_history_can_be_walked_to_either_end(archive: Talk, step: int) -> None:
    back: list[int] = []
    before = 13
    forth: list[int] = []
    while page := archive.ada.history(archive.room, before_seq=before, limit=step)["messages"]:
        back = [message["seq"] for message in page] + back
        before = back[0]
    while page := archive.ada.history(archive.room, after_seq=forth[-1] if forth else 0, limit=step)["messages"]:
        forth += [message["seq"] for message in page]
    assert back == forth == list(range(1, 13))


def test_history_shows_50_where_nobody_says_how_many(api: Api) -> None:
    people = [api.person(), api.person()]
    room = people[0].make_room()["id"]
    for person in people:
        person.join(room)
        for number in range(25):
            person.say(room, str(number))
    history = people[0].history(room)
    assert [message["seq"] for message in history["messages"]] == list(range(3, 53))
    assert history["has_more"] is True


@pytest.mark.parametrize("name", ["messages", "emoji"])
def test_the_same_key_again_answers_the_first_message_and_writes_nothing(talk: Talk, name: str) -> None:
    body = {"message_text": "once", "emoji": "👍"}
    path, key = f"{ROOMS}/{talk.room}/{name}", str(uuid.uuid4())
    first = expect(200, talk.ada.post(path, body, key=key))
    for again in (body, {"message_text": "twice", "emoji": "👎"}):
        assert expect(200, talk.ada.post(path, again, key=key)) == first
    assert talk.log()[2:] == [first]
    assert talk.ada.say(talk.room, "next")["seq"] == first["seq"] + 1


def test_a_key_is_one_persons_in_one_room(talk: Talk) -> None:
    other = talk.ada.make_room()["id"]
    talk.ada.join(other)
    said = [
        talk.ada.say(talk.room, "one", "key"),
        talk.ben.say(talk.room, "two", "key"),
        talk.ada.say(other, "three", "key"),
    ]
    assert [message["text"] for message in said] == ["one", "two", "three"]
    assert [message["text"] for message in talk.log()[2:]] == ["one", "two"]


def test_keys_of_people_whose_ids_run_into_one_another_are_kept_apart(api: Api) -> None:
    short, name = str(uuid.uuid4()), str(uuid.uuid4())
    long = f"{name}#{short}"
    people = [api.bearer(api.stack.token(user_id), user_id) for user_id in (short, long)]
    room = people[0].make_room()["id"]
    for person in people:
        person.join(room)
    assert people[0].say(room, "mine", key=f"k#{name[:20]}")["user_id"] == short
    assert people[1].say(room, "mine", key="k")["user_id"] == long
    assert people[0].say(room, "other", key=name)["text"] == "other"
    assert people[1].say(room, "another", key=short)["text"] == "another"


def test_without_a_key_everything_is_said_again(talk: Talk) -> None:
    for _ in range(2):
        talk.ada.say(talk.room, "twice")
    assert [message["text"] for message in talk.log()[2:]] == ["twice", "twice"]


def test_a_key_survives_leaving_and_coming_back(talk: Talk) -> None:
    first = talk.ada.say(talk.room, "once", "key")
    talk.ada.leave(talk.room)
    assert talk.ada.post(talk.path, {"message_text": "once"}, key="key").status_code == 403
    talk.ada.join(talk.room)
    assert talk.ada.say(talk.room, "once", "key") == first


@pytest.mark.parametrize("stranger", ["never there", "left"])
def test_only_members_speak_and_read(api: Api, talk: Talk, stranger: str) -> None:
    person = talk.ben if stranger == "left" else api.person()
    if stranger == "left":
        talk.ben.leave(talk.room)
    before = talk.log()
    answers = [
        person.post(talk.path, {"message_text": "hello"}),
        person.post(f"{ROOMS}/{talk.room}/emoji", {"emoji": "👍"}),
        person.get(talk.path),
    ]
    for answer in answers:
        problem = expect(403, answer)
        assert (problem["code"], problem["detail"]) == ("not_in_room", "You are not in this room")
    assert talk.log() == before


def test_answers_are_json_in_utf_8(talk: Talk) -> None:
    answer: httpx.Response = talk.ada.post(talk.path, {"message_text": "😀é"})
    assert answer.headers["Content-Type"] == "application/json"
    assert "😀é".encode() in answer.content
    assert json.loads(answer.content)["text"] == "😀é"
