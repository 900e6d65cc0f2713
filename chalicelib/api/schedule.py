"""The schedule: work that runs once a minute."""

from chalicelib.backend import Backend
from chalicelib.kernel.times import now_ms
from chalicelib.lifecycle.sweep import sweep


def run_sweep(backend: Backend) -> None:
    """Sweep all occupied rooms."""
    with backend.telemetry.observe("sweep"):
        sweep(backend, now_ms)
