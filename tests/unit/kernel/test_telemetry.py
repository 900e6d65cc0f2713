"""One log line and one metrics record per event, none of which quotes a client."""

import logging
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from aws_lambda_powertools.metrics import MetricUnit
from botocore.exceptions import ClientError, ReadTimeoutError
from pydantic import BaseModel, ValidationError

from chalicelib.kernel import errors, telemetry
from chalicelib.kernel.settings import Settings
from chalicelib.kernel.telemetry import DIMENSIONS, METRICS, Kind, Telemetry, UnexpectedError, current
from chalicelib.store.concurrency import Parallel
from tests.fakes.log import Log, keep_log

OPERATIONS = Path(__file__).parents[3] / "docs" / "operations.md"
SECRET = "what-nobody-may-read"
PROCESS = Telemetry(Settings())
PROCESS._is_first = False
observe = PROCESS.observe


@pytest.fixture
def log() -> Iterator[Log]:
    with keep_log() as kept:
        yield kept


def observe_nothing(kind: Kind, process: Telemetry = PROCESS) -> None:
    with process.observe(kind):
        pass


def test_an_event_becomes_one_line_and_one_metrics_record(log: Log) -> None:
    with observe("frame", connection_id="c=", request_id="r=") as observation:
        observation.note(frame="wave")
    (line,), (metrics,) = log.lines, log.metrics
    assert (line["kind"], line["frame"], line["connection_id"], line["request_id"]) == ("frame", "wave", "c=", "r=")
    assert line["duration_ms"] == metrics["Duration"]


def test_only_counters_that_were_used_are_written(log: Log) -> None:
    observe_nothing("disconnect")
    with observe("sweep") as observation:
        observation.count("rooms", 0)
    assert set(log.lines[0]) == {"level", "location", "message", "timestamp", "service", "kind", "duration_ms"}
    assert set(log.metrics[0]) == {"_aws", "service", "kind", "Duration"}
    assert log.metrics[1]["Rooms"] == 0


def test_lines_distinguish_users_without_their_ids(log: Log) -> None:
    for user_id in ("auth0|ada", "auth0|ben", "auth0|ada"):
        with observe("http") as observation:
            observation.note_user(user_id)
    ada, ben, ada_again = (line["user"] for line in log.lines)
    assert ada == ada_again != ben
    assert "auth0" not in log.text


def test_stored_messages_are_listed_and_those_of_people_counted(log: Log) -> None:
    with observe("http") as observation:
        observation.note_message("room", 6, "id-6", is_system=True)
        observation.note_message("room", 7, "id-7", is_system=False)
    assert log.lines[0]["stored"] == [{"room_id": "room", "seq": n, "message_id": f"id-{n}"} for n in (6, 7)]
    assert log.metrics[0]["Messages"] == 1


def test_the_result_for_each_connection_is_written(log: Log) -> None:
    with observe("frame") as observation:
        observation.note_delivery(["a", "b", "c", "a"], ["b"], ["c"], sent=2, retries=3, ms=250)
        observation.note_delivery(["a"], [], [], sent=1, retries=0, ms=2)
    (line,), (metrics,) = log.lines, log.metrics
    assert (line["delivered_to"], line["gone_connections"], line["failed_connections"]) == (["a"], ["b"], ["c"])
    assert [metrics[name] for name in ("Delivered", "Gone", "Failed", "PostRetries")] == [3, 1, 1, 3]
    assert metrics["FanoutTime"] == [250, 2], "each fan-out by itself, for percentiles"


def test_a_sweep_of_many_rooms_fits_into_its_lines(log: Log) -> None:
    with observe("sweep") as observation:
        for number in range(2_000):
            name = f"{number:016}="
            observation.note_message(f"{number:036}", 2**31, f"{number:036}", is_system=True)
            observation.note_delivery([name], [name], [name], sent=0, retries=0, ms=100)
    (line,), (metrics,) = log.lines, log.metrics
    assert max(len(written.encode()) for written in log.text.splitlines()) < 256 * 1024
    assert line["stored"][0]["room_id"] == f"{0:036}"
    assert metrics["Gone"] == metrics["Failed"] == line["gone"] == 2_000
    assert len(metrics["FanoutTime"]) == 100


def test_requests_to_dynamodb_are_added_up(log: Log) -> None:
    with observe("http"):
        Parallel()(*[lambda: current().count_request(0.5, 1.0)] * 4)
        for cause in ("TransactionConflict", "ThrottlingException", "TransactionConflict"):
            current().count_retry(cause)
    (line,) = log.lines
    assert (line["dynamodb_requests"], line["read_units"], line["write_units"]) == (4, 2.0, 4.0)
    assert line["retry_causes"] == {"TransactionConflict": 2, "ThrottlingException": 1}
    assert log.metrics[0]["Retries"] == 3


def test_the_first_event_of_a_process_is_a_cold_start(log: Log) -> None:
    process = Telemetry(Settings())
    for _ in range(2):
        observe_nothing("http", process)
    assert [line.get("cold_start") for line in log.lines] == [1, None]
    assert [metrics.get("ColdStarts") for metrics in log.metrics] == [1, None]


