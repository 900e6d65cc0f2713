"""Whatever a body holds, it is taken as the contract says or refused with a reason, and nothing else happens."""

import json
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from chalicelib.api.http import MAX_BODY_BYTES
from chalicelib.api.routes import ROUTES
from chalicelib.contract import Route
from chalicelib.lifecycle.schemas import RoomUpdate
from tests.fakes.bodies import GOOD, REFUSED
from tests.fakes.clients import ROOMS, Api, Caller, Json, expect
from tests.fakes.events import route_of

VIEWS = {route_of(view).body: view for view in GOOD}

NO_JSON = {
    "nothing": b"",
    "spaces": b"  ",
    "a word": b"hello",
    "a form": b"message_text=hello",
    "half": b'{"message_text": "hel',
    "two": b"{}{}",
    "a comma too many": b'{"message_text": "x",}',
    "single quotes": b"{'message_text': 'x'}",
    "a comment": b"{} // nothing",
    "not a number": b'{"message_text": NaN}',
    "infinity": b'{"max_participants": Infinity}',
    "less than infinity": b"-Infinity",
    "a raw newline": b'{"message_text": "a\nb"}',
    "a raw null": b'{"message_text": "a\x00b"}',
    "a number out of range": b"1e400",
    "a huge number": b'{"max_participants": ' + b"9" * 5000 + b"}",
    "invalid UTF-8": b'{"message_text": "\xff"}',
    "cut UTF-8": b'{"message_text": "\xf0\x9f\x98"}',
    "an escaped lone surrogate": b'"\\ud800"',
    "a raw surrogate": b'{"message_text": "\xed\xa0\x80"}',
    "Latin-1": '{"message_text": "é"}'.encode("latin-1"),
    "a byte order mark": b'\xef\xbb\xbf{"message_text": "x"}',
    "UTF-16": '{"message_text": "x"}'.encode("utf-16"),
    "braces only": b"{" * 10_000,
    "UTF-32": '{"message_text": "x"}'.encode("utf-32"),
}
TOO_DEEP = [
    b"[" * 33 + b"]" * 33,
    b"[" * 10_000 + b"]" * 10_000,
    b'{"a":' * 10_000 + b"1" + b"}" * 10_000,
    b'{"message_text": "x", "other": ' + b"[" * 10_000 + b"]" * 10_000 + b"}",
]
NO_OBJECT = ["[]", "[{}]", '"text"', "5", "-0", "true", "null"]
OTHER_TYPES = [
    "text/plain",
    "text/json",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x",
    "application/octet-stream",
    "application/xml",
    "application/jsonp",
    "application/problem+json",
    "application/json, text/plain",
    "json",
    "",
]


@dataclass(frozen=True)
class Desk:
    """Somebody who may call everything, and a room of theirs in which they are."""

    person: Caller
    room: str

    def call(self, view: str, body: object = None, **options: Any) -> httpx.Response:
        route = route_of(view)
        return self.person.request(route.method, route.path.format(room_id=self.room), body, **options)

    def everything(self) -> list[Any]:
        """All that calls could change."""
        rooms = [room for room in list_rooms(self.person) if room["created_by"] == self.person.id]
        return [self.person.get("/coworking/me").json(), self.person.see(self.room), rooms]


def list_rooms(caller: Caller) -> Iterator[Json]:
    answer = caller.get(f"{ROOMS}?limit=100")
    yield from answer.json()
    while "next" in answer.links:
        answer = caller.get(answer.links["next"]["url"])
        yield from answer.json()


def make_desk(api: Api) -> Desk:
    person = api.admin()
    room: str = person.make_room()["id"]
    person.join(room)
    return Desk(person, room)


@pytest.fixture(scope="module")
def desk(api: Api) -> Desk:
    """A desk for what is accepted."""
    return make_desk(api)


@pytest.fixture(scope="module")
def guarded(api: Api) -> tuple[Desk, list[Any]]:
    """A desk for what is refused, and how it has to stay."""
    desk = make_desk(api)
    return desk, desk.everything()


@pytest.fixture
def untouched(guarded: tuple[Desk, list[Any]]) -> Iterator[Desk]:
    """A desk where a test must change nothing."""
    desk, before = guarded
    yield desk
    assert desk.everything() == before


