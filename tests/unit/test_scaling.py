"""Where quotas bite: the arithmetic, what is played through, and that the page says just that."""

import json
import re
from dataclasses import asdict
from random import Random
from typing import Any

import pytest
import yaml

from bench import figures, scaling
from bench.bill import Costs, idle_calls
from bench.figures import IMAGES
from bench.report import RESULTS, rounded
from bench.scaling import Demand
from bench.simulation import POST_SECONDS, Backoff, Bucket, Step, arrivals, play_fanout, play_return, play_rush
from chalicelib.delivery.fanout import DEADLINE_SECONDS
from infra.local.tables import TemplateLoader
from tests.fakes.documents import Document

AGAIN = "run `python -m bench.scaling --simulate --write`"


@pytest.fixture(scope="module")
def costs() -> Costs:
    return Costs.load()


@pytest.fixture(scope="module")
def played() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((RESULTS / "scaling.json").read_text())
    return found


def test_the_page_says_what_the_counts_and_the_simulation_amount_to(costs: Costs, played: dict[str, Any]) -> None:
    page = scaling.PAGE.read_text("utf-8")

    assert page == figures.fill_page(page, scaling.blocks(costs, played)), AGAIN


@pytest.mark.parametrize("name", ["scaling-throttle.svg", "scaling-return.svg"])
def test_the_charts_show_what_the_simulation_found(played: dict[str, Any], name: str) -> None:
    assert (IMAGES / name).read_text("utf-8") == scaling.charts(played)[name], AGAIN


def test_the_simulation_was_played_with_the_rules_of_the_client_library_as_it_is(played: dict[str, Any]) -> None:
    assert played["backoff"] == asdict(Backoff.of_sdk()), AGAIN


def test_what_was_played_comes_out_the_same_again(played: dict[str, Any]) -> None:
    assert rounded(scaling.simulate_return(1_000)) == played["return"][0]


def test_every_alarm_that_the_pages_name_is_deployed() -> None:
    template = (scaling.PAGE.parent.parent / "infra" / "observability.yaml").read_text()
    deployed = set(alarm_names(yaml.load(template, TemplateLoader)["Resources"], {}))
    for path in ("docs/scaling.md", "docs/runbook.md"):
        assert named_alarms(Document(path).text) <= deployed


def alarm_names(resources: dict[str, Any], values: dict[str, str]) -> list[str]:
    """What the alarms of a template are called, less the stage: its loops unrolled."""
    names = []
    for name, resource in resources.items():
        if name.startswith("Fn::ForEach::"):
            variable, choices, body = resource
            for choice in choices:
                names += alarm_names(body, {**values, variable: choice})
        elif resource["Type"] == "AWS::CloudWatch::Alarm":
            text = resource["Properties"]["AlarmName"]["Fn::Sub"].removeprefix("coworking-rooms-${Stage}-")
            for variable, value in values.items():
                text = text.replace(f"${{{variable}}}", value)
            names.append(text)
    return names


def named_alarms(text: str) -> set[str]:
    """What a page calls alarms."""
    return set(
        re.findall(
            r"`(?:coworking-rooms-\w+-)?((?:errors|faults|refused|throttles|slow|undelivered|throttled|sweeper)-[\w-]+)`",
            text,
        )
    )


def test_a_demand_is_requests_in_and_copies_out(costs: Costs) -> None:
    message = costs.operations(10)["message with id"]

    demand = Demand.of(costs, 10, {"message with id": 2}, per_seconds=4)

    assert demand.requests == (1 + message["posts"]) / 2
    assert demand.writes == message["write_units"] / 2
    assert demand.lambda_seconds == pytest.approx(costs.billed_ms(message) / 2000)


def test_the_end_of_a_connection_is_no_request(costs: Costs) -> None:
    assert Demand.of(costs, 10, {"disconnect": 1}).requests == costs.operations(10)["disconnect"]["posts"]


def test_an_idle_person_pings_and_little_else(costs: Costs) -> None:
    demand = Demand.of(costs, 10, idle_calls(), 3600)

    assert demand.requests == pytest.approx(2 / 30, rel=0.2)


