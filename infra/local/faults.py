"""Faults on demand, for tests: what goes wrong on AWS now and then."""

import random
from typing import Annotated, Literal

import anyio
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from infra.local.rest import reject

Probability = Annotated[float, Field(ge=0, le=1)]
Milliseconds = Annotated[int, Field(ge=0, le=60_000)]


class FaultPlan(BaseModel):
    """The faults to inject from now on. The default is none."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    seed: int = 0
    lose_disconnects: bool = False
    frame_delay: tuple[Milliseconds, Milliseconds] = (0, 0)
    """The shortest and longest delay of each frame, in and out, so that frames overtake each other."""
    run_twice: Probability = 0
    """The probability that a frame, a `$disconnect` or a scheduled event is handled twice."""
    post_status: dict[Literal["429", "500", "410"], Probability] = {}
    """The probability that a post to a connection is answered with an error."""

    @model_validator(mode="after")
    def check_ranges(self) -> "FaultPlan":
        if self.frame_delay[0] > self.frame_delay[1]:
            raise ValueError("frame_delay is [shortest, longest]")
        if sum(self.post_status.values()) > 1:
            raise ValueError("the probabilities of post_status add up to more than 1")
        return self


class Faults:
    """The current plan, and its random numbers."""

    def __init__(self) -> None:
        self.follow(FaultPlan())

    def follow(self, plan: FaultPlan) -> None:
        """Replace the plan, and restart the random numbers."""
        self.plan = plan
        self._random = random.Random(plan.seed)

    def delay(self) -> float:
        """The delay of the next frame, in seconds."""
        return self._random.uniform(*self.plan.frame_delay) / 1000

    async def delay_frame(self) -> None:
        """Wait for the delay of a frame."""
        if seconds := self.delay():
            await anyio.sleep(seconds)

    def count_runs(self) -> int:
        """How often the next event is handled: once or twice."""
        return 2 if self._random.random() < self.plan.run_twice else 1

    def pick_post_status(self) -> int | None:
        """The error status for the next post, or None."""
        left = self._random.random()
        for status, probability in self.plan.post_status.items():
            left -= probability
            if left < 0:
                return int(status)
        return None

    async def show(self, _: Request) -> Response:
        """`GET /dev/faults`."""
        return JSONResponse(self.plan.model_dump(mode="json"))

    async def plan_faults(self, request: Request) -> Response:
        """`PUT /dev/faults`: replace the plan."""
        try:
            self.follow(FaultPlan.model_validate_json(await request.body()))
        except ValidationError as error:
            return reject(error)
        return await self.show(request)
