"""What it costs: what `bench/usage.py` counted, times what AWS asks (`bench/prices.toml`).

    python -m bench.cost                    prints the tables
    python -m bench.cost --prices FILE      with other prices
    python -m bench.cost --write            puts tables and charts into docs/cost.md

Nothing is measured here, and nothing is typed by hand in the page but words.
"""

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from textwrap import fill

from bench.bill import (
    ACTIVE,
    EXAMPLES,
    PINGS_AN_HOUR,
    PRICES,
    SERVICES,
    SYNCS_AN_HOUR,
    Costs,
    Traffic,
    ably,
    liveblocks,
    scaled,
)
from bench.figures import IMAGES, dollars, draw_bars, fill_page, markdown_table

PAGE = Path(__file__).parent.parent / "docs" / "cost.md"
KINDS = ("relay", "message", "message with id", "speaking")


def tabulate_prices(costs: Costs) -> str:
    entries = costs.prices["aws"].values()
    rows = [
        [
            f"[{one['what']}]({one['source']})",
            f"${one['dollars']:g}",
            f"{one['per']:,}",
            f"{one.get('free', 0):,}",
            one["seen"],
        ]
        for one in entries
    ]
    return markdown_table(("what", "dollars", "for", "free each month", "seen in"), rows)


def tabulate_messages(costs: Costs) -> str:
    rooms = costs.measured["rooms"]
    rows = [
        [f"`{kind}`" if kind in ("relay", "speaking") else kind]
        + [dollars(1000 * costs.dollars(costs.usage(costs.operations(int(room))[kind]))) for room in rooms]
        for kind in KINDS
    ]
    return markdown_table(["1,000 frames in a room of", *rooms], rows)


def message_bills(costs: Costs) -> dict[str, dict[str, float]]:
    """1,000 messages in rooms of each size, service by service."""
    return {
        f"a room of {room}": costs.price(scaled(costs.usage(costs.operations(int(room))["message with id"]), 1000))
        for room in costs.measured["rooms"]
    }


def tabulate_bills(bills: Mapping[str, Mapping[str, float]], head: str) -> str:
    rows = [
        [name, *(dollars(bill[service]) for service in SERVICES), dollars(sum(bill.values()))]
        for name, bill in bills.items()
    ]
    return markdown_table((head, *SERVICES, "together"), rows)


def tabulate_hours(costs: Costs) -> str:
    rooms = [int(room) for room in costs.measured["rooms"]]
    kinds = {"idle": costs.idle_hour, "taking part": costs.active_hour}
    rows = [[name, *(dollars(costs.dollars(hour(room))) for room in rooms)] for name, hour in kinds.items()]
    rows.append(
        ["taking part, with calls", *(dollars(costs.dollars(costs.active_hour(room, calls=True))) for room in rooms)]
    )
    return markdown_table(["an hour of one person in a room of", *rooms], rows)


def hour_bills(costs: Costs) -> dict[str, dict[str, float]]:
    """A person-hour in a room of 10, by what it goes to."""
    operations = costs.operations(10)

    def price(name: str, count: float) -> float:
        return costs.dollars(scaled(costs.usage(operations[name]), count))

    idle = costs.dollars(costs.idle_hour(10))
    pings = price("ping that looks", PINGS_AN_HOUR)
    syncs = price("sync, up to date", SYNCS_AN_HOUR)
    quiet = {"pings": pings + syncs, "connection, sweeps": idle - pings - syncs}
    acts = {
        "messages": price("message with id", ACTIVE["message with id"]),
        "speaking": price("speaking", ACTIVE["speaking"]),
        "microphone, typing": price("mic", ACTIVE["mic"]) + price("typing", ACTIVE["typing"]),
    }
    rest = costs.dollars(costs.active_hour(10)) - idle - sum(acts.values())
    return {"idle": quiet, "taking part": {**quiet, **acts, "coming and going": rest}}


def tabulate_durations(costs: Costs) -> str:
    rows = []
    for name in ("relay", "message with id", "ping that looks", "join", "sync"):
        one = costs.operations(10)[name]
        rows.append(
            [
                name,
                one["function"],
                f"{one['cpu_ms']:.1f}",
                one["round_trips"],
                one["waves"],
                f"{costs.billed_ms(one):.0f}",
            ]
        )
    return markdown_table(("in a room of 10", "function", "CPU ms", "round trips", "waves of posts", "billed ms"), rows)


def tabulate_sensitivity(costs: Costs) -> str:
    ways = {
        "as assumed": {},
        "Lambda's core half as fast": {"cpu_factor": 2.0},
        "Lambda's core twice as fast": {"cpu_factor": 0.5},
        "DynamoDB answers in 15 ms": {"dynamodb": 15.0},
        "a post takes 50 ms": {"post": 50.0},
        "one start in 20 calls": {"cold_share": 0.05},
        "every call takes twice as long": {"duration_factor": 2.0},
    }
    rows = []
    for name, changes in ways.items():
        changed = costs.assuming(**changes)
        message = changed.dollars(scaled(changed.usage(changed.operations(10)["message with id"]), 100_000))
        months = [dollars(changed.dollars(changed.month(example))) for example in EXAMPLES]
        rows.append([name, dollars(message), dollars(1000 * changed.dollars(changed.idle_hour(10))), *months])
    names = [f"{example[0].name}, a month" for example in EXAMPLES]
    return markdown_table(("", "100,000 messages, room of 10", "1,000 idle hours", *names), rows)


