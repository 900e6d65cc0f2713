"""What starting costs: a process of ours next to one that only imports PynamoDB, and each function by itself.

    python -m bench.startup

Every figure is from whole fresh processes that ran in turns, with their bytecode cached and everything in the disk
cache. CPU times (all threads, user and system) say most on a busy machine, and of a busy machine's wall times only
the ratio of pairs says something. What Lambda adds, and what an uncached start costs, is in `bench/package.py`.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from app import app
from bench import events
from bench.posting import stub_server
from bench.report import describe_run, format_table, median_ratio, verdict, write_results
from infra.local.engine import Engine

ROOT = Path(__file__).parent.parent
TURNS = 15
FUNCTION_TURNS = 7
RATIO_TARGET = 1.6
PREFIX = "startup-"
AS_ON_LAMBDA = {"AWS_LAMBDA_RUNTIME_API": "127.0.0.1:9001"}
"""Functions prepare themselves where this is set; nothing listens there."""

OURS = """
import app
from chalicelib.backend import get_backend
get_backend()
from chalicelib.store.tables import bound_connection
bound_connection().client
"""
THEIRS = """
import pynamodb.models
from pynamodb.connection import Connection
Connection().client
"""
NOTHING = ""
START_AND_HANDLE = """
import json, os, sys, time
given = json.load(sys.stdin)
answer = os.fdopen(os.dup(1), "w")
os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
marks = [(time.perf_counter(), time.process_time(), 0)]
def mark():
    marks.append((time.perf_counter(), time.process_time(), len(sys.modules)))
import app
mark()
loaded = sorted(sys.modules)
from chalice.local import LambdaContext
mark()
handler = getattr(app, os.environ["_HANDLER"].partition(".")[2])
for _ in range(3):
    handler(given, LambdaContext("bench", 1024, 29000))
    mark()
json.dump({"marks": marks, "loaded": loaded}, answer)
answer.flush()
"""
FUNCTIONS = ("app", "websocket_connect", "websocket_message", "websocket_disconnect", "sweep")
REST_ONLY = ("dispatch", "operation", "admin", "chat", "me", "rooms", "seat", "voice")


@dataclass(frozen=True)
class Process:
    """What a process took from start to end."""

    wall_ms: float
    cpu_ms: float
    output: bytes


def run_process(
    source: str,
    environment: Mapping[str, str],
    given: bytes = b"",
    *,
    flags: Sequence[str] = (),
    directory: Path = ROOT,
) -> Process:
    """Run Python source in a fresh process; its own CPU time, and nobody else's."""
    with tempfile.TemporaryFile() as stdin, tempfile.TemporaryFile() as stdout:
        stdin.write(given)
        stdin.seek(0)
        started = time.perf_counter()
        command = [sys.executable, *flags, "-c", source]
        child = subprocess.Popen(command, stdin=stdin, stdout=stdout, env=environment, cwd=directory)
        _, status, usage = os.wait4(child.pid, 0)
        wall = time.perf_counter() - started
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode:
            raise RuntimeError(f"the process ended with {child.returncode}")
        stdout.seek(0)
        return Process(wall * 1000, (usage.ru_utime + usage.ru_stime) * 1000, stdout.read())


def measure_start(environment: Mapping[str, str]) -> dict[str, Any]:
    """`import app` and the first client, against PynamoDB and one client; what Python itself takes is taken off."""
    sources = {"ours": OURS, "pynamodb": THEIRS, "python": NOTHING}
    runs: dict[str, list[Process]] = {name: [] for name in sources}
    for _ in range(TURNS + 1):
        for name, source in sources.items():
            runs[name].append(run_process(source, environment))
    runs = {name: processes[1:] for name, processes in runs.items()}
    cpu = {name: [process.cpu_ms for process in processes] for name, processes in runs.items()}
    wall = {name: [process.wall_ms for process in processes] for name, processes in runs.items()}
    return {
        "turns": TURNS,
        "cpu_ms": medians(cpu),
        "wall_ms": medians(wall),
        "cpu_ratio": median_ratio(cpu["ours"], cpu["pynamodb"]),
        "wall_ratio": median_ratio(wall["ours"], wall["pynamodb"]),
        "cpu_ratio_less_python": median_ratio(less(cpu["ours"], cpu["python"]), less(cpu["pynamodb"], cpu["python"])),
        "ratio_target": RATIO_TARGET,
    }


