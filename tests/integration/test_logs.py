"""What the logs say of what people do: enough to follow it, and nothing that is theirs."""

import logging
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import pytest
from botocore.exceptions import ReadTimeoutError

from chalicelib.delivery import Close, OutboundFrame
from chalicelib.delivery.fanout import Fanout
from chalicelib.kernel.errors import CoworkingError
from chalicelib.kernel.telemetry import UnexpectedError
from chalicelib.seats.leases import HTTP_LEASE_MS
from infra.local.engine import Engine
from infra.local.events import SocketEvents
from infra.local.stack import LocalStack
from tests.fakes.clients import Api
from tests.fakes.events import rest_event
from tests.fakes.faults import Fault, Faults, Refused, Unsent, cancelled
from tests.fakes.functions import Functions
from tests.fakes.log import Log, keep_log
from tests.fakes.socket_client import RefusedError, Scene

PRIVATE = "nobodys-business"
"""In everything that people say, send, and are called."""
ADA, BEN = f"auth0|ada {PRIVATE}", f"auth0|ben {PRIVATE}"
SDP = {"sdp": f"v=0 {PRIVATE}"}
BROKEN_BODIES = (
    f'{{"message_text": "{PRIVATE}',
    f'"{PRIVATE}"',
    f'{{"message_text": ["{PRIVATE}"]}}',
    f'{{"message_text": "{PRIVATE}\\u0000"}}',
    f'{{"message_text": "{PRIVATE * 400}"}}',
    f'{{"message_text": "{PRIVATE}", "message_type": "{PRIVATE}"}}',
    f'{{"emoji": "{PRIVATE}", "name": "{PRIVATE}\\u0000", "is_muted": "{PRIVATE}", "is_speaking": "{PRIVATE}"}}',
)
BROKEN_FRAMES = (
    f'{{"type": "message", "text": "{PRIVATE}',
    f'"{PRIVATE}"',
    f'{{"type": "message", "text": ["{PRIVATE}"]}}',
    f'{{"type": "emoji", "emoji": "{PRIVATE}"}}',
    f'{{"type": "mic", "is_muted": "{PRIVATE}", "id": ["{PRIVATE}"]}}',
    f'{{"type": "{PRIVATE}!", "data": "{PRIVATE}"}}',
    f'{{"type": "wave", "roomId": "{PRIVATE}"}}',
    f'{{"type": "snapshot", "data": "{PRIVATE}"}}',
    f'{{"type": "offer", "to": "{PRIVATE}", "data": "{PRIVATE}"}}',
    f'{{"type": "sync", "last_seq": "{PRIVATE}"}}',
    f'{{"type": "wave", "data": "{PRIVATE * 2500}"}}',
)


@pytest.fixture
def functions(engine: Engine) -> Iterator[Functions]:
    with Functions(engine, websocket_url="wss://rooms.test") as running:
        yield running


def open_room(functions: Functions) -> str:
    room_id: str = functions.rest("rooms_create_room", "olga", {"name": "Room"})["id"]
    return room_id


def enter(functions: Functions, room_id: str, *names: str) -> list[SocketEvents]:
    for name in names:
        functions.rest("seats_join", name, room_id=room_id)
    return [functions.connect(name, room_id) for name in names]


# --- following what happens


def test_a_request_leads_to_its_message_and_to_whom_that_was_told(functions: Functions) -> None:
    room_id = open_room(functions)
    ada, ben = enter(functions, room_id, "ada", "ben")
    with keep_log() as log:
        said = functions.rest(
            "chat_send_message",
            "ada",
            {"message_text": "hello"},
            room_id=room_id,
            headers={"Idempotency-Key": "mine"},
        )
        functions.frame(ben, "typing", is_typing=True)

    request, frame = log.lines
    assert request["route"] == "POST /coworking/rooms/{room_id}/messages"
    assert request["request_id"] == "c6af9ac6-7b61-11e6-9a41-93e8deadbeef"
    assert request["ref"] == "mine"
    assert request["stored"] == [{"room_id": room_id, "seq": said["seq"], "message_id": said["id"]}]
    assert sorted(request["delivered_to"]) == sorted([ada.connection_id, ben.connection_id])
    assert frame["connection_id"] == ben.connection_id in request["delivered_to"]
    assert frame["room_id"] == request["room_id"] == room_id


