"""The tables of docs/scaling.md: how many people, rooms and messages a second reach each of AWS's quotas.

    python -m bench.scaling                 prints the tables
    python -m bench.scaling --write         puts them into docs/scaling.md

What an operation uses comes from `bench/usage.py`, what people do in an hour from `bench/bill.py`.
"""

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from textwrap import fill

from bench.bill import Costs, active_calls, idle_calls
from bench.figures import fill_page, markdown_table
from chalicelib.kernel.settings import Settings

PAGE = Path(__file__).parent.parent / "docs" / "scaling.md"

REQUESTS, CONCURRENCY = 10_000, 1_000
CALLS = 10 * CONCURRENCY
"""Calls a second: Lambda gives each process ten, however short they are."""
PARTITION_WRITES, PARTITION_READS = 1_000, 3_000
PEOPLE_QUOTAS = {
    f"API Gateway: {REQUESTS:,} requests a second": (REQUESTS, "requests"),
    "the same in a region with 2,500": (2_500, "requests"),
    f"Lambda: {CALLS:,} calls a second": (CALLS, "calls"),
    f"Lambda: {CONCURRENCY:,} calls at a time": (CONCURRENCY, "lambda_seconds"),
    "DynamoDB: 4,000 write units a second, a new table": (4_000, "writes"),
    "DynamoDB: 12,000 read units a second, a new table": (12_000, "reads"),
    "DynamoDB: 40,000 write units a second, the quota of a table": (40_000, "writes"),
}
SWEEP_SECONDS, SWEEP_ALARM_SECONDS = 60, 30
LOG_WRITES = 3
"""Write units on a room's log for a message with an id."""

ENTRY_RATES = (10, 50, 200, 500)
ENTRY = ("list", "join", "connect", "sync")
SANDBOX_SECONDS = 0.1
"""Lambda's own time for a new process: assumed."""


@dataclass(frozen=True)
class Demand:
    """Requests of API Gateway, calls and seconds of Lambda, and units of DynamoDB that calls use, a second."""

    requests: float
    calls: float
    lambda_seconds: float
    writes: float
    reads: float

    @classmethod
    def of(cls, costs: Costs, room: int, calls: Mapping[str, float], per_seconds: float = 1.0) -> "Demand":
        """The demand of these calls, spread over so many seconds."""
        requests = time = writes = reads = 0.0
        total = sum(calls.values())
        for name, count in calls.items():
            one = costs.operations(room)[name]
            requests += count * (one["posts"] + (one["function"] != "websocket_disconnect"))
            time += count * costs.billed_ms(one) / 1000
            writes += count * one["write_units"]
            reads += count * one["read_units"]
        return cls(*(amount / per_seconds for amount in (requests, total, time, writes, reads)))


def tabulate_people(costs: Costs) -> str:
    """A table: the number of simultaneous people that reaches each quota."""
    demands = {"idle people": Demand.of(costs, 10, idle_calls(), 3600)}
    for room in (10, 50):
        active = {**idle_calls(), **active_calls(room)}  # no operation is in both
        demands[f"active people, rooms of {room}"] = Demand.of(costs, room, active, 3600)
    quotas = {
        name: [quota / getattr(one, field) for one in demands.values()]
        for name, (quota, field) in PEOPLE_QUOTAS.items()
    }
    return tabulate_quotas(("is reached by", *demands), quotas)


def tabulate_messages(costs: Costs) -> str:
    """How many messages a second reach each quota, for each size of room."""
    chat = [Demand.of(costs, room, {"message with id": 1}) for room in costs.rooms]
    relay = [Demand.of(costs, room, {"relay": 1}) for room in costs.rooms]
    limit = Settings().messages_limit
    quotas = {
        "API Gateway's throttle: chat messages, all rooms": [REQUESTS / one.requests for one in chat],
        "API Gateway's throttle: relayed frames, all rooms": [REQUESTS / one.requests for one in relay],
        "Lambda's calls a second: chat messages, all rooms": [CALLS / one.calls for one in chat],
        "Lambda's calls at a time: chat messages, all rooms": [CONCURRENCY / one.lambda_seconds for one in chat],
        "`MESSAGES_LIMIT` of all members: one room": [room * limit.count / limit.seconds for room in costs.rooms],
        "the log's partition, write units: one room": [PARTITION_WRITES / LOG_WRITES for _ in costs.rooms],
        "the roster's partition, read units: relayed frames, one room": [PARTITION_READS / one.reads for one in relay],
    }
    return tabulate_quotas(("a second, in rooms of", *costs.rooms), quotas)


def tabulate_quotas(head: Sequence[object], quotas: Mapping[str, Sequence[float]]) -> str:
    return markdown_table(head, [[name, *map(round_down, counts)] for name, counts in quotas.items()])


def round_down(count: float) -> str:
    """A number rounded to two digits, since the figures are not more exact than that."""
    unit = 10 ** max(0, len(str(int(count))) - 2)
    return f"{int(count) // unit * unit:,}"


def describe_sweep(costs: Costs) -> str:
    """The number of rooms that a sweep can visit, computed from the longest time."""
    warm = costs.assuming(cold_share=0)
    taken = [warm.billed_ms(warm.operations(room)["sweep of the room"]) for room in costs.rooms]
    text = (
        f"A room takes {min(taken):.0f} to {max(taken):.0f} ms, independent of its size. With the longest time, the "
        f"alarm `slow-Sweep` ({SWEEP_ALARM_SECONDS} seconds) goes off at about "
        f"{round_down(1000 * SWEEP_ALARM_SECONDS / max(taken))} occupied rooms, and a sweep runs out of time at about "
        f"{round_down(1000 * SWEEP_SECONDS / max(taken))}."
    )
    return fill(text, 120, break_on_hyphens=False)


def tabulate_entries(costs: Costs) -> str:
    """Concurrent calls while people enter: people a second times seconds in functions for each."""
    warm = costs.assuming(cold_share=0)
    entry = [warm.operations(20)[name] for name in ENTRY]
    seconds = sum(warm.billed_ms(one) / 1000 for one in entry)
    starts = sum(costs.start_ms[one["function"]] / 1000 + SANDBOX_SECONDS for one in entry)
    rows = [[rate, f"{rate * seconds:.0f}", f"{rate * (seconds + starts):.0f}"] for rate in ENTRY_RATES]
    return markdown_table(("people a second", "calls at a time, warm", "calls at a time, every process new"), rows)


def blocks(costs: Costs) -> dict[str, str]:
    """Every computed block of the page, by name."""
    return {
        "people": tabulate_people(costs),
        "messages": tabulate_messages(costs),
        "sweep": describe_sweep(costs),
        "entries": tabulate_entries(costs),
    }


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="bench.scaling", description="How far the service scales.")
    parser.add_argument("--write", action="store_true", help="put the figures into docs/scaling.md")
    options = parser.parse_args(arguments)
    figures = blocks(Costs.load())
    for name, text in figures.items():
        print(f"\n{name}\n\n{text}")
    if options.write:
        PAGE.write_text(fill_page(PAGE.read_text("utf-8"), figures), "utf-8")


if __name__ == "__main__":
    main()