@pytest.mark.parametrize(("count", "text"), [(0, "0"), (7.9, "7"), (99, "99"), (129_000, "120,000"), (4_199, "4,100")])
def test_what_a_quota_allows_is_never_rounded_up(count: float, text: str) -> None:
    assert scaling.round_down(count) == text


def test_a_bucket_lets_its_reserve_through_and_then_its_rate() -> None:
    bucket = Bucket(rate=10, burst=5)

    assert [bucket.take(0.0) for _ in range(7)] == [True] * 5 + [False] * 2
    assert [bucket.take(0.25) for _ in range(3)] == [True, True, False]
    assert [bucket.take(100.0) for _ in range(6)] == [True] * 5 + [False]


def test_things_that_nobody_arranges_come_as_often_as_they_should() -> None:
    moments = list(arrivals(50, 100, Random(1)))

    assert moments == sorted(moments)
    assert 0 < moments[0] < moments[-1] < 100
    assert len(moments) == pytest.approx(5_000, rel=0.05)


def test_below_the_throttle_every_copy_goes_out_at_once() -> None:
    outcome = play_fanout(Bucket(1_000, 500), rate=8, room=50, seconds=5)

    assert outcome.copies == outcome.messages * 50 == len(outcome.delays)
    assert (outcome.refused, outcome.failed, outcome.delivered) == (0, 0, 1)
    assert outcome.delay(99) == pytest.approx(POST_SECONDS)


def test_far_above_it_messages_are_refused_and_copies_give_up_at_the_deadline() -> None:
    outcome = play_fanout(Bucket(100, 50), rate=20, room=50, seconds=5)

    assert outcome.refused > 0
    assert outcome.failed > 0
    assert outcome.failed + len(outcome.delays) == (outcome.messages - outcome.refused) * 50
    assert max(outcome.delays) <= DEADLINE_SECONDS + POST_SECONDS
    assert outcome.busy_seconds <= (outcome.messages - outcome.refused) * (DEADLINE_SECONDS + POST_SECONDS)


def test_the_client_library_says_how_it_comes_back() -> None:
    backoff = Backoff.of_sdk()

    assert 0.5 <= backoff.first <= backoff.longest <= 60


def test_each_try_may_wait_twice_as_long_up_to_an_end() -> None:
    backoff, random = Backoff(first=1, longest=8), Random(1)

    longest = [max(backoff.delay(attempt, random) for _ in range(2_000)) for attempt in (1, 2, 3, 4, 9)]

    assert longest == pytest.approx([2, 4, 8, 8, 8], rel=0.02)


def test_a_few_come_back_with_their_first_try() -> None:
    few = play_return(100, Bucket(500, 500), Backoff(1, 30))

    assert few.attempts == 100
    assert few.share_by(2) == 1


def test_many_come_back_as_fast_as_the_throttle_lets_them_and_no_faster() -> None:
    many = play_return(5_000, Bucket(500, 500), Backoff(1, 30))

    assert len(many.back) == 5_000
    assert many.attempts > 5_000
    for second in range(1, 9):
        assert many.share_by(second) <= (500 + 500 * second) / 5_000


STEPS = [Step("http", 0.1, 0.4), Step("frame", 0.2, 0.3)]


def test_whoever_comes_first_waits_for_new_processes() -> None:
    rush = play_rush(1, 1, STEPS, pause=0.1)

    assert rush.waited == pytest.approx([0.1 + 0.4 + 0.1 + 0.2 + 0.3])
    assert (rush.most, rush.throttled) == (1, 0)


def test_whoever_comes_later_finds_them_warm() -> None:
    rush = play_rush(10, 100, STEPS, pause=0.1)

    assert rush.processes["http"] < 10
    assert min(rush.waited) == pytest.approx(0.4)


def test_no_more_run_at_a_time_than_are_allowed_and_all_get_their_turn() -> None:
    rush = play_rush(50, 0.1, STEPS, concurrency=10)

    assert rush.most == 10
    assert rush.throttled > 0
    assert len(rush.waited) == 50
