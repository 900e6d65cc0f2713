"""The logs show each event with its ids, and contain no private data."""

import logging
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import product
from pathlib import Path

import pytest
from botocore.exceptions import ReadTimeoutError

from chalicelib.delivery import Close, OutboundFrame
from chalicelib.delivery.fanout import Fanout
from chalicelib.kernel.errors import CoworkingError
from chalicelib.kernel.telemetry import UnexpectedError
from infra.local.engine import Engine
from infra.local.events import SocketEvents
from infra.local.stack import LocalStack
from tests.fakes.backend import HTTP_LEASE
from tests.fakes.clients import Api
from tests.fakes.events import rest_event
from tests.fakes.faults import Fault, Faults, Refused, Unsent, cancelled
from tests.fakes.functions import Functions
from tests.fakes.log import Log, keep_log
from tests.fakes.socket_client import RefusedError, Scene

PRIVATE = "nobodys-business"
"""A word in all names, texts and data of the users."""
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
VIEWS = ("chat_send_message", "chat_send_emoji", "voice_toggle_mic", "voice_set_speaking", "profiles_update_me")


@pytest.fixture
def functions(engine: Engine) -> Iterator[Functions]:
    with Functions(engine, websocket_url="wss://rooms.test") as running:
        yield running


@pytest.fixture
def room_id(functions: Functions) -> str:
    return functions.open_room()


# --- what the lines show


def test_a_line_names_its_message_and_the_recipients(functions: Functions, room_id: str) -> None:
    ada, ben = functions.enter(room_id, "ada", "ben")
    key = {"Idempotency-Key": "mine"}
    with keep_log() as log:
        said = functions.rest("chat_send_message", "ada", {"message_text": "hello"}, room_id=room_id, headers=key)
        (ack,) = (frame for frame in functions.frame(ben, "message", text="hello", id="his") if "ref" in frame)

    request, frame = log.lines
    for line, stored, expected in (
        (request, said, {"kind": "http", "route": "POST /coworking/rooms/{room_id}/messages", "ref": "mine"}),
        (frame, ack["data"], {"kind": "frame", "frame": "message", "ref": "his", "connection_id": ben.connection_id}),
    ):
        assert line.items() >= (expected | {"room_id": room_id}).items()
        assert line["stored"] == [{"room_id": room_id, "seq": stored["seq"], "message_id": stored["id"]}]
        assert sorted(line["delivered_to"]) == sorted([ada.connection_id, ben.connection_id])
    assert request["request_id"] == "c6af9ac6-7b61-11e6-9a41-93e8deadbeef"
    assert frame["request_id"] not in ("", None, request["request_id"])


def test_all_lines_of_a_user_have_the_same_hash(functions: Functions, room_id: str) -> None:
    with keep_log() as log:
        (ada,) = functions.enter(room_id, "ada")
        functions.frame(ada, "ping")
        functions.connect("ben", room_id, status=403)
        functions.disconnect(ada)

    assert [line["kind"] for line in log.lines] == ["http", "connect", "frame", "connect", "disconnect"]
    joined, opened, pinged, refused, closed = log.lines
    assert refused["error"] == "not_in_room"
    assert len({(line["user"], line["room_id"]) for line in (joined, opened, pinged, closed)}) == 1
    assert [metrics.get("Opened") for metrics in log.metrics] == [None, 1, None, None, None]
    assert [metrics.get("Closed") for metrics in log.metrics] == [None, None, None, None, 1]


def test_a_line_of_a_failure_names_its_request(functions: Functions, room_id: str) -> None:
    functions.enter(room_id, "ada", "ben")
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
        functions.enter(functions.open_room(), *names)
    with keep_log() as log:
        functions.sweep()
        functions.now += HTTP_LEASE
        functions.sweep()
    assert [(metrics["Rooms"], metrics["Members"]) for metrics in log.metrics] == [(2, 3), (0, 0)]
    assert len(log.lines[1]["stored"]) == 3, "all members left"


def test_connections_that_are_gone_are_named(functions: Functions, room_id: str) -> None:
    ada, ben = functions.enter(room_id, "ada", "ben")
    functions.gone.add(ben.connection_id)
    with keep_log() as log:
        functions.frame(ada, "wave")
    assert log.lines[0]["gone_connections"] == [ben.connection_id]


def test_failed_attempts_are_counted(functions: Functions, room_id: str) -> None:
    with keep_log() as log, Faults(functions.store.connection) as faults:
        faults.plan("TransactWriteItems", cancelled(None, "TransactionConflict"), Refused("ThrottlingException"))
        functions.rest("seats_join", "ada", room_id=room_id)
    assert log.lines[0]["retry_causes"] == {"TransactionConflict": 1, "ThrottlingException": 1}
    assert log.metrics[0]["Retries"] == 2


# --- private data