def test_a_frame_leads_to_its_message_and_to_whom_that_was_told(functions: Functions) -> None:
    room_id = open_room(functions)
    ada, ben = enter(functions, room_id, "ada", "ben")
    with keep_log() as log:
        _, ack = sorted(functions.frame(ada, "message", text="hello", id="mine"), key=lambda frame: "ref" in frame)
    (line,) = log.lines
    assert (line["kind"], line["frame"], line["ref"]) == ("frame", "message", "mine")
    assert line["stored"] == [{"room_id": room_id, "seq": ack["data"]["seq"], "message_id": ack["data"]["id"]}]
    assert sorted(line["delivered_to"]) == sorted([ada.connection_id, ben.connection_id])
    assert line["request_id"]


def test_a_user_is_the_same_from_request_to_disconnect(functions: Functions) -> None:
    room_id = open_room(functions)
    with keep_log() as log:
        (ada,) = enter(functions, room_id, "ada")
        functions.frame(ada, "ping")
        functions.disconnect(ada)
    assert [line["kind"] for line in log.lines] == ["http", "connect", "frame", "disconnect"]
    assert len({(line["user"], line["room_id"]) for line in log.lines}) == 1


def test_what_goes_wrong_on_the_way_names_the_request_that_it_was_for(functions: Functions) -> None:
    room_id = open_room(functions)
    enter(functions, room_id, "ada", "ben")
    with keep_log() as log, Faults(functions.store.connection) as faults:
        faults.plan("PutItem", Refused("ValidationException"))
        functions.call("chat_send_message", "ada", {"message_text": "hello"}, room_id=room_id)
    error, line = log.lines
    assert error["level"] == "ERROR"
    assert "PutItem: ValidationException" in error["exception"]
    assert error["request_id"] == line["request_id"]
    assert (line["status"], line["error"], line["fault"]) == (500, "internal_error", 1)
    assert log.metrics[0]["Faults"] == 1


def test_the_sweeper_counts_rooms_and_members(functions: Functions) -> None:
    for names in (["ada", "ben"], ["cyd"], []):
        enter(functions, open_room(functions), *names)
    with keep_log() as log:
        functions.sweep()
        functions.now += HTTP_LEASE_MS
        functions.sweep()
    assert [(metrics["Rooms"], metrics["Members"]) for metrics in log.metrics] == [(2, 3), (0, 0)]
    assert len(log.lines[1]["stored"]) == 3, "all of them left"


def test_connections_are_counted_where_they_open_and_close(functions: Functions) -> None:
    room_id = open_room(functions)
    with keep_log() as log:
        (ada,) = enter(functions, room_id, "ada")
        functions.connect("ben", room_id, status=403)
        functions.disconnect(ada)
    _, opened, refused, closed = log.metrics
    assert (opened["Opened"], closed["Closed"]) == (1, 1)
    assert "Opened" not in refused
    assert log.lines[2]["error"] == "not_in_room"


def test_connections_that_are_gone_are_named(functions: Functions) -> None:
    room_id = open_room(functions)
    ada, ben = enter(functions, room_id, "ada", "ben")
    functions.gone.add(ben.connection_id)
    with keep_log() as log:
        functions.frame(ada, "wave")
    assert log.lines[0]["gone_connections"] == [ben.connection_id]