def month_bills(costs: Costs) -> dict[str, dict[str, float]]:
    """The worked examples and their standing part, service by service."""
    bills = {"nobody comes": costs.price(costs.standing())}
    return bills | {example[0].name: costs.price(costs.month(example)) for example in EXAMPLES}


def tabulate_examples(costs: Costs) -> str:
    head = ("", *(example[0].name for example in EXAMPLES))
    hours = [sum(place.person_hours for place in example) for example in EXAMPLES]
    whole = [costs.dollars(costs.month(example)) for example in EXAMPLES]
    free = [costs.dollars(costs.month(example), free=True) for example in EXAMPLES]
    rows = [
        ["person-hours a month", *(f"{hour:,.0f}" for hour in hours)],
        ["a month", *(dollars(one) for one in whole)],
        ["less what AWS gives each account for nothing", *(dollars(one) for one in free)],
        ["an hour of one person, all included", *(dollars(one / hour) for one, hour in zip(whole, hours, strict=True))],
    ]
    return markdown_table(head, rows)


def hosted_months(costs: Costs) -> dict[str, list[float]]:
    """What each of the examples costs a month, here and at hosted services."""
    traffic = [Traffic.of(example) for example in EXAMPLES]
    hosted = costs.prices["hosted"]
    return {
        "Coworking Rooms": [costs.dollars(costs.month(example)) for example in EXAMPLES],
        hosted["ably"]["name"]: [ably(hosted["ably"], one) for one in traffic],
        hosted["liveblocks"]["name"]: [liveblocks(hosted["liveblocks"], one) for one in traffic],
    }


def tabulate_hosted(costs: Costs) -> str:
    seen = {one["name"]: f"[{one['seen']}]({one['source']})" for one in costs.prices["hosted"].values()}
    rows = [
        [name, *(dollars(one) for one in months), seen.get(name, "")] for name, months in hosted_months(costs).items()
    ]
    return markdown_table(("a month of", *(example[0].name for example in EXAMPLES), "prices of"), rows)


def summarize(costs: Costs) -> str:
    """What the page starts with."""
    message = 1000 * costs.dollars(costs.usage(costs.operations(10)["message with id"]))
    idle, active = (costs.dollars(hour(10)) for hour in (costs.idle_hour, costs.active_hour))
    bill = message_bills(costs)["a room of 50"]
    share = bill["API Gateway"] / sum(bill.values())
    pings = hour_bills(costs)["idle"]["pings"] / idle
    text = (
        f"1,000 chat messages in a room of 10 cost {dollars(message)}. Somebody who is only there costs "
        f"{dollars(idle)} an hour, somebody who takes part {dollars(active)}. If nobody comes at all, a month costs "
        f"{dollars(costs.dollars(costs.standing()))}, "
        f"{dollars(costs.dollars(costs.standing(), free=True))} after what AWS gives each account for nothing. "
        f"Two things decide: how many people each message goes to (in a room of 50, API Gateway is {share:.0%} of "
        f"the cost of a message), and pings ({pings:.0%} of an idle hour)."
    )
    return fill(text, 120, break_on_hyphens=False)


def describe_standing(costs: Costs) -> str:
    """What is paid for when nobody comes."""
    measured = costs.measured
    text = (
        f"A month in which nobody comes is nearly all for watching: {measured['alarms']} alarms, {measured['metrics']} "
        f"metrics, and {measured['dashboards']} dashboard."
    )
    return fill(text, 120)


def blocks(costs: Costs) -> dict[str, str]:
    """Everything that goes into the page, by its name there."""
    return {
        "summary": summarize(costs),
        "messages": tabulate_messages(costs),
        "split": tabulate_bills(message_bills(costs), "1,000 messages with an `id` in"),
        "hours": tabulate_hours(costs),
        "examples": tabulate_examples(costs),
        "standing": describe_standing(costs),
        "months": tabulate_bills(month_bills(costs), "a month in which"),
        "hosted": tabulate_hosted(costs),
        "durations": tabulate_durations(costs),
        "sensitivity": tabulate_sensitivity(costs),
        "prices": tabulate_prices(costs),
    }


def charts(costs: Costs) -> dict[str, str]:
    """The charts of the page, by file."""
    return {
        "cost-messages.svg": draw_bars("1,000 chat messages", "dollars", message_bills(costs)),
        "cost-hours.svg": draw_bars("An hour of one person in a room of 10", "dollars", hour_bills(costs)),
    }


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="bench.cost", description="What it costs.")
    parser.add_argument("--prices", type=Path, default=PRICES, help="another table of prices")
    parser.add_argument("--write", action="store_true", help="put the figures into docs/cost.md")
    options = parser.parse_args(arguments)
    costs = Costs.load(options.prices)
    for name, text in blocks(costs).items():
        print(f"\n{name}\n\n{text}")
    if options.write:
        PAGE.write_text(fill_page(PAGE.read_text("utf-8"), blocks(costs)), "utf-8")
        for name, picture in charts(costs).items():
            (IMAGES / name).write_text(picture, "utf-8")


if __name__ == "__main__":
    main()