@contextmanager
def overhear() -> Iterator[Log]:
    """Capture the lines of all loggers, at every level."""
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
    """Send valid and invalid requests of all kinds; returns the credentials."""
    tokens = [functions.sign(ADA), functions.sign(BEN)]
    functions.rest("profiles_update_me", ADA, {"name": PRIVATE, "avatar": f"/{PRIVATE}.png"})
    tickets = [functions.rest("seats_join", name, room_id=room_id)["websocket"]["ticket"] for name in (ADA, BEN)]
    ada, ben = (
        functions.connect(name, room_id, f"?ticket={one}") for name, one in zip((ADA, BEN), tickets, strict=True)
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
    functions.call("seats_list_rooms", BEN, query={"cursor": [PRIVATE]})
    functions.call("seats_get_room", BEN, room_id=PRIVATE)
    for view, text in product(VIEWS, BROKEN_BODIES):
        functions.run("api_handler", rest_event(view, body=text, token=tokens[1], room_id=room_id))
    functions.disconnect(ben)
    return tokens + tickets


def assert_silent(text: str, credentials: list[str]) -> None:
    parts = [part for credential in credentials for part in credential.split(".")[1:]]
    assert parts
    leaked = [word for word in (PRIVATE, *parts) if word in text]
    assert leaked == [], re.findall(rf".*(?:{'|'.join(map(re.escape, leaked))}).*", text)[:3]


def test_no_log_contains_texts_data_or_credentials(functions: Functions, room_id: str) -> None:
    with overhear() as log:
        credentials = talk(functions, room_id)
    assert '"frame":"relayed"' in log.text
    assert_silent(log.text, credentials)


FAULTS: dict[str, Fault] = {
    "DynamoDB refuses": Refused("ValidationException"),
    "a transaction is cancelled": cancelled("ItemCollectionSizeLimitExceeded"),
    "the network fails": Unsent(ReadTimeoutError(endpoint_url="https://dynamodb.test")),
    "a bug quotes a client": Unsent(ValueError(PRIVATE)),
}


def call_everything(functions: Functions, room_id: str, connection: SocketEvents) -> None:
    """Call all kinds of functions, and ignore their errors."""
    calls: list[Callable[[], object]] = [
        lambda: functions.call("seats_join", BEN, room_id=room_id),
        lambda: functions.call("chat_send_message", ADA, {"message_text": PRIVATE}, room_id=room_id),
        lambda: functions.call("profiles_update_me", ADA, {"name": PRIVATE}),
        lambda: functions.connect(ADA, room_id),
        lambda: functions.frame(connection, "message", text=PRIVATE),
        lambda: functions.frame(connection, "offer", data=SDP),
        lambda: functions.disconnect(connection),
        functions.sweep,
    ]
    for call in calls:
        with suppress(UnexpectedError, CoworkingError, AssertionError):
            call()


@pytest.mark.parametrize("operation", ["GetItem", "PutItem", "UpdateItem", "DeleteItem", "Query", "TransactWriteItems"])
@pytest.mark.parametrize("fault", FAULTS)
def test_no_error_quotes_private_data(functions: Functions, room_id: str, fault: str, operation: str) -> None:
    (ada,) = functions.enter(room_id, ADA)
    with overhear() as log, Faults(functions.store.connection) as faults:
        faults.break_for_good(operation, FAULTS[fault])
        call_everything(functions, room_id, ada)
    assert '"fault":1' in log.text
    assert_silent(log.text, [functions.sign(ADA), functions.sign(BEN)])


def test_a_failed_fan_out_logs_no_private_data(
    functions: Functions, room_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (ada,) = functions.enter(room_id, ADA)

    def fail(_: Fanout, posts: list[OutboundFrame | Close]) -> None:
        raise ValueError(posts)

    monkeypatch.setattr(Fanout, "deliver", fail)
    with overhear() as log:
        functions.frame(ada, "message", text=PRIVATE)
        functions.rest("seats_leave", ADA, room_id=room_id)
    assert "nothing could be delivered" in log.text
    assert_silent(log.text, [functions.sign(ADA)])


@pytest.mark.proof
def test_a_stack_logs_no_private_data_even_at_debug(tmp_path: Path) -> None:
    environment = {"POWERTOOLS_LOG_LEVEL": "DEBUG", "POWERTOOLS_METRICS_DISABLED": "false"}
    with LocalStack(data_dir=tmp_path, environment=environment) as stack:
        with Api(stack) as api, Scene(api) as scene:
            credentials = talk_to_stack(scene)
            stack.sweep()
        text = stack.log.read_text("utf-8")
    assert '"kind":"frame"' in text
    assert '"FanoutTime"' in text
    assert_silent(text, credentials)


def talk_to_stack(scene: Scene) -> list[str]:
    """Send valid and invalid requests and frames; returns the credentials."""
    ada, ben = (scene.enter(name) for name in (f"Ada {PRIVATE}", f"Ben {PRIVATE}"))
    ada.ask("message", text=PRIVATE)
    ada.ask("offer", to=ben.user_id, data=SDP)
    for text in BROKEN_FRAMES:
        ben.send_text(text)
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
    ben.send_bytes(PRIVATE.encode())  # this closes the connection
    return [ticket, *(client.caller.token for client in (ada, ben))]
