"""How far it goes: at how many people, rooms and messages a second each quota of AWS bites, and what that is like.

    python -m bench.scaling                 prints the tables
    python -m bench.scaling --simulate      plays what can't be reckoned, into results/scaling.json (a minute)
    python -m bench.scaling --write         puts tables and charts into docs/scaling.md

What an operation takes comes from `bench/usage.py`, what people do in an hour from `bench/bill.py`.
"""

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from textwrap import fill
from typing import Any

from bench.bill import Costs, active_calls, idle_calls
from bench.figures import IMAGES, Points, draw_lines, fill_page, markdown_table
from bench.report import RESULTS, percentile, write_results
from bench.simulation import Backoff, Bucket, Step, play_fanout, play_return, play_rush
from chalicelib.kernel.settings import Settings

PAGE = Path(__file__).parent.parent / "docs" / "scaling.md"

REQUESTS, REQUESTS_BURST, SMALL_REGION_REQUESTS = 10_000, 5_000, 2_500
CONNECTS = 500
CONCURRENCY = 1_000
PARTITION_WRITES, PARTITION_READS = 1_000, 3_000
NEW_TABLE_WRITES, NEW_TABLE_READS = 4_000, 12_000
TABLE_UNITS = 40_000
SWEEP_SECONDS, SWEEP_ALARM_SECONDS = 60, 30

ROOM = 50
LOADS = (0.5, 0.9, 1.0, 1.1, 1.25, 1.5, 2.0, 3.0)
CROWDS = (1_000, 2_000, 5_000, 10_000, 20_000, 50_000)
RUSHES = ((600, 60), (600, 10), (2_000, 10), (5_000, 10), (10_000, 10), (20_000, 10), (20_000, 60))
SANDBOX_SECONDS = 0.1
"""What Lambda itself needs for a new process: assumed."""
GRACE_SECONDS = 20


@dataclass(frozen=True)
class Demand:
    """What something takes: of API Gateway's requests, of Lambda's time, and of DynamoDB's units."""

    requests: float
    lambda_seconds: float
    writes: float
    reads: float

    @classmethod
    def of(cls, costs: Costs, room: int, calls: Mapping[str, float], per_seconds: float = 1.0) -> "Demand":
        """Of these calls, spread over so many seconds."""
        requests = time = writes = reads = 0.0
        for name, count in calls.items():
            one = costs.operations(room)[name]
            requests += count * (one["posts"] + (one["function"] != "websocket_disconnect"))
            time += count * costs.billed_ms(one) / 1000
            writes += count * one["write_units"]
            reads += count * one["read_units"]
        return cls(*(amount / per_seconds for amount in (requests, time, writes, reads)))


def people(costs: Costs) -> dict[str, Demand]:
    """What one person takes, all the time."""
    return {
        "idle people": Demand.of(costs, 10, idle_calls(), 3600),
        **{
            f"people taking part, rooms of {room}": Demand.of(
                costs, room, add_calls(idle_calls(), active_calls(room)), 3600
            )
            for room in (10, ROOM)
        },
    }


def add_calls(some: Mapping[str, float], more: Mapping[str, float]) -> dict[str, float]:
    return {name: some.get(name, 0) + more.get(name, 0) for name in {**some, **more}}


def tabulate_people(costs: Costs) -> str:
    """How many people it takes to reach each quota."""
    demands = people(costs)
    quotas = {
        f"API Gateway: {REQUESTS:,} requests a second": [REQUESTS / one.requests for one in demands.values()],
        f"the same in a region with {SMALL_REGION_REQUESTS:,}": [
            SMALL_REGION_REQUESTS / one.requests for one in demands.values()
        ],
        f"Lambda: {CONCURRENCY:,} calls at a time": [CONCURRENCY / one.lambda_seconds for one in demands.values()],
        f"DynamoDB: {NEW_TABLE_WRITES:,} write units a second, a new table": [
            NEW_TABLE_WRITES / one.writes for one in demands.values()
        ],
        f"DynamoDB: {NEW_TABLE_READS:,} read units a second, a new table": [
            NEW_TABLE_READS / one.reads for one in demands.values()
        ],
        f"DynamoDB: {TABLE_UNITS:,} write units a second, a table's quota": [
            TABLE_UNITS / one.writes for one in demands.values()
        ],
    }
    rows = [[name, *(round_down(count) for count in counts)] for name, counts in quotas.items()]
    return markdown_table(("is reached by", *demands), rows)


