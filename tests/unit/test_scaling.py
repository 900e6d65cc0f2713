"""The load at which quotas are reached: the arithmetic, and its results in docs/scaling.md."""

import re
from typing import Any

import pytest
import yaml

from bench import figures, scaling
from bench.bill import Costs, active_calls, idle_calls
from bench.scaling import Demand
from infra.local.tables import TemplateLoader
from tests.fakes.documents import Document


@pytest.fixture(scope="module")
def costs() -> Costs:
    return Costs.load()


def test_the_page_shows_the_computed_figures(costs: Costs) -> None:
    page = scaling.PAGE.read_text("utf-8")

    assert page == figures.fill_page(page, scaling.blocks(costs)), "run `python -m bench.scaling --write`"


def test_every_alarm_named_in_the_pages_is_deployed() -> None:
    text = (scaling.PAGE.parent.parent / "infra" / "observability.yaml").read_text()
    template = yaml.load(text, TemplateLoader)
    mappings = template["Mappings"]["Failures"] | template["Mappings"]["Refusals"]
    named = {metric: {"Name": about["Name"]} for metric, about in mappings.items()}
    deployed = set(alarm_names(template["Resources"], {}, named))
    for path in ("docs/scaling.md", "docs/runbook.md"):
        assert named_alarms(Document(path).text) <= deployed


def alarm_names(resources: dict[str, Any], values: dict[str, str], mapped: dict[str, dict[str, str]]) -> list[str]:
    """The names of a template's alarms, without the stage. Loops are expanded."""
    names = []
    for key, resource in resources.items():
        if key.startswith("Fn::ForEach::"):
            variable, choices, body = resource
            for choice in choices:
                found = {**values, variable: choice, **mapped.get(choice, {})}
                names += alarm_names(body, found, mapped)
        elif resource["Type"] == "AWS::CloudWatch::Alarm":
            name = resource["Properties"]["AlarmName"]["Fn::Sub"]
            text = (name if isinstance(name, str) else name[0]).removeprefix("coworking-rooms-${Stage}-")
            for variable, value in values.items():
                text = text.replace(f"${{{variable}}}", value)
            names.append(text)
    return names


def named_alarms(text: str) -> set[str]:
    """The names of alarms in a page."""
    return set(
        re.findall(
            r"`(?:coworking-rooms-\w+-)?((?:errors|faults|functions|refused|throttles|slow|undelivered|throttled|sweeper)-[\w-]+)`",
            text,
        )
    )


def test_a_demand_counts_requests_and_posts(costs: Costs) -> None:
    message = costs.operations(10)["message with id"]

    demand = Demand.of(costs, 10, {"message with id": 2}, per_seconds=4)

    assert demand.requests == (1 + message["posts"]) / 2
    assert demand.writes == message["write_units"] / 2
    assert demand.lambda_seconds == pytest.approx(costs.billed_ms(message) / 2000)


def test_the_end_of_a_connection_is_not_a_request(costs: Costs) -> None:
    assert Demand.of(costs, 10, {"disconnect": 1}).requests == costs.operations(10)["disconnect"]["posts"]


def test_an_idle_person_sends_mostly_pings(costs: Costs) -> None:
    demand = Demand.of(costs, 10, idle_calls(), 3600)

    assert demand.requests == pytest.approx(2 / 30, rel=0.2)


@pytest.mark.parametrize(("count", "text"), [(0, "0"), (7.9, "7"), (99, "99"), (129_000, "120,000"), (4_199, "4,100")])
def test_figures_are_rounded_down(count: float, text: str) -> None:
    assert scaling.round_down(count) == text


def test_idle_and_active_calls_have_no_operation_in_common() -> None:
    assert not idle_calls().keys() & active_calls(10, calls=True).keys()


def test_parallel_calls_are_the_rate_times_the_duration(costs: Costs) -> None:
    entry = [costs.assuming(cold_share=0).operations(20)[name] for name in scaling.ENTRY]
    seconds = sum(costs.assuming(cold_share=0).billed_ms(one) for one in entry) / 1000

    row = next(line for line in scaling.tabulate_entries(costs).splitlines() if line.startswith("| 500 |"))

    assert row.split("|")[2].strip() == f"{500 * seconds:.0f}"
