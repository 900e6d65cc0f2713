"""Chat over HTTP: a message is stored once, and found again in the history."""

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


def test_a_message_has_author_text_and_time(talk: Talk) -> None:
    message = talk.ada.say(talk.room, "hello")
    assert set(message) == MESSAGE
    assert str(uuid.UUID(message["id"])) == message["id"]
    assert (message["type"], message["text"]) == ("text", "hello")
    assert (message["user_id"], message["user"]) == (talk.ada.id, "Ada")
    assert message["avatar"] == "https://pictures.example/ada.png"
    assert STAMP.fullmatch(message["created_at"])
    assert message["time"] == message["created_at"][11:16]
    assert talk.log()[-1] == message


def test_a_join_is_told_by_a_system_message(talk: Talk) -> None:
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
def test_both_names_of_the_text_and_both_types_are_taken(talk: Talk, body: Json, kind: str) -> None:
    message = expect(200, talk.ada.post(talk.path, body))
    assert (message["type"], message["text"]) == (kind, "👍")


def test_a_client_can_not_send_a_system_message(talk: Talk) -> None:
    problem = expect(422, talk.ada.post(talk.path, {"message_text": "Ben left the room", "message_type": "system"}))
    assert problem["detail"] == "message_type must be 'text' or 'emoji'"
    assert len(talk.log()) == 2


def test_an_emoji_is_stored_as_a_message_of_type_emoji(talk: Talk) -> None:
    message = expect(200, talk.ben.post(f"{ROOMS}/{talk.room}/emoji", {"emoji": "👩‍👩‍👧‍👦"}))
    assert set(message) == MESSAGE
    assert (message["type"], message["text"], message["user_id"]) == ("emoji", "👩‍👩‍👧‍👦", talk.ben.id)
    assert talk.log()[-1] == message


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
        ({"limit": 1}, [12], True),
        ({"before_seq": 9007199254740991, "limit": 2}, [11, 12], True),
        ({"after_seq": 9007199254740991}, [], False),
        ({"after_seq": 3, "before_seq": 9, "limit": 2}, [4, 5], True),
    ],
)
def test_history_is_a_part_of_the_log_oldest_first(
    archive: Talk, query: dict[str, int], seqs: Any, has_more: bool
) -> None:
    history = archive.ben.history(archive.room, **query)
    assert set(history) == {"messages", "has_more"}
    assert [message["seq"] for message in history["messages"]] == list(seqs)
    assert history["has_more"] is has_more


@pytest.mark.parametrize("name", ["messages", "emoji"])
def test_a_repeated_key_answers_the_stored_message(talk: Talk, name: str) -> None:
    body = {"message_text": "once", "emoji": "👍"}
    path, key = f"{ROOMS}/{talk.room}/{name}", str(uuid.uuid4())
    first = expect(200, talk.ada.post(path, body, key=key))
    for again in (body, {"message_text": "twice", "emoji": "👎"}):
        assert expect(200, talk.ada.post(path, again, key=key)) == first
    assert talk.log()[2:] == [first]
    assert talk.ada.say(talk.room, "next")["seq"] == first["seq"] + 1


def test_user_ids_with_separators_do_not_mix_up_keys(api: Api) -> None:
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


def test_a_key_still_counts_after_a_leave_and_a_join(talk: Talk) -> None:
    first = talk.ada.say(talk.room, "once", "key")
    talk.ada.leave(talk.room)
    assert talk.ada.post(talk.path, {"message_text": "once"}, key="key").status_code == 403
    talk.ada.join(talk.room)
    assert talk.ada.say(talk.room, "once", "key") == first


def test_answers_are_json_in_utf_8(talk: Talk) -> None:
    answer: httpx.Response = talk.ada.post(talk.path, {"message_text": "😀é"})
    assert answer.headers["Content-Type"] == "application/json"
    assert "😀é".encode() in answer.content
    assert json.loads(answer.content)["text"] == "😀é"
