"""The composition root: all state of a process hangs on its `Backend`."""

import os
from dataclasses import dataclass, field
from functools import cached_property
from importlib import import_module
from threading import Lock

from chalicelib.delivery import Connection, Fanout
from chalicelib.delivery.addresses import WebsocketUrl, find_websocket_url
from chalicelib.delivery.gateway import Gateway
from chalicelib.identity.avatars import AvatarHosts
from chalicelib.identity.profiles import Avatars
from chalicelib.identity.secrets import get_secret
from chalicelib.identity.tokens import Authenticator
from chalicelib.kernel.limits import Cache, FrameLimits, Throttle
from chalicelib.kernel.settings import Settings
from chalicelib.kernel.telemetry import Telemetry
from chalicelib.kernel.times import Moment
from chalicelib.store import Store
from chalicelib.store.budgets import Budgets
from chalicelib.store.client import RetryingConnection
from chalicelib.store.rate_limits import RateLimits


@dataclass
class Backend:
    """Settings, the tables, the way to connections, and the caches and limits of one process.

    A test that wants a fresh process makes a fresh backend.
    """

    settings: Settings
    store: Store
    fanout: Fanout
    frame_limits: FrameLimits = field(default_factory=FrameLimits)
    connection_cache: Cache[str, Connection] = field(default_factory=Cache)
    """By connection id. The user and the room of a connection never change."""
    expiry_checks: Throttle = field(default_factory=Throttle)
    """Checks for expired members, by room."""
    lease_renewals: Throttle = field(default_factory=Throttle)
    """Renewals of HTTP leases by relayed frames, by connection."""
    read_marks: Throttle = field(default_factory=Throttle)
    """Moves of read markers, by room and user."""
    healthy_at: Moment = 0
    """When the tables last answered a health check."""
    flood_warnings: Throttle = field(default_factory=Throttle)
    """Errors to connections that send too much, by connection."""
    flood_closings: Throttle = field(default_factory=Throttle)
    """Closings of connections that go on, by connection."""

    @cached_property
    def telemetry(self) -> Telemetry:
        """Writes log lines and metrics."""
        return Telemetry(self.settings)

    @cached_property
    def authenticator(self) -> Authenticator:
        """Verifies tokens."""
        return Authenticator(self.settings)

    @cached_property
    def avatar_hosts(self) -> AvatarHosts:
        """The hosts whose pictures are shown."""
        return AvatarHosts(self.settings)

    @cached_property
    def avatars(self) -> Avatars:
        """The avatars of users who are not in the room."""
        return Avatars(self.store)

    @cached_property
    def rate_limits(self) -> RateLimits:
        """Counts acts per user."""
        return RateLimits(self.store)

    @cached_property
    def budgets(self) -> Budgets:
        """Counts what the acts of each user cost."""
        return Budgets(self.rate_limits, self.settings.budget_limit)

    @cached_property
    def secret(self) -> bytes:
        """The key that signs tickets and cursors. The service makes it once and keeps it in `guards`."""
        return get_secret(self.store, "signing")

    @cached_property
    def websocket_url(self) -> WebsocketUrl:
        """The URL that a client opens, from the settings or from API Gateway."""
        name, region, known = (self.settings.websocket_api_name, self.settings.aws_region, self.settings.websocket_url)
        return WebsocketUrl(lambda: known or find_websocket_url(name, region))

    def prepare(self, *, reads_tokens: bool) -> None:
        """Build the DynamoDB client and the logger, and import PyJWT for a function that verifies tokens."""
        _ = self.store.connection.client, self.telemetry.logger
        if reads_tokens:
            import_module("jwt")


def build_backend(settings: Settings) -> Backend:
    """A backend for these settings. It opens no connection."""
    store = Store(RetryingConnection(settings.aws_region or None), settings.table_prefix)
    gateway = Gateway(region=settings.aws_region, ca_bundle=settings.aws_ca_bundle)
    return Backend(settings, store, Fanout(gateway))


_building = Lock()
_process_backend: Backend | None = None


def get_backend() -> Backend:
    """The backend of this process, built from its environment with the first call."""
    global _process_backend
    with _building:
        if _process_backend is None:
            _process_backend = build_backend(Settings.from_environment(os.environ))
        return _process_backend
