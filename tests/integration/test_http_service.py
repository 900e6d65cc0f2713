"""The service as a whole: health, rate limits and simultaneous requests."""

import uuid
from concurrent.futures import ThreadPoolExecutor

import httpx

from chalicelib import __version__
from tests.fakes.clients import ROOMS, Api, expect
from tests.integration.conftest import LIMIT, Deployment, Unplugged


def test_health_is_503_only_during_an_outage(unplugged: Unplugged) -> None:
    ada, nobody = unplugged.api.person("Ada"), unplugged.api.nobody
    room = ada.make_room()["id"]
    ada.join(room)
    with unplugged.database.broken():
        for _ in range(2):
            problem = expect(503, nobody.get("/healthz"))
            assert (problem["code"], problem["detail"]) == ("unavailable", "The tables can't be reached")
    answer = nobody.get("/healthz")
    assert expect(200, answer) == {"status": "ok", "version": __version__}
    assert answer.headers["Cache-Control"] == "no-store"
    assert ada.say(room, "still here")["seq"] == 2


def check_limited(answer: httpx.Response) -> None:
    problem = expect(429, answer)
    assert (problem["code"], problem["detail"]) == ("rate_limited", "Too many requests; try again in 60 min")
    assert 3500 < int(answer.headers["Retry-After"]) == problem["retry_after"] <= 3600


def test_joins_are_limited_over_all_rooms(deployment: Deployment) -> None:
    ada = deployment.person("Ada")
    rooms = [ada.make_room()["id"] for _ in range(LIMIT)]
    for room in rooms:
        ada.join(room)
    for room in (rooms[0], uuid.uuid4()):
        check_limited(ada.post(f"{ROOMS}/{room}/join"))
    assert ada.see(rooms[0])["participant_count"] == 1


def test_only_valid_new_calls_count_for_the_limit_of_rooms(deployment: Deployment) -> None:
    ada = deployment.person("Ada")
    for _ in range(LIMIT + 1):
        assert ada.post(ROOMS, {"name": ""}).status_code == 422
    room = expect(201, ada.post(ROOMS, {"name": "Room"}, key="k"))["id"]
    ada.make_room()
    check_limited(ada.post(ROOMS, {"name": "Room"}))
    assert expect(201, ada.post(ROOMS, {"name": "Room"}, key="k"))["id"] == room


def test_only_valid_new_calls_count_for_the_limit_of_chat(deployment: Deployment) -> None:
    ada, ben = deployment.person("Ada"), deployment.person("Ben")
    room = ada.make_room()["id"]
    for person in (ada, ben):
        person.join(room)
    for _ in range(LIMIT + 1):
        assert ada.post(f"{ROOMS}/{room}/messages", {"message_text": " "}).status_code == 422
    first = ada.say(room, "once", key="k")
    expect(200, ada.post(f"{ROOMS}/{room}/emoji", {"emoji": "👍"}))
    check_limited(ada.post(f"{ROOMS}/{room}/messages", {"message_text": "more"}, key="other"))
    check_limited(ada.post(f"{ROOMS}/{room}/emoji", {"emoji": "👍"}))
    assert ada.say(room, "once", key="k") == first
    assert ben.say(room, "next")["seq"] == 5, "a refused message uses no number"


def test_four_simultaneous_uses_of_a_key_make_one_room(api: Api) -> None:
    ada = api.person()
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: ada.post(ROOMS, {"name": "Once"}, key="k"), range(4)))
    assert [answer.status_code for answer in answers] == [201] * 4
    assert len({answer.text for answer in answers}) == 1
