"""What each operation uses of everything that AWS bills, in rooms of 2, 10, 20 and 50 people.

    python -m bench.usage

A guest enters a room whose other seats are taken, does once what people do there, and leaves, over and over. API
Gateway's events go through the handlers of `app.py`; the tables are on a real engine, and posts go to a stub that takes
10 ms for each. Counted: DynamoDB's requests, round trips and units, posts, and the bytes posted, answered and logged.
These are the same on every machine. Measured: the CPU time. `bench/cost.py` turns all of it into dollars.
"""

import contextlib
import io
import json
import math
import os
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import yaml

from bench import events
from bench.events import Event
from bench.report import describe_run, format_table, write_results
from bench.stub import stub_server
from infra.local.engine import Engine
from infra.local.tables import TemplateLoader

OBSERVABILITY = Path(__file__).parent.parent / "infra" / "observability.yaml"
PREFIX = "usage-"
SIZES = (2, 10, 20, 50)
LISTED_ROOMS = 50
WARM_UP_TURNS, COUNTED_TURNS, TURNS = 5, 3, 30
MESSAGE_BYTES = 32 * 1024
"""API Gateway bills one message for each 32 KB."""
RENEW_SECONDS = 25
CURSOR = {"x": 0.25, "y": 0.75, "color": "bg-purple"}
SDP = {"type": "offer", "sdp": "v=0\r\n" + "a=candidate:1 1 UDP 2122252543 192.0.2.1 54400 typ host\r\n" * 40}
TEXT = "x" * 120
LARGEST_TEXT = "\u2603" * 4000

Figures = dict[str, Any]


@dataclass(frozen=True)
class Operation:
    """A call of one function, with a new event in each turn."""

    name: str
    function: str
    make_event: Callable[[int], Event]
    checks_expiry: bool = False
    """True if it runs in a process whose last check for expired members is long ago."""

    def call(self, app_module: Any, event: Event) -> Any:
        """Hand the event to the function.

        Raises:
            RuntimeError: the answer is an error.
        """
        handler = app_module.app if self.function == "api_handler" else getattr(app_module, self.function)
        with forgotten_checks() if self.checks_expiry else nullcontext():
            answer = handler(event, events.lambda_context(self.function))
        if isinstance(answer, Mapping) and answer.get("statusCode", 200) >= 300:
            raise RuntimeError(f"{answer['statusCode']}: {answer['body']}")
        return answer


@contextmanager
def forgotten_checks() -> Iterator[None]:
    """Forget when this process last checked for expired members."""
    from chalicelib.backend import get_backend
    from chalicelib.kernel.limits import Throttle

    with patch.object(get_backend(), "expiry_checks", Throttle()):
        yield


