"""Rooms over HTTP: the list and its pages, making, changing, closing and deleting them."""

import base64
import os
import re
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import httpx
import pytest

from infra.local.engine import CREDENTIALS, REGION
from infra.local.stack import ROOT, LocalStack
from tests.fakes.clients import ROOMS, Api, Caller, Json, expect
from tests.integration.conftest import Deployment

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
SEEDED = [
    ("Focus Zone", "Deep work sessions - minimal distractions", 10, "bg-grayBlue"),
    ("Creative Studio", "Collaborative creative work and brainstorming", 15, "bg-purple"),
    ("Study Hall", "Quiet study and learning sessions", 20, "bg-green"),
    ("Coffee Break", "Casual conversations and networking", 12, "bg-orange"),
    ("Sprint Room", "Pomodoro and timed work sprints", 8, "bg-red"),
]


def walk(caller: Caller, path: str = ROOMS) -> Iterator[list[Json]]:
    """The pages of the list."""
    while path:
        answer = caller.get(path)
        assert answer.status_code == 200, answer.text
        assert isinstance(answer.json(), list)
        yield answer.json()
        path = answer.links["next"]["url"] if "next" in answer.links else ""


def names(caller: Caller) -> list[str]:
    return [room["name"] for page in walk(caller) for room in page]


@pytest.fixture
def ada(api: Api) -> Caller:
    return api.person("Ada")


@pytest.fixture(scope="module")
def grace(api: Api) -> Caller:
    return api.admin()