def test_tries_that_came_to_nothing_are_counted(functions: Functions) -> None:
    room_id = open_room(functions)
    with keep_log() as log, Faults(functions.store.connection) as faults:
        faults.plan("TransactWriteItems", cancelled(None, "TransactionConflict"), Refused("ThrottlingException"))
        functions.rest("seats_join", "ada", room_id=room_id)
    assert log.lines[0]["retry_causes"] == {"TransactionConflict": 1, "ThrottlingException": 1}
    assert log.metrics[0]["Retries"] == 2


# --- keeping quiet


@contextmanager
def overhear() -> Iterator[Log]:
    """All that is logged by anybody, at every level, however the functions' own lines look."""
    root = logging.getLogger()
    with keep_log() as log:
        handler, before = logging.StreamHandler(log), root.level
        root.addHandler(handler)
        root.setLevel(logging.DEBUG)
        try:
            yield log
        finally:
            root.setLevel(before)
            root.removeHandler(handler)


def talk(functions: Functions, room_id: str) -> list[str]:
    """Everything that people do; the credentials that they used."""
    tokens = [functions.sign(ADA), functions.sign(BEN)]
    functions.rest("profiles_update_me", ADA, {"name": PRIVATE, "avatar": f"/{PRIVATE}.png"})
    tickets = [functions.rest("seats_join", name, room_id=room_id)["websocket"]["ticket"] for name in (ADA, BEN)]
    ada, ben = (
        functions.connect(name, room_id, f"?ticket={ticket}") for name, ticket in zip((ADA, BEN), tickets, strict=True)
    )
    functions.connect(ADA, room_id, f"?ticket={tickets[0]}", status=401)
    functions.connect(ADA, room_id)
    for frame in ("sync", "ping"):
        functions.frame(ada, frame, last_seq=0)
    functions.frame(ada, "message", text=PRIVATE, id="1")
    functions.frame(ada, "offer", to=BEN, data=SDP, id="2")
    functions.frame(ben, PRIVATE, data=SDP)
    for text in BROKEN_FRAMES:
        functions.run("websocket_message", ben.message(text))
    functions.rest("chat_send_message", BEN, {"message_text": PRIVATE}, room_id=room_id)
    functions.rest("chat_get_history", BEN, room_id=room_id)
    functions.rest("rooms_create_room", BEN, {"name": PRIVATE, "description": PRIVATE})
    functions.call("rooms_list_rooms", BEN, query={"cursor": [PRIVATE]})
    functions.call("seats_get_room", BEN, room_id=PRIVATE)
    for view in (
        "chat_send_message",
        "chat_send_emoji",
        "voice_toggle_mic",
        "voice_set_speaking",
        "profiles_update_me",
    ):
        for text in BROKEN_BODIES:
            functions.run("api_handler", rest_event(view, body=text, token=tokens[1], room_id=room_id))
    functions.disconnect(ben)
    return tokens + tickets


def assert_silent(text: str, credentials: list[str]) -> None:
    parts = [part for credential in credentials for part in credential.split(".")[1:]]
    assert parts
    leaked = [word for word in (PRIVATE, *parts) if word in text]
    assert leaked == [], re.findall(rf".*(?:{'|'.join(map(re.escape, leaked))}).*", text)[:3]


def test_no_log_holds_what_people_say_send_or_sign_in_with(functions: Functions) -> None:
    with overhear() as log:
        credentials = talk(functions, open_room(functions))
    assert '"frame":"relayed"' in log.text
    assert_silent(log.text, credentials)


FAULTS: dict[str, Fault] = {
    "DynamoDB refuses": Refused("ValidationException"),
    "a transaction is cancelled": cancelled("ItemCollectionSizeLimitExceeded"),
    "the network fails": Unsent(ReadTimeoutError(endpoint_url="https://dynamodb.test")),
    "a bug quotes a client": Unsent(ValueError(PRIVATE)),
}


