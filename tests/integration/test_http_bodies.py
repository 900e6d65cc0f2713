"""Bodies, content types, paths and queries: the service accepts them, or refuses them with a reason and no effect.

The unit tests of validation cover every field.
"""

import json
import unicodedata
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from chalicelib.api.http import MAX_BODY_BYTES
from chalicelib.kernel.names import has_hidden
from tests.fakes.backend import NOWHERE
from tests.fakes.bodies import GOOD
from tests.fakes.clients import ROOMS, Api, Caller, Json, expect
from tests.fakes.events import route_of
from tests.integration.conftest import list_rooms

NO_JSON = [
    *(b"", b"  ", b"hello", b"message_text=hello", b'{"message_text": "hel', b"{}{}", b"{} // nothing", b"-Infinity"),
    *(b'{"message_text": "x",}', b"{'message_text': 'x'}", b'{"message_text": NaN}', b'{"max_participants": Infinity}'),
    *(b'{"message_text": "a\nb"}', b'{"message_text": "a\x00b"}', b"1e400", b'{"max_participants": ' + b"9" * 5000),
    *(b'{"message_text": "\xff"}', b'{"message_text": "\xf0\x9f\x98"}', b'{"message_text": "\xed\xa0\x80"}'),
    *(b'"\\ud800"', b"{" * 10_000, b'\xef\xbb\xbf{"message_text": "x"}'),
    *('{"message_text": "é"}'.encode(encoding) for encoding in ("latin-1", "utf-16", "utf-32")),
]
TOO_DEEP = [
    *(b"[" * 33 + b"]" * 33, b"[" * 10_000 + b"]" * 10_000, b'{"a":' * 10_000 + b"1" + b"}" * 10_000),
    b'{"message_text": "x", "other": ' + b"[" * 10_000 + b"]" * 10_000 + b"}",
]
NO_OBJECT = [b"[]", b"[{}]", b'"text"', b"5", b"-0", b"true", b"null"]
WRONG_FORMS = [
    *((content, 400, "invalid_json", "The body is not valid JSON") for content in NO_JSON),
    *((content, 400, "invalid_json", "A body is at most 32 levels deep") for content in TOO_DEEP),
    *((content, 422, "invalid_request", "The body must be a JSON object") for content in NO_OBJECT),
]
OTHER_TYPES = [
    *("text/plain", "text/json", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"),
    *("application/octet-stream", "application/xml", "application/jsonp", "application/problem+json"),
    *("application/json, text/plain", "json", ""),
]


@dataclass(frozen=True)
class Desk:
    """An administrator, and a room of theirs that they have joined."""

    person: Caller
    room: str

    def call(self, view: str, body: object = None, **options: Any) -> httpx.Response:
        route = route_of(view)
        return self.person.request(route.method, route.path.format(room_id=self.room), body, **options)

    def everything(self) -> list[Any]:
        """All data that the calls could change."""
        rooms = [room for room in list_rooms(self.person) if room["created_by"] == self.person.id]
        return [self.person.get("/coworking/me").json(), self.person.see(self.room), rooms]


@pytest.fixture
def desk(api: Api) -> Desk:
    person = api.admin()
    room: str = person.make_room()["id"]
    person.join(room)
    return Desk(person, room)


@pytest.fixture
def untouched(desk: Desk) -> Iterator[Desk]:
    """A desk whose data the test must not change."""
    before = desk.everything()
    yield desk
    assert desk.everything() == before


def refused(answer: httpx.Response, status: int, code: str) -> Json:
    problem = expect(status, answer)
    assert problem["code"] == code
    return problem


def test_a_body_that_is_no_json_object_is_refused(untouched: Desk) -> None:
    for content, status, code, detail in WRONG_FORMS:
        problem = expect(status, untouched.call("chat_send_message", content=content))
        assert (problem["code"], problem["detail"]) == (code, detail), content[:40]


def test_only_a_json_content_type_is_accepted(api: Api, desk: Desk) -> None:
    text = json.dumps(GOOD["profiles_update_me"])
    for label in OTHER_TYPES:
        answer = desk.call("profiles_update_me", content=text, headers={"Content-Type": label})
        assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type"), label
    for label in ("application/json; charset=utf-8", "APPLICATION/JSON", "application/json ;x"):
        assert desk.call("profiles_update_me", content=text, headers={"Content-Type": label}).status_code == 200
    bare = {"Authorization": f"Bearer {desk.person.token}"}
    request = httpx.Request("PUT", f"{api.stack.api}/coworking/me", headers=bare, content=text)
    assert "Content-Type" not in request.headers
    assert api.http.send(request).status_code == 200


def test_a_body_has_at_most_64_kb(api: Api, untouched: Desk) -> None:
    body = json.dumps({"limit": 1}).encode()
    for size in (MAX_BODY_BYTES + 1, 1_000_000):
        problem = refused(untouched.call("profiles_update_me", content=body.ljust(size)), 413, "payload_too_large")
        assert problem["detail"] == "A body has at most 65536 bytes"
    assert untouched.call("lifecycle_update_room", content=body.ljust(MAX_BODY_BYTES)).is_success
    of_unknown_length = iter([b'{"name": "', b"x" * MAX_BODY_BYTES, b'"}'])
    headers = {"Authorization": f"Bearer {untouched.person.token}", "Content-Type": "application/json"}
    refused(api.http.put("/coworking/me", content=of_unknown_length, headers=headers), 413, "payload_too_large")


def test_an_error_does_not_quote_the_request(untouched: Desk) -> None:
    secret = str(uuid.uuid4())
    for content in (f'{{"message_text": ["{secret}"]}}', f'{{"message_text": "\\u0000{secret}"}}', f"{{{secret}"):
        answer = untouched.call("chat_send_message", content=content)
        assert answer.is_error
        assert secret not in answer.text


def test_the_last_of_two_equal_fields_counts(desk: Desk) -> None:
    answer = desk.call("profiles_update_me", content='{"name": "First", "name": "Last"}')
    assert answer.json()["name"] == "Last"


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
    "not composed": "e\u0301 \u212b \u1112\u1161\u11ab",
}


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_text_is_stored_and_returned_as_sent_in_nfc(api: Api, text: str) -> None:
    person, stored = api.person(), unicodedata.normalize("NFC", text)
    name = "x" if has_hidden(text) else f"x{text}x"
    room = person.make_room(name=name, description=text)
    assert (room["name"], room["description"]) == (unicodedata.normalize("NFC", name), stored)
    person.join(room["id"])
    for ascii_only in (True, False):
        content = json.dumps({"message_text": text}, ensure_ascii=ascii_only)
        answer = person.post(f"{ROOMS}/{room['id']}/messages", content=content.encode())
        assert expect(200, answer)["text"] == stored
        assert json.dumps(stored, ensure_ascii=False).encode() in answer.content, "UTF-8, without escapes"
    assert [message["text"] for message in person.history(room["id"])["messages"]][-2:] == [stored, stored]
    assert person.see(room["id"])["messages"][-1]["text"] == stored