def refused(answer: httpx.Response, status: int, code: str) -> Json:
    problem = expect(status, answer)
    assert (problem["code"], answer.headers["Content-Type"]) == (code, "application/problem+json")
    return problem


WRONG_FORMS = [
    *((content, 400, "The body is not valid JSON") for content in NO_JSON.values()),
    *((content, 400, "A body is at most 32 levels deep") for content in TOO_DEEP),
    *((content, 422, "The body must be a JSON object") for content in NO_OBJECT),
]


def test_a_body_that_is_no_json_object_is_refused(untouched: Desk) -> None:
    for content, status, detail in WRONG_FORMS:
        code = "invalid_json" if status == 400 else "invalid_request"
        problem = refused(untouched.call("chat_send_message", content=content), status, code)
        assert problem["detail"] == detail
        assert [error["loc"] for error in problem.get("errors", [])] == [[]] * (status == 422)


@pytest.mark.parametrize("view", [view for view in GOOD if view != "lifecycle_update_room"])
def test_an_empty_object_lacks_something(untouched: Desk, view: str) -> None:
    problem = refused(untouched.call(view, {}), 422, "invalid_request")
    assert problem["detail"] == f"{next(iter(GOOD[view]))} is required"
    assert problem["errors"] == [{"loc": [next(iter(GOOD[view]))], "msg": "is required", "type": "missing"}]


@pytest.mark.parametrize("content_type", OTHER_TYPES)
def test_a_body_of_another_type_is_refused(untouched: Desk, content_type: str) -> None:
    for view, body in GOOD.items():
        answer = untouched.call(view, content=json.dumps(body), headers={"Content-Type": content_type})
        refused(answer, 415, "unsupported_media_type")


@pytest.mark.parametrize("content_type", ["application/json; charset=utf-8", "APPLICATION/JSON", "application/json ;x"])
def test_a_json_body_may_be_labelled_in_many_ways(desk: Desk, content_type: str) -> None:
    for view in ("profiles_update_me", "voice_toggle_mic"):
        answer = desk.call(view, content=json.dumps(GOOD[view]), headers={"Content-Type": content_type})
        assert answer.status_code == 200


def test_a_body_without_a_label_is_taken_for_json(api: Api, desk: Desk) -> None:
    request = httpx.Request(
        "PUT",
        f"{api.stack.api}/coworking/me",
        headers={"Authorization": f"Bearer {desk.person.token}"},
        content=json.dumps(GOOD["profiles_update_me"]),
    )
    assert "Content-Type" not in request.headers
    assert api.http.send(request).status_code == 200


def test_a_body_may_have_64_kb_and_not_a_byte_more(untouched: Desk) -> None:
    """Every route refuses it with the same code: see `test_http_statuses`."""
    body = json.dumps({"limit": 1}).encode()
    for size in (MAX_BODY_BYTES + 1, 1_000_000):
        problem = refused(untouched.call("profiles_update_me", content=body.ljust(size)), 413, "payload_too_large")
        assert problem["detail"] == "A body has at most 65536 bytes"
    assert untouched.call("lifecycle_update_room", content=body.ljust(MAX_BODY_BYTES)).is_success


def test_a_body_that_does_not_tell_its_length_is_measured_too(api: Api, desk: Desk) -> None:
    chunks = iter([b'{"name": "', b"x" * MAX_BODY_BYTES, b'"}'])
    headers = {"Authorization": f"Bearer {desk.person.token}", "Content-Type": "application/json"}
    refused(api.http.put("/coworking/me", content=chunks, headers=headers), 413, "payload_too_large")


@pytest.mark.parametrize(
    ("model", "rest", "name", "value"),
    [
        pytest.param(model, rest, name, values[-1], id=f"{model.__name__}-{name}")
        for model, rest, name, values in REFUSED
        if model in VIEWS
    ],
)
def test_an_invalid_field_is_refused_by_its_name(
    untouched: Desk, model: type, rest: Json, name: str, value: object
) -> None:
    """One value a field: the unit tests of validation have them all."""
    problem = refused(untouched.call(VIEWS[model], content=json.dumps(rest | {name: value})), 422, "invalid_request")
    assert [error["loc"] for error in problem["errors"]] == [[name]]
    assert problem["detail"].startswith(f"{name} ")


