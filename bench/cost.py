"""What it costs: what `bench/usage.py` counted, times what AWS asks (`bench/prices.toml`).

    python -m bench.cost                    prints the tables
    python -m bench.cost --prices FILE      with other prices
    python -m bench.cost --write            puts tables and charts into docs/cost.md

Nothing is measured here, and nothing is typed by hand in the page but words.
"""

import argparse
import json
import tomllib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from textwrap import fill
from typing import Any

from bench.figures import IMAGES, dollars, draw_bars, fill_page, markdown_table
from bench.report import RESULTS

HERE = Path(__file__).parent
PRICES = HERE / "prices.toml"
PAGE = HERE.parent / "docs" / "cost.md"
CONFIG = HERE.parent / ".chalice" / "config.json"

GB = 1e9
MONTH_HOURS = 730
FULL_CORE_MB = 1769
PLATFORM_LOG_BYTES = 330
"""START, END and REPORT, which Lambda writes for each call."""
STORED_BYTES = 1000
"""A message in its table, and its receipt: more than those of the measurement have."""
RETENTION_MONTHS = 3
PINGS_AN_HOUR = 120
SYNCS_AN_HOUR = 12
"""The client library makes every tenth ping a `sync`."""
RECONNECTS_AN_HOUR = 0.5
ACTIVE = {"message with id": 12, "speaking": 60, "mic": 4, "typing": 12}
"""What somebody who takes part does in an hour."""
VISITS_AN_HOUR = 0.5
VISIT = ("list", "join", "connect", "sync", "leave", "disconnect")
RECONNECT = ("ticket", "connect again", "sync again", "disconnect one of two")
SIGNALS_A_PEER = 12
"""An offer or answer and eleven candidates, to each of the others, by whoever comes in."""
KINDS = ("relay", "message", "message with id", "speaking")
SERVICES = ("API Gateway", "Lambda", "DynamoDB", "CloudWatch", "data transfer")

Usage = Counter[str]
Operations = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Assumptions:
    """What makes a duration on Lambda of what was measured elsewhere. Times are milliseconds."""

    dynamodb: float = 5.0
    post: float = 10.0
    cpu_factor: float = 1.0
    """CPU time on a core of Lambda's, to that on the machine of the measurement."""
    cold_share: float = 0.01
    duration_factor: float = 1.0


@dataclass(frozen=True)
class Place:
    """A worked example: so many people, in rooms of one size, for so many hours of a month."""

    name: str
    people: int
    room: int
    hours: float
    active_share: float
    calls: bool = False

    @property
    def person_hours(self) -> float:
        return self.people * self.hours


TEAM = (Place("a team", people=10, room=10, hours=22 * 6, active_share=0.25, calls=True),)
SCHOOL = (Place("a school", people=600, room=20, hours=20 * 5, active_share=0.25),)
COMMUNITY = (
    Place("a community", people=300, room=10, hours=MONTH_HOURS, active_share=0.15),
    Place("a community", people=100, room=50, hours=MONTH_HOURS, active_share=0.15),
)
EXAMPLES = (TEAM, SCHOOL, COMMUNITY)


