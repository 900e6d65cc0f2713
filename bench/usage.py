"""What operations use of everything that AWS bills, counted in rooms of 2, 10, 20 and 50 people.

    python -m bench.usage

A guest comes to a room where the others sit, does once what people do, and leaves, over and over. Events go through the
real handlers on a real engine, as in `bench/operations.py`, whose means of counting are used here. Counted are requests
and units of DynamoDB, posts, and the bytes that are posted, answered and logged; measured is the CPU time alone.
`bench/cost.py` turns this into dollars.
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
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

import yaml

from bench import events
from bench.events import Event
from bench.layers import Ledger, wrapped_borders
from bench.operations import LISTED, PLENTY, PREFIX, Bench, Handler, Operation, Room, observe_waits
from bench.posting import stub_server
from bench.report import describe_run, format_table, write_results
from infra.local.engine import Engine
from infra.local.tables import TemplateLoader

OBSERVABILITY = Path(__file__).parent.parent / "infra" / "observability.yaml"
SIZES = (2, 10, 20, 50)
MESSAGE_BYTES = 32 * 1024
"""API Gateway counts a message for each 32 KB."""
RENEW_SECONDS = 25
TEXT = "x" * 120
COUNTED = ("requests", "round_trips", "write_units", "read_units", "posts", "waves")
COUNTED_BYTES = ("billed_messages", "posted_bytes", "answered_bytes", "logged_bytes")


class GuestRoom(Room):
    """A room where all seats but one of its size are taken, and the visit of a guest who takes the last one."""

    def __init__(self, app_module: Any, size: int) -> None:
        super().__init__(app_module, size - 1)
        self.size = size
        self._guests: dict[tuple[str, int], events.Socket] = {}

    def visit(self) -> list[Operation]:
        """What a guest does, in order; afterwards the room is as it was before."""
        path = self._path
        return [
            self._http("list", lambda turn: self._rest.event("GET", "/coworking/rooms", self._guest(turn))),
            self._http("join", lambda turn: self._rest.event("POST", path("/join"), self._guest(turn))),
            self._connect("connect", "first"),
            self._said("sync", last_seq=None),
            *self._frames(),
            self._http("ticket", lambda turn: self._rest.event("POST", path("/ticket"), self._guest(turn))),
            self._connect("connect again", "second"),
            self._said("sync again", by="second", frame="sync", last_seq=None),
            self._disconnect("disconnect one of two", "first"),
            self._said("leave", by="second"),
            self._disconnect("disconnect", "second"),
        ]

    def _frames(self) -> list[Operation]:
        cursor = {"x": 0.25, "y": 0.75, "color": "bg-purple"}
        sdp = {"type": "offer", "sdp": "v=0\r\n" + "a=candidate:1 1 UDP 2122252543 192.0.2.1 54400 typ host\r\n" * 40}
        ping = self._said("ping")
        return [
            self._said("mic", is_muted=False),
            self._said("speaking", is_speaking=True),
            self._said("typing", is_typing=True),
            self._said("relay", frame="cursor", data=cursor),
            self._said("signal", frame="offer", to=self.people[0], data=sdp),
            self._said("message", text=TEXT),
            self._said("message with id", frame="message", text=TEXT, id="once"),
            ping,
            Operation("ping that looks", ping.function, looking(ping.handler), ping.make_event),
            self._frame(
                "sync, up to date",
                lambda turn: self._guest_socket("first", turn).frame("sync", last_seq=self._last_seq()),
            ),
        ]

    def _last_seq(self) -> int:
        from chalicelib.store import messages

        return messages.head(self.id).last_seq

    def _said(self, name: str, by: str = "first", frame: str = "", **fields: object) -> Operation:
        kind = frame or name
        return self._frame(name, lambda turn: self._guest_socket(by, turn).frame(kind, **fields))

    def _connect(self, name: str, which: str) -> Operation:
        def handler(event: Event, context: Any) -> Any:
            answer = self._app.websocket_connect(event, context)
            if answer["statusCode"] != 200:
                raise RuntimeError(answer["body"])

        return Operation(name, "websocket_connect", handler, lambda turn: self._guest_socket(which, turn).connect)

    def _disconnect(self, name: str, which: str) -> Operation:
        return Operation(
            name,
            "websocket_disconnect",
            self._app.websocket_disconnect,
            lambda turn: self._guest_socket(which, turn).disconnect,
        )

    def _guest(self, turn: int) -> str:
        return f"guest {turn} of {self.size}"

    def _guest_socket(self, which: str, turn: int) -> events.Socket:
        return self._guests.setdefault((which, turn), events.Socket(self._guest(turn), self.id))


def looking(handler: Handler) -> Handler:
    """The handler where this process has not looked for expired members lately."""
    from chalicelib.limits import Intervals

    from chalicelib import realtime

    def look(event: Event, context: Any) -> Any:
        with patch.object(realtime, "looks", Intervals()):
            return handler(event, context)

    return look


class MeteredBench(Bench):
    """A bench that also counts bytes, and keeps the seats of those who sit there."""

    def __init__(self, operations: Sequence[Operation], log: io.StringIO, renew: Callable[[], None]) -> None:
        super().__init__(operations)
        self._log, self._renew, self._renewed = log, renew, time.monotonic()
        self._batches: list[list[int]] = []
        self._sent: dict[str, list[dict[str, float]]] = defaultdict(list)

    def run(self, turns: int, do: Callable[[Operation, Event], None]) -> None:
        for _ in range(turns):
            if time.monotonic() - self._renewed > RENEW_SECONDS:
                self._renew()
                self._renewed = time.monotonic()
            super().run(1, do)

    def call(self, operation: Operation, event: Event) -> None:
        self._batches.clear()
        logged = self._log.tell()
        with watched_posts(self._batches):
            answer = operation.handler(event, events.lambda_context(operation.function))
        used = {**metered(self._batches, answer), "logged_bytes": self._log.tell() - logged}
        self._sent[operation.name].append(used)

    def results(self) -> dict[str, dict[str, Any]]:
        """Everything about each operation."""
        counts = self.count()
        with observe_waits() as waits, wrapped_borders(ledger := Ledger()):
            samples = self.measure(waits, ledger)
        return {
            one.name: {
                "function": one.function,
                **counts[one.name],
                **typical(self._sent[one.name]),
                "cpu_ms": statistics.median(sum(sample.layers.values()) for sample in samples[one.name]),
            }
            for one in self.operations
        }


def typical(calls: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """The median of each figure. It is one that occurred: nobody sends half a byte."""
    return {key: statistics.median_low(call[key] for call in calls) for key in calls[0]}


@contextmanager
def watched_posts(batches: list[list[int]]) -> Iterator[None]:
    """Note the sizes of what is posted, fan-out by fan-out. Closing a connection is taken for an empty message."""
    from chalicelib.fanout import Fanout

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


def metered(batches: Sequence[Sequence[int]], answer: Any) -> dict[str, float]:
    """What a call has sent: messages as they are billed, how many waves of threads they took, and bytes."""
    from chalicelib.fanout import THREADS

    sizes = [size for batch in batches for size in batch]
    return {
        "billed_messages": sum(max(1, math.ceil(size / MESSAGE_BYTES)) for size in sizes),
        "waves": sum(math.ceil(len(batch) / THREADS) for batch in batches),
        "posted_bytes": sum(sizes),
        "answered_bytes": len(answer.get("body") or "") if isinstance(answer, Mapping) else 0,
    }


def count_metrics(log: str) -> int:
    """How many metrics CloudWatch bills: each name with each set of values of its dimensions."""
    found = set()
    for line in log.splitlines():
        if '"_aws"' in line:
            entry = json.loads(line)
            for described in entry["_aws"]["CloudWatchMetrics"]:
                for names in described["Dimensions"]:
                    place = tuple((name, entry[name]) for name in sorted(names))
                    found |= {(described["Namespace"], place, metric["Name"]) for metric in described["Metrics"]}
    return len(found)


def count_watchers() -> dict[str, int]:
    """How many alarms and dashboards are deployed."""
    kinds = {"alarms": "AWS::CloudWatch::Alarm", "dashboards": "AWS::CloudWatch::Dashboard"}
    resources = yaml.load(OBSERVABILITY.read_text(), TemplateLoader)["Resources"]
    return {name: count_resources(resources, kind) for name, kind in kinds.items()}


def count_resources(resources: Mapping[str, Any], kind: str) -> int:
    """How many resources of a type a template makes, its loops unrolled."""
    total = 0
    for name, resource in resources.items():
        if name.startswith("Fn::ForEach::"):
            _, values, body = resource
            total += len(values) * count_resources(body, kind)
        else:
            total += resource["Type"] == kind
    return total


def measure_all(engine_url: str, connections_url: str, log: io.StringIO) -> dict[str, Any]:
    """Everything, in this process, which becomes one that functions run in."""
    limits = dict.fromkeys(("MESSAGES_LIMIT", "JOINS_LIMIT"), PLENTY)
    os.environ.update(events.function_environment(engine_url, connections_url, TABLE_PREFIX=PREFIX, **limits))
    import app as app_module
    from chalicelib.backend import backend

    backend()
    for _ in range(LISTED):
        Room(app_module, 0)
    sweep = [Operation("sweep", "sweep", app_module.sweep, lambda _: events.sweep())]

    def measure_sweep() -> dict[str, Any]:
        return MeteredBench(sweep, log, lambda: None).results()["sweep"]

    rooms = {str(size): measure_room(GuestRoom(app_module, size), app_module, measure_sweep, log) for size in SIZES}
    return {"sweep": measure_sweep(), "rooms": rooms, "metrics": count_metrics(log.getvalue()), **count_watchers()}


def measure_room(
    room: GuestRoom, app_module: Any, measure_sweep: Callable[[], dict[str, Any]], log: io.StringIO
) -> dict[str, Any]:
    """A guest's visits to a room, and what the room adds to a sweep."""
    bench = MeteredBench(room.visit(), log, partial(renew, app_module, room))
    bench.warm_up()
    results: dict[str, Any] = bench.results()
    renew(app_module, room)
    with_room = measure_sweep()
    close(app_module, room)
    return results | {"sweep of the room": difference(with_room, measure_sweep())}