def test_every_wrong_field_is_named(untouched: Desk) -> None:
    body = {"name": " ", "max_participants": 0, "color": "<b>", "description": 5}
    problem = refused(untouched.call("rooms_create_room", body), 422, "invalid_request")
    assert {error["loc"][0] for error in problem["errors"]} == set(body)
    assert {frozenset(error) for error in problem["errors"]} == {frozenset({"loc", "msg", "type"})}


def test_what_was_sent_is_not_sent_back(untouched: Desk) -> None:
    secret = str(uuid.uuid4())
    for content in (
        json.dumps({"message_text": [secret]}),
        json.dumps({"message_text": f"\x00{secret}"}),
        f"{{{secret}",
    ):
        assert secret not in untouched.call("chat_send_message", content=content).text


@pytest.mark.parametrize("view", GOOD)
def test_unknown_fields_are_ignored(desk: Desk, view: str) -> None:
    extra = {
        "id": "x",
        "seq": 1,
        "user_id": "eve",
        "created_by": "eve",
        "participant_count": 7,
        "other": {"a": [None]},
    }
    answer = desk.call(view, content=json.dumps(extra | GOOD[view]))
    assert answer.is_success, answer.text
    assert "eve" not in answer.text


def test_of_a_field_that_comes_twice_the_last_counts(api: Api) -> None:
    person = api.person()
    answer = person.put("/coworking/me", content='{"name": "First", "name": "Last"}')
    assert answer.json()["name"] == "Last"


@pytest.mark.parametrize("field", RoomUpdate.model_fields)
def test_null_in_a_change_leaves_things_as_they_are(untouched: Desk, field: str) -> None:
    assert untouched.call("lifecycle_update_room", {field: None}).status_code == 200


TEXTS = {
    "four bytes": "😀🏳️‍🌈👩‍👩‍👧‍👦",
    "right to left": "\u202bשלום עולם\u202c مرحبا",
    "markup": "<script>alert('x')</script> &amp; \"quotes\" \\ /",
    "lines": "one\n\ttwo\n",
    "spaces around": "  in the middle  ",
    "zero width within": "a\u200bb\u200d",
    "beyond the planes": "\U0010fffd\U000f0000",
    "not characters": "\ufffe\uffff",
    "SQL": "'; DROP TABLE rooms; --",
    "a template": "{{7*7}} ${7*7} %s {0}",
    "separators": "a\u2028b\u2029c",
}


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_text_is_stored_and_returned_as_sent(api: Api, text: str) -> None:
    person = api.person()
    room = person.make_room(name=f"x{text}x", description=text)
    assert (room["name"], room["description"]) == (f"x{text}x", text)
    person.join(room["id"])
    for ascii_only in (True, False):
        content = json.dumps({"message_text": text}, ensure_ascii=ascii_only)
        answer = person.post(f"{ROOMS}/{room['id']}/messages", content=content.encode())
        assert expect(200, answer)["text"] == text
    assert [message["text"] for message in person.history(room["id"])["messages"]][-2:] == [text, text]
    assert person.see(room["id"])["messages"][-1]["text"] == text


@pytest.mark.parametrize(
    ("sent", "stored"), [("e\u0301", "é"), ("\u212b", "Å"), ("\uac00", "가"), ("\u1112\u1161\u11ab", "한")]
)
def test_text_is_stored_in_one_spelling(api: Api, sent: str, stored: str) -> None:
    person = api.person(sent)
    assert person.get("/coworking/me").json()["name"] == stored
    room = person.make_room(name=sent, description=sent)
    assert (room["name"], room["description"]) == (stored, stored)
    person.join(room["id"])
    assert person.say(room["id"], sent)["text"] == stored
    assert person.put("/coworking/me", {"name": sent}).json()["name"] == stored


def test_the_longest_message_fits_however_it_is_written(api: Api) -> None:
    person = api.person()
    room = person.make_room()["id"]
    person.join(room)
    for text in ("😀" * 4000, "\t" + "é" * 3999, '"' * 4000):
        content = json.dumps({"message_text": text})
        assert expect(200, person.post(f"{ROOMS}/{room}/messages", content=content))["text"] == text


