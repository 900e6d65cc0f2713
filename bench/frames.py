"""CPU time that the service takes for one relayed frame and for one chat message.

    python -m bench.frames                    measures this checkout
    python -m bench.frames --checkout DIR     measures another checkout in turns with this one, and prints the ratio

A worker process loads `app.py` of one checkout, seats a room of eleven, and hands API Gateway's events to
`websocket_message`. It knows nothing of the code behind `app.py`, so that it works with any layout. It counts the
process time of the worker: Chalice, our code, PynamoDB, botocore. It does not count the network: the database engine
runs in another process, the CPU time of HTTP calls to it is subtracted, and posts go to sockets that answer from
memory.

Two checkouts take turns frame by frame, so that other load on the machine falls on both. Two runs of the same code
differ by about 2%.
"""

import argparse
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any
from unittest.mock import patch

from botocore.httpsession import URLLib3Session

from bench import events
from bench.report import describe_run, format_table, median_ratio, write_results
from bench.usage import CURSOR, TEXT, Room
from infra.local.engine import Engine

ROOT = Path(__file__).parent.parent
SEATED = 11
TURNS, WARM_UP_TURNS = 300, 10
"""A turn is one frame of each kind. Eleven senders may send 660 frames in ten seconds."""
KINDS: dict[str, dict[str, Any]] = {
    "relayed frame": {"kind": "cursor", "data": CURSOR},
    "message": {"kind": "message", "text": TEXT},
}
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: keep-alive\r\n\r\n"

Turn = dict[str, float]
"""Milliseconds of CPU time by kind of frame."""


class AnsweringSocket:
    """A socket to the connections API: it answers every request with 200, without a network."""

    posts = 0

    def sendall(self, data: bytes) -> None:
        AnsweringSocket.posts += data.startswith(b"POST ")

    def makefile(self, *_: object) -> BytesIO:
        return BytesIO(ANSWER)

    def settimeout(self, *_: object) -> None: ...

    setsockopt = settimeout
    close = settimeout


class NetworkTime:
    """CPU seconds that all threads spent in HTTP exchanges with the database."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._lock = threading.Lock()

    def exclude(self, send: Callable[..., Any]) -> Callable[..., Any]:
        """Wrap botocore's `send`."""

        def timed(*arguments: Any) -> Any:
            started = time.thread_time()
            try:
                return send(*arguments)
            finally:
                with self._lock:
                    self.seconds += time.thread_time() - started

        return timed


def measure_turn(app_module: Any, sender: events.Socket, network: NetworkTime) -> Turn:
    """One member sends one frame of each kind."""
    taken = {}
    for name, fields in KINDS.items():
        event, posts = sender.frame(**fields), AnsweringSocket.posts
        started, excluded = time.process_time(), network.seconds
        app_module.websocket_message(event, events.lambda_context("websocket_message"))
        taken[name] = (time.process_time() - started - (network.seconds - excluded)) * 1000
        if AnsweringSocket.posts - posts < SEATED - 1:
            raise RuntimeError(f"{AnsweringSocket.posts - posts} posts for a {name}")
    return taken


def work(checkout: Path) -> None:
    """Run a worker: for each line of input, measure one turn and print it. The log of the functions is dropped."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    sys.path.insert(0, str(checkout))
    import app as app_module

    if Path(app_module.__file__).parent != checkout:
        raise RuntimeError(f"{app_module.__file__} is not in {checkout}")
    network = NetworkTime()
    answering = patch.object(socket, "create_connection", lambda *_, **__: AnsweringSocket())
    with answering, patch.object(URLLib3Session, "send", network.exclude(URLLib3Session.send)):
        senders = Room(app_module, SEATED + 1).sockets
        for number, _ in enumerate(sys.stdin):
            print(json.dumps(measure_turn(app_module, senders[number % SEATED], network)), file=answers, flush=True)


@contextmanager
def worker(checkout: Path, environment: Mapping[str, str]) -> Iterator[Callable[[], Turn]]:
    """A worker process on a checkout; each call of the yielded function measures one turn."""
    command = [sys.executable, "-m", "bench.frames", "--worker", str(checkout)]
    with subprocess.Popen(
        command, cwd=ROOT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        stdin, stdout = process.stdin, process.stdout

        def run_turn() -> Turn:
            print(file=stdin, flush=True)
            taken: Turn = json.loads(stdout.readline())
            return taken

        yield run_turn


def run_turns(checkouts: Sequence[Path]) -> list[list[Turn]]:
    """The turns of each checkout, run A B A B."""
    with ExitStack() as stack:
        engine = stack.enter_context(Engine(Path(stack.enter_context(tempfile.TemporaryDirectory()))))
        workers = []
        for number, checkout in enumerate(checkouts):
            engine.create_tables(prefix := f"frames{number}-")
            environment = events.function_environment(engine.url, "http://connections.example/api", TABLE_PREFIX=prefix)
            environment |= {**events.NO_LIMITS, "PYTHONHASHSEED": "0"}
            workers.append(stack.enter_context(worker(checkout, environment)))
        turns = [[run_turn() for run_turn in workers] for _ in range(WARM_UP_TURNS + TURNS)]
    return [list(taken) for taken in zip(*turns[WARM_UP_TURNS:], strict=True)]


def summarize(ours: Sequence[Turn], theirs: Sequence[Turn] = ()) -> dict[str, dict[str, float]]:
    """Medians by kind of frame; `ratio` is the median of ours to theirs, turn by turn."""
    summary = {}
    for name in KINDS:
        times, others = [turn[name] for turn in ours], [turn[name] for turn in theirs]
        summary[name] = {"cpu_ms": statistics.median(times)}
        if others:
            summary[name] |= {"other_cpu_ms": statistics.median(others), "ratio": median_ratio(times, others)}
    return summary


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench.frames", description="CPU time of the service for one frame.")
    parser.add_argument("--checkout", type=Path, help="another checkout of this repository, to compare with")
    parser.add_argument("--worker", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        work(options.worker)
        return
    others = [options.checkout.resolve()] if options.checkout else []
    summary = summarize(*run_turns([ROOT, *others]))
    print(f"CPU time of the service in a room of {SEATED}, medians of {TURNS} frames of each kind\n")
    rows = [[name, *(f"{value:.2f}" for value in one.values())] for name, one in summary.items()]
    print(format_table(("", "this checkout, ms", *(("other checkout, ms", "ratio") if others else ())), rows))
    if not others:
        write_results("frames", {**describe_run(), "seated": SEATED, "turns": TURNS, "frames": summary})


if __name__ == "__main__":
    main()
