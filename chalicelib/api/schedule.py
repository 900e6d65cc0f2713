"""The schedule: work that runs once a minute."""

from chalicelib.account.sweep import sweep_erasures
from chalicelib.backend import Backend
from chalicelib.kernel.times import now_ms
from chalicelib.lifecycle.sweep import sweep


def run_sweep(backend: Backend) -> None:
    """Sweep all occupied rooms, and go on with erasures. If one of both fails, the other is done, too."""
    with backend.telemetry.observe("sweep"):
        try:
            sweep(backend, now_ms)
        finally:
            sweep_erasures(backend, now_ms)