def try_everything(functions: Functions, room_id: str, wire: SocketEvents) -> None:
    """Whatever becomes of it."""
    tries: list[Callable[[], object]] = [
        lambda: functions.call("seats_join", BEN, room_id=room_id),
        lambda: functions.call("chat_send_message", ADA, {"message_text": PRIVATE}, room_id=room_id),
        lambda: functions.call("profiles_update_me", ADA, {"name": PRIVATE}),
        lambda: functions.connect(ADA, room_id),
        lambda: functions.frame(wire, "message", text=PRIVATE),
        lambda: functions.frame(wire, "offer", data=SDP),
        lambda: functions.disconnect(wire),
        functions.sweep,
    ]
    for attempt in tries:
        with suppress(UnexpectedError, CoworkingError, AssertionError):
            attempt()


@pytest.mark.parametrize("operation", ["GetItem", "PutItem", "UpdateItem", "DeleteItem", "Query", "TransactWriteItems"])
@pytest.mark.parametrize("fault", FAULTS)
def test_no_error_quotes_what_people_say(functions: Functions, fault: str, operation: str) -> None:
    room_id = open_room(functions)
    (ada,) = enter(functions, room_id, ADA)
    with overhear() as log, Faults(functions.store.connection) as faults:
        faults.break_for_good(operation, FAULTS[fault])
        try_everything(functions, room_id, ada)
    assert '"fault":1' in log.text
    assert_silent(log.text, [functions.sign(ADA), functions.sign(BEN)])


def test_a_fan_out_that_fails_quotes_nobody(functions: Functions, monkeypatch: pytest.MonkeyPatch) -> None:
    room_id = open_room(functions)
    (ada,) = enter(functions, room_id, ADA)

    def fail(_: Fanout, posts: list[OutboundFrame | Close]) -> None:
        raise ValueError(posts)

    monkeypatch.setattr(Fanout, "deliver", fail)
    with overhear() as log:
        functions.frame(ada, "message", text=PRIVATE)
        functions.rest("seats_leave", ADA, room_id=room_id)
    assert "nothing could be delivered" in log.text
    assert_silent(log.text, [functions.sign(ADA)])


@pytest.fixture(scope="module")
def talkative(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    """A stack that writes down as much as it can be told to."""
    environment = {"POWERTOOLS_LOG_LEVEL": "DEBUG", "POWERTOOLS_METRICS_DISABLED": "false"}
    with LocalStack(data_dir=tmp_path_factory.mktemp("talkative"), environment=environment) as stack:
        yield stack


@pytest.mark.proof
def test_a_whole_stack_writes_down_nothing_private_either(talkative: LocalStack) -> None:
    with Api(talkative) as api, Scene(api) as scene:
        credentials = talk_over_the_wire(scene)
        talkative.sweep()
    text = talkative.log.read_text("utf-8")
    assert '"kind":"frame"' in text
    assert '"FanoutTime"' in text
    assert_silent(text, credentials)


def talk_over_the_wire(scene: Scene) -> list[str]:
    """What people do, some of it wrong; the credentials that they used."""
    ada, ben = (scene.enter(name) for name in (f"Ada {PRIVATE}", f"Ben {PRIVATE}"))
    ada.ask("message", text=PRIVATE)
    ada.ask("offer", to=ben.user_id, data=SDP)
    for text in BROKEN_FRAMES:
        ben.send_text(text)
    ben.send_bytes(PRIVATE.encode())
    for text in BROKEN_BODIES:
        ben.caller.post(scene.path("/messages"), content=text)
    ticket = scene.ticket(ben.caller)["ticket"]
    scene.open(scene.url(ticket=ticket))
    scene.open(scene.url(), ["coworking.v1", f"ticket.{scene.ticket(ben.caller)['ticket']}"])
    for query in ({"ticket": ticket}, {"token": PRIVATE, "room_id": PRIVATE}, {"ticket": PRIVATE}):
        with pytest.raises(RefusedError):
            scene.open(scene.url(**query))
    scene.api.bearer(PRIVATE).get(scene.path())
    ben.settle()
    return [ticket, *(client.caller.token for client in (ada, ben))]