def medians(taken: Mapping[str, Sequence[float]]) -> dict[str, float]:
    return {name: statistics.median(times) for name, times in taken.items()}


def less(whole: Sequence[float], part: Sequence[float]) -> list[float]:
    return [a - b for a, b in zip(whole, part, strict=True)]


def first_events() -> dict[str, events.Event]:
    """An event for each function that makes it use all that it normally uses."""
    socket = events.Socket("ada", str(uuid.uuid4()))
    return {
        "app": events.Rest(app).event("GET", "/coworking/rooms", "ada"),
        "websocket_connect": socket.connect,
        "websocket_message": socket.frame("ping"),
        "websocket_disconnect": socket.disconnect,
        "sweep": events.sweep(),
    }


def measure_functions(environment: Mapping[str, str]) -> dict[str, Any]:
    """Each function as Lambda starts it: its import, then three events in the same process."""
    given = {name: json.dumps(event).encode() for name, event in first_events().items()}
    answers: dict[str, list[dict[str, Any]]] = {name: [] for name in FUNCTIONS}
    for _ in range(FUNCTION_TURNS + 1):
        for name in FUNCTIONS:
            process = run_process(START_AND_HANDLE, {**environment, "_HANDLER": f"app.{name}"}, given[name])
            answers[name].append(json.loads(process.output))
    return {name: describe_function(taken[1:]) for name, taken in answers.items()}


def describe_function(answers: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What the import takes, and what the first event takes that the third doesn't any more."""
    steps = [spans([mark[1] for mark in answer["marks"]]) for answer in answers]
    loaded = answers[0]["loaded"]
    ours = [module for module in loaded if module.startswith("chalicelib.")]
    return {
        "import_cpu_ms": statistics.median(step[0] for step in steps),
        "import_wall_ms": statistics.median(spans([m[0] for m in answer["marks"]])[0] for answer in answers),
        "modules": len(loaded),
        "own_modules": len(ours),
        "rest_views": sorted(set(ours) & {f"chalicelib.api.{module}" for module in REST_ONLY}),
        "first_event_cpu_ms": statistics.median(step[2] for step in steps),
        "later_event_cpu_ms": statistics.median(step[4] for step in steps),
    }


def spans(moments: Sequence[float]) -> list[float]:
    """Milliseconds between each moment, in seconds, and the next."""
    return [(after - before) * 1000 for before, after in pairwise(moments)]


def print_results(results: Mapping[str, Any]) -> None:
    start = results["start"]
    print(f"import app and the first DynamoDB client, medians of {start['turns']} fresh processes in turn\n")
    columns = ("ours", "pynamodb", "python")
    rows = [[f"{kind} time"] + [f"{start[f'{kind}_ms'][name]:.0f} ms" for name in columns] for kind in ("cpu", "wall")]
    print(format_table(["", "ours", "import pynamodb.models, one client", "Python alone"], rows))
    print(f"\nratio of the wall times of pairs  {verdict(start['wall_ratio'], RATIO_TARGET)}")
    print(f"ratio of the CPU times            {verdict(start['cpu_ratio'], RATIO_TARGET)}")
    print(f"the same less Python itself       {verdict(start['cpu_ratio_less_python'], RATIO_TARGET)}")
    print("\nWhat each function imports as it starts, and what its events take then (CPU)\n")
    head = ("function", "import", "modules", "ours", "REST views", "first event", "third event")
    print(format_table(head, [describe_row(name, one) for name, one in results["functions"].items()]))


def describe_row(name: str, one: Mapping[str, Any]) -> list[object]:
    milliseconds = [f"{one[key]:.0f} ms" for key in ("import_cpu_ms", "first_event_cpu_ms", "later_event_cpu_ms")]
    views = len(one["rest_views"]) or "none"
    return [f"app.{name}", milliseconds[0], one["modules"], one["own_modules"], views, *milliseconds[1:]]


def main() -> None:
    with tempfile.TemporaryDirectory() as directory, Engine(Path(directory)) as engine, stub_server() as url:
        engine.create_tables(PREFIX)
        environment = events.function_environment(engine.url, f"{url}/api", TABLE_PREFIX=PREFIX)
        environment |= {"PATH": os.environ.get("PATH", os.defpath)} | AS_ON_LAMBDA
        results = {
            **describe_run(),
            "start": measure_start(environment),
            "functions": measure_functions(environment),
        }
    write_results("startup", results)
    print_results(results)


if __name__ == "__main__":
    main()
