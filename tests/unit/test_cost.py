"""The counts of `bench/usage.py`, the costs of `bench/cost.py`, and their page docs/cost.md."""

import json
import tomllib
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bench import cost, figures, usage
from bench.bill import PRICES, Assumptions, Costs, Place
from tests.integration.test_budgets import BUDGETS

BUDGET_OF = {
    "list": "list rooms, once a minute",
    "join": "join (new), an author has left",
    "connect": "$connect with a token",
    "sync": "sync",
    "mic": "mic",
    "speaking": "speaking",
    "typing": "typing frame",
    "relay": "relay frame",
    "signal": "signal frame",
    "message": "chat frame, no client id",
    "message with id": "chat frame, with client id",
    "ping": "ping",
    "ping with expiry check": "ping with expiry check",
    "ticket": "a fresh ticket",
    "disconnect one of two": "$disconnect, one of two",
    "leave": "leave, and a connection with it",
}
CALL = {
    "function": "websocket_message",
    "round_trips": 3,
    "waves": 1,
    "write_units": 6,
    "read_units": 3,
    "posts": 11,
    "billed_messages": 11,
    "posted_bytes": 5000,
    "answered_bytes": 0,
    "logged_bytes": 670,
    "cpu_ms": 10.0,
}


def price(service: str, dollars: float, per: int = 1, free: int = 0) -> dict[str, Any]:
    return {"service": service, "dollars": dollars, "per": per, "free": free, "what": "", "seen": ""}


@pytest.fixture(scope="module")
def costs() -> Costs:
    return Costs.load()


@pytest.fixture
def simple() -> Costs:
    """Round prices and counts."""
    prices = {
        "websocket_messages": price("API Gateway", 1),
        "rest_requests": price("API Gateway", 100),
        "lambda_requests": price("Lambda", 7),
        "gb_seconds": price("Lambda", 1000),
        "write_units": price("DynamoDB", 10, per=2),
        "read_units": price("DynamoDB", 2, free=2),
        "log_gb": price("CloudWatch", 1_000_000),
        "transfer_gb": price("data transfer", 1_000_000),
    }
    memory = {"websocket_message": 1024, "api_handler": 2048, "websocket_disconnect": 1024}
    return Costs({"aws": prices}, {}, memory, dict.fromkeys(memory, 0.0), Assumptions(cpu_factor=1024 / 1769))


def test_the_page_shows_the_computed_figures(costs: Costs) -> None:
    page = cost.PAGE.read_text("utf-8")

    assert page == figures.fill_page(page, cost.blocks(costs)), "run `python -m bench.cost --write`"


def test_the_worst_user_costs_at_most_50_cents_an_hour(costs: Costs) -> None:
    hours = costs.worst_hours()
    assert {"mic", "sync", "message of 12,000 bytes"} <= hours.keys()
    assert max(dollars for _, dollars in hours.values()) <= 0.50


def test_other_prices_give_other_figures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    dearer = tmp_path / "prices.toml"
    dearer.write_text(PRICES.read_text().replace("dollars = 1.00", "dollars = 900.00"))

    cost.main(["--prices", str(dearer)])
    others = capsys.readouterr().out
    cost.main([])

    assert others != capsys.readouterr().out


@pytest.mark.parametrize("operation", BUDGET_OF)
def test_priced_operations_are_within_their_budgets(costs: Costs, operation: str) -> None:
    round_trips, write_units, read_units = BUDGETS[BUDGET_OF[operation]]
    counted = costs.operations(10)[operation]

    assert counted["requests"] > 0
    assert counted["round_trips"] <= round_trips
    assert counted["write_units"] <= write_units
    assert counted["read_units"] <= read_units


def test_every_price_names_its_source_and_date() -> None:
    prices = tomllib.loads(PRICES.read_text())

    for entry in prices["aws"].values():
        assert entry["source"].startswith("https://")
        assert entry["seen"]


def test_a_call_lasts_its_cpu_time_on_its_cores_plus_its_waits(simple: Costs) -> None:
    halved = replace(simple, memory={"websocket_message": 884.5}, start_ms={"websocket_message": 300.0})
    large = replace(simple, memory={"websocket_message": 10_240})

    assert halved.assuming(cpu_factor=1, cold_share=0).billed_ms(CALL) == 2 * 10 + 3 * 5 + 10
    assert halved.assuming(cpu_factor=1, cold_share=0.1).billed_ms(CALL) == 2 * 10 + 30 + 3 * 5 + 10
    assert large.assuming(cpu_factor=1).billed_ms(CALL) == 10 + 15 + 10, "more memory brings at most one core"


