"""Scheduled functions."""

import httpx
import pytest
from chalice.app import Chalice, Cron, Rate

from infra.local.schedule import find_rates, parse_rate
from tests.infra.conftest import Platform


def test_a_scheduled_function_can_be_run_at_once(platform: Platform) -> None:
    answer = httpx.post(f"{platform.stack.url}/dev/sweep")
    assert (answer.status_code, answer.json()) == (200, {"succeeded": {"tick": True}})
    event = next(event for event in platform.events() if event.get("source") == "aws.events")
    assert event["detail-type"] == "Scheduled Event"
    assert event["resources"] == ["arn:aws:events:us-east-1:123456789012:rule/tick"]


@pytest.mark.parametrize("short_limits", [{"SWEEP_SECONDS": "0.05"}], indirect=True)
def test_it_runs_repeatedly_and_failures_are_logged(short_limits: Platform) -> None:
    short_limits.wait_for(lambda event: event.get("source") == "aws.events")
    short_limits.http.get("/break")
    ran = len(short_limits.events())
    while len(short_limits.events()) < ran + 3:
        pass  # each call of events() is a request
    assert "The scheduled function tick failed" in short_limits.stack.log.read_text("utf-8")
    answer = httpx.post(f"{short_limits.stack.url}/dev/sweep")
    assert (answer.status_code, answer.json()) == (500, {"succeeded": {"tick": False}})


@pytest.mark.parametrize(
    ("expression", "seconds"),
    [(Rate(1, Rate.MINUTES), 60), (Rate(5, Rate.MINUTES), 300), (Rate(2, Rate.HOURS), 7200), ("rate(1 day)", 86_400)],
)
def test_rates_are_understood(expression: str | Rate, seconds: int) -> None:
    assert parse_rate(expression) == seconds


def test_cron_expressions_are_refused() -> None:
    app = Chalice("x")
    app.schedule(Cron(0, 10, "*", "*", "?", "*"))(lambda event: None)
    with pytest.raises(ValueError, match="cron"):
        find_rates(app)
