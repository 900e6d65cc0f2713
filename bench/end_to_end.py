"""A relayed frame from `send` to the last of its receivers: the local stack beside the relay that people write first.

    python -m bench.end_to_end

Ten members in one room, over real sockets on loopback. The client sends a frame through the one, waits until all nine
others have it, then through the other, and so on: whatever else the machine does falls on both. The other one
(`bench/first_relay.py`) runs in a process of its own, keeps its sockets in memory, checks nothing and stores nothing;
it is as fast as Python gets, and can't be deployed on more than one process.

Of ours the frame's way is split up by moments taken in the gateway process (`bench/stopwatch`). On this machine the
gateway, the function and the posts share one process, and with the client two cores; on AWS they share nothing.
"""

import asyncio
import contextlib
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

from websockets.asyncio.client import ClientConnection, connect

from bench.report import describe_run, format_table, median_ratio, percentile, write_results
from infra.local.stack import LocalStack

HERE = Path(__file__).parent
MEMBERS = 10
FRAMES, WARM_UP_FRAMES = 400, 40
PAUSE_SECONDS = 0.02
PATIENCE_SECONDS = 20
Moments = Mapping[str, Any]


class Crowd:
    """The members' connections through one of the two ways, and when each frame reached them."""

    def __init__(self, connections: Sequence[ClientConnection]) -> None:
        self.connections = connections
        self._arrivals: dict[int, list[float]] = {}
        self._complete = asyncio.Event()

    async def read(self, connection: ClientConnection) -> None:
        """Note the frames that come, for as long as the connection lives."""
        async for text in connection:
            arrived = time.monotonic()
            number = json.loads(text).get("number")
            if number in self._arrivals:
                self._arrivals[number].append(arrived)
                if len(self._arrivals[number]) == len(self.connections) - 1:
                    self._complete.set()

    async def relay(self, number: int) -> tuple[float, float]:
        """Send a frame from one of the members in turn: when it was sent, and when the last of the others had it."""
        self._arrivals[number] = []
        self._complete.clear()
        frame = json.dumps({"type": "cursor", "number": number, "data": {"x": 0.25, "y": 0.75}})
        sent = time.monotonic()
        await self.connections[number % len(self.connections)].send(frame)
        await asyncio.wait_for(self._complete.wait(), PATIENCE_SECONDS)
        return sent, max(self._arrivals.pop(number))


@asynccontextmanager
async def crowd(urls: Sequence[str]) -> AsyncIterator[Crowd]:
    """A connection for each URL, all of them read from."""
    async with AsyncExitStack() as stack, asyncio.TaskGroup() as tasks:
        connections = [
            await stack.enter_async_context(connect(url, compression=None, proxy=None, ping_interval=None))
            for url in urls
        ]
        together = Crowd(connections)
        readers = [tasks.create_task(together.read(connection)) for connection in connections]
        yield together
        for reader in readers:
            reader.cancel()


