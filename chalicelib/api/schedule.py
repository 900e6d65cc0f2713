"""What runs by the clock."""

from chalicelib import sweeper, telemetry
from chalicelib.backend import backend
from chalicelib.times import now_ms


def sweep() -> None:
    """Once a minute."""
    with telemetry.observe("sweep"):
        sweeper.sweep(backend(), now_ms)
