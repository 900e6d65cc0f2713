"""What is known afterwards: of each request, connection, frame and sweep one line in the log, and one of metrics.

A line says what was done, for whom (the user id hashed), how long it took, what it asked of DynamoDB, which messages it
stored, and to which connections it brought them. It never holds a token, a ticket, a message's text or signalling.
"""

import json
import os
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import cache
from hashlib import sha256
from threading import Lock
from typing import TYPE_CHECKING, Any, Literal

from chalicelib.errors import AuthUnavailableError, CoworkingError, InternalError, UnavailableError

if TYPE_CHECKING:
    from aws_lambda_powertools import Logger

    from chalicelib.fanout import DeliveryReport
    from chalicelib.records import Message

SERVICE = "coworking-rooms"
NAMESPACE = "CoworkingRooms"
DIMENSIONS = ("service", "kind")
"""Few, and with few values, all known beforehand: each combination of them is a metric to pay for."""

Kind = Literal["http", "connect", "frame", "disconnect", "sweep"]
Counted = Literal["messages", "opened", "closed", "rooms", "members"]
"""What use cases count themselves."""

METRICS = {
    "Duration": ("Milliseconds", "duration_ms"),
    "ColdStarts": ("Count", "cold_start"),
    "Faults": ("Count", "fault"),
    "Messages": ("Count", "messages"),
    "Opened": ("Count", "opened"),
    "Closed": ("Count", "closed"),
    "FanoutTime": ("Milliseconds", "fanout_ms"),
    "Delivered": ("Count", "delivered"),
    "Gone": ("Count", "gone"),
    "Failed": ("Count", "failed"),
    "PostRetries": ("Count", "post_retries"),
    "Retries": ("Count", "retries"),
    "Rooms": ("Count", "rooms"),
    "Members": ("Count", "members"),
}
"""The unit of each metric, and the field of the line that it is made of: without the field there is no such metric."""

_MOST_LISTED = 500
"""A sweep may end more memberships, and tell more connections, than Lambda writes in one line."""
_MOST_VALUES = 100
"""CloudWatch takes no more of a metric at a time."""
_CONTEXT = ("request_id", "connection_id", "room_id")
_FAULTS = {InternalError.code, UnavailableError.code, AuthUnavailableError.code}
_starting = True


class UnexpectedError(Exception):
    """A function failed. Lambda logs what leaves a function as it is, so this stands for an error that may quote
    a client; what that was is in the log already."""


@dataclass
class Observation:
    """What is being done: filled in by whoever knows, written down once at the end."""

    kind: Kind | None = None
    notes: dict[str, Any] = field(default_factory=dict)
    started: float = field(default_factory=time.perf_counter)
    dynamodb_requests: int = 0
    read_units: float = 0.0
    write_units: float = 0.0
    causes: Counter[str] = field(default_factory=Counter)
    counts: Counter[Counted] = field(default_factory=Counter)
    stored: list[dict[str, Any]] = field(default_factory=list)
    addressed: list[str] = field(default_factory=list)
    reports: list["DeliveryReport"] = field(default_factory=list)
    _lock: Lock = field(default_factory=Lock)

    def note(self, **notes: Any) -> None:
        """Say more about it."""
        self.notes.update(notes)

    def note_user(self, user_id: str) -> None:
        """Say for whom, in a form that tells users apart and names none."""
        self.notes["user"] = sha256(user_id.encode()).hexdigest()[:16]

    def note_message(self, message: "Message") -> None:
        """Say which message was stored; people's are counted."""
        self.stored.append({"room_id": message.room_id, "seq": message.seq, "message_id": message.id})
        if message.type != "system":
            self.count("messages")

    def note_delivery(self, connection_ids: Iterable[str], report: "DeliveryReport") -> None:
        """Say whom a fan-out was for, and what came of it."""
        self.addressed += connection_ids
        self.reports.append(report)

    def count(self, what: Counted, number: int = 1) -> None:
        """Something happened. That there was none of it is a figure, too."""
        self.counts[what] += number

    def count_request(self, reads: float, writes: float) -> None:
        """A request to DynamoDB, and the units it used."""
        with self._lock:  # what goes side by side is observed as one
            self.dynamodb_requests += 1
            self.read_units += reads
            self.write_units += writes

    def count_retry(self, cause: str) -> None:
        """A request to DynamoDB that has to be made once more."""
        with self._lock:
            self.causes[cause] += 1

    def line(self) -> dict[str, Any]:
        """What is written down, less what there was none of."""
        counted = {
            "dynamodb_requests": self.dynamodb_requests,
            "read_units": self.read_units,
            "write_units": self.write_units,
            "retries": self.causes.total(),
            "retry_causes": self.causes,
            "stored": self.stored,
            "fault": int(self.notes.get("error") in _FAULTS),
        } | self._deliveries()
        found = {name: _shorten(value) for name, value in counted.items() if value}
        duration = {"duration_ms": _ms(time.perf_counter() - self.started)}
        return {"kind": self.kind} | self.notes | duration | found | self.counts

    def _deliveries(self) -> dict[str, Any]:
        if not self.reports:
            return {}
        gone = [one for report in self.reports for one in report.gone]
        failed = [one for report in self.reports for one in report.failed]
        lost = {*gone, *failed}
        return {
            "delivered": sum(report.sent for report in self.reports),
            "delivered_to": [one for one in dict.fromkeys(self.addressed) if one not in lost],
            "gone": len(gone),
            "gone_connections": gone,
            "failed": len(failed),
            "failed_connections": failed,
            "post_retries": sum(report.retries for report in self.reports),
            "fanout_ms": [_ms(report.seconds) for report in self.reports],
        }


