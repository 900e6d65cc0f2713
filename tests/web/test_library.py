"""The client library on the local stack, which imitates the faults of AWS."""

import re
import uuid
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from infra.local.stack import LocalStack
from tests.fakes.clients import Api
from tests.fakes.documents import Document
from tests.fakes.node import WEB, People, run_node, take

(EXAMPLE,) = Document("docs/sdk.md").blocks("js", "Twenty lines")


@pytest.fixture
def own_stack(tmp_path: Path) -> Iterator[LocalStack]:
    """A stack that the test may restart."""
    with LocalStack(data_dir=tmp_path / "stack") as stack:
        yield stack


@pytest.fixture
def faulty_stack(stack: LocalStack) -> Iterator[LocalStack]:
    """A stack on which frames are late, overtake each other, come twice, or get lost."""
    stack.plan_faults(seed=4, frame_delay=[0, 120], run_twice=0.1, post_status={"500": 0.1})
    yield stack
    stack.plan_faults()


def test_the_example_works(api: Api, tmp_path: Path) -> None:
    olga = api.person("Olga")
    room = olga.make_room(name=f"Night Owls {uuid.uuid4()}")
    olga.join(room["id"])
    olga.say(room["id"], "Tea?")
    code = EXAMPLE.replace("http://localhost:8000", api.stack.url).replace(
        '"./sdk/index.js"', f'"{WEB}/../../web/sdk/index.js"'
    )
    assert urlsplit(api.stack.url).netloc in code
    (tmp_path / "example.mjs").write_text(code, "utf-8")
    run = run_node(tmp_path / "example.mjs", room["name"])
    assert run.returncode == 0, run.stderr
    lines = run.stdout.splitlines()
    assert "Olga: Tea?" in lines
    assert "Ada: Hello, everybody" in lines
    assert "ended: left" in lines


@pytest.mark.proof
def test_messages_arrive_once_and_in_order_despite_faults(faulty_stack: LocalStack, api: Api) -> None:
    ada, grace = api.person("Ada"), api.person("Grace")
    room = ada.make_room()["id"]
    with People(faulty_stack) as people:
        one, other = people.enter(ada, room), people.enter(grace, room)
        texts = []
        for round_ in range(4):
            said = [f"{who} {round_}.{line}" for who in "ag" for line in range(3)]
            texts += said
            both = one.start("sayAll", said[:3]), other.start("sayAll", said[3:])
            faulty_stack.cut()
            stored = [take(outcome) for outcome in both]
            assert [message["text"] for half in stored for message in half] == said
        faulty_stack.plan_faults()
        for person in (one, other):
            state = person.until(texts=texts, connection="live")
            log = ada.history(room, limit=100)["messages"]
            assert [message for message in log if message["type"] == "text"] == [
                message for message in state["messages"] if message["type"] == "text"
            ]
            assert state["pending"] == []
            told = person.do("told")
            assert told == sorted(set(told))
        one.do("leave")
        other.do("leave")


@pytest.mark.proof
def test_a_restart_of_the_stack_loses_no_message(own_stack: LocalStack) -> None:
    with Api(own_stack) as api, People(own_stack) as people:
        ada, grace = api.person("Ada"), api.person("Grace")
        room = ada.make_room()["id"]
        one, other = people.enter(ada, room), people.enter(grace, room)
        one.do("say", "before")
        own_stack.stop()
        said = one.start("say", "meanwhile")
        other.until(connection="reconnecting")
        own_stack.start()
        assert take(said)["text"] == "meanwhile"
        for person in (one, other):
            state = person.until(texts=["before", "meanwhile"], connection="live")
            texts = [message["text"] for message in state["messages"]]
            assert texts == [
                "Ada joined the room",
                "Grace joined the room",
                "before",
                "meanwhile",
            ]


def test_all_participants_see_who_is_muted(stack: LocalStack, api: Api) -> None:
    ada, grace = api.person("Ada"), api.person("Grace")
    room = ada.make_room()["id"]
    with People(stack) as people:
        one, other = people.enter(ada, room), people.enter(grace, room)
        one.do("setMuted", False)
        other.until(muted=[ada.id, False])
        one.do("setMuted", True)
        other.until(muted=[ada.id, True])


def test_a_room_that_is_closed_ends_for_all(stack: LocalStack, api: Api) -> None:
    ada, admin = api.person("Ada"), api.admin()
    room = ada.make_room()["id"]
    with People(stack) as people:
        one = people.enter(ada, room)
        assert admin.patch(f"/coworking/admin/rooms/{room}/status").status_code == 200
        assert one.until(connection="ended")["ended"]["code"] == "room_closed"
        answer = people.start(ada.id, "enter", (stack.api, ada.token, room)).get(timeout=30)
        assert answer["error"] == "room_inactive"


def test_older_messages_can_be_loaded(stack: LocalStack, api: Api) -> None:
    ada, grace = api.person("Ada"), api.person("Grace")
    room = ada.make_room()["id"]
    for person, count in ((ada, 28), (grace, 28)):
        person.join(room)
        for line in range(count):
            person.say(room, f"{person.name} {line}")
    with People(stack) as people:
        one = people.enter(ada, room)
        assert one.do("state")["hasEarlier"]
        assert one.do("loadEarlier") is False
        numbers = [message["seq"] for message in one.do("state")["messages"]]
        assert numbers == list(range(1, 59))


def test_the_example_has_twenty_lines() -> None:
    assert len([line for line in EXAMPLE.splitlines() if line]) <= 20
    assert re.search(r"^import .*sdk/index.js", EXAMPLE)
