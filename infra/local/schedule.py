"""Runs the app's scheduled functions at their rate, as EventBridge does."""

import logging
import os
import re

import anyio
from chalice.app import Chalice, ScheduledEventConfig, ScheduleExpression
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from infra.local.events import scheduled_event
from infra.local.faults import Faults
from infra.local.functions import FunctionError, Functions

log = logging.getLogger("gateway")
RATE = re.compile(r"rate\((\d+) (minute|hour|day)s?\)")
SECONDS = {"minute": 60, "hour": 3600, "day": 86_400}


class Schedule:
    """The scheduled functions of one app; `seconds` overrides their interval."""

    def __init__(self, functions: Functions, faults: Faults, seconds: float | None = None) -> None:
        self._functions = functions
        self._faults = faults
        self._rates = {name: seconds or rate for name, rate in find_rates(functions.app).items()}

    async def run_forever(self) -> None:
        """Run each function at its rate until cancelled."""
        async with anyio.create_task_group() as tasks:
            for name, seconds in self._rates.items():
                tasks.start_soon(self._repeat, name, seconds)

    async def _repeat(self, name: str, seconds: float) -> None:
        while True:
            await anyio.sleep(seconds)
            await self._run(name)

    async def _run(self, name: str) -> bool:
        functions = self._functions
        event = scheduled_event(name, os.environ["AWS_DEFAULT_REGION"])
        try:
            for _ in range(self._faults.count_runs()):
                await functions.invoke(name, functions.app.handler_map[name], event, functions.read_timeout(name))
        except FunctionError:  # its trace is in the log
            log.error("The scheduled function %s failed; EventBridge would try it again", name)
            return False
        return True

    async def run_now(self, _: Request) -> Response:
        """`POST /dev/sweep`: run each scheduled function once, and answer when all are done."""
        outcomes = {name: await self._run(name) for name in self._rates}
        return JSONResponse({"succeeded": outcomes}, 200 if all(outcomes.values()) else 500)


def find_rates(app: Chalice) -> dict[str, int]:
    """The scheduled functions and their intervals in seconds; raises ValueError for a cron expression."""
    sources = [source for source in app.event_sources if isinstance(source, ScheduledEventConfig)]
    return {source.name: parse_rate(source.schedule_expression) for source in sources}


def parse_rate(expression: str | ScheduleExpression) -> int:
    """The seconds of `rate(1 minute)` or of Chalice's `Rate`."""
    text = expression if isinstance(expression, str) else expression.to_string()
    match = RATE.fullmatch(text)
    if match is None:
        raise ValueError(f"{text} is not a rate: the local stack runs only rates")
    return int(match[1]) * SECONDS[match[2]]