def test_metrics_are_as_cloudwatch_reads_them(log: Log) -> None:
    with observe("sweep", cold_start=1) as observation:
        observation.note_message("room", 1, "id", is_system=False)
        observation.note_delivery(["a"], ["b"], ["c"], sent=1, retries=1, ms=100)
        observation.count_retry("ThrottlingException")
        for what in ("opened", "closed", "rooms", "members"):
            observation.count(what)
        observation.note(error=errors.UnavailableError.code, room_id="room", user="ada")
    (metrics,) = log.metrics
    (directive,) = metrics["_aws"]["CloudWatchMetrics"]
    assert directive["Dimensions"] == [list(DIMENSIONS)] == [["service", "kind"]]
    assert set(metrics) == {"_aws", *DIMENSIONS, *METRICS}
    assert {metric["Name"] for metric in directive["Metrics"]} == set(METRICS)
    assert {metric["Unit"] for metric in directive["Metrics"]} <= {unit.value for unit in MetricUnit}
    assert all(isinstance(metrics[name], int | float | list) for name in METRICS)
    assert isinstance(metrics["_aws"]["Timestamp"], int)


def test_metrics_are_as_the_settings_say(log: Log) -> None:
    observe_nothing("http", Telemetry(Settings(powertools_metrics_namespace="CoworkingRooms/prod")))
    observe_nothing("http", Telemetry(Settings(powertools_metrics_disabled=True)))
    assert len(log.lines) == 2
    (metrics,) = log.metrics
    assert metrics["_aws"]["CloudWatchMetrics"][0]["Namespace"] == "CoworkingRooms/prod"


def test_metrics_remain_when_lines_are_switched_off(log: Log) -> None:
    logger = logging.getLogger(telemetry.SERVICE)
    before = logger.level
    logger.setLevel(logging.WARNING)
    observe_nothing("http")
    logger.setLevel(before)
    assert log.metrics
    assert not log.lines


@pytest.mark.parametrize(
    ("error", "faults"),
    [
        (errors.UnavailableError(), 1),
        (errors.AuthUnavailableError(), 1),
        (errors.RoomFullError(), None),
        (errors.NotInRoomError(), None),
    ],
)
def test_only_failures_of_the_service_count_as_faults(
    log: Log, error: errors.CoworkingError, faults: int | None
) -> None:
    with pytest.raises(type(error)), observe("connect"):
        raise error
    assert log.lines[0]["error"] == error.code
    assert log.metrics[0].get("Faults") == faults


class Sent(BaseModel):
    number: int


def invalid() -> ValidationError:
    with pytest.raises(ValidationError) as caught:
        Sent.model_validate({"number": SECRET})
    return caught.value


def chained() -> Exception:
    error = RuntimeError("while at it")
    error.__cause__ = KeyError(SECRET)
    return error


@pytest.mark.parametrize("make", [lambda: ValueError(SECRET), invalid, chained])
def test_an_error_is_logged_without_its_text(log: Log, make: Callable[[], Exception]) -> None:
    error = make()
    with pytest.raises(UnexpectedError, match=f"^sweep failed: {type(error).__name__}$") as caught, observe("sweep"):
        raise error
    trace = log.lines[0]["exception"]
    assert Path(__file__).name in trace
    assert "raise error" in trace, "the line that raised it"
    assert type(error).__name__ in trace
    assert log.metrics[0]["Faults"] == 1
    assert SECRET not in log.text + str(caught.value)
    assert caught.value.__suppress_context__, "Lambda logs no more than this"


def test_the_causes_of_an_error_are_logged(log: Log) -> None:
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
    assert SECRET not in log.text


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (ClientError({"Error": {"Code": "AccessDenied", "Message": SECRET}}, "PutItem"), "PutItem: AccessDenied"),
        (ConnectionRefusedError("Connection refused"), "ConnectionRefusedError Connection refused"),
        (ReadTimeoutError(endpoint_url="https://dynamodb.test"), "https://dynamodb.test"),
    ],
)
def test_the_texts_of_network_and_aws_errors_are_logged(log: Log, error: Exception, text: str) -> None:
    with pytest.raises(UnexpectedError), observe("disconnect"):
        raise error
    assert text in log.lines[0]["exception"]
    assert SECRET not in log.text


def test_other_lines_name_the_running_event(log: Log) -> None:
    warn = logging.getLogger("chalicelib.fanout").warning
    with observe("frame", request_id="r=", connection_id="c="):
        current().note(room_id="room")
        Parallel()(lambda: None, lambda: warn("not delivered to connection %s", "b="))
    warn("nothing is going on")
    meanwhile, _, later = log.lines
    named = {"kind": "frame", "request_id": "r=", "connection_id": "c=", "room_id": "room"}
    assert named.items() <= meanwhile.items()
    assert meanwhile["message"] == "not delivered to connection b="
    assert "request_id" not in later


def test_notes_outside_of_an_event_are_dropped(log: Log) -> None:
    current().note(frame="wave")
    current().count_request(1, 1)
    assert current().dynamodb_requests == 0
    assert not log.text


@pytest.mark.parametrize("library", ["botocore.endpoint", "pynamodb.connection.base", "urllib3.connectionpool"])
def test_libraries_never_log_at_debug_level(log: Log, library: str) -> None:
    root = logging.getLogger()
    before = root.level
    root.setLevel(logging.DEBUG)
    assert not logging.getLogger(library).isEnabledFor(logging.DEBUG)
    root.setLevel(before)


def test_every_metric_and_field_is_documented() -> None:
    page = OPERATIONS.read_text("utf-8")
    fields = {source for _, source in METRICS.values()} | {
        "kind", "route", "frame", "ref", "status", "error", "request_id", "connection_id", "room_id", "user",
        "dynamodb_requests", "read_units", "write_units", "retry_causes", "stored",
        "delivered_to", "gone_connections", "failed_connections"
    }  # fmt: skip
    assert [name for name in (*METRICS, *sorted(fields)) if f"`{name}`" not in page] == []
