"""The access log: one line for each HTTP request, without the query, which may hold a token or a ticket."""

import logging
import time

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from infra.local.options import CONNECTIONS_PATH

log = logging.getLogger("gateway")


class AccessLog:
    """ASGI middleware that writes the access log."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.monotonic()
        status = 0

        async def note_status(message: Message) -> None:
            nonlocal status
            status = message.get("status", status)
            await send(message)

        try:
            await self._app(scope, receive, note_status)
        except ClientDisconnect:
            log.info("%s %s left by the client", scope["method"], printable(scope["path"]))
            return
        # Posts to connections are logged only if they fail: each frame causes one post for each receiver.
        if not (scope["path"].startswith(CONNECTIONS_PATH) and status < 300):
            log.info("%s %s %d %d ms", scope["method"], printable(scope["path"]), status, elapsed_ms(started))


def printable(path: str) -> str:
    """A path with all control characters escaped."""
    return path if path.isprintable() else repr(path)


def elapsed_ms(started: float) -> float:
    """Milliseconds since a time of `time.monotonic`."""
    return (time.monotonic() - started) * 1000
