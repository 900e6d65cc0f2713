"""The tables of docs/cost.md: counts (`bench/results/usage.json`) times prices (`bench/prices.toml`).

python -m bench.cost                    prints the tables
python -m bench.cost --prices FILE      with other prices
python -m bench.cost --write            puts them into docs/cost.md
"""

import argparse
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from textwrap import fill

from bench.bill import ACTIVE, EXAMPLES, PINGS_AN_HOUR, PRICES, SERVICES, SYNCS_AN_HOUR, Costs, Usage
from bench.figures import dollars, fill_page, markdown_table

PAGE = Path(__file__).parent.parent / "docs" / "cost.md"
FRAMES = {"relay": "`relay`", "message": "message", "message with id": "message with id", "speaking": "`speaking`"}
DOUBTS: dict[str, dict[str, float]] = {
    "as assumed": {},
    "Lambda's core half as fast": {"cpu_factor": 2.0},
    "Lambda's core twice as fast": {"cpu_factor": 0.5},
    "DynamoDB answers in 15 ms": {"dynamodb": 15.0},
    "a post takes 50 ms": {"post": 50.0},
    "one cold start in 20 calls": {"cold_share": 0.05},
    "every call takes twice as long": {"duration_factor": 2.0},
}
NAMES = [example[0].name for example in EXAMPLES]


def tabulate_prices(costs: Costs) -> str:
    rows = [
        [
            f"[{one['what']}]({one['source']})",
            f"${one['dollars']:g}",
            f"{one['per']:,}",
            f"{one.get('free', 0):,}",
            one["seen"],
        ]
        for one in costs.prices["aws"].values()
    ]
    return markdown_table(("what", "dollars", "per", "free each month", "seen in"), rows)


def tabulate_messages(costs: Costs) -> str:
    rows = [
        [label, *(dollars(costs.operation_dollars(room, name, 1000)) for room in costs.rooms)]
        for name, label in FRAMES.items()
    ]
    return markdown_table(["1,000 frames in a room of", *costs.rooms], rows)


def tabulate_bills(head: str, bills: Mapping[str, Mapping[str, float]]) -> str:
    """Bills by service, one a row."""
    rows = [
        [name, *(dollars(bill[service]) for service in SERVICES), dollars(sum(bill.values()))]
        for name, bill in bills.items()
    ]
    return markdown_table((head, *SERVICES, "total"), rows)


def tabulate_message_bills(costs: Costs) -> str:
    bills = {f"a room of {room}": costs.price(costs.total(room, {"message with id": 1000})) for room in costs.rooms}
    return tabulate_bills("1,000 messages with an `id` in", bills)


def tabulate_hours(costs: Costs) -> str:
    hours: dict[str, Callable[[int], Usage]] = {
        "idle": costs.idle_hour,
        "active": costs.active_hour,
        "active, with calls": lambda room: costs.active_hour(room, calls=True),
    }
    rows = [[name, *(dollars(costs.dollars(hour(room))) for room in costs.rooms)] for name, hour in hours.items()]
    return markdown_table(["an hour of one person in a room of", *costs.rooms], rows)


def split_hour(costs: Costs) -> dict[str, float]:
    """An active person's hour in a room of 10, by activity. An idle hour consists of the first two."""
    idle, active = (costs.dollars(hour) for hour in (costs.idle_hour(10), costs.active_hour(10)))
    syncs = costs.operation_dollars(10, "sync, up to date", SYNCS_AN_HOUR)
    pings = costs.operation_dollars(10, "ping with expiry check", PINGS_AN_HOUR) + syncs
    acts = {name: costs.operation_dollars(10, name, count) for name, count in ACTIVE.items()}
    return {
        "pings": pings,
        "connection, sweeps": idle - pings,
        "messages": acts["message with id"],
        "speaking": acts["speaking"],
        "microphone, typing": acts["mic"] + acts["typing"],
        "join and leave": active - idle - sum(acts.values()),
    }


def tabulate_split(costs: Costs) -> str:
    parts = split_hour(costs)
    rows = [[name, dollars(part), f"{part / sum(parts.values()):.0%}"] for name, part in parts.items()]
    return markdown_table(("an active hour in a room of 10", "cost", "share"), rows)


def tabulate_durations(costs: Costs) -> str:
    rows = []
    for name in ("relay", "message with id", "ping with expiry check", "join", "sync"):
        one = costs.operations(10)[name]
        waits = (one["round_trips"], one["waves"])
        rows.append([name, one["function"], f"{one['cpu_ms']:.1f}", *waits, f"{costs.billed_ms(one):.0f}"])
    return markdown_table(("in a room of 10", "function", "CPU ms", "round trips", "waves of posts", "billed ms"), rows)


