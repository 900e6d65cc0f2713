"""Rooms over HTTP: new rooms, the list and its pages, and the default rooms."""

import base64
import os
import re
import subprocess
import sys

import httpx
import pytest

from infra.local.engine import CREDENTIALS, REGION
from infra.local.stack import ROOT, LocalStack
from tests.fakes.clients import ROOMS, Api, Caller, Json, expect
from tests.integration.conftest import Deployment, list_rooms, walk_rooms

NEW = {"description": "", "status": "active", "participant_count": 0, "max_participants": 15, "color": "bg-grayBlue"}
NEW |= {"visibility": "public", "is_locked": False, "slow_seconds": 0, "retention_days": 90}
SEEDED = ["Focus Zone", "Creative Studio", "Study Hall", "Coffee Break", "Sprint Room"]


@pytest.fixture
def ada(api: Api) -> Caller:
    return api.person("Ada")


@pytest.mark.parametrize(
    "wanted",
    [
        {"name": "  Deep work  "},
        {"name": "x" * 255, "description": "y" * 2000, "max_participants": 50, "color": "#00ff00"},
    ],
    ids=["only a name", "everything"],
)
def test_a_new_room_has_the_requested_values(ada: Caller, wanted: Json) -> None:
    room = expect(201, ada.post(ROOMS, wanted))
    given = {"id": room["id"], "created_at": room["created_at"], "created_by": ada.id, "owner_id": ada.id}
    assert room == NEW | wanted | {"name": wanted["name"].strip()} | given
    assert ada.see(room["id"]).items() >= room.items()


WANTED = {
    "name": "Quiet",
    "description": "shh",
    "max_participants": 3,
    "color": "bg-red",
    "visibility": "private",
    "retention_days": 7,
}


def test_an_owner_changes_each_setting_of_a_room_and_no_other_does(api: Api, ada: Caller) -> None:
    room = ada.make_room(visibility="unlisted", retention_days=1)
    path, ben = f"{ROOMS}/{room['id']}", api.person("Ben")
    assert (room["visibility"], room["retention_days"]) == ("unlisted", 1)
    ben.join(room["id"])
    for name, value in WANTED.items():
        assert expect(403, ben.patch(path, {name: value}))["code"] == "forbidden"
    assert expect(422, ada.patch(path, {"name": "Focus Zone"}))["errors"][0]["loc"] == ["name"]
    assert expect(422, ada.patch(path, WANTED | {"retention_days": 366}))["errors"][0]["loc"] == ["retention_days"]
    ben.leave(room["id"])
    assert ada.see(room["id"]).items() >= room.items(), "nothing is written"

    for name, value in WANTED.items():
        room |= {name: value}
        assert expect(200, ada.patch(path, {name: value, "status": "inactive"})) == room
        assert ada.see(room["id"]).items() >= room.items()
    assert room["id"] not in [one["id"] for one in list_rooms(ada)]

    assert expect(200, api.admin().patch(path, {"visibility": "public", "name": "Focus Zone"}))["owner_id"] == ada.id
    assert list_rooms(ada)[-1]["created_at"] <= room["created_at"]
    assert room["id"] in [one["id"] for one in list_rooms(ada)]


def test_pages_lead_to_the_end_of_the_list_newest_first(ada: Caller) -> None:
    made = [ada.make_room(f"Room {number}") for number in range(3)]
    whole = list_rooms(ada)
    assert [room for room in whole if room["created_by"] == ada.id] == made[::-1]
    own, others = (
        [room["created_at"] for room in whole if (not room["created_by"]) is is_own] for is_own in (True, False)
    )
    assert [room["created_at"] for room in whole] == [*sorted(own), *sorted(others, reverse=True)]
    for limit in (3, 100):
        pages = list(walk_rooms(ada, f"{ROOMS}?limit={limit}"))
        assert [room for page in pages for room in page] == whole
        assert max(len(page) for page in pages) <= limit


def test_the_link_to_the_next_page_is_an_absolute_url(api: Api, ada: Caller) -> None:
    answer = ada.get(f"{ROOMS}?limit=2")
    assert re.fullmatch(r'<[^<>" ]+>; rel="next"', answer.headers["Link"])
    assert answer.links["next"]["url"].startswith(f"{api.stack.api}{ROOMS}?")
    assert httpx.URL(answer.links["next"]["url"]).params["limit"] == "2"
    behind_proxy = ada.get(f"{ROOMS}?limit=1", headers={"Host": "rooms.example", "X-Forwarded-Proto": "https"})
    assert behind_proxy.links["next"]["url"].startswith("https://rooms.example/api/coworking/rooms?")


def test_only_cursors_of_this_deployment_are_accepted(ada: Caller, deployment: Deployment) -> None:
    cursor = httpx.URL(ada.get(f"{ROOMS}?limit=2").links["next"]["url"]).params["cursor"]
    content = base64.urlsafe_b64decode(cursor)
    flipped = (content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :] for at in range(len(content)))
    changed = [base64.urlsafe_b64encode(one).decode() for one in flipped]
    others = [cursor[:-4], cursor[4:], cursor + cursor, cursor.swapcase(), "x", "\x00", "é"]
    for caller, tried in [*((ada, one) for one in changed + others), (deployment.person(), cursor)]:
        problem = expect(400, caller.get(f"{ROOMS}?{httpx.QueryParams(limit=2, cursor=tried)}"))
        assert (problem["code"], problem["detail"]) == ("invalid_cursor", "The cursor is not one of ours")
    assert ada.get(f"{ROOMS}?{httpx.QueryParams(limit=2, cursor=cursor)}").status_code == 200


def run_seed(stack: LocalStack) -> str:
    """The output of `python seed.py` on the tables of a stack."""
    environment = os.environ | CREDENTIALS | {"AWS_DEFAULT_REGION": REGION, "TABLE_PREFIX": "coworking-local-"}
    environment |= {"AWS_ENDPOINT_URL_DYNAMODB": stack.engine_url}
    command = [sys.executable, str(ROOT / "seed.py")]
    return subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()


def test_a_new_stack_has_five_rooms_and_seeding_restores_them(deployment: Deployment) -> None:
    grace, stack = deployment.admin(), deployment.api.stack
    answer = grace.get(f"{ROOMS}?limit=100")
    seeded = {room["name"]: room["id"] for room in answer.json() if room["created_by"] is None}
    assert list(seeded) == SEEDED
    assert "Link" not in answer.headers
    assert run_seed(stack) == "All default rooms exist"
    grace.delete(f"{ROOMS}/{seeded['Sprint Room']}")
    assert run_seed(stack) == "Created Sprint Room"
    assert [room["name"] for room in list_rooms(grace) if room["created_by"] is None] == SEEDED
