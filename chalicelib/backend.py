"""The one place where things are composed: what a use case needs beyond its arguments."""

from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from threading import Lock

from chalicelib import telemetry
from chalicelib.addresses import find_websocket_url
from chalicelib.fanout import Fanout
from chalicelib.gateway import Gateway
from chalicelib.settings import Settings, settings
from chalicelib.store import guards, tables
from chalicelib.store.client import RetryingConnection


@dataclass(frozen=True)
class Backend:
    """The settings, the way to connections, and the secrets of this deployment."""

    settings: Settings
    fanout: Fanout

    @cached_property
    def secret(self) -> bytes:
        """Signs tickets and cursors: made once by the service itself and kept in the `guards` table."""
        return guards.secret("signing")

    @cached_property
    def websocket_url(self) -> str:
        """What a client opens, less the ticket."""
        return self.settings.websocket_url or find_websocket_url(self.settings.websocket_api_name)


_building = Lock()
_backend: Backend | None = None


def backend() -> Backend:
    """The backend of this process; nothing is opened before it is used."""
    global _backend
    with _building:
        if _backend is None:
            tables.bind(RetryingConnection(), settings().table_prefix)
            _backend = Backend(settings(), Fanout(Gateway()))
        return _backend


def prepare(*, reads_tokens: bool) -> None:
    """Build at start-up, on a full core, what the first event would have to wait for. Nothing is connected."""
    backend()
    _ = tables.bound_connection().client
    telemetry.prepare()
    if reads_tokens:
        import_module("jwt")
