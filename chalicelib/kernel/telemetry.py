"""One structured log line and one metrics record for each request, connection, frame and sweep.

A line names the operation, the user (hashed), the duration, the DynamoDB units, the messages stored, and the
connections told. It never holds a token, a ticket, the text of a message, or signalling.
"""

import json
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import sha256
from threading import Lock
from typing import TYPE_CHECKING, Any, Literal

from chalicelib.kernel.errors import AuthUnavailableError, CoworkingError, InternalError, UnavailableError
from chalicelib.kernel.settings import Settings

if TYPE_CHECKING:
    from aws_lambda_powertools import Logger

SERVICE = "coworking-rooms"
DIMENSIONS = ("service", "kind")
"""Each combination of their values is a separate metric that costs money, so there are few dimensions."""

Kind = Literal["http", "connect", "frame", "disconnect", "sweep"]
Counted = Literal["messages", "opened", "closed", "rooms", "members"]
"""Counters that services increase themselves."""

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
"""The unit of each metric, and the field of the log line that it is made from."""

_MAX_LISTED = 500
"""How many entries of a list one line holds: Lambda limits the length of a line."""
_MAX_VALUES = 100
"""How many values of one metric CloudWatch takes in one record."""
_CONTEXT = ("request_id", "connection_id", "room_id")
_FAULTS = {InternalError.code, UnavailableError.code, AuthUnavailableError.code}


class UnexpectedError(Exception):
    """Stands for an error that leaves a function. Lambda logs such errors with their text, which may quote a client;
    the trace is in the log already."""


@dataclass
class Observation:
    """One operation under way. Services add to it; it is written once, at the end."""

    kind: Kind | None = None
    notes: dict[str, Any] = field(default_factory=dict)
    started: float = field(default_factory=time.perf_counter)
    dynamodb_requests: int = 0
    read_units: float = 0.0
    write_units: float = 0.0
    retry_causes: Counter[str] = field(default_factory=Counter)
    counts: Counter[Counted] = field(default_factory=Counter)
    stored: list[dict[str, Any]] = field(default_factory=list)
    addressed: list[str] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    frames_sent: int = 0
    post_retries: int = 0
    fanout_ms: list[float] = field(default_factory=list)
    _lock: Lock = field(default_factory=Lock)

    def note(self, **notes: Any) -> None:
        """Add fields to the line."""
        self.notes.update(notes)

    def note_user(self, user_id: str) -> None:
        """Add a hash of the user id, so that lines of one user can be found without the id itself."""
        self.notes["user"] = sha256(user_id.encode()).hexdigest()[:16]

    def note_message(self, room_id: str, seq: int, message_id: str, *, is_system: bool) -> None:
        """Add a message that was stored. Messages of people are also counted."""
        self.stored.append({"room_id": room_id, "seq": seq, "message_id": message_id})
        if not is_system:
            self.count("messages")

    def note_event(self, room_id: str, seq: int, kind: str) -> None:
        """Add an event that was stored."""
        self.stored.append({"room_id": room_id, "seq": seq, "event": kind})

    def note_delivery(
        self,
        addressed: Iterable[str],
        gone: Iterable[str],
        failed: Iterable[str],
        *,
        sent: int,
        retries: int,
        ms: float,
    ) -> None:
        """Add the result of a fan-out: connection ids, number of frames sent, retries, and milliseconds."""
        self.addressed += addressed
        self.gone += gone
        self.failed += failed
        self.frames_sent += sent
        self.post_retries += retries
        self.fanout_ms.append(round(ms, 1))

    def count(self, what: Counted, number: int = 1) -> None:
        """Increase a counter. A counter that was increased by 0 is written as 0."""
        self.counts[what] += number

    def count_request(self, reads: float, writes: float) -> None:
        """Add a request to DynamoDB and the units it used."""
        with self._lock:  # parallel calls share one observation
            self.dynamodb_requests += 1
            self.read_units += reads
            self.write_units += writes

    def count_retry(self, cause: str) -> None:
        """Add a request to DynamoDB that is made again."""
        with self._lock:
            self.retry_causes[cause] += 1

    def line(self) -> dict[str, Any]:
        """The fields of the log line. Figures that are 0 or empty are left out."""
        counted = {
            "dynamodb_requests": self.dynamodb_requests,
            "read_units": self.read_units,
            "write_units": self.write_units,
            "retries": self.retry_causes.total(),
            "retry_causes": self.retry_causes,
            "stored": self.stored,
            "fault": int(self.notes.get("error") in _FAULTS),
        }
        found = {name: _shorten(value) for name, value in counted.items() if value}
        duration = {"duration_ms": _ms(time.perf_counter() - self.started)}
        return {"kind": self.kind} | self.notes | duration | found | self._deliveries() | self.counts

    def _deliveries(self) -> dict[str, Any]:
        if not self.fanout_ms:
            return {}
        lost = {*self.gone, *self.failed}
        figures = {
            "delivered": self.frames_sent,
            "delivered_to": [one for one in dict.fromkeys(self.addressed) if one not in lost],
            "gone": len(self.gone),
            "gone_connections": self.gone,
            "failed": len(self.failed),
            "failed_connections": self.failed,
            "post_retries": self.post_retries,
            "fanout_ms": self.fanout_ms,
        }
        return {name: _shorten(value) for name, value in figures.items() if value}


