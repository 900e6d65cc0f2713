"""The service as a whole: its health, its limits, what it says in its log, and what happens at the same moment."""

import uuid
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from chalicelib import __version__
from chalicelib.chat.schemas import HistoryQuery
from chalicelib.kernel.settings import Limit, Settings
from chalicelib.rooms.schemas import RoomsQuery
from tests.fakes.clients import ROOMS, Api, expect
from tests.integration.conftest import LIMIT, Deployment, Unplugged


def test_a_healthy_service_says_so_to_anybody(api: Api) -> None:
    answer = api.nobody.get("/healthz")
    assert expect(200, answer) == {"status": "ok", "version": __version__}
    assert answer.headers["Cache-Control"] == "no-store"


def test_health_is_503_while_the_tables_are_unreachable(unplugged: Unplugged) -> None:
    nobody = unplugged.api.nobody
    assert nobody.get("/healthz").status_code == 200
    with unplugged.line.broken():
        for _ in range(2):
            problem = expect(503, nobody.get("/healthz"))
            assert (problem["code"], problem["detail"]) == ("unavailable", "The tables can't be reached")
    assert expect(200, nobody.get("/healthz"))["status"] == "ok"


def test_after_an_outage_work_goes_on(unplugged: Unplugged) -> None:
    ada = unplugged.api.person("Ada")
    room = ada.make_room()["id"]
    ada.join(room)
    with unplugged.line.broken():
        assert unplugged.api.nobody.get("/healthz").status_code == 503
    assert ada.say(room, "still here")["seq"] == 2


def test_the_limits_are_those_of_the_contract() -> None:
    settings = Settings()
    assert settings.rooms_limit == Limit(5, 86_400)
    assert settings.messages_limit == Limit(30, 10)
    assert settings.joins_limit == Limit(30, 60)
    assert RoomsQuery().limit == HistoryQuery().limit == 50


def limited(answer: httpx.Response) -> int:
    """How long one has to wait."""
    problem = expect(429, answer)
    seconds = int(answer.headers["Retry-After"])
    assert problem["code"] == "rate_limited"
    assert problem["retry_after"] == seconds
    assert problem["detail"] == "Too many requests; try again in 60 min"
    return seconds


def test_rooms_are_limited_for_each_person(deployment: Deployment) -> None:
    ada, ben = deployment.person("Ada"), deployment.person("Ben")
    for _ in range(LIMIT):
        ada.make_room()
    assert 3500 < limited(ada.post(ROOMS, {"name": "One too many"})) <= 3600
    ben.make_room()
    assert "One too many" not in ben.get(f"{ROOMS}?limit=100").text


def test_joins_are_limited_over_all_rooms(deployment: Deployment) -> None:
    ada = deployment.person("Ada")
    rooms = [ada.make_room()["id"] for _ in range(LIMIT)]
    for room in rooms:
        ada.join(room)
    assert limited(ada.post(f"{ROOMS}/{rooms[0]}/join"))
    assert limited(ada.post(f"{ROOMS}/{uuid.uuid4()}/join"))
    assert ada.see(rooms[0])["participant_count"] == 1


def test_messages_and_emoji_are_limited_together(deployment: Deployment) -> None:
    ada, ben = deployment.person("Ada"), deployment.person("Ben")
    room = ada.make_room()["id"]
    for person in (ada, ben):
        person.join(room)
    ada.say(room, "hello")
    expect(200, ada.post(f"{ROOMS}/{room}/emoji", {"emoji": "👍"}))
    assert limited(ada.post(f"{ROOMS}/{room}/messages", {"message_text": "more"}))
    assert limited(ada.post(f"{ROOMS}/{room}/emoji", {"emoji": "👍"}))
    assert ben.say(room, "next")["seq"] == 5, "no number is used up by those who are over the limit"


def test_a_repetition_is_answered_even_over_the_limit(deployment: Deployment) -> None:
    ada = deployment.person("Ada")
    room = expect(201, ada.post(ROOMS, {"name": "Room"}, key="k"))
    ada.make_room()
    ada.join(room["id"])
    first = ada.say(room["id"], "once", key="k")
    ada.say(room["id"], "hello")
    assert limited(ada.post(f"{ROOMS}/{room['id']}/messages", {"message_text": "new"}, key="other"))
    assert ada.say(room["id"], "once", key="k") == first
    assert limited(ada.post(ROOMS, {"name": "Room"}))
    assert expect(201, ada.post(ROOMS, {"name": "Room"}, key="k"))["id"] == room["id"]


def test_a_request_refused_as_invalid_does_not_count(deployment: Deployment) -> None:
    ada = deployment.person("Ada")
    for _ in range(LIMIT + 1):
        assert ada.post(ROOMS, {"name": ""}).status_code == 422
    room = ada.make_room()["id"]
    ada.join(room)
    for _ in range(LIMIT + 1):
        assert ada.post(f"{ROOMS}/{room}/messages", {"message_text": " "}).status_code == 422
    assert ada.say(room, "hello")["seq"] == 2


@pytest.mark.parametrize("path", ["{}/messages", ""], ids=["messages", "rooms"])
def test_a_key_used_four_times_at_once_writes_once(api: Api, path: str) -> None:
    ada = api.person()
    room = ada.make_room()["id"]
    ada.join(room)
    target = ROOMS + ("/" + path.format(room) if path else "")
    body = {"message_text": "once", "name": "Once"}
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: ada.post(target, body, key="k"), range(4)))
    assert {answer.status_code for answer in answers} <= {200, 201}
    assert len({answer.text for answer in answers}) == 1
    assert len(ada.history(room)["messages"]) == (2 if path else 1)
