"""What is written down of what was done, what is counted, and what is kept quiet about."""

import logging
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from aws_lambda_powertools.metrics import MetricUnit
from botocore.exceptions import ClientError, ReadTimeoutError
from pydantic import BaseModel, ValidationError

from chalicelib import telemetry
from chalicelib.errors import AuthUnavailableError, CoworkingError, NotInRoomError, RoomFullError, UnavailableError
from chalicelib.fanout import DeliveryReport
from chalicelib.store.client import together
from chalicelib.telemetry import DIMENSIONS, METRICS, UnexpectedError, current, observe
from tests.fakes.log import Log, keep_log
from tests.fakes.records import make_message

OPERATIONS = Path(__file__).parent.parent.parent / "docs" / "operations.md"
SECRET = "what-nobody-may-read"


@pytest.fixture
def log() -> Iterator[Log]:
    with keep_log() as kept:
        yield kept


def test_what_is_done_becomes_one_line_and_one_of_metrics(log: Log) -> None:
    with observe("frame", connection_id="c=", request_id="r=") as observation:
        observation.note(frame="wave")
    (line,), (metrics,) = log.lines, log.metrics
    assert (line["kind"], line["frame"], line["connection_id"], line["request_id"]) == ("frame", "wave", "c=", "r=")
    assert line["duration_ms"] == metrics["Duration"]


def test_a_line_says_nothing_of_what_there_was_none(log: Log) -> None:
    with observe("disconnect"):
        pass
    with observe("disconnect"):
        pass
    said = {"level", "location", "message", "timestamp", "service", "kind", "duration_ms"}
    assert set(log.lines[-1]) == said
    assert set(log.metrics[-1]) == {"_aws", "service", "kind", "Duration"}


def test_users_are_told_apart_and_not_named(log: Log) -> None:
    for user_id in ("auth0|ada", "auth0|ben", "auth0|ada"):
        with observe("http") as observation:
            observation.note_user(user_id)
    ada, ben, ada_again = (line["user"] for line in log.lines)
    assert ada == ada_again != ben
    assert "auth0" not in log.text


def test_a_stored_message_is_named_and_not_quoted(log: Log) -> None:
    message = make_message("room", 7, text=SECRET)
    with observe("http") as observation:
        observation.note_message(make_message("room", 6, type="system", text=SECRET))
        observation.note_message(message)
    assert log.lines[0]["stored"][1] == {"room_id": "room", "seq": 7, "message_id": message.id}
    assert log.metrics[0]["Messages"] == 1, "what the room itself says isn't counted"
    assert SECRET not in log.text


def test_it_is_told_what_came_of_each_connection(log: Log) -> None:
    with observe("frame") as observation:
        observation.note_delivery(["a", "b", "c", "a"], DeliveryReport(2, ("b",), ("c",), 0.25, retries=3))
        observation.note_delivery(["a"], DeliveryReport(1, seconds=0.002))
    (line,), (metrics,) = log.lines, log.metrics
    assert (line["delivered_to"], line["gone_connections"], line["failed_connections"]) == (["a"], ["b"], ["c"])
    counted = [metrics[name] for name in ("Delivered", "Gone", "Failed", "PostRetries")]
    assert counted == [3, 1, 1, 3]
    assert metrics["FanoutTime"] == [250, 2], "each fan-out by itself, for percentiles"


def test_a_sweep_of_many_rooms_fits_into_its_lines(log: Log) -> None:
    with observe("sweep") as observation:
        for number in range(2_000):
            name = f"{number:016}="
            observation.note_message(make_message(f"{number:036}", 2**31, type="system"))
            observation.note_delivery([name], DeliveryReport(0, (name,), (name,), 0.1))
    (line,), (metrics,) = log.lines, log.metrics
    assert max(len(written.encode()) for written in log.text.splitlines()) < 256 * 1024
    assert line["stored"][0]["room_id"] == f"{0:036}"
    assert metrics["Gone"] == metrics["Failed"] == line["gone"] == 2_000
    assert len(metrics["FanoutTime"]) == 100


