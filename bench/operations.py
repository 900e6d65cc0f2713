"""What operations cost, and where the time goes: the real handlers of `app.py` on a real engine, in this process.

    python -m bench.operations

Each operation is an event of API Gateway, handed to its handler; the posts go to a stub that takes 10 ms for each, as
API Gateway may. All of it runs in turns, so that what else the machine does falls on every operation alike.

* counted: requests, round trips and units (`tests/fakes/counting.py`), posts. These are the same on any machine.
* measured, medians: the wall time; how long of it something waited for the engine, or for posts; the CPU time, and
  whose code it goes to (`bench/layers.py`). *ours* is `chalicelib` and `app.py` with the standard library below them,
  less `gateway.py` and `fanout.py`, which are *posting*; *threads* is what handing work to threads and back takes.
"""

import contextlib
import io
import itertools
import os
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

from botocore.httpsession import URLLib3Session

from bench import events
from bench.events import Event
from bench.layers import LAYERS, OURS, Ledger, wrapped_borders
from bench.posting import SERVER_SECONDS, stub_server
from bench.report import describe_run, format_table, median_ratio, write_results
from infra.local.engine import Engine

PREFIX = "operations-"
PLENTY = "1000000/1"
SEATED, FULL = 11, 50
LISTED = 50
TURNS, COUNTED_TURNS, WARM_UP_TURNS = 60, 3, 5
TARGETS = ("join", "message", "message with id")
"""These are to spend less time in our code than in the engine."""

Handler = Callable[[Event, Any], Any]
Act = Callable[[int], Event]
Interval = tuple[float, float]


@dataclass(frozen=True)
class Operation:
    """What is measured: a handler, and the event it gets in each turn."""

    name: str
    function: str
    handler: Handler
    make_event: Act


@dataclass
class Waits:
    """When something waited for the engine, or for posts, since the last `clear`."""

    engine: list[Interval] = field(default_factory=list)
    posting: list[Interval] = field(default_factory=list)
    engine_cpu: float = 0.0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def clear(self) -> None:
        self.engine.clear()
        self.posting.clear()
        self.engine_cpu = 0.0

    def note_request(self, started: float, ended: float, cpu: float) -> None:
        with self._lock:
            self.engine.append((started, ended))
            self.engine_cpu += cpu


def covered(intervals: Sequence[Interval]) -> float:
    """How long at least one of the intervals lasted."""
    total, reached = 0.0, float("-inf")
    for started, ended in sorted(intervals):
        total += max(0.0, ended - max(started, reached))
        reached = max(reached, ended)
    return total


@contextmanager
def observe_waits() -> Iterator[Waits]:
    """Watch every HTTP exchange with the engine, and every fan-out."""
    from chalicelib.fanout import Fanout

    waits, send, deliver = Waits(), URLLib3Session.send, Fanout.deliver

    def watched_send(session: Any, request: Any) -> Any:
        started, cpu = time.perf_counter(), time.thread_time()
        try:
            return send(session, request)
        finally:
            waits.note_request(started, time.perf_counter(), time.thread_time() - cpu)

    def watched_deliver(fanout: Any, *arguments: Any) -> Any:
        started = time.perf_counter()
        try:
            return deliver(fanout, *arguments)
        finally:
            waits.posting.append((started, time.perf_counter()))

    with patch.object(URLLib3Session, "send", watched_send), patch.object(Fanout, "deliver", watched_deliver):
        yield waits


