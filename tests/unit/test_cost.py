"""What `bench/usage.py` counts, what `bench/cost.py` makes of it, and that the page says just that."""

import json
import tomllib
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from bench import bill, cost, figures, usage
from bench.bill import PRICES, Assumptions, Costs, Place, Traffic
from bench.figures import IMAGES
from bench.report import RESULTS
from tests.integration.test_budgets import BUDGETS

BUDGET_OF = {
    "list": "list rooms (page of 50)",
    "join": "join (new)",
    "connect": "$connect",
    "sync": "sync",
    "mic": "mic",
    "speaking": "speaking",
    "typing": "typing frame",
    "relay": "relay frame",
    "signal": "signal frame",
    "message": "chat frame, no client id",
    "message with id": "chat frame, with client id",
    "ping": "ping",
    "ping that looks": "ping that looks after the others",
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
    """Prices and counts that can be multiplied in one's head."""
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


@pytest.mark.parametrize("name", ["cost-messages.svg", "cost-hours.svg"])
def test_the_charts_show_what_the_counts_and_prices_amount_to(costs: Costs, name: str) -> None:
    assert (IMAGES / name).read_text("utf-8") == cost.charts(costs)[name], "run `python -m bench.cost --write`"


def test_the_page_says_what_the_counts_and_prices_amount_to(costs: Costs) -> None:
    page = cost.PAGE.read_text("utf-8")

    assert page == figures.fill_page(page, cost.blocks(costs)), "run `python -m bench.cost --write`"


def test_other_prices_make_other_figures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    dearer = tmp_path / "prices.toml"
    dearer.write_text(PRICES.read_text().replace("dollars = 1.00", "dollars = 900.00"))

    cost.main(["--prices", str(dearer)])
    others = capsys.readouterr().out
    cost.main([])

    assert others != capsys.readouterr().out


@pytest.mark.parametrize("operation", BUDGET_OF)
def test_what_is_priced_is_within_the_budgets_that_the_tests_hold(costs: Costs, operation: str) -> None:
    round_trips, write_units, read_units = BUDGETS[BUDGET_OF[operation]]
    counted = costs.operations(10)[operation]

    assert counted["requests"] > 0
    assert counted["round_trips"] <= round_trips
    assert counted["write_units"] <= write_units
    assert counted["read_units"] <= read_units


@pytest.mark.parametrize("operation", ["relay", "message", "message with id"])
def test_both_benchmarks_count_alike(costs: Costs, operation: str) -> None:
    theirs = json.loads((RESULTS / "operations.json").read_text())["operations"][operation]
    ours = costs.operations(10)[operation]

    for unit in ("requests", "write_units", "read_units"):
        assert ours[unit] == theirs[unit]
    assert ours["posts"] == theirs["posts"] - 1, "there, they are eleven"


def test_every_price_says_where_and_when_it_was_seen() -> None:
    prices = tomllib.loads(PRICES.read_text())

    for entry in [*prices["aws"].values(), *prices["hosted"].values()]:
        assert entry["source"].startswith("https://")
        assert entry["seen"]


def test_a_call_lasts_its_cpu_time_on_a_share_of_a_core_and_all_its_waits(simple: Costs) -> None:
    halved = replace(simple, memory={"websocket_message": 884.5}, start_ms={"websocket_message": 300.0})

    assert halved.assuming(cpu_factor=1, cold_share=0).billed_ms(CALL) == 2 * 10 + 3 * 5 + 10
    assert halved.assuming(cpu_factor=1, cold_share=0.1).billed_ms(CALL) == 2 * 10 + 30 + 3 * 5 + 10


def test_a_core_is_all_that_memory_buys(simple: Costs) -> None:
    large = replace(simple, memory={"websocket_message": 10_240})

    assert large.assuming(cpu_factor=1).billed_ms(CALL) == 10 + 15 + 10


def test_a_frame_is_billed_as_it_comes_in_and_for_every_copy(simple: Costs) -> None:
    bill = simple.price(simple.usage(CALL))

    assert bill["API Gateway"] == 1 + 11
    assert bill["Lambda"] == pytest.approx(7 + 1000 * 0.035)
    assert bill["DynamoDB"] == 6 * 5 + 3 * 2
    assert bill["CloudWatch"] == pytest.approx(1.0), "its own 670 bytes and 330 of the platform's"
    assert bill["data transfer"] == pytest.approx(5.0)


def test_a_request_over_http_is_billed_as_one_and_its_pushes_as_messages(simple: Costs) -> None:
    assert simple.price(simple.usage({**CALL, "function": "api_handler"}))["API Gateway"] == 100 + 11


def test_what_the_platform_tells_of_a_connection_is_no_message(simple: Costs) -> None:
    quiet = {**CALL, "function": "websocket_disconnect", "billed_messages": 0}

    assert simple.price(simple.usage(quiet))["API Gateway"] == 0


def test_what_is_free_is_deducted_once_and_never_paid_out(simple: Costs) -> None:
    read = Counter({"read_units": 3.0})

    assert simple.price(read)["DynamoDB"] == 6
    assert simple.price(read, free=True)["DynamoDB"] == 2
    assert simple.price(Counter({"read_units": 1.0}), free=True)["DynamoDB"] == 0


def test_a_month_is_what_stands_and_the_hours_of_those_who_come(costs: Costs) -> None:
    place = Place("a place", people=4, room=10, hours=100, active_share=0.25)

    due = costs.dollars(costs.month([place])) - costs.dollars(costs.standing())

    hours = 300 * costs.dollars(costs.idle_hour(10)) + 100 * costs.dollars(costs.active_hour(10))
    assert due == pytest.approx(hours)


def test_hosted_services_are_paid_by_their_own_counts() -> None:
    prices = tomllib.loads(PRICES.read_text())["hosted"]
    traffic = Traffic(messages=2e6, connection_minutes=3e6, channel_minutes=4e6)

    assert bill.ably(prices["ably"], traffic) == pytest.approx(29 + 2 * 2.5 + 3 + 4)
    assert bill.liveblocks(prices["liveblocks"], traffic) == pytest.approx(6000)
    assert bill.liveblocks(prices["liveblocks"], Traffic(0, 10, 0)) == 30


def test_a_message_is_counted_by_others_when_it_comes_when_it_goes_and_when_it_is_stored() -> None:
    one_hour = Place("an hour", people=1, room=10, hours=1, active_share=1)
    done = sum(bill.ACTIVE.values()) + 2 * bill.VISITS_AN_HOUR

    traffic = Traffic.of([one_hour])

    assert traffic.messages == 11 * done + bill.ACTIVE["message with id"]
    assert (traffic.connection_minutes, traffic.channel_minutes) == (60, 6)


@pytest.mark.parametrize(
    ("batches", "messages", "waves"),
    [([], 0, 0), ([[100] * 50], 50, 1), ([[100] * 51], 51, 2), ([[100], [100]], 2, 2), ([[32_768, 32_769]], 3, 1)],
)
def test_posts_are_counted_by_32_kb_and_go_fifty_at_a_time(batches: list[list[int]], messages: int, waves: int) -> None:
    sent = usage.metered(batches, None)

    assert (sent["billed_messages"], sent["waves"]) == (messages, waves)
    assert sent["posted_bytes"] == sum(map(sum, batches))


def test_an_answer_counts_by_its_body() -> None:
    assert usage.metered([], {"statusCode": 200, "body": "four"})["answered_bytes"] == 4


def test_metrics_are_told_apart_by_name_and_dimensions() -> None:
    def line(kind: str, *names: str) -> str:
        described = {"Namespace": "N", "Dimensions": [["kind"]], "Metrics": [{"Name": name} for name in names]}
        return json.dumps({"_aws": {"CloudWatchMetrics": [described]}, "kind": kind})

    lines = [line("frame", "Duration", "Gone"), line("frame", "Duration"), line("sweep", "Duration"), '{"a": 1}']

    assert usage.count_metrics("\n".join(lines)) == 3


def test_loops_of_a_template_count_for_each_value() -> None:
    alarm: Mapping[str, Any] = {"Type": "Alarm"}
    inner = {"Fn::ForEach::Direction": ["Direction", ["Read", "Write"], {"Throttled": alarm}]}
    resources = {"One": alarm, "Topic": {"Type": "Topic"}, "Fn::ForEach::Table": ["Table", ["a", "b", "c"], inner]}

    assert usage.count_resources(resources, "Alarm") == 7


def test_a_page_is_filled_between_its_markers_and_nowhere_else() -> None:
    page = "before\n<!-- figures: a -->\nold\n\nolder\n<!-- end -->\nafter <!-- end -->\n"

    filled = figures.fill_page(page, {"a": "new\n"})

    assert filled == "before\n<!-- figures: a -->\nnew\n<!-- end -->\nafter <!-- end -->\n"
    assert figures.fill_page(filled, {"a": "new"}) == filled


@pytest.mark.parametrize("names", [[], ["a", "b"]])
def test_a_block_that_is_missing_or_unknown_is_an_error(names: list[str]) -> None:
    with pytest.raises(ValueError, match="the page has"):
        figures.fill_page("<!-- figures: a -->\n<!-- end -->", dict.fromkeys(names, ""))


@pytest.mark.parametrize(
    ("amount", "text"),
    [(0, "$0.00"), (1234, "$1,234"), (12.346, "$12.35"), (1, "$1.00"), (0.5, "$0.50"), (0.0186, "$0.019")],
)
def test_dollars_have_as_many_digits_as_say_something(amount: float, text: str) -> None:
    assert figures.dollars(amount) == text


@pytest.mark.parametrize(("value", "top"), [(0.06, 0.06), (0.061, 0.08), (9, 10), (11, 20), (1, 1), (399, 400)])
def test_an_axis_ends_at_a_round_figure_above(value: float, top: float) -> None:
    assert figures.nice_ceiling(value) == pytest.approx(top)


def test_bars_are_as_high_as_their_parts_and_labels_are_escaped() -> None:
    picture = ElementTree.fromstring(figures.draw_bars("A & B", "dollars", {"<a>": {"x": 1, "y": 3}, "b": {"x": 2}}))

    shapes = picture.iter("{http://www.w3.org/2000/svg}rect")
    heights = [float(bar.attrib["height"]) for bar in shapes if "x" in bar.attrib and "rx" not in bar.attrib]
    assert heights == pytest.approx([figures.PLOT / 4, figures.PLOT * 3 / 4, figures.PLOT / 2])
    assert "<a>" in [text.text for text in picture.iter("{http://www.w3.org/2000/svg}text")]


def test_lines_start_at_zero_and_end_at_the_edge() -> None:
    picture = ElementTree.fromstring(figures.draw_lines("T", "y", "x", {"one": [(0, 0), (10, 4)], "two": [(5, 2)]}))

    one, two = (line.attrib["points"] for line in picture.iter("{http://www.w3.org/2000/svg}polyline"))
    right = figures.WIDTH - figures.RIGHT
    assert one == f"{figures.LEFT:.1f},{figures.TOP + figures.PLOT:.1f} {right:.1f},{figures.TOP:.1f}"
    assert two == f"{(figures.LEFT + right) / 2:.1f},{figures.TOP + figures.PLOT / 2:.1f}"
