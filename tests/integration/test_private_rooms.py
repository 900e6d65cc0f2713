"""A private room does not exist for a user without a role or a seat in it.

Each call is made twice: for a private room, and for an id that no room has. Both must get the same answer, and make the
same calls to the database: the time of an answer tells as much as its text.
"""

import itertools
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlencode

import pytest

from chalicelib.api.routes import ROUTES
from chalicelib.backend import get_backend
from chalicelib.contract import Route
from chalicelib.grants.invites import new_token
from chalicelib.grants.table import FOREVER, get_standing, write_standing
from chalicelib.identity.tickets import issue_ticket
from infra.local.engine import Engine
from infra.local.events import SocketEvents
from tests.fakes.backend import MINUTE, NOWHERE
from tests.fakes.bodies import GOOD
from tests.fakes.counting import Counter
from tests.fakes.events import HOST, read_json
from tests.fakes.functions import Functions

Seen = tuple[int, dict[str, str], str, list[tuple[int, str, list[str]]]]
"""Status, headers, body, and the calls to the database."""
WITH_ROOM = [route for route in ROUTES if route.has_room and route.name != "access_knock"]
"""A knock shows the name of the room, its owner and how many are in, to a user who knows its id."""
CALLERS = ("stranger", "former", "banned")
_numbers = itertools.count()


@pytest.fixture(scope="module")
def functions(engine: Engine) -> Iterator[Functions]:
    with Functions(engine, websocket_url="wss://rooms.test", http_lease_minutes=600) as started:
        yield started


@pytest.fixture(scope="module")
def private_room(functions: Functions) -> str:
    """A private room with Olga, its owner, and Mia, who came before it was private. They talk."""
    room_id = functions.open_room()
    for name in ("olga", "mia"):
        functions.rest("seats_join", name, room_id=room_id)
        functions.rest("chat_send_message", name, {"message_text": "hello"}, room_id=room_id)
    hide(functions, room_id)
    return room_id


def hide(functions: Functions, room_id: str, visibility: str = "private") -> None:
    functions.rest("lifecycle_update_own_room", "olga", {"visibility": visibility}, room_id=room_id)


def newcomer(functions: Functions, kind: str, room_id: str) -> str:
    """A user without a role. Rate limits count users, so each call has its own."""
    user_id = f"{kind}-{next(_numbers)}"
    functions.now += MINUTE  # Olga's budget is full again
    if kind == "former":
        visited = functions.open_room() if room_id == NOWHERE else room_id
        hide(functions, visited, "unlisted")
        functions.rest("seats_join", user_id, room_id=visited)
        functions.rest("seats_leave", user_id, room_id=visited)
        hide(functions, visited)
    if kind == "banned":
        standing = get_standing(functions.store, room_id, user_id)
        ban = write_standing(standing, user_id, functions.now, banned_until=FOREVER)
        assert functions.store.transact([ban])
    functions.forget()
    assert get_backend().secret
    return user_id


def observe(functions: Functions, call: Callable[[], dict[str, Any]]) -> Seen:
    with Counter(functions.store) as counter:
        result = call()
    calls = sorted((one.round_trip, one.operation, sorted(one.tables)) for one in counter.calls)
    return result["statusCode"], result["headers"], result["body"], calls


@pytest.mark.parametrize("kind", CALLERS)
@pytest.mark.parametrize("route", WITH_ROOM, ids=lambda route: route.name)
def test_a_private_room_answers_like_no_room(functions: Functions, private_room: str, route: Route, kind: str) -> None:
    def call(room_id: str) -> Seen:
        user_id = newcomer(functions, kind, room_id)
        body = GOOD[route.name] if route.body else None
        return observe(functions, lambda: functions.call(route.name, user_id, body, room_id=room_id))

    hidden = call(private_room)
    assert hidden == call(NOWHERE)
    assert hidden[0] in (403, 404)


@pytest.mark.parametrize("view", ["seats_join", "access_preview_invite"])
def test_a_wrong_invitation_tells_nothing(functions: Functions, private_room: str, view: str) -> None:
    """Neither the token of no invitation, nor one that was revoked, shows that the room exists."""

    def call(room_id: str, token: str) -> Seen:
        user_id = newcomer(functions, "stranger", room_id)
        body = {"invite": token} if view == "seats_join" else None
        parameters = {} if body else {"token": token}
        return observe(functions, lambda: functions.call(view, user_id, body, room_id=room_id, parameters=parameters))

    made = functions.rest("access_create_invite", "olga", {}, room_id=private_room)
    functions.rest("access_revoke_invite", "olga", room_id=private_room, parameters={"invite_id": made["id"]})
    answers = [call(private_room, made["token"]), call(private_room, new_token(private_room))]
    assert answers == [call(NOWHERE, new_token(NOWHERE))] * 2
    assert answers[0][0] == 404


@pytest.mark.parametrize("kind", CALLERS)
@pytest.mark.parametrize("way", ["token", "joining", "ticket"])
def test_a_private_room_refuses_connections_like_no_room(
    functions: Functions, private_room: str, way: str, kind: str
) -> None:
    def connect(room_id: str) -> Seen:
        user_id = newcomer(functions, kind, room_id)
        query = {"room_id": room_id, "token": functions.sign(user_id)}
        if way == "joining":
            query["join"] = "1"
        if way == "ticket":
            query = {"ticket": issue_ticket(user_id, room_id, get_backend().secret, functions.now)[0]}
        event = SocketEvents(HOST, "127.0.0.1", "test").connect([("Host", HOST)], list(query.items()))
        return observe(functions, lambda: functions.run("websocket_connect", event))

    hidden = connect(private_room)
    assert hidden == connect(NOWHERE)
    assert hidden[0] == 404


@pytest.mark.parametrize("kind", ["sync", "ping", "message", "wave"])
def test_frames_of_a_former_member_learn_nothing(functions: Functions, private_room: str, kind: str) -> None:
    """A connection of somebody who left a private room gets the errors of one whose room was deleted."""

    def told(room_id: str, end: Callable[[], object]) -> list[Any]:
        user_id = f"former-{next(_numbers)}"
        functions.now += MINUTE
        (connection,) = functions.enter(room_id, user_id)
        functions.rest("seats_leave", user_id, room_id=room_id)
        end()
        return [frame["data"]["code"] for frame in functions.frame(connection, kind, text="hello")]

    hide(functions, private_room, "unlisted")
    hidden = told(private_room, lambda: hide(functions, private_room))
    deleted = functions.open_room()
    assert hidden == told(deleted, lambda: functions.rest("lifecycle_delete_own_room", "olga", room_id=deleted))
    assert len(hidden) == 1


def test_a_member_keeps_the_seat_in_a_room_that_turns_private(functions: Functions, private_room: str) -> None:
    assert functions.rest("seats_get_room", "mia", room_id=private_room)["you"]["role"] == "member"
    assert functions.rest("seats_join", "mia", room_id=private_room)["message"] == "Already in this room"
    functions.rest("chat_send_message", "mia", {"message_text": "I sit here"}, room_id=private_room)
    query = urlencode({"room_id": private_room, "token": functions.sign("mia")})
    connection = functions.connect("mia", private_room, f"wss://{HOST}?{query}")
    assert [frame["type"] for frame in functions.frame(connection, "sync")] == ["snapshot"]

    functions.rest("seats_leave", "mia", room_id=private_room)

    assert read_json(functions.call("seats_join", "mia", room_id=private_room))["code"] == "room_not_found"