class Room:
    """A room with people who are connected, and the calls that are made there."""

    def __init__(self, app_module: Any, size: int) -> None:
        self._app = app_module
        self._rest = events.Rest(app_module.app)
        self._numbers = itertools.count()
        self.id = self._make(size)
        self.people = [f"member {number} of {size}" for number in range(size)]
        self.sockets = [events.Socket(person, self.id) for person in self.people]
        for person, socket in zip(self.people, self.sockets, strict=True):
            check(app_module.app(self._rest.event("POST", self._path("/join"), person), context("api_handler")))
            check(app_module.websocket_connect(socket.connect, context("websocket_connect")))
        for socket in self.sockets:
            app_module.websocket_message(socket.frame("ping"), context("websocket_message"))

    def operations(self) -> list[Operation]:
        """In an order that leaves the room as it was."""
        path, size = self._path, len(self.people)
        return [
            self._http("join", lambda turn: self._rest.event("POST", path("/join"), f"guest {turn}")),
            self._http("join again", lambda turn: self._rest.event("POST", path("/join"), f"guest {turn}")),
            self._http("leave", lambda turn: self._rest.event("POST", path("/leave"), f"guest {turn}")),
            self._http("room detail", lambda turn: self._rest.event("GET", path(""), self.people[turn % size])),
            self._http(
                "history", lambda turn: self._rest.event("GET", path("/messages?limit=50"), self.people[turn % size])
            ),
            self._http(f"list of {LISTED}", lambda _: self._rest.event("GET", "/coworking/rooms", "anybody")),
            *self.frames(),
            self._frame(
                "message with id", lambda turn: self._socket(turn).frame("message", text="x" * 120, id=f"m{turn}")
            ),
            self._frame("mic", lambda turn: self._socket(turn).frame("mic", is_muted=bool(turn // size % 2))),
            self._frame("ping", lambda turn: self._socket(turn).frame("ping")),
        ]

    def frames(self, of: str = "") -> list[Operation]:
        """What is pushed to everybody."""
        cursor = {"x": 0.25, "y": 0.75, "color": "bg-purple"}
        return [
            self._frame(f"relay{of}", lambda turn: self._socket(turn).frame("cursor", data=cursor)),
            self._frame(f"message{of}", lambda turn: self._socket(turn).frame("message", text="x" * 120)),
        ]

    def _make(self, size: int) -> str:
        from chalicelib.schemas import RoomCreate
        from chalicelib.times import now_ms

        from chalicelib import rooms
        from chalicelib.store import rooms as stored

        request = RoomCreate(name=f"Room of {size}", description="x" * 60, max_participants=FULL)
        room = rooms.new_room(request, None, now_ms())
        stored.create(room, None, now_ms())
        return room.id

    def _path(self, suffix: str) -> str:
        return f"/coworking/rooms/{self.id}{suffix}"

    def _socket(self, turn: int) -> events.Socket:
        return self.sockets[turn % len(self.sockets)]

    def _http(self, name: str, make_event: Act) -> Operation:
        return Operation(name, "api_handler", lambda event, ctx: check(self._app.app(event, ctx)), make_event)

    def _frame(self, name: str, make_event: Act) -> Operation:
        return Operation(name, "websocket_message", self._app.websocket_message, make_event)


def check(answer: Mapping[str, Any]) -> Mapping[str, Any]:
    """An answer, unless it is an error."""
    if answer["statusCode"] >= 300:
        raise RuntimeError(f"{answer['statusCode']}: {answer['body']}")
    return answer


def context(function: str) -> Any:
    return events.lambda_context(function)


@dataclass(frozen=True)
class Sample:
    """One run of one operation, in milliseconds."""

    wall: float
    engine: float
    posting: float
    layers: dict[str, float]


class Bench:
    """The operations, and the turns in which they run."""

    def __init__(self, operations: Sequence[Operation]) -> None:
        self.operations = operations
        self._turns = itertools.count()

    def run(self, turns: int, do: Callable[[Operation, Event], None]) -> None:
        """Do each operation once a turn; what the handlers log goes nowhere."""
        for turn in itertools.islice(self._turns, turns):
            for operation in self.operations:
                do(operation, operation.make_event(turn))

    def warm_up(self) -> None:
        self.run(WARM_UP_TURNS, self.call)

    def call(self, operation: Operation, event: Event) -> None:
        operation.handler(event, context(operation.function))

    def measure(self, waits: Waits, ledger: Ledger) -> dict[str, list[Sample]]:
        samples: dict[str, list[Sample]] = {operation.name: [] for operation in self.operations}

        def measure_one(operation: Operation, event: Event) -> None:
            waits.clear()
            started = time.perf_counter()
            ledger.open()
            self.call(operation, event)
            layers = {layer: seconds * 1000 for layer, seconds in ledger.close().items()}
            wall = (time.perf_counter() - started) * 1000
            engine = max(0.0, covered(waits.engine) - waits.engine_cpu) * 1000
            samples[operation.name].append(Sample(wall, engine, covered(waits.posting) * 1000, layers))

        self.run(TURNS, measure_one)
        return samples

    def count(self) -> dict[str, dict[str, float]]:
        from chalicelib.fanout import Fanout

        from chalicelib.store.tables import bound_connection
        from tests.fakes.counting import Counter

        counts: dict[str, dict[str, float]] = {}
        deliver, posts = Fanout.deliver, []

        def counted_deliver(fanout: Any, given: Any, *arguments: Any) -> Any:
            posts.extend(given := list(given))
            return deliver(fanout, given, *arguments)

        def count_one(operation: Operation, event: Event) -> None:
            posts.clear()
            with Counter(bound_connection()) as counter:
                self.call(operation, event)
            count = {
                "requests": len(counter.calls),
                "round_trips": counter.round_trips,
                "write_units": counter.write_units,
                "read_units": counter.read_units,
                "posts": len(posts),
            }
            # What is due once in a while (a lease, a look for expired members) is not what an operation costs.
            counts[operation.name] = min(counts.get(operation.name, count), count, key=lambda one: one["requests"])

        with patch.object(Fanout, "deliver", counted_deliver):
            self.run(COUNTED_TURNS, count_one)
        return counts


def summarize(samples: Sequence[Sample]) -> dict[str, Any]:
    """Medians over the runs; `ours_to_engine` is the median of the runs' ratios."""
    layers = {layer: statistics.median(sample.layers.get(layer, 0.0) for sample in samples) for layer in LAYERS}
    return {
        "wall_ms": statistics.median(sample.wall for sample in samples),
        "engine_ms": statistics.median(sample.engine for sample in samples),
        "posting_ms": statistics.median(sample.posting for sample in samples),
        "cpu_ms": statistics.median(sum(sample.layers.values()) for sample in samples),
        "cpu_by_layer_ms": layers,
        "ours_to_engine": median_ratio(
            [sample.layers.get(OURS, 0.0) for sample in samples], [sample.engine for sample in samples]
        ),
    }


def measure_all(engine_url: str, connections_url: str) -> dict[str, Any]:
    """Everything, in this process, which becomes one that functions run in."""
    os.environ.update(
        events.function_environment(
            engine_url,
            connections_url,
            TABLE_PREFIX=PREFIX,
            MESSAGES_LIMIT=PLENTY,
            JOINS_LIMIT=PLENTY,
            POWERTOOLS_METRICS_NAMESPACE="Bench",
        )
    )
    import app as app_module
    from chalicelib.backend import backend

    backend()
    rooms = [Room(app_module, SEATED), Room(app_module, FULL), *(Room(app_module, 0) for _ in range(LISTED))]
    bench = Bench([*rooms[0].operations(), *rooms[1].frames(f" to {FULL}")])
    bench.warm_up()
    counts = bench.count()  # first: a minute later leases are due
    with observe_waits() as waits, wrapped_borders(ledger := Ledger()):
        samples = bench.measure(waits, ledger)
    return {name: counts[name] | summarize(taken) for name, taken in samples.items()}


def print_results(results: Mapping[str, Any]) -> None:
    operations = results["operations"]
    print(f"A room of {SEATED} with a connection each, one of {FULL} where it says so; {TURNS} runs in turns\n")
    head = ("counted", "requests", "round trips", "write units", "read units", "posts")
    print(
        format_table(
            head,
            [[name, *(f"{one[key.replace(' ', '_')]:g}" for key in head[1:])] for name, one in operations.items()],
        )
    )
    print("\nMedians of milliseconds: the wall time and its waits; the CPU time, and whose code it goes to\n")
    rows = []
    for name, one in operations.items():
        waits = [f"{one[key]:.1f}" for key in ("wall_ms", "engine_ms", "posting_ms", "cpu_ms")]
        layers = [f"{one['cpu_by_layer_ms'][layer]:.2f}" for layer in LAYERS]
        rows.append([name, *waits, "", *layers])
    print(format_table(("operation", "wall", "engine", "posting", "CPU", "=", *LAYERS), rows))
    print()
    for name in TARGETS:
        ratio = operations[name]["ours_to_engine"]
        print(f"{name}: our code takes {ratio:.2f} of the time that the engine takes {'' if ratio < 1 else '(MISSED)'}")


def main() -> None:
    with tempfile.TemporaryDirectory() as directory, Engine(Path(directory)) as engine, stub_server() as url:
        engine.create_tables(PREFIX)
        with contextlib.redirect_stdout(io.StringIO()):
            operations = measure_all(engine.url, f"{url}/slow")
    results = {
        **describe_run(),
        "seated": SEATED,
        "full": FULL,
        "turns": TURNS,
        "post_ms": SERVER_SECONDS * 1000,
        "operations": operations,
    }
    write_results("operations", results)
    print_results(results)


if __name__ == "__main__":
    main()