def tabulate_sensitivity(costs: Costs) -> str:
    rows = []
    for name, changes in DOUBTS.items():
        changed = costs.assuming(**changes)
        months = [dollars(changed.dollars(changed.month(example))) for example in EXAMPLES]
        messages = dollars(changed.operation_dollars(10, "message with id", 100_000))
        rows.append([name, messages, dollars(1000 * changed.dollars(changed.idle_hour(10))), *months])
    months = [f"{name}, a month" for name in NAMES]
    return markdown_table(("", "100,000 messages, room of 10", "1,000 idle hours", *months), rows)


def tabulate_months(costs: Costs) -> str:
    bills = {"nobody": costs.price(costs.standing())}
    bills |= {name: costs.price(costs.month(example)) for name, example in zip(NAMES, EXAMPLES, strict=True)}
    return tabulate_bills("a month of", bills)


def tabulate_worst(costs: Costs) -> str:
    worst = sorted(costs.worst_hours().items(), key=lambda item: -item[1][1])
    rows = [[name, f"{count:,.0f}", dollars(spent)] for name, (count, spent) in worst]
    return markdown_table(("one user in a room of 50, within all limits", "times an hour", "cost of the hour"), rows)


def tabulate_examples(costs: Costs) -> str:
    hours = [sum(place.person_hours for place in example) for example in EXAMPLES]
    whole = [costs.dollars(costs.month(example)) for example in EXAMPLES]
    free = [costs.dollars(costs.month(example), free=True) for example in EXAMPLES]
    rows = [
        ["person-hours a month", *(f"{hour:,.0f}" for hour in hours)],
        ["cost of a month", *map(dollars, whole)],
        ["after AWS's free allowances", *map(dollars, free)],
        ["cost of a person-hour", *(dollars(one / hour) for one, hour in zip(whole, hours, strict=True))],
    ]
    return markdown_table(("", *NAMES), rows)


def summarize(costs: Costs) -> str:
    """What the page starts with."""
    idle, active = (costs.dollars(hour) for hour in (costs.idle_hour(10), costs.active_hour(10)))
    bill = costs.price(costs.total(50, {"message with id": 1}))
    text = (
        f"1,000 chat messages in a room of 10 cost {dollars(costs.operation_dollars(10, 'message with id', 1000))}. "
        f"An idle person costs {dollars(idle)} an hour, an active one {dollars(active)}. A month without people costs "
        f"{dollars(costs.dollars(costs.standing()))}, or {dollars(costs.dollars(costs.standing(), free=True))} after "
        f"AWS's free allowances. Two things matter most: the number of receivers of each message (in a room of 50, "
        f"API Gateway is {bill['API Gateway'] / sum(bill.values()):.0%} of the cost of a message), and pings "
        f"({split_hour(costs)['pings'] / idle:.0%} of an idle hour)."
    )
    return fill(text, 120, break_on_hyphens=False)


def describe_standing(costs: Costs) -> str:
    """What a month without people is paid for."""
    measured = costs.measured
    counts = f"{measured['alarms']} alarms, {measured['dashboards']} dashboard, and {measured['sweep_metrics']} metrics"
    text = (
        f"Nearly all of a month without people is monitoring: {counts}, of {measured['metrics']} when people come. "
        "CloudWatch bills a metric only for the hours that have data."
    )
    return fill(text, 120, break_on_hyphens=False)


def blocks(costs: Costs) -> dict[str, str]:
    """Every computed block of the page, by name."""
    return {
        "summary": summarize(costs),
        "messages": tabulate_messages(costs),
        "message-bills": tabulate_message_bills(costs),
        "hours": tabulate_hours(costs),
        "split": tabulate_split(costs),
        "examples": tabulate_examples(costs),
        "standing": describe_standing(costs),
        "months": tabulate_months(costs),
        "worst": tabulate_worst(costs),
        "durations": tabulate_durations(costs),
        "sensitivity": tabulate_sensitivity(costs),
        "prices": tabulate_prices(costs),
    }


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="bench.cost", description="What the service costs on AWS.")
    parser.add_argument("--prices", type=Path, default=PRICES, help="another table of prices")
    parser.add_argument("--write", action="store_true", help="put the figures into docs/cost.md")
    options = parser.parse_args(arguments)
    figures = blocks(Costs.load(options.prices))
    for name, text in figures.items():
        print(f"\n{name}\n\n{text}")
    if options.write:
        PAGE.write_text(fill_page(PAGE.read_text("utf-8"), figures), "utf-8")


if __name__ == "__main__":
    main()