class Room:
    """A room with one free seat, and the visit of a guest who takes it."""

    def __init__(self, app_module: Any, size: int) -> None:
        self._app = app_module
        self._rest = events.Rest(app_module.app)
        self._size = size
        self._guests: dict[tuple[str, int], events.Socket] = {}
        body = {"name": f"Room of {size}", "description": "x" * 60, "max_participants": 50}
        self.id = self._request("POST", "/coworking/rooms", "owner", body)["id"]
        self.sockets = [events.Socket(f"member {number} of {size}", self.id) for number in range(size - 1)]
        for socket in self.sockets:
            self._request("POST", self._path("/join"), socket.user_id)
            Operation("connect", "websocket_connect", lambda _: {}).call(app_module, socket.connect)
        self.say("ping")

    def say(self, kind: str) -> None:
        """Every member sends this frame: `ping` keeps their seats, `leave` empties the room."""
        for socket in self.sockets:
            self._app.websocket_message(socket.frame(kind), events.lambda_context("websocket_message"))

    def visit(self) -> list[Operation]:
        """What a guest does, in order. Afterwards the room is as it was before."""
        from chalicelib.features import FRAMES

        return [
            self._http("list", "GET", "/coworking/rooms"),
            self._http("join", "POST", self._path("/join")),
            self._event("connect", "first"),
            self._frame("sync", last_seq=None),
            self._frame("mic", is_muted=False),
            self._frame("speaking", **FRAMES["speaking"].example),
            self._frame("typing", is_typing=True),
            self._frame("relay", kind="cursor", data=CURSOR),
            self._frame("signal", kind="offer", to=f"member 0 of {self._size}", data=SDP),
            self._frame("message", text=TEXT),
            self._frame("message with id", kind="message", text=TEXT, id="once"),
            self._frame("ping"),
            replace(self._frame("ping with expiry check", kind="ping"), checks_expiry=True),
            Operation("sync, up to date", "websocket_message", self._sync_up_to_date),
            self._http("ticket", "POST", self._path("/ticket")),
            self._event("connect again", "second"),
            self._frame("sync again", by="second", kind="sync", last_seq=None),
            self._event("disconnect one of two", "first"),
            self._frame("leave", by="second"),
            self._event("disconnect", "second"),
        ]

    def abuse(self) -> list[Operation]:
        """The acts of a guest who wants to cost as much as possible, in order."""
        largest = {"by": "first", "kind": "message", "text": LARGEST_TEXT}
        return [
            self._http("join", "POST", self._path("/join")),
            self._event("connect", "first"),
            self._frame("relay of 8,000 bytes", kind="cursor", data="x" * 7_900),
            self._frame("signal of 32,000 bytes", kind="offer", data="x" * 31_900),
            self._frame("message of 12,000 bytes", **largest, id="once"),
            self._frame("mic", is_muted=False),
            self._frame("mic without a change", kind="mic", is_muted=False),
            self._frame("signal to nobody", kind="offer", to="nobody"),
            self._frame("invalid frame", kind="message", text=7),
            self._frame("ping"),
            self._frame("sync", last_seq=None),
            self._http("list", "GET", "/coworking/rooms"),
            self._http("room", "GET", self._path("")),
            self._http("history", "GET", self._path("/messages?limit=100")),
            self._http("ticket", "POST", self._path("/ticket")),
            self._event("connect again", "second"),
            self._event("disconnect one of two", "first"),
            self._frame("leave", by="second"),
            self._event("disconnect", "second"),
        ]

    def _http(self, name: str, method: str, path: str) -> Operation:
        return Operation(name, "api_handler", lambda turn: self._rest.event(method, path, self._guest(turn)))

    def _frame(self, name: str, by: str = "first", kind: str = "", **fields: object) -> Operation:
        return Operation(name, "websocket_message", lambda turn: self._socket(by, turn).frame(kind or name, **fields))

    def _event(self, name: str, which: str) -> Operation:
        """The guest's first or second connection begins or ends."""
        kind = name.split()[0]
        return Operation(name, f"websocket_{kind}", lambda turn: getattr(self._socket(which, turn), kind))

    def _sync_up_to_date(self, turn: int) -> Event:
        newest = self._request("GET", self._path("/messages?limit=1"), self._guest(turn))["messages"][-1]
        return self._socket("first", turn).frame("sync", last_seq=newest["seq"])

    def _request(self, method: str, path: str, user_id: str, body: Mapping[str, object] | None = None) -> Any:
        operation = Operation(path, "api_handler", lambda _: self._rest.event(method, path, user_id, body))
        return json.loads(operation.call(self._app, operation.make_event(0))["body"])

    def _path(self, suffix: str) -> str:
        return f"/coworking/rooms/{self.id}{suffix}"

    def _guest(self, turn: int) -> str:
        return f"guest {turn} of {self._size}"

    def _socket(self, which: str, turn: int) -> events.Socket:
        return self._guests.setdefault((which, turn), events.Socket(self._guest(turn), self.id))


