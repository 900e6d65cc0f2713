"""What runs by the clock."""

from chalicelib import sweeper
from chalicelib.backend import backend
from chalicelib.times import now_ms


def sweep() -> None:
    """Once a minute."""
    sweeper.sweep(backend(), now_ms())