@dataclass(frozen=True)
class Costs:
    """Prices, counts and assumptions, and what follows from them."""

    prices: Mapping[str, Any]
    measured: Mapping[str, Any]
    memory: Mapping[str, float]
    start_ms: Mapping[str, float]
    assumed: Assumptions = Assumptions()

    @classmethod
    def load(cls, prices: Path = PRICES) -> "Costs":
        """From the files of this repository."""
        functions = json.loads(CONFIG.read_text())["lambda_functions"]
        started = json.loads((RESULTS / "startup.json").read_text())["functions"]
        return cls(
            tomllib.loads(prices.read_text()),
            json.loads((RESULTS / "usage.json").read_text()),
            {name: one["lambda_memory_size"] for name, one in functions.items()},
            {name: started["app" if name == "api_handler" else name]["import_wall_ms"] for name in functions},
        )

    def assuming(self, **changes: float) -> "Costs":
        return replace(self, assumed=replace(self.assumed, **changes))

    def operations(self, room: int) -> Operations:
        operations: Operations = self.measured["rooms"][str(room)]
        return operations

    def billed_ms(self, one: Mapping[str, Any]) -> float:
        """How long a call lasts: its CPU time, on the share of a core that its memory brings, and all its waits,
        as though none of that overlapped; and, once in a while, the start."""
        share = min(1.0, self.memory[one["function"]] / FULL_CORE_MB)
        waits = one["round_trips"] * self.assumed.dynamodb + one["waves"] * self.assumed.post
        start = self.assumed.cold_share * self.start_ms[one["function"]]
        cpu = (one["cpu_ms"] / share + start) * self.assumed.cpu_factor
        return float(self.assumed.duration_factor * (cpu + waits))

    def usage(self, one: Mapping[str, Any]) -> Usage:
        """What one call of a function uses of everything that is billed."""
        is_frame, is_rest = one["function"] == "websocket_message", one["function"] == "api_handler"
        return Counter(
            {
                "websocket_messages": is_frame + one["billed_messages"],
                "rest_requests": float(is_rest),
                "lambda_requests": 1.0,
                "gb_seconds": self.memory[one["function"]] / 1024 * self.billed_ms(one) / 1000,
                "write_units": one["write_units"],
                "read_units": one["read_units"],
                "log_gb": (one["logged_bytes"] + PLATFORM_LOG_BYTES) / GB,
                "transfer_gb": (one["posted_bytes"] + one["answered_bytes"]) / GB,
            }
        )

    def total(self, room: int, calls: Mapping[str, float]) -> Usage:
        """What these calls use in a room of this size."""
        return add(scaled(self.usage(self.operations(room)[name]), count) for name, count in calls.items())

    def idle_hour(self, room: int) -> Usage:
        """An hour of somebody who is there and says nothing."""
        sweeps = self.usage(self.operations(room)["sweep of the room"])
        sweeps["lambda_requests"] = sweeps["log_gb"] = 0  # those are the sweep's own, whatever it finds
        kept = Counter({"connection_minutes": 60.0})
        return add([self.total(room, idle_calls()), scaled(sweeps, 60 / room), kept])

    def active_hour(self, room: int, *, calls: bool = False) -> Usage:
        """An hour of somebody who takes part."""
        stored = Counter({"stored_gb_months": ACTIVE["message with id"] * STORED_BYTES / GB * RETENTION_MONTHS})
        return add([self.idle_hour(room), self.total(room, active_calls(room, calls=calls)), stored])

    def standing(self) -> Usage:
        """What is due every month if nobody comes: the sweep, and being watched."""
        watched = {name: float(self.measured[name]) for name in ("metrics", "alarms", "dashboards")}
        return add([scaled(self.usage(self.measured["sweep"]), MONTH_HOURS * 60), Counter(watched)])

    def month(self, example: Sequence[Place]) -> Usage:
        """A month of a place, all included."""
        used = [self.standing()]
        for place in example:
            active = place.person_hours * place.active_share
            used.append(scaled(self.active_hour(place.room, calls=place.calls), active))
            used.append(scaled(self.idle_hour(place.room), place.person_hours - active))
        return add(used)

    def price(self, used: Usage, *, free: bool = False) -> dict[str, float]:
        """Dollars by service; `free`: less what each account gets for nothing."""
        bill = dict.fromkeys(SERVICES, 0.0)
        for name, amount in used.items():
            entry = self.prices["aws"][name]
            due = max(0.0, amount - entry.get("free", 0)) if free else amount
            bill[entry["service"]] += due * entry["dollars"] / entry["per"]
        return bill

    def dollars(self, used: Usage, *, free: bool = False) -> float:
        return sum(self.price(used, free=free).values())


def idle_calls() -> dict[str, float]:
    """What somebody who is only there brings about in an hour: a connection that pings, and is renewed every two hours.
    Every ping is taken to be one that looks after the others, which is the dearer kind."""
    return {
        "ping that looks": PINGS_AN_HOUR,
        "sync, up to date": SYNCS_AN_HOUR,
        **dict.fromkeys(RECONNECT, RECONNECTS_AN_HOUR),
    }


def active_calls(room: int, *, calls: bool = False) -> dict[str, float]:
    """What taking part adds to that."""
    signals = {"signal": VISITS_AN_HOUR * SIGNALS_A_PEER * (room - 1)} if calls else {}
    return {**ACTIVE, **dict.fromkeys(VISIT, VISITS_AN_HOUR), **signals}


def add(parts: Any) -> Usage:
    """All of them together."""
    whole: Usage = Counter()
    for part in parts:
        whole.update(part)
    return whole


def scaled(used: Usage, factor: float) -> Usage:
    return Counter({name: amount * factor for name, amount in used.items()})


@dataclass(frozen=True)
class Traffic:
    """A month of a place as a hosted service would count it."""

    messages: float
    connection_minutes: float
    channel_minutes: float

    @classmethod
    def of(cls, example: Sequence[Place]) -> "Traffic":
        """What people do, and what each of it brings to the others. Pings aren't counted there, nor snapshots here."""
        messages = minutes = channels = 0.0
        for place in example:
            active = place.person_hours * place.active_share
            done = sum(ACTIVE.values()) + 2 * VISITS_AN_HOUR
            signals = 2 * SIGNALS_A_PEER * (place.room - 1) * VISITS_AN_HOUR if place.calls else 0
            messages += active * (done * (1 + place.room) + ACTIVE["message with id"] + signals)
            minutes += place.person_hours * 60
            channels += place.person_hours * 60 / place.room
        return cls(messages, minutes, channels)


def ably(prices: Mapping[str, Any], traffic: Traffic) -> float:
    """A month at Ably's: a base price, messages in and out, minutes of connections and of channels."""
    return float(
        prices["monthly"]
        + traffic.messages / 1e6 * prices["per_million_messages"]
        + traffic.connection_minutes / 1e6 * prices["per_million_connection_minutes"]
        + traffic.channel_minutes / 1e6 * prices["per_million_channel_minutes"]
    )


def liveblocks(prices: Mapping[str, Any], traffic: Traffic) -> float:
    """A month at Liveblocks': minutes of people who aren't alone in a room."""
    return max(float(prices["monthly_at_least"]), traffic.connection_minutes * float(prices["per_person_minute"]))


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


def blocks(costs: Costs) -> dict[str, str]:
    """Everything that goes into the page, by its name there."""
    return {
        "summary": summarize(costs),
        "messages": tabulate_messages(costs),
        "split": tabulate_bills(message_bills(costs), "1,000 messages with an `id` in"),
        "hours": tabulate_hours(costs),
        "examples": tabulate_examples(costs),
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