def test_the_longest_message_fits_even_if_it_is_escaped(desk: Desk) -> None:
    for text in ("😀" * 4000, "\t" + "é" * 3999, '"' * 4000):
        answer = desk.call("chat_send_message", content=json.dumps({"message_text": text}))
        assert expect(200, answer)["text"] == text


ALMOST_IDS = [NOWHERE[:-1], f"{NOWHERE[:-1]}g", f"{{{NOWHERE}}}", f"urn:uuid:{NOWHERE}", f"{NOWHERE}%0a"]
IDS = [
    *("x", "0", "null", "..", "%2e%2e", "..%2f..%2fhealthz", "%2e%2e%5c", "%00", "%ff%fe", "%20", "%0a", "*", "😀"),
    *(*ALMOST_IDS, NOWHERE.replace("-", ""), "0" * 6000),
]


def test_an_invalid_id_names_no_room(untouched: Desk) -> None:
    http, headers = untouched.person.http, {"Authorization": f"Bearer {untouched.person.token}"}
    for room_id in IDS:
        request = http.build_request("GET", "/", headers=headers)
        # httpx would change the path in a URL.
        request.extensions["target"] = quote(f"/api{ROOMS}/{room_id}", safe="/%").encode()
        answer = http.send(request)
        assert (answer.status_code, answer.json()["code"]) == (404, "room_not_found"), room_id[:40]


WRONG_LIMITS = ["0", "101", "-1", "", "ten", "1.5", "1e1", "%00", "%ff", "9" * 3000]
WRONG_QUERIES = [
    *(("limit", f"limit={value}") for value in WRONG_LIMITS),
    *(("before_seq", f"before_seq={value}") for value in ("-1", "x", "9007199254740992")),
    *(("after_seq", f"after_seq={value}") for value in ("-1", "", "null", "9007199254740992")),
    *(("limit", "limit=5&limit=x"), ("after_seq", "after_seq=5&after_seq=x")),
]
ODD_QUERIES = [
    *("", "limit=1", "limit=100", "other=1", "limit[]=0", "other=" + "x" * 20_000, "a=1&a=2&" * 500),
    *("&&&", "%ff=%ff", "="),
]


def test_an_error_names_the_invalid_query_parameter(untouched: Desk) -> None:
    for name, query in WRONG_QUERIES:
        for path in (f"{ROOMS}/{untouched.room}/messages", *([ROOMS] if name == "limit" else [])):
            problem = refused(untouched.person.get(f"{path}?{query}"), 422, "invalid_request")
            assert [error["loc"] for error in problem["errors"]] == [[name]], query


def test_unknown_query_parameters_are_ignored(untouched: Desk) -> None:
    for query in ODD_QUERIES:
        for path in (ROOMS, f"{ROOMS}/{untouched.room}/messages"):
            assert untouched.person.get(f"{path}?{query}").status_code == 200, query[:40]


def test_routes_that_take_no_body_ignore_one(desk: Desk) -> None:
    for content in (b"no JSON", b'{"user_id": "eve"}', b"x" * 100_000):
        answer = desk.call("seats_request_ticket", content=content, headers={"Content-Type": "text/plain"})
        assert answer.status_code == 200
