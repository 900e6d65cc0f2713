"""Bills for people's hours and months: counts (`bench/results/usage.json`) times prices (`bench/prices.toml`)."""

import json
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bench.report import RESULTS
from chalicelib.kernel.settings import Limit, Settings

HERE = Path(__file__).parent
PRICES = HERE / "prices.toml"
CONFIG = HERE.parent / ".chalice" / "config.json"

GB = 1e9
MONTH_HOURS = 730
FULL_CORE_MB = 1769
"""With this much memory a function has one whole core."""
PLATFORM_LOG_BYTES = 330
"""START, END and REPORT: Lambda writes them for each call."""
STORED_BYTES = 1000
"""The size of a stored message and its idempotency record: an upper bound."""
RETENTION_MONTHS = 3
PINGS_AN_HOUR = 120
SYNCS_AN_HOUR = 12
"""The client library sends `sync` in place of every tenth ping."""
RECONNECTS_AN_HOUR = 0.5
ACTIVE = {"message with id": 12, "speaking": 60, "mic": 4, "typing": 12}
"""What an active person does in an hour."""
VISITS_AN_HOUR = 0.5
VISIT = ("list", "join", "connect", "sync", "leave", "disconnect")
RECONNECT = ("ticket", "connect again", "sync again", "disconnect one of two")
SIGNALS_A_PEER = 12
"""An offer or answer and eleven candidates, from a newcomer to each of the others."""
SERVICES = ("API Gateway", "Lambda", "DynamoDB", "CloudWatch", "data transfer")

Usage = Counter[str]
Operations = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Assumptions:
    """How measured CPU time and counted waits become a duration on Lambda. Times are milliseconds."""

    dynamodb: float = 5.0
    post: float = 10.0
    cpu_factor: float = 1.0
    """CPU time on Lambda's core, relative to the machine of the measurement."""
    cold_share: float = 0.01
    duration_factor: float = 1.0


@dataclass(frozen=True)
class Place:
    """A worked example: people who sit in rooms of one size for some hours of a month."""

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

    @property
    def rooms(self) -> list[int]:
        """The sizes of rooms that were measured."""
        return [int(size) for size in self.measured["rooms"]]

    def operations(self, room: int) -> Operations:
        operations: Operations = self.measured["rooms"][str(room)]
        return operations

    def billed_ms(self, one: Mapping[str, Any]) -> float:
        """How long a call lasts: its CPU time, on the share of a core that its memory brings, plus all its waits,
        as though they didn't overlap, plus a share of a cold start."""
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

    def worst_hours(self) -> dict[str, tuple[float, float]]:
        """How often a user can do each costly act in an hour, within all limits, and what that costs in dollars."""
        hours = {}
        for name, one in self.measured["worst"].items():
            if units := one["units"]:
                count = 3600 * min(limit.count / limit.seconds / price for limit, price in _limits_of(name, units))
                hours[name] = (count, count * self.dollars(self.usage(one)))
        return hours

    def idle_hour(self, room: int) -> Usage:
        """An hour of a person who is in the room and does nothing."""
        sweeps = self.usage(self.operations(room)["sweep of the room"])
        sweeps["lambda_requests"] = sweeps["log_gb"] = 0  # `standing` has the call
        connection = Counter({"connection_minutes": 60.0})
        return add([self.total(room, idle_calls()), scaled(sweeps, 60 / room), connection])

    def active_hour(self, room: int, *, calls: bool = False) -> Usage:
        """An hour of a person who takes part."""
        stored = Counter({"stored_gb_months": ACTIVE["message with id"] * STORED_BYTES / GB * RETENTION_MONTHS})
        return add([self.idle_hour(room), self.total(room, active_calls(room, calls=calls)), stored])

    def standing(self) -> Usage:
        """A month without people: the sweep, and monitoring. CloudWatch bills a metric for the hours that have data."""
        counts = {"metrics": "sweep_metrics", "alarms": "alarms", "dashboards": "dashboards"}
        monitoring = {name: float(self.measured[source]) for name, source in counts.items()}
        return add([scaled(self.usage(self.measured["sweep"]), MONTH_HOURS * 60), Counter(monitoring)])

    def month(self, example: Sequence[Place]) -> Usage:
        """A month of an example, with the standing part. All metrics are billed as if they had data in every hour."""
        used = [self.standing(), Counter({"metrics": float(self.measured["metrics"] - self.measured["sweep_metrics"])})]
        for place in example:
            active = place.person_hours * place.active_share
            used.append(scaled(self.active_hour(place.room, calls=place.calls), active))
            used.append(scaled(self.idle_hour(place.room), place.person_hours - active))
        return add(used)

    def price(self, used: Usage, *, free: bool = False) -> dict[str, float]:
        """Dollars by service; with `free`, less the monthly allowance of each account."""
        bill = dict.fromkeys(SERVICES, 0.0)
        for name, amount in used.items():
            entry = self.prices["aws"][name]
            due = max(0.0, amount - entry.get("free", 0)) if free else amount
            bill[entry["service"]] += due * entry["dollars"] / entry["per"]
        return bill

    def dollars(self, used: Usage, *, free: bool = False) -> float:
        return sum(self.price(used, free=free).values())

    def operation_dollars(self, room: int, name: str, count: float) -> float:
        """What an operation costs, `count` times."""
        return self.dollars(self.total(room, {name: count}))


def _limits_of(name: str, units: int) -> Iterator[tuple[Limit, int]]:
    """The limits that an act counts for, with the amount that it counts."""
    settings = Settings()
    yield settings.budget_limit, units
    if name.startswith("message"):
        yield settings.messages_limit, 1
    if name in ("join", "leave"):
        yield settings.joins_limit, 1


def idle_calls() -> dict[str, float]:
    """What a person's client does in an hour without the person: pings, and a new connection every two hours.
    Every ping counts as one that also checks for expired members: these cost more."""
    return {
        "ping with expiry check": PINGS_AN_HOUR,
        "sync, up to date": SYNCS_AN_HOUR,
        **dict.fromkeys(RECONNECT, RECONNECTS_AN_HOUR),
    }


def active_calls(room: int, *, calls: bool = False) -> dict[str, float]:
    """What an active person adds to the calls of an idle one."""
    signals = {"signal": VISITS_AN_HOUR * SIGNALS_A_PEER * (room - 1)} if calls else {}
    return {**ACTIVE, **dict.fromkeys(VISIT, VISITS_AN_HOUR), **signals}


def add(parts: Iterable[Usage]) -> Usage:
    """The sum of usages."""
    whole: Usage = Counter()
    for part in parts:
        whole.update(part)
    return whole


def scaled(used: Usage, factor: float) -> Usage:
    return Counter({name: amount * factor for name, amount in used.items()})