class Meter:
    """Runs operations in turns, and notes what each of them uses."""

    def __init__(
        self, app_module: Any, operations: Sequence[Operation], log: io.StringIO, keep_seats: Callable[[], None]
    ) -> None:
        self._app = app_module
        self._operations = operations
        self._log = log
        self._keep_seats = keep_seats
        self._renewed = time.monotonic()
        self._turn = 0
        self._batches: list[list[int]] = []
        self._counts: dict[str, list[Figures]] = defaultdict(list)
        self._calls: dict[str, list[Figures]] = defaultdict(list)

    def measure(self) -> dict[str, Figures]:
        """Run all operations; the figures of each by its name."""
        with watched_posts(self._batches):
            self._run(WARM_UP_TURNS, self._call)
            self._run(COUNTED_TURNS, self._count)  # first: later a lease is due
            self._calls.clear()
            self._run(TURNS, self._call)
        return {one.name: self._describe(one) for one in self._operations}

    def _run(self, turns: int, do: Callable[[Operation, Event], None]) -> None:
        for _ in range(turns):
            if time.monotonic() - self._renewed > RENEW_SECONDS:
                self._keep_seats()
                self._renewed = time.monotonic()
            for operation in self._operations:
                do(operation, operation.make_event(self._turn))
            self._turn += 1

    def _call(self, operation: Operation, event: Event) -> None:
        self._batches.clear()
        logged, started = self._log.tell(), time.process_time()
        answer = operation.call(self._app, event)
        used = {"cpu_ms": (time.process_time() - started) * 1000, "logged_bytes": self._log.tell() - logged}
        self._calls[operation.name].append(meter_posts(self._batches, answer) | used)

    def _count(self, operation: Operation, event: Event) -> None:
        from chalicelib.backend import get_backend
        from tests.fakes.counting import Counter

        with Counter(get_backend().store) as counter, spent_units() as spent:
            self._call(operation, event)
        units = sum(spent)
        counted = {name: getattr(counter, name) for name in ("round_trips", "write_units", "read_units")}
        posts = sum(map(len, self._batches))
        self._counts[operation.name].append({"requests": len(counter.calls), **counted, "posts": posts, "units": units})

    def _describe(self, operation: Operation) -> Figures:
        # The call with the fewest requests. Others also renew a lease, which happens once a minute.
        counted = min(self._counts[operation.name], key=lambda count: count["requests"])
        calls = self._calls[operation.name]
        medians = {key: statistics.median_low(call[key] for call in calls) for key in calls[0]}
        return {"function": operation.function, **counted, **medians}


@contextmanager
def spent_units() -> Iterator[list[int]]:
    """Note what calls charge to users' budgets."""
    from chalicelib.store.budgets import Budgets

    spent: list[int] = []

    def watched(original: Callable[..., Any]) -> Callable[..., Any]:
        def call(budgets: Budgets, user_id: str, units: int, now: int) -> Any:
            spent.append(units)
            return original(budgets, user_id, units, now)

        return call

    check, charge = watched(Budgets.check), watched(Budgets.charge)
    with patch.object(Budgets, "check", check), patch.object(Budgets, "charge", charge):
        yield spent


@contextmanager
def watched_posts(batches: list[list[int]]) -> Iterator[None]:
    """Note the sizes of posts, a list for each fan-out. Closing a connection counts as an empty message."""
    from chalicelib.delivery.fanout import Fanout

    deliver = Fanout.deliver

    def watched(fanout: Any, given: Iterable[Any], *arguments: Any) -> Any:
        posts = list(given)
        data = [getattr(post, "data", b"") for post in posts]
        if any(b'"type":"error"' in text for text in data):
            raise RuntimeError(f"answered by an error: {data}")
        batches.append([len(text) for text in data])
        return deliver(fanout, posts, *arguments)

    with patch.object(Fanout, "deliver", watched):
        yield


