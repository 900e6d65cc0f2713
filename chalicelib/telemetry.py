"""What is known afterwards: one structured log line for each request, frame or sweep, and its metrics.

A line says what was done, for whom (the user id hashed), how long it took, what it asked of DynamoDB and what
came of the pushes. It never holds a token, a ticket, a message's text or signalling.
"""

import logging
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import cache
from hashlib import sha256
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from aws_lambda_powertools import Logger, Metrics

SERVICE = "coworking-rooms"
NAMESPACE = "CoworkingRooms"


@dataclass
class Observation:
    """What is being done: filled in by whoever knows, written down once at the end."""

    kind: str
    notes: dict[str, Any]
    started: float = field(default_factory=time.perf_counter)
    dynamodb_requests: int = 0
    read_units: float = 0.0
    write_units: float = 0.0
    sent: int = 0
    gone: int = 0
    failed: int = 0
    fanout_seconds: float = 0.0

    def note(self, **notes: Any) -> None:
        """Say more about it."""
        self.notes.update(notes)

    def note_user(self, user_id: str) -> None:
        """Say for whom, in a form that tells users apart and names none."""
        self.notes["user"] = sha256(user_id.encode()).hexdigest()[:16]

    def count_request(self, reads: float, writes: float) -> None:
        """A request to DynamoDB, and the units it used."""
        self.dynamodb_requests += 1
        self.read_units += reads
        self.write_units += writes

    def count_delivery(self, sent: int, gone: int, failed: int, seconds: float) -> None:
        """A fan-out, and what came of it."""
        self.sent += sent
        self.gone += gone
        self.failed += failed
        self.fanout_seconds += seconds

    def line(self) -> dict[str, Any]:
        """What is written down."""
        return self.notes | {
            "kind": self.kind,
            "duration_ms": round((time.perf_counter() - self.started) * 1000, 1),
            "dynamodb_requests": self.dynamodb_requests,
            "read_units": self.read_units,
            "write_units": self.write_units,
            "delivered": self.sent,
            "gone": self.gone,
            "failed": self.failed,
            "fanout_ms": round(self.fanout_seconds * 1000, 1),
        }


_current: ContextVar[Observation | None] = ContextVar("observation", default=None)


def current() -> Observation:
    """What is being done now; outside of any observation, one that nobody reads."""
    return _current.get() or Observation("nothing", {})


def prepare() -> None:
    """Load now what the first line would have to wait for."""
    _logger()
    _metrics()


@contextmanager
def observe(kind: str, **notes: Any) -> Iterator[Observation]:
    """Observe what is done inside, and write it down however it ends."""
    observation = Observation(kind, dict(notes))
    token = _current.set(observation)
    try:
        yield observation
    finally:
        _current.reset(token)
        line = observation.line()
        _logger().info(kind, extra=line)
        _emit(observation, line["duration_ms"])


@cache
def _logger() -> "Logger":
    """JSON lines for everything that this package logs, through the standard library's loggers too."""
    from aws_lambda_powertools import Logger

    logger = Logger(service=SERVICE)
    package = logging.getLogger("chalicelib")
    package.handlers = list(logger.handlers)
    package.propagate = False
    package.setLevel(logger.log_level)
    return logger


@cache
def _metrics() -> "Metrics":
    from aws_lambda_powertools import Metrics

    return Metrics(namespace=os.environ.get("POWERTOOLS_METRICS_NAMESPACE", NAMESPACE), service=SERVICE)


def _emit(observation: Observation, duration_ms: float) -> None:
    from aws_lambda_powertools.metrics import MetricUnit

    metrics = _metrics()
    metrics.add_dimension(name="kind", value=observation.kind)
    metrics.add_metric(name="Duration", unit=MetricUnit.Milliseconds, value=duration_ms)
    if observation.sent or observation.gone or observation.failed:
        metrics.add_metric(name="Delivered", unit=MetricUnit.Count, value=observation.sent)
        metrics.add_metric(name="Gone", unit=MetricUnit.Count, value=observation.gone)
        metrics.add_metric(name="Failed", unit=MetricUnit.Count, value=observation.failed)
        metrics.add_metric(
            name="FanoutTime", unit=MetricUnit.Milliseconds, value=round(observation.fanout_seconds * 1000, 1)
        )
    metrics.flush_metrics()