def test_a_new_room_has_the_fields_and_defaults_of_the_contract(ada: Caller) -> None:
    answer = ada.post(ROOMS, {"name": "  Deep work  "})
    room = expect(201, answer)
    assert set(room) == SUMMARY
    assert str(uuid.UUID(room["id"])) == room["id"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", room["created_at"])
    assert {name: room[name] for name in SUMMARY - {"id", "created_at"}} == {
        "name": "Deep work",
        "description": "",
        "status": "active",
        "participant_count": 0,
        "max_participants": 15,
        "color": "bg-grayBlue",
        "created_by": ada.id,
    }


def test_a_new_room_has_the_values_of_the_request(ada: Caller) -> None:
    wanted = {"name": "x" * 255, "description": "y" * 2000, "max_participants": 50, "color": "#00ff00"}
    room = expect(201, ada.post(ROOMS, wanted))
    assert {name: room[name] for name in wanted} == wanted
    assert {name: ada.see(room["id"])[name] for name in SUMMARY} == room


def test_a_repeated_key_answers_the_first_room(ada: Caller) -> None:
    first = expect(201, ada.post(ROOMS, {"name": "Once"}, key="k"))
    for name in ("Once", "Twice"):
        assert expect(201, ada.post(ROOMS, {"name": name}, key="k")) == first
    assert names(ada).count("Twice") == 0


def test_the_list_has_summaries_oldest_first(ada: Caller) -> None:
    made = [ada.make_room(f"Room {number}") for number in range(3)]
    pages = list(walk(ada, f"{ROOMS}?limit=100"))
    rooms = [room for page in pages for room in page]
    assert all(set(room) == SUMMARY for room in rooms)
    assert [room for room in rooms if room["created_by"] == ada.id] == made
    assert [room["created_at"] for room in rooms] == sorted(room["created_at"] for room in rooms)


@pytest.mark.parametrize("limit", [1, 3, 100])
def test_pages_lead_to_the_end_of_the_list(api: Api, ada: Caller, limit: int) -> None:
    for number in range(3):
        ada.make_room(f"Room {number}")
    whole = [room for page in walk(ada) for room in page]
    pages = list(walk(ada, f"{ROOMS}?limit={limit}"))
    assert [room for page in pages for room in page] == whole
    assert all(len(page) == limit for page in pages[:-1])
    assert len(pages[-1]) <= limit


def test_the_link_to_the_next_page_is_an_absolute_url(api: Api, ada: Caller) -> None:
    answer = ada.get(f"{ROOMS}?limit=2")
    assert re.fullmatch(r'<[^<>" ]+>; rel="next"', answer.headers["Link"])
    url = httpx.URL(answer.links["next"]["url"])
    assert str(url).startswith(f"{api.stack.api}{ROOMS}?")
    assert url.params["limit"] == "2"


def test_the_link_to_the_next_page_keeps_host_and_scheme(ada: Caller) -> None:
    answer = ada.get(f"{ROOMS}?limit=1", headers={"Host": "rooms.example", "X-Forwarded-Proto": "https"})
    assert answer.links["next"]["url"].startswith("https://rooms.example/api/coworking/rooms?")


def test_the_last_page_has_no_link(deployment: Deployment) -> None:
    answer = deployment.person().get(f"{ROOMS}?limit=100")
    assert len(answer.json()) < 100
    assert "Link" not in answer.headers


@pytest.fixture(scope="module")
def cursor(api: Api) -> str:
    answer = api.person().get(f"{ROOMS}?limit=2")
    return str(httpx.URL(answer.links["next"]["url"]).params["cursor"])


def try_cursor(caller: Caller, cursor: str) -> httpx.Response:
    return caller.get(f"{ROOMS}?{httpx.QueryParams(limit=2, cursor=cursor)}")


def test_a_cursor_changed_in_any_character_is_refused(api: Api, cursor: str) -> None:
    person = api.person()
    assert try_cursor(person, cursor).status_code == 200
    changed = {
        cursor[:place] + ("A" if cursor[place] != "A" else "B") + cursor[place + 1 :] for place in range(len(cursor))
    }
    real = base64.urlsafe_b64decode(cursor)
    for other in changed:
        if len(other.rstrip("=")) % 4 != 1 and base64.urlsafe_b64decode(other + "==") == real:
            continue  # the last character has bits that mean nothing
        problem = expect(400, try_cursor(person, other))
        assert (problem["code"], problem["detail"]) == ("invalid_cursor", "The cursor is not one of ours")


@pytest.mark.parametrize(
    "make",
    [lambda c: c[:-4], lambda c: c[4:], lambda c: c + c, str.swapcase, lambda _: "x", lambda _: "\x00", lambda _: "é"],
)
def test_a_cursor_of_another_length_or_alphabet_is_refused(api: Api, cursor: str, make: Callable[[str], str]) -> None:
    assert expect(400, try_cursor(api.person(), make(cursor)))["code"] == "invalid_cursor"


def test_a_cursor_of_another_deployment_is_refused(deployment: Deployment, cursor: str) -> None:
    assert expect(400, try_cursor(deployment.person(), cursor))["code"] == "invalid_cursor"


def test_the_maker_deletes_a_room(api: Api, ada: Caller) -> None:
    room = ada.make_room()["id"]
    ben = api.person("Ben")
    ben.join(room)
    assert expect(200, ada.delete(f"{ROOMS}/{room}")) == {"success": True, "message": "Room deleted"}
    for answer in (
        ben.get(f"{ROOMS}/{room}"),
        ben.get(f"{ROOMS}/{room}/messages"),
        ben.post(f"{ROOMS}/{room}/join"),
        ben.post(f"{ROOMS}/{room}/leave"),
        ben.post(f"{ROOMS}/{room}/messages", {"message_text": "x"}),
        ada.delete(f"{ROOMS}/{room}"),
    ):
        assert expect(404, answer)["code"] == "room_not_found"
    assert room not in [one["id"] for page in walk(ada) for one in page]


def test_administrators_delete_any_room(grace: Caller, ada: Caller) -> None:
    rooms = [ada.make_room()["id"] for _ in range(2)]
    ada.join(rooms[1])
    assert grace.delete(f"{ROOMS}/{rooms[0]}").status_code == 200
    answer = grace.delete(f"/coworking/admin/rooms/{rooms[1]}")
    assert (answer.status_code, answer.content) == (204, b"")
    assert [ada.get(f"{ROOMS}/{room}").status_code for room in rooms] == [404, 404]


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PUT", "/coworking/admin/rooms/{}", {"name": "Mine"}),
        ("PATCH", "/coworking/admin/rooms/{}/status", None),
        ("DELETE", "/coworking/admin/rooms/{}", None),
    ],
)
def test_only_administrators_may_use_the_admin_routes(ada: Caller, method: str, path: str, body: Json) -> None:
    room = ada.make_room()
    for room_id in (room["id"], str(uuid.uuid4())):
        problem = expect(403, ada.request(method, path.format(room_id), body))
        assert (problem["code"], problem["detail"]) == ("forbidden", "Only administrators may do this")
    assert {name: ada.see(room["id"])[name] for name in SUMMARY} == room


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"name": " New "},
        {"description": ""},
        {"description": "New"},
        {"max_participants": 1},
        {"color": "bg-red"},
        {"name": "New", "description": "New", "max_participants": 50, "color": "x", "status": "active"},
    ],
    ids=str,
)
def test_an_administrator_changes_any_part_of_a_room(grace: Caller, ada: Caller, change: Json) -> None:
    room = ada.make_room(description="Old")
    changed = expect(200, grace.put(f"/coworking/admin/rooms/{room['id']}", change))
    assert changed == room | change | ({"name": "New"} if "name" in change else {})
    assert {name: ada.see(room["id"])[name] for name in SUMMARY} == changed