_current: ContextVar[Observation | None] = ContextVar("observation", default=None)


def current() -> Observation:
    """The observation of the operation under way. Outside of one, an observation that is never written."""
    return _current.get() or Observation()


class Telemetry:
    """Writes the log lines and metrics of one process.

    Example: `with backend.telemetry.observe("sweep") as observation: ...`
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._is_first = True

    @cached_property
    def logger(self) -> "Logger":
        """The logger. Its import is slow, so it is made when a function starts, or at the first line."""
        from chalicelib.kernel.logs import make_logger

        return make_logger(SERVICE, self._settings.powertools_log_level, _context)

    @contextmanager
    def observe(self, kind: Kind, **notes: Any) -> Iterator[Observation]:
        """Observe the block, and write one line and one metrics record at its end, also if it fails.

        Raises:
            UnexpectedError: in place of an error that is not a `CoworkingError`.
        """
        observation = Observation(kind, self._cold_start() | notes)
        token = _current.set(observation)
        try:
            yield observation
        except CoworkingError as error:
            observation.note(error=error.code)
            raise
        except Exception as error:
            observation.note(error=InternalError.code)
            self.logger.exception("%s failed", kind)
            raise UnexpectedError(f"{kind} failed: {type(error).__name__}") from None
        finally:
            _current.reset(token)
            line = observation.line()
            self.logger.info(kind, extra=line)
            self._emit(kind, line)

    def _cold_start(self) -> dict[str, Any]:
        """A field for the first operation of a process."""
        is_first, self._is_first = self._is_first, False
        return {"cold_start": 1} if is_first else {}

    def _emit(self, kind: Kind, line: dict[str, Any]) -> None:
        """Write the metrics in CloudWatch's embedded metric format. Powertools' own writer takes four times as long."""
        if self._settings.powertools_metrics_disabled:
            return
        values = {name: _shorten(line[source], _MAX_VALUES) for name, (_, source) in METRICS.items() if source in line}
        directive = {
            "Namespace": self._settings.powertools_metrics_namespace,
            "Dimensions": [DIMENSIONS],
            "Metrics": [{"Name": name, "Unit": METRICS[name][0]} for name in values],
        }
        about = {"Timestamp": int(time.time() * 1000), "CloudWatchMetrics": [directive]}
        document = {"_aws": about, "service": SERVICE, "kind": kind} | values
        sys.stdout.write(json.dumps(document, separators=(",", ":")) + "\n")


def _context() -> dict[str, Any]:
    """The fields of the operation under way that every other line has, too."""
    observation = current()
    return {name: observation.notes[name] for name in _CONTEXT if name in observation.notes} | {
        "kind": observation.kind
    }


def _shorten(value: Any, length: int = _MAX_LISTED) -> Any:
    return value[:length] if isinstance(value, list) else value


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 1)