def renew(app_module: Any, room: GuestRoom) -> None:
    """Keep everybody's seat."""
    for socket in room.sockets:
        app_module.websocket_message(socket.frame("ping"), events.lambda_context("websocket_message"))


def close(app_module: Any, room: GuestRoom) -> None:
    """Empty a room, so that sweeps pass it over."""
    for socket in room.sockets:
        app_module.websocket_message(socket.frame("leave"), events.lambda_context("websocket_message"))
    app_module.sweep(events.sweep(), events.lambda_context("sweep"))


def difference(whole: Mapping[str, Any], base: Mapping[str, Any]) -> dict[str, Any]:
    """What one more room adds to a sweep. Rooms are looked at one after the other."""
    return {key: max(0, value - base[key]) if isinstance(value, int | float) else value for key, value in whole.items()}


def print_results(results: Mapping[str, Any]) -> None:
    head = ("operation", *COUNTED, *COUNTED_BYTES, "cpu_ms")
    for size, operations in results["rooms"].items():
        print(f"\nIn a room of {size}\n")
        rows = [[name, *(f"{one[key]:.6g}" for key in head[1:])] for name, one in operations.items()]
        print(format_table([key.replace("_", " ") for key in head], rows))


def main() -> None:
    log = io.StringIO()
    with tempfile.TemporaryDirectory() as directory, Engine(Path(directory)) as engine, stub_server() as url:
        engine.create_tables(PREFIX)
        with contextlib.redirect_stdout(log):
            measured = measure_all(engine.url, f"{url}/slow", log)
    results = describe_run() | measured
    write_results("usage", results)
    print_results(results)


if __name__ == "__main__":
    main()