def test_requests_to_the_database_are_added_up(log: Log) -> None:
    with observe("http"):
        together(*[lambda: current().count_request(0.5, 1.0)] * 4)
        for cause in ("TransactionConflict", "ThrottlingException", "TransactionConflict"):
            current().count_retry(cause)
    (line,) = log.lines
    assert (line["dynamodb_requests"], line["read_units"], line["write_units"]) == (4, 2.0, 4.0)
    assert line["retry_causes"] == {"TransactionConflict": 2, "ThrottlingException": 1}
    assert log.metrics[0]["Retries"] == 3


def test_none_is_a_figure_where_it_was_counted(log: Log) -> None:
    with observe("sweep") as observation:
        observation.count("rooms", 0)
        observation.count("members", 0)
    assert (log.metrics[0]["Rooms"], log.metrics[0]["Members"]) == (0, 0)


def test_the_first_thing_that_a_process_does_is_a_cold_start(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(telemetry, "_starting", True)
    for _ in range(2):
        with observe("http"):
            pass
    assert [line.get("cold_start") for line in log.lines] == [1, None]
    assert [metrics.get("ColdStarts") for metrics in log.metrics] == [1, None]


def do_everything() -> None:
    with observe("sweep", cold_start=1) as observation:
        observation.note_message(make_message("room"))
        observation.note_delivery(["a"], DeliveryReport(1, ("b",), ("c",), 0.1, 1))
        observation.count_retry("ThrottlingException")
        for what in ("opened", "closed", "rooms", "members"):
            observation.count(what)
        observation.note(error=UnavailableError.code, room_id="room", user="ada")


def test_metrics_are_as_cloudwatch_reads_them(log: Log) -> None:
    do_everything()
    (metrics,) = log.metrics
    (directive,) = metrics["_aws"]["CloudWatchMetrics"]
    assert {metric["Name"] for metric in directive["Metrics"]} == set(METRICS)
    assert {metric["Unit"] for metric in directive["Metrics"]} <= {unit.value for unit in MetricUnit}
    assert all(isinstance(metrics[name], int | float | list) for name in METRICS)
    assert isinstance(metrics["_aws"]["Timestamp"], int)


def test_no_metric_is_split_up_by_what_has_many_values(log: Log) -> None:
    do_everything()
    (metrics,) = log.metrics
    assert metrics["_aws"]["CloudWatchMetrics"][0]["Dimensions"] == [list(DIMENSIONS)] == [["service", "kind"]]
    assert set(metrics) == {"_aws", *DIMENSIONS, *METRICS}


def test_each_stage_has_metrics_of_its_own(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POWERTOOLS_METRICS_NAMESPACE", "CoworkingRooms/prod")
    with observe("http"):
        pass
    assert log.metrics[0]["_aws"]["CloudWatchMetrics"][0]["Namespace"] == "CoworkingRooms/prod"


def test_metrics_can_be_switched_off(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POWERTOOLS_METRICS_DISABLED", "true")
    with observe("http"):
        pass
    assert log.lines
    assert not log.metrics


def test_lines_can_be_left_out_and_metrics_stay(log: Log) -> None:
    logger = logging.getLogger(telemetry.SERVICE)
    before = logger.level
    logger.setLevel(logging.WARNING)
    with observe("http"):
        pass
    logger.setLevel(before)
    assert log.metrics
    assert not log.lines


@pytest.mark.parametrize("error", [UnavailableError(), AuthUnavailableError()])
def test_what_is_our_fault_is_counted_as_a_fault(log: Log, error: CoworkingError) -> None:
    with pytest.raises(type(error)), observe("connect"):
        raise error
    assert log.lines[0]["error"] == error.code
    assert log.metrics[0]["Faults"] == 1


@pytest.mark.parametrize("error", [RoomFullError(), NotInRoomError()])
def test_what_clients_are_refused_is_no_fault(log: Log, error: CoworkingError) -> None:
    with pytest.raises(type(error)), observe("connect"):
        raise error
    assert log.lines[0]["error"] == error.code
    assert "Faults" not in log.metrics[0]


class Said(BaseModel):
    number: int


def invalid() -> ValidationError:
    with pytest.raises(ValidationError) as caught:
        Said.model_validate({"number": SECRET})
    return caught.value


def chained() -> Exception:
    error = RuntimeError("while at it")
    error.__cause__ = KeyError(SECRET)
    return error


@pytest.mark.parametrize("make", [lambda: ValueError(SECRET), invalid, chained])
def test_an_error_that_leaves_a_function_quotes_nobody(log: Log, make: Callable[[], Exception]) -> None:
    error = make()
    with pytest.raises(UnexpectedError, match=f"^sweep failed: {type(error).__name__}$") as caught, observe("sweep"):
        raise error
    trace = log.lines[0]["exception"]
    assert f"{Path(__file__).name}" in trace
    assert "raise error" in trace, "the line that it came from"
    assert type(error).__name__ in trace
    assert log.metrics[0]["Faults"] == 1
    assert SECRET not in log.text + str(caught.value)
    assert caught.value.__suppress_context__, "Lambda is shown no more"


def test_what_led_to_an_error_is_told(log: Log) -> None:
    try:
        try:
            raise KeyError(SECRET)
        except KeyError as missing:
            raise RuntimeError from missing
    except RuntimeError:
        logging.getLogger("chalicelib.chat").exception("no luck")
    trace = log.lines[0]["exception"]
    assert re.search(r"RuntimeError\nwhile handling\n.*KeyError$", trace, re.DOTALL)
    assert log.lines[0]["exception_name"] == "RuntimeError"


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (ClientError({"Error": {"Code": "AccessDenied", "Message": SECRET}}, "PutItem"), "PutItem: AccessDenied"),
        (ConnectionRefusedError("Connection refused"), "ConnectionRefusedError Connection refused"),
        (ReadTimeoutError(endpoint_url="https://dynamodb.test"), "https://dynamodb.test"),
    ],
)
def test_what_the_network_and_aws_say_is_told(log: Log, error: Exception, told: str) -> None:
    with pytest.raises(UnexpectedError), observe("disconnect"):
        raise error
    assert told in log.lines[0]["exception"]
    assert SECRET not in log.text


def test_what_is_said_meanwhile_names_the_request(log: Log) -> None:
    warn = logging.getLogger("chalicelib.fanout").warning
    with observe("frame", request_id="r=", connection_id="c="):
        current().note(room_id="room")
        together(lambda: None, lambda: warn("not delivered to connection %s", "b="))
    warn("nothing is going on")
    meanwhile, _, later = log.lines
    assert [meanwhile[name] for name in ("kind", "request_id", "connection_id", "room_id")] == [
        "frame",
        "r=",
        "c=",
        "room",
    ]
    assert meanwhile["message"] == "not delivered to connection b="
    assert "request_id" not in later


def test_what_is_noted_outside_of_everything_is_lost(log: Log) -> None:
    current().note(frame="wave")
    current().count_request(1, 1)
    assert current().dynamodb_requests == 0
    assert not log.text


@pytest.mark.parametrize("library", ["botocore.endpoint", "pynamodb.connection.base", "urllib3.connectionpool"])
def test_libraries_that_tell_all_they_send_are_never_debugged(log: Log, library: str) -> None:
    root = logging.getLogger()
    before = root.level
    root.setLevel(logging.DEBUG)
    assert not logging.getLogger(library).isEnabledFor(logging.DEBUG)
    root.setLevel(before)


def test_operators_can_read_what_each_metric_and_each_field_is() -> None:
    page = OPERATIONS.read_text("utf-8")
    fields = {source for _, source in METRICS.values()} | {
        "kind", "route", "frame", "ref", "status", "error", "request_id", "connection_id", "room_id", "user",
        "dynamodb_requests", "read_units", "write_units", "retry_causes", "stored",
        "delivered_to", "gone_connections", "failed_connections",
    }  # fmt: skip
    assert [name for name in (*METRICS, *sorted(fields)) if f"`{name}`" not in page] == []
