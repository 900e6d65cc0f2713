"""Time in this service: whole milliseconds since the epoch, UTC, passed down as `now`."""

import time
from datetime import UTC, datetime

Moment = int
"""Milliseconds since the epoch."""


def now_ms() -> Moment:
    """The current time. Only the entry layer reads the clock."""
    return time.time_ns() // 1_000_000


def iso(moment: Moment) -> str:
    """ISO 8601 in UTC with milliseconds and `Z`: `2026-11-22T20:53:15.042Z`."""
    return datetime.fromtimestamp(moment / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def from_iso(text: str) -> Moment:
    """The moment in a text that `iso` wrote."""
    return round(datetime.fromisoformat(text).timestamp() * 1000)


def hour_and_minute(moment: Moment) -> str:
    """`HH:MM` in UTC, for chat lines."""
    return datetime.fromtimestamp(moment / 1000, UTC).strftime("%H:%M")
