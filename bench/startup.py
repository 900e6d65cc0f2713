"""What a cold start costs: `import app` and a client beside PynamoDB and a client, and each function's first event.

    python -m bench.startup

Every figure comes from fresh processes that run in turns, with their bytecode cached. On a busy machine trust CPU times
and ratios. `bench/package.py` measures a start without cached bytecode.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from app import app
from bench import events
from bench.report import describe_run, format_table, median_ratio, verdict, write_results
from bench.stub import stub_server
from infra.bytecode import AS_ON_LAMBDA
from infra.local.engine import Engine

ROOT = Path(__file__).parent.parent
TURNS = 9
RATIO_TARGET = 1.6
PREFIX = "startup-"
TIMED_IMPORT = """
import json, os, sys, time
given = json.load(sys.stdin)
answer = os.fdopen(os.dup(1), "w")
os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
cpu, wall = time.process_time(), time.perf_counter()
{imports}
taken = {{"import_cpu_ms": (time.process_time() - cpu) * 1000, "import_wall_ms": (time.perf_counter() - wall) * 1000}}
{more}
json.dump(taken, answer)
answer.flush()
"""
PYNAMODB = """
import pynamodb.models
from pynamodb.connection import Connection
Connection().client
"""
APP = """
import app
from chalicelib.backend import get_backend
get_backend().store.connection.client
"""
EVENTS = """
taken["modules"] = len(sys.modules)
taken["own_modules"] = sum(name.startswith("chalicelib.") for name in sys.modules)
from chalice.local import LambdaContext
handler = getattr(app, os.environ["_HANDLER"].partition(".")[2])
for name in ("first_event_cpu_ms", "second_event_cpu_ms", "third_event_cpu_ms"):
    cpu = time.process_time()
    handler(given, LambdaContext("bench", 1024, 29000))
    taken[name] = (time.process_time() - cpu) * 1000
"""
STARTS = {
    name: TIMED_IMPORT.format(imports=imports, more="") for name, imports in (("ours", APP), ("pynamodb", PYNAMODB))
}
FUNCTION = TIMED_IMPORT.format(imports="import app", more=EVENTS)


def run_python(
    source: str, environment: Mapping[str, str], given: str = "{}", flags: Sequence[str] = (), directory: Path = ROOT
) -> Any:
    """Run Python source in a fresh process, and return its JSON output."""
    command = [sys.executable, *flags, "-c", source]
    run = subprocess.run(
        command, input=given, stdout=subprocess.PIPE, text=True, env=environment, cwd=directory, check=True
    )
    return json.loads(run.stdout)


def first_events() -> dict[str, events.Event]:
    """One event for each function, which uses all its usual parts."""
    socket = events.Socket("ada", str(uuid.uuid4()))
    return {
        "app": events.Rest(app).event("GET", "/coworking/rooms", "ada"),
        "websocket_connect": socket.connect,
        "websocket_message": socket.frame("ping"),
        "websocket_disconnect": socket.disconnect,
        "sweep": events.sweep(),
    }


def measure(environment: Mapping[str, str]) -> dict[str, Any]:
    """`import app` and one client beside PynamoDB and one client; each function as Lambda starts it, and its events."""
    given = {name: json.dumps(event) for name, event in first_events().items()}
    runs: dict[str, list[dict[str, float]]] = {name: [] for name in (*STARTS, *given)}
    for _ in range(TURNS + 1):
        for name, source in STARTS.items():
            runs[name].append(run_python(source, environment))
        for name, event in given.items():
            runs[name].append(run_python(FUNCTION, {**environment, "_HANDLER": f"app.{name}"}, event))
    ours, theirs = ([run["import_cpu_ms"] for run in runs[name][1:]] for name in STARTS)
    return {
        "start": {name: medians(runs[name][1:]) for name in STARTS} | {"ratio": median_ratio(ours, theirs)},
        "functions": {name: medians(runs[name][1:]) for name in given},
    }


def medians(runs: Sequence[Mapping[str, float]]) -> dict[str, float]:
    return {figure: statistics.median(run[figure] for run in runs) for figure in runs[0]}


def print_results(results: Mapping[str, Any]) -> None:
    start, functions = results["start"], results["functions"]
    rows = [[name, *(f"{start[name][f'import_{kind}_ms']:.0f} ms" for kind in ("cpu", "wall"))] for name in STARTS]
    print(format_table(("import and one client", "CPU", "wall"), rows))
    print(f"\nratio of CPU times: {verdict(start['ratio'], RATIO_TARGET)}\n")
    figures = list(functions["app"])
    rows = [[f"app.{name}", *(f"{one[figure]:.1f}" for figure in figures)] for name, one in functions.items()]
    print(format_table(("function", *(figure.replace("_", " ") for figure in figures)), rows))


def main() -> None:
    with tempfile.TemporaryDirectory() as directory, Engine(Path(directory)) as engine, stub_server() as url:
        engine.create_tables(PREFIX)
        environment = AS_ON_LAMBDA | events.function_environment(engine.url, f"{url}/api", TABLE_PREFIX=PREFIX)
        results = {**describe_run(), **measure(environment | {"PATH": os.environ.get("PATH", os.defpath)})}
    write_results("startup", results)
    print_results(results)


if __name__ == "__main__":
    main()