_current: ContextVar[Observation | None] = ContextVar("observation", default=None)


def current() -> Observation:
    """What is being done now; outside of any observation, one that nobody reads."""
    return _current.get() or Observation()


def prepare() -> None:
    """Load now what the first line would have to wait for."""
    _logger()


@contextmanager
def observe(kind: Kind, **notes: Any) -> Iterator[Observation]:
    """Observe what is done inside, and write it down however it ends.

    Raises:
        UnexpectedError: in place of an error that isn't the service's own.
    """
    logger = _logger()
    observation = Observation(kind, _start_up() | notes)
    token = _current.set(observation)
    try:
        yield observation
    except CoworkingError as error:
        observation.note(error=error.code)
        raise
    except Exception as error:
        observation.note(error=InternalError.code)
        logger.exception("%s failed", kind)
        raise UnexpectedError(f"{kind} failed: {type(error).__name__}") from None
    finally:
        _current.reset(token)
        line = observation.line()
        logger.info(kind, extra=line)
        _emit(kind, line)


def _start_up() -> dict[str, Any]:
    """The first thing that a process does says so."""
    global _starting
    first, _starting = _starting, False
    return {"cold_start": 1} if first else {}


def _context() -> dict[str, Any]:
    """What every line says that is written meanwhile."""
    observation = current()
    return {name: observation.notes[name] for name in _CONTEXT if name in observation.notes} | {
        "kind": observation.kind
    }


@cache
def _logger() -> "Logger":
    from chalicelib.logs import make_logger

    return make_logger(SERVICE, _context)


def _emit(kind: Kind, line: dict[str, Any]) -> None:
    """CloudWatch's embedded metric format, written by hand: Powertools' own takes four times as long."""
    if os.environ.get("POWERTOOLS_METRICS_DISABLED", "").lower() in ("true", "1"):
        return
    values = {name: _shorten(line[source], _MOST_VALUES) for name, (_, source) in METRICS.items() if source in line}
    directive = {
        "Namespace": os.environ.get("POWERTOOLS_METRICS_NAMESPACE", NAMESPACE),
        "Dimensions": [DIMENSIONS],
        "Metrics": [{"Name": name, "Unit": METRICS[name][0]} for name in values],
    }
    about = {"Timestamp": int(time.time() * 1000), "CloudWatchMetrics": [directive]}
    document = {"_aws": about, "service": SERVICE, "kind": kind} | values
    sys.stdout.write(json.dumps(document, separators=(",", ":")) + "\n")


def _shorten(value: Any, length: int = _MOST_LISTED) -> Any:
    return value[:length] if isinstance(value, list) else value


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 1)