IDS = [
    "x",
    "0",
    "null",
    "..",
    "%2e%2e",
    "..%2f..%2fhealthz",
    "%2e%2e%5c",
    "%00",
    "%ff%fe",
    "%20",
    "%0a",
    "*",
    "😀",
    "00000000-0000-0000-0000-00000000000",
    "00000000-0000-0000-0000-00000000000g",
    "{00000000-0000-4000-8000-000000000000}",
    "urn:uuid:00000000-0000-4000-8000-000000000000",
    "00000000000040008000000000000000",
    "00000000-0000-4000-8000-000000000000%0a",
    "0" * 6000,
]
ROOM_ROUTES = [route for route in ROUTES if route.has_room]


def send_as_it_is(caller: Caller, method: str, path: str, body: Json | None) -> httpx.Response:
    """A request to a path that the client would otherwise tidy up."""
    headers = {"Authorization": f"Bearer {caller.token}"}
    request = caller.http.build_request(method, "/", json=body, headers=headers)
    request.extensions["target"] = quote(f"/api{path}", safe="/%").encode()
    return caller.http.send(request)


@pytest.mark.parametrize("route", ROOM_ROUTES, ids=lambda route: route.name)
def test_what_is_no_id_names_no_room(untouched: Desk, route: Route) -> None:
    for room_id in IDS:
        answer = send_as_it_is(untouched.person, route.method, route.path.format(room_id=room_id), GOOD.get(route.name))
        refused(answer, 404, "room_not_found")


@pytest.mark.parametrize(
    "view", ["seats_get_room", "chat_send_message", "voice_toggle_mic", "seats_request_ticket", "seats_join"]
)
def test_an_id_in_capitals_names_the_same_room(desk: Desk, view: str) -> None:
    shouting = Desk(desk.person, desk.room.upper())
    answer = shouting.call(view, GOOD.get(view))
    assert answer.status_code == 200
    assert desk.room.upper() not in answer.text


HISTORY = [
    "limit=0",
    "limit=101",
    "limit=-1",
    "limit=",
    "limit=ten",
    "limit=1.5",
    "limit=1e1",
    "limit=%00",
    "limit=%ff",
    "limit=5&limit=x",
    "limit=" + "9" * 3000,
    "before_seq=-1",
    "before_seq=x",
    "before_seq=9007199254740992",
    "after_seq=-1",
    "after_seq=",
    "after_seq=null",
    "after_seq=9007199254740992",
    "before_seq=5&after_seq=x",
]


@pytest.mark.parametrize("query", HISTORY, ids=lambda query: query[:24])
def test_a_query_that_breaks_the_contract_is_refused_by_its_name(untouched: Desk, query: str) -> None:
    problem = refused(untouched.person.get(f"{ROOMS}/{untouched.room}/messages?{query}"), 422, "invalid_request")
    [error] = problem["errors"]
    assert error["loc"] == [query.rpartition("&")[2].partition("=")[0]]
    if query.startswith("limit"):
        refused(untouched.person.get(f"{ROOMS}?{query}"), 422, "invalid_request")


@pytest.mark.parametrize(
    "query",
    [
        "",
        "limit=1",
        "limit=100",
        "other=1",
        "limit[]=0",
        "other=" + "x" * 20_000,
        "a=1&a=2&" * 500,
        "&&&",
        "%ff=%ff",
        "=",
    ],
)
def test_a_query_may_hold_what_nobody_asked_for(untouched: Desk, query: str) -> None:
    assert untouched.person.get(f"{ROOMS}?{query}").status_code == 200
    assert untouched.person.get(f"{ROOMS}/{untouched.room}/messages?{query}").status_code == 200


@pytest.mark.parametrize("key", ["", "x" * 65])
def test_an_idempotency_key_has_1_to_64_characters(untouched: Desk, key: str) -> None:
    for view in ("rooms_create_room", "chat_send_message", "chat_send_emoji"):
        problem = refused(untouched.call(view, GOOD[view], key=key), 422, "invalid_request")
        assert problem["errors"][0]["loc"] == ["Idempotency-Key"]


def test_routes_that_take_no_body_ignore_one(desk: Desk) -> None:
    for content in (b"no JSON", b'{"user_id": "eve"}', b"x" * 100_000):
        assert (
            desk.call("seats_request_ticket", content=content, headers={"Content-Type": "text/plain"}).status_code
            == 200
        )