def test_a_frame_is_billed_once_in_and_once_for_each_copy(simple: Costs) -> None:
    assert simple.price(simple.usage(CALL)) == {
        "API Gateway": 1 + 11,
        "Lambda": pytest.approx(7 + 1000 * 0.035),
        "DynamoDB": 6 * 5 + 3 * 2,
        "CloudWatch": pytest.approx(1.0),  # its own 670 bytes and 330 of the platform's
        "data transfer": pytest.approx(5.0),
    }


@pytest.mark.parametrize(
    ("function", "copies", "price"), [("api_handler", 11, 100 + 11), ("websocket_disconnect", 0, 0)]
)
def test_only_the_copies_of_other_events_are_messages(simple: Costs, function: str, copies: int, price: int) -> None:
    call = CALL | {"function": function, "billed_messages": copies}

    assert simple.price(simple.usage(call))["API Gateway"] == price


def test_a_free_allowance_is_deducted_down_to_zero(simple: Costs) -> None:
    read = Counter({"read_units": 3.0})

    assert simple.price(read)["DynamoDB"] == 6
    assert simple.price(read, free=True)["DynamoDB"] == 2
    assert simple.price(Counter({"read_units": 1.0}), free=True)["DynamoDB"] == 0


def test_a_month_is_the_standing_part_plus_hours_of_people(costs: Costs) -> None:
    place = Place("a place", people=4, room=10, hours=100, active_share=0.25)

    due = costs.dollars(costs.month([place])) - costs.dollars(costs.standing())

    hours = 300 * costs.dollars(costs.idle_hour(10)) + 100 * costs.dollars(costs.active_hour(10))
    metrics = costs.measured["metrics"] - costs.measured["sweep_metrics"]
    assert due == pytest.approx(hours + costs.dollars(Counter({"metrics": float(metrics)})))


@pytest.mark.parametrize(
    ("batches", "messages", "waves"),
    [([], 0, 0), ([[100] * 50], 50, 1), ([[100] * 51], 51, 2), ([[100], [100]], 2, 2), ([[32_768, 32_769]], 3, 1)],
)
def test_posts_are_billed_by_32_kb_and_sent_50_at_a_time(batches: list[list[int]], messages: int, waves: int) -> None:
    sent = usage.meter_posts(batches, {"statusCode": 200, "body": "four"})

    assert (sent["billed_messages"], sent["waves"]) == (messages, waves)
    assert (sent["posted_bytes"], sent["answered_bytes"]) == (sum(map(sum, batches)), 4)


def test_metrics_are_distinguished_by_name_and_dimensions() -> None:
    def line(kind: str, *names: str) -> str:
        described = {"Namespace": "N", "Dimensions": [["kind"]], "Metrics": [{"Name": name} for name in names]}
        return json.dumps({"_aws": {"CloudWatchMetrics": [described]}, "kind": kind})

    lines = [line("frame", "Duration", "Gone"), line("frame", "Duration"), line("sweep", "Duration"), '{"a": 1}']

    assert usage.count_metrics("\n".join(lines)) == 3
    assert usage.count_metrics("\n".join(lines), "sweep") == 1


def test_a_loop_in_a_template_counts_for_each_value() -> None:
    alarm: Mapping[str, Any] = {"Type": "Alarm"}
    inner = {"Fn::ForEach::Direction": ["Direction", ["Read", "Write"], {"Throttled": alarm}]}
    resources = {"One": alarm, "Topic": {"Type": "Topic"}, "Fn::ForEach::Table": ["Table", ["a", "b", "c"], inner]}

    assert usage.count_resources(resources, "Alarm") == 7


def test_a_page_is_filled_only_between_its_markers() -> None:
    page = "before\n<!-- figures: a -->\nold\n\nolder\n<!-- end -->\nafter <!-- end -->\n"

    filled = figures.fill_page(page, {"a": "new\n"})

    assert filled == "before\n<!-- figures: a -->\nnew\n<!-- end -->\nafter <!-- end -->\n"
    assert figures.fill_page(filled, {"a": "new"}) == filled


@pytest.mark.parametrize("names", [[], ["a", "b"]])
def test_a_missing_or_unknown_block_is_an_error(names: list[str]) -> None:
    with pytest.raises(ValueError, match="the page has"):
        figures.fill_page("<!-- figures: a -->\n<!-- end -->", dict.fromkeys(names, ""))


@pytest.mark.parametrize(
    ("amount", "text"),
    [(0, "$0.00"), (1234, "$1,234"), (12.346, "$12.35"), (1, "$1.00"), (0.5, "$0.50"), (0.0186, "$0.019")],
)
def test_dollars_have_two_significant_digits(amount: float, text: str) -> None:
    assert figures.dollars(amount) == text
