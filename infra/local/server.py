"""Uvicorn on sockets that the parent process opened, until the parent ends."""

import os
import socket
import sys
from typing import Any

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from infra.local.options import MESSAGE_BYTES

GRACE = 8
"""Seconds to finish running requests and handlers at a stop."""


class Protocol(WebSocketsSansIOProtocol):
    """Uvicorn's WebSocket protocol; tests can also drop the connection without a closing handshake."""

    async def run_asgi(self) -> None:
        self.scope["extensions"]["local.cut"] = {"abort": self.transport.abort}
        await super().run_asgi()

    async def send(self, message: Any) -> None:
        await super().send(message)
        if message["type"] == "websocket.http.response.body":
            self.handshake_complete = True  # or a refusal is logged as an error of ours


class Server(uvicorn.Server):
    """Writes to a pipe when it serves, and stops when standard input ends."""

    def __init__(self, app: ASGIApp, ready: int) -> None:
        config = uvicorn.Config(
            app,
            log_config=None,
            log_level="warning",  # its other lines hold queries
            access_log=False,
            proxy_headers=False,
            server_header=False,
            ws=Protocol,
            ws_max_size=MESSAGE_BYTES,
            ws_per_message_deflate=False,
            ws_ping_interval=None,  # API Gateway sends none
            timeout_graceful_shutdown=GRACE,
        )
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        os.write(self._ready, b"1")
        os.close(self._ready)

    def stop_with_stdin(self) -> None:
        """Stop when the parent process closes our standard input, or ends."""
        while os.read(sys.stdin.fileno(), 4096):
            pass
        self.should_exit = True
