"""The gateway's options, from environment variables. Durations are in seconds."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

HTTP_BODY_BYTES = 10 * 1024 * 1024
MESSAGE_BYTES = 128 * 1024
THREADS = 64
STAGE = "api"
CONNECTIONS_PATH = "/_local/connections"
OWN_HOST = "host-of-the-request.invalid"
"""The functions don't know how a client reaches this machine: the gateway replaces this name in their answers."""


@dataclass(frozen=True)
class Options:
    """Limits of the platform, which tests shorten, and options of the local stack."""

    port: int = 8000
    host: str = ""
    """An address of this machine to listen at, besides the loopback ones; 0.0.0.0 is all."""
    timeout: float = 29.0
    idle: float = 600.0
    life: float = 7200.0
    sweep: float | None = None
    """The interval of all scheduled functions, instead of their own."""
    faults: bool = False

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Self:
        """Read PORT, LISTEN_HOST, LOCAL_TIMEOUT_, LOCAL_IDLE_, LOCAL_LIFE_ and SWEEP_SECONDS, and LOCAL_FAULTS."""
        sweep = environment.get("SWEEP_SECONDS")
        return cls(
            port=int(environment.get("PORT", cls.port)),
            host=environment.get("LISTEN_HOST", ""),
            timeout=float(environment.get("LOCAL_TIMEOUT_SECONDS", cls.timeout)),
            idle=float(environment.get("LOCAL_IDLE_SECONDS", cls.idle)),
            life=float(environment.get("LOCAL_LIFE_SECONDS", cls.life)),
            sweep=float(sweep) if sweep else None,
            faults=environment.get("LOCAL_FAULTS") == "1",
        )