def tabulate_messages(costs: Costs) -> str:
    """How many messages a second it takes."""
    rooms = [int(room) for room in costs.measured["rooms"]]
    one = {room: Demand.of(costs, room, {"message with id": 1}) for room in rooms}
    relay = {room: Demand.of(costs, room, {"relay": 1}) for room in rooms}
    limit = Settings().messages_limit
    quotas: dict[str, list[float]] = {
        "API Gateway's throttle, chat messages in all rooms": [REQUESTS / one[room].requests for room in rooms],
        "the same, relayed frames": [REQUESTS / relay[room].requests for room in rooms],
        "Lambda's concurrency, chat messages in all rooms": [CONCURRENCY / one[room].lambda_seconds for room in rooms],
        "what the limits let one room's members say": [room * limit.count / limit.seconds for room in rooms],
        "the log of one room: its partition's write units": [PARTITION_WRITES / 3 for _ in rooms],
        "the roster of one room: its partition's read units, relayed frames": [
            PARTITION_READS / relay[room].reads for room in rooms
        ],
    }
    rows = [[name, *(round_down(count) for count in counts)] for name, counts in quotas.items()]
    return markdown_table(("a second, in rooms of", *rooms), rows)


def describe_sweep(costs: Costs) -> str:
    """How many rooms a sweep gets round to: by the slowest, since the runs differ by more than the sizes of rooms."""
    warm = costs.assuming(cold_share=0)
    rooms = [warm.operations(int(room))["sweep of the room"] for room in costs.measured["rooms"]]
    taken = [warm.billed_ms(one) for one in rooms]
    text = (
        f"A room takes {min(taken):.0f} to {max(taken):.0f} ms, which depends more on how the measurement went than on "
        f"how many sit there. Taking the longest, `slow-Sweep` goes off at about "
        f"{round_down(1000 * SWEEP_ALARM_SECONDS / max(taken))} occupied rooms ({SWEEP_ALARM_SECONDS} seconds), and at "
        f"about {round_down(1000 * SWEEP_SECONDS / max(taken))} a sweep runs out of time."
    )
    return fill(text, 120, break_on_hyphens=False)


def round_down(count: float) -> str:
    """Two digits: the rest would claim to know."""
    unit = 10 ** max(0, len(str(int(count))) - 2)
    return f"{int(count) // unit * unit:,}"


def simulate(costs: Costs) -> dict[str, Any]:
    """Everything that is played."""
    return {
        "backoff": asdict(Backoff.of_sdk()),
        "fanout": [simulate_fanout(costs, load) for load in LOADS],
        "return": [simulate_return(crowd) for crowd in CROWDS],
        "rush": [simulate_rush(costs, *rush) for rush in RUSHES],
    }


def simulate_fanout(costs: Costs, load: float) -> dict[str, float]:
    """Messages in rooms of 50, with copies that altogether are `load` times what the throttle lets through."""
    rate = load * REQUESTS / (ROOM + 1)
    outcome = play_fanout(Bucket(REQUESTS, REQUESTS_BURST), rate, ROOM, seconds=20)
    own = costs.billed_ms(costs.operations(ROOM)["message with id"]) / 1000
    accepted = outcome.messages - outcome.refused
    return {
        "load": load,
        "messages_a_second": rate,
        "refused": outcome.refused / outcome.messages,
        "delivered": outcome.delivered,
        "failed": outcome.failed / max(1, accepted * ROOM),
        "p50_ms": outcome.delay(50) * 1000,
        "p99_ms": outcome.delay(99) * 1000,
        "concurrency": (outcome.busy_seconds + accepted * own) / 20,
    }


def simulate_return(crowd: int) -> dict[str, Any]:
    """So many connections end at once; the client library brings them back."""
    played = play_return(crowd, Bucket(CONNECTS, CONNECTS), Backoff.of_sdk())
    return {
        "people": crowd,
        "attempts": played.attempts / crowd,
        "p50_s": percentile(played.back, 50),
        "p99_s": percentile(played.back, 99),
        "keep_their_seat": played.share_by(GRACE_SECONDS),
        "back": [[second, played.share_by(second)] for second in range(0, 121, 5)],
    }