def meter_posts(batches: Sequence[Sequence[int]], answer: Any) -> Figures:
    """The sum of a call's posts: messages as API Gateway bills them, waves of threads, and bytes."""
    from chalicelib.delivery.fanout import THREADS

    sizes = [size for batch in batches for size in batch]
    return {
        "billed_messages": sum(max(1, math.ceil(size / MESSAGE_BYTES)) for size in sizes),
        "waves": sum(math.ceil(len(batch) / THREADS) for batch in batches),
        "posted_bytes": sum(sizes),
        "answered_bytes": len(answer.get("body") or "") if isinstance(answer, Mapping) else 0,
    }


def count_metrics(log: str, kind: str = "") -> int:
    """How many metrics CloudWatch bills, of one kind or of all: each name with each set of values of its dimensions."""
    found = set()
    for line in log.splitlines():
        if '"_aws"' in line and (entry := json.loads(line))["kind"].startswith(kind):
            for described in entry["_aws"]["CloudWatchMetrics"]:
                for names in described["Dimensions"]:
                    place = tuple((name, entry[name]) for name in sorted(names))
                    found |= {(described["Namespace"], place, metric["Name"]) for metric in described["Metrics"]}
    return len(found)


def count_resources(resources: Mapping[str, Any], kind: str) -> int:
    """How many resources of a type a template makes, with its loops unrolled."""
    total = 0
    for name, resource in resources.items():
        if name.startswith("Fn::ForEach::"):
            _, values, body = resource
            total += len(values) * count_resources(body, kind)
        else:
            total += resource["Type"] == kind
    return total


def measure_all(log: io.StringIO) -> Figures:
    """Measure all operations in this process, which has the environment of a function."""
    import app as app_module

    for _ in range(LISTED_ROOMS):
        Room(app_module, 1)
    sweep = Operation("sweep", "sweep", lambda _: events.sweep())

    def measure_sweep() -> Figures:
        return Meter(app_module, [sweep], log, lambda: None).measure()["sweep"]

    def measure_room(size: int, visit: Callable[[Room], list[Operation]] = Room.visit) -> dict[str, Figures]:
        room = Room(app_module, size)
        measured = Meter(app_module, visit(room), log, lambda: room.say("ping")).measure()
        room.say("ping")
        with_room = measure_sweep()
        room.say("leave")
        sweep.call(app_module, events.sweep())  # takes the empty room off the index
        return measured | {"sweep of the room": subtract(with_room, measure_sweep())}

    rooms = {str(size): measure_room(size) for size in SIZES}
    resources = yaml.load(OBSERVABILITY.read_text(), TemplateLoader)["Resources"]
    return {
        "sweep": measure_sweep(),
        "rooms": rooms,
        "worst": measure_room(max(SIZES), Room.abuse),
        "metrics": count_metrics(log.getvalue()),
        "sweep_metrics": count_metrics(log.getvalue(), "sweep"),
        "alarms": count_resources(resources, "AWS::CloudWatch::Alarm"),
        "dashboards": count_resources(resources, "AWS::CloudWatch::Dashboard"),
    }


def subtract(whole: Figures, base: Figures) -> Figures:
    """What one more room adds to a sweep. A sweep looks at one room after the other."""
    return {key: max(0, value - base[key]) if isinstance(value, int | float) else value for key, value in whole.items()}


def print_results(results: Figures) -> None:
    for size, operations in results["rooms"].items():
        print(f"\nIn a room of {size}\n")
        figures = list(operations["list"])[1:]
        rows = [[name, *(f"{one[figure]:.6g}" for figure in figures)] for name, one in operations.items()]
        print(format_table(["operation", *(figure.replace("_", " ") for figure in figures)], rows))


def main() -> None:
    log = io.StringIO()
    with tempfile.TemporaryDirectory() as directory, Engine(Path(directory)) as engine, stub_server() as url:
        engine.create_tables(PREFIX)
        environment = events.function_environment(engine.url, f"{url}/slow", TABLE_PREFIX=PREFIX)
        os.environ.update(environment | events.NO_LIMITS)
        with contextlib.redirect_stdout(log):
            measured = measure_all(log)
    results = describe_run() | measured
    write_results("usage", results)
    print_results(results)


if __name__ == "__main__":
    main()