@contextmanager
def first_relay() -> Iterator[str]:
    """The other relay on uvicorn, in its own process; yields where it is."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        command = [sys.executable, "-m", "uvicorn", "bench.first_relay:app", "--fd", str(listener.fileno())]
        quiet = ["--log-level", "warning", "--ws-per-message-deflate", "false"]
        process = subprocess.Popen([*command, *quiet], pass_fds=[listener.fileno()], cwd=HERE.parent)
        try:
            yield f"ws://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            process.terminate()
            process.wait()


def seat_members(stack: LocalStack) -> list[str]:
    """Ten members in a new room of the stack, and a URL for each that opens their connection."""
    room: dict[str, Any] = call(stack, "member 0", "/coworking/rooms", {"name": "Bench"})
    joins = [call(stack, f"member {index}", f"/coworking/rooms/{room['id']}/join", {}) for index in range(MEMBERS)]
    return [f"{stack.socket_url}?ticket={join['websocket']['ticket']}" for join in joins]


def call(stack: LocalStack, user_id: str, path: str, body: Mapping[str, object]) -> Any:
    import urllib.request

    headers = {"Authorization": f"Bearer {stack.token(user_id)}", "Content-Type": "application/json"}
    request = urllib.request.Request(stack.api + path, json.dumps(body).encode(), headers)
    with urllib.request.urlopen(request, timeout=30) as response:
        return json.load(response)


async def run_in_turns(ways: Mapping[str, Crowd]) -> dict[str, dict[int, tuple[float, float]]]:
    """Each frame through each of the ways; when it was sent and when it had arrived, by number."""
    taken: dict[str, dict[int, tuple[float, float]]] = {name: {} for name in ways}
    for number in range(WARM_UP_FRAMES + FRAMES):
        for name, way in ways.items():
            moments = await way.relay(number)
            if number >= WARM_UP_FRAMES:
                taken[name][number] = moments
            await asyncio.sleep(PAUSE_SECONDS)
    return taken


async def measure(ours: Sequence[str], theirs: Sequence[str]) -> dict[str, dict[int, tuple[float, float]]]:
    async with crowd(ours) as stack, crowd(theirs) as first:
        return await run_in_turns({"stack": stack, "first_relay": first})


def split(sent: float, arrived: float, moments: Moments) -> dict[str, float]:
    """A frame's way in parts that add up to the whole, in milliseconds."""
    (began, _), engine, posting = moments["function"], moments["engine"], moments["posting"]
    marks = {
        "gateway": (sent, began),
        "function, before the engine": (began, engine[0]),
        "engine": (engine[0], engine[1]),
        "function, after the engine": (engine[1], posting[0]),
        "posting, until the last has it": (posting[0], arrived),
    }
    return {name: (end - start) * 1000 for name, (start, end) in marks.items()}


def summarize(taken: Mapping[str, Mapping[int, tuple[float, float]]], lines: Sequence[Moments]) -> dict[str, Any]:
    times = {name: [(arrived - sent) * 1000 for sent, arrived in frames.values()] for name, frames in taken.items()}
    moments = {line["number"]: line for line in lines}
    parts = [split(*frame, moments[number]) for number, frame in taken["stack"].items()]
    return {
        "ms": {
            name: {"median": statistics.median(values), "p99": percentile(values, 99)} for name, values in times.items()
        },
        "ratio": median_ratio(times["stack"], times["first_relay"]),
        "split_ms": {
            name: {
                "median": statistics.median(part[name] for part in parts),
                "p99": percentile([part[name] for part in parts], 99),
            }
            for name in parts[0]
        },
    }


def print_results(results: Mapping[str, Any]) -> None:
    print(f"A frame to {MEMBERS - 1} others, {FRAMES} of them, one at a time, from `send` to the last receiver\n")
    names = {"stack": "this product, local stack", "first_relay": "FastAPI relay in memory"}
    rows = [[names[name], *milliseconds(one)] for name, one in results["ms"].items()]
    print(format_table(("", "median", "p99"), rows))
    print(f"\nratio of pairs, median: {results['ratio']:.1f}\n")
    print(format_table(("of ours", "median", "p99"), [[n, *milliseconds(o)] for n, o in results["split_ms"].items()]))


def milliseconds(one: Mapping[str, float]) -> list[str]:
    return [f"{one['median']:.1f} ms", f"{one['p99']:.1f} ms"]


def main() -> None:
    with contextlib.ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        marks = directory / "marks"
        environment = {"BENCH_MARKS": str(marks), "PATH": os.environ.get("PATH", os.defpath)}
        local = stack.enter_context(
            LocalStack(data_dir=directory / "data", root=HERE / "stopwatch", environment=environment)
        )
        theirs = f"{stack.enter_context(first_relay())}/rooms/bench"
        taken = asyncio.run(measure(seat_members(local), [theirs] * MEMBERS))
        lines = [json.loads(line) for line in marks.read_text().splitlines()]
    results = {
        **describe_run(),
        "members": MEMBERS,
        "frames": FRAMES,
        "pause_ms": PAUSE_SECONDS * 1000,
        **summarize(taken, lines),
    }
    write_results("end_to_end", results)
    print_results(results)


if __name__ == "__main__":
    main()