def simulate_rush(costs: Costs, crowd: int, within: int) -> dict[str, float]:
    """So many people open the page and sit down within some seconds, where nobody was before."""
    warm = costs.assuming(cold_share=0)
    steps = []
    for name in ("list", "join", "connect", "sync"):
        one = costs.operations(20)[name]
        start = costs.start_ms[one["function"]] / 1000 + SANDBOX_SECONDS
        steps.append(Step(one["function"], warm.billed_ms(one) / 1000, start))
    rush = play_rush(crowd, within, steps, CONCURRENCY)
    return {
        "people": crowd,
        "within_s": within,
        "at_a_time": rush.most,
        "throttled": rush.throttled,
        "p50_s": percentile(rush.waited, 50),
        "p99_s": percentile(rush.waited, 99),
    }


def tabulate_fanout(played: Mapping[str, Any]) -> str:
    rows = [
        [
            f"{one['load']:.0%}",
            f"{one['messages_a_second']:.0f}",
            f"{one['refused']:.1%}",
            f"{one['delivered']:.1%}",
            f"{one['p50_ms']:.0f} ms",
            f"{one['p99_ms']:,.0f} ms",
            f"{one['concurrency']:,.0f}",
        ]
        for one in played["fanout"]
    ]
    head = (
        "of the throttle",
        "messages a second",
        "refused",
        "copies delivered",
        "median",
        "p99",
        "functions at a time",
    )
    return markdown_table(head, rows)


def tabulate_return(played: Mapping[str, Any]) -> str:
    rows = [
        [
            f"{one['people']:,}",
            f"{one['p50_s']:.0f} s",
            f"{one['p99_s']:.0f} s",
            f"{one['attempts']:.1f}",
            f"{one['keep_their_seat']:.0%}",
        ]
        for one in played["return"]
    ]
    return markdown_table(("people", "half are back", "99% are", "tries each", "back while their seat is kept"), rows)


def tabulate_rush(played: Mapping[str, Any]) -> str:
    rows = [
        [
            f"{one['people']:,} in {one['within_s']} s",
            f"{one['at_a_time']:,}",
            f"{one['throttled']:,}",
            f"{one['p50_s']:.1f} s",
            f"{one['p99_s']:.1f} s",
        ]
        for one in played["rush"]
    ]
    return markdown_table(("people", "functions at a time", "calls throttled", "seated after", "99% after"), rows)


def blocks(costs: Costs, played: Mapping[str, Any]) -> dict[str, str]:
    """Everything that goes into the page, by its name there."""
    return {
        "people": tabulate_people(costs),
        "messages": tabulate_messages(costs),
        "sweep": describe_sweep(costs),
        "fanout": tabulate_fanout(played),
        "return": tabulate_return(played),
        "rush": tabulate_rush(played),
    }


def charts(played: Mapping[str, Any]) -> dict[str, str]:
    """The charts of the page, by file."""
    delivered = {"copies delivered": [(one["load"] * 100, one["delivered"] * 100) for one in played["fanout"]]}
    refused = {"messages refused": [(one["load"] * 100, one["refused"] * 100) for one in played["fanout"]]}
    back: dict[str, Points] = {
        f"{one['people']:,}": [(second, share * 100) for second, share in one["back"]] for one in played["return"]
    }
    return {
        "scaling-throttle.svg": draw_lines(
            "Rooms of 50 under API Gateway's throttle",
            "percent",
            "offered, percent of the throttle",
            delivered | refused,
        ),
        "scaling-return.svg": draw_lines(
            "Everybody's connection ends at once", "percent who are back", "seconds", back
        ),
    }


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="bench.scaling", description="How far it goes.")
    parser.add_argument("--simulate", action="store_true", help="play it again first")
    parser.add_argument("--write", action="store_true", help="put the figures into docs/scaling.md")
    options = parser.parse_args(arguments)
    costs = Costs.load()
    if options.simulate:
        write_results("scaling", simulate(costs))
    played = json.loads((RESULTS / "scaling.json").read_text())
    for name, text in blocks(costs, played).items():
        print(f"\n{name}\n\n{text}")
    if options.write:
        PAGE.write_text(fill_page(PAGE.read_text("utf-8"), blocks(costs, played)), "utf-8")
        for name, picture in charts(played).items():
            (IMAGES / name).write_text(picture, "utf-8")


if __name__ == "__main__":
    main()