def close_by_put(grace: Caller, room: str) -> None:
    assert expect(200, grace.put(f"/coworking/admin/rooms/{room}", {"status": "inactive"}))["participant_count"] == 0


def close_by_toggle(grace: Caller, room: str) -> None:
    answer = grace.patch(f"/coworking/admin/rooms/{room}/status")
    assert expect(200, answer) == {"success": True, "room_id": room, "new_status": "inactive"}


@pytest.mark.parametrize("close", [close_by_put, close_by_toggle])
def test_closing_a_room_ends_every_membership(
    api: Api, grace: Caller, ada: Caller, close: Callable[[Caller, str], None]
) -> None:
    room = ada.make_room()["id"]
    people = [ada, api.person("Ben")]
    for person in people:
        person.join(room)
    close(grace, room)
    detail = ada.see(room)
    assert (detail["status"], detail["participant_count"], detail["participants"]) == ("inactive", 0, [])
    assert sorted(message["text"] for message in detail["messages"][-2:]) == ["Ada left the room", "Ben left the room"]
    assert room not in [one["id"] for page in walk(ada) for one in page]
    problem = expect(409, ada.post(f"{ROOMS}/{room}/join"))
    assert (problem["code"], problem["detail"]) == ("room_inactive", "Room is not active")
    assert ada.post(f"{ROOMS}/{room}/messages", {"message_text": "x"}).status_code == 403


def test_a_closed_room_can_be_opened_again(grace: Caller, ada: Caller) -> None:
    room = ada.make_room()["id"]
    close_by_toggle(grace, room)
    toggled = expect(200, grace.patch(f"/coworking/admin/rooms/{room}/status"))
    assert toggled == {"success": True, "room_id": room, "new_status": "active"}
    assert ada.join(room)["room"]["participant_count"] == 1


def run_seed(stack: LocalStack) -> str:
    """What `python seed.py` says, on the tables of a stack."""
    environment = os.environ | CREDENTIALS
    environment |= {
        "AWS_ENDPOINT_URL_DYNAMODB": stack.engine_url,
        "AWS_DEFAULT_REGION": REGION,
        "TABLE_PREFIX": "coworking-local-",
    }
    done = subprocess.run(
        [sys.executable, str(ROOT / "seed.py")], env=environment, cwd=ROOT, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


@contextmanager
def closed(grace: Caller, rooms: list[str]) -> Iterator[None]:
    """Rooms that are inactive for the length of the block."""
    for status in ("inactive", "active"):
        for room in rooms:
            expect(200, grace.put(f"/coworking/admin/rooms/{room}", {"status": status}))
        if status == "inactive":
            yield


def test_a_new_stack_has_the_five_default_rooms(deployment: Deployment) -> None:
    rooms = [room for page in walk(deployment.person()) for room in page if room["created_by"] is None]
    shown = [(room["name"], room["description"], room["max_participants"], room["color"]) for room in rooms]
    assert shown == SEEDED
    assert all((room["status"], room["participant_count"]) == ("active", 0) for room in rooms)


def test_seeding_again_makes_only_the_missing_rooms(deployment: Deployment) -> None:
    grace, stack = deployment.admin(), deployment.api.stack
    rooms = {room["name"]: room["id"] for page in walk(grace) for room in page if room["created_by"] is None}
    with closed(grace, [rooms["Study Hall"]]):
        assert run_seed(stack) == "All default rooms exist"
    grace.delete(f"{ROOMS}/{rooms['Sprint Room']}")
    assert run_seed(stack) == "Created Sprint Room"
    assert run_seed(stack) == "All default rooms exist"
    assert sorted(room["name"] for page in walk(grace) for room in page if room["created_by"] is None) == sorted(
        name for name, *_ in SEEDED
    )


def test_without_active_rooms_the_list_is_empty(deployment: Deployment) -> None:
    grace = deployment.admin()
    with closed(grace, [room["id"] for page in walk(grace) for room in page]):
        answer = grace.get(ROOMS)
        assert (answer.text, "Link" in answer.headers) == ("[]", False)
