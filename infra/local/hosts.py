"""The names by which clients reach this machine, and which of them may sign in with any name."""

import socket
from collections.abc import Collection
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
EVERYWHERE = "0.0.0.0"  # only if the user asks for it


class HostCheck:
    """ASGI middleware that answers 403 to a request for another host.

    A page of a hostile site whose name resolves to 127.0.0.1 (DNS rebinding) has its own name in `Host`.
    """

    def __init__(self, app: ASGIApp, hosts: Collection[str]) -> None:
        self._app = app
        self._hosts = hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or read_host(Headers(scope=scope).get("host", "")) in self._hosts:
            await self._app(scope, receive, send)
            return
        message = f"Only {', '.join(sorted(self._hosts))} may be used here; `make run HOST=...` allows other names"
        await JSONResponse({"message": message}, 403)(scope, receive, send)


def read_host(header: str) -> str:
    """The host in a `Host` header, without the port; empty if it is invalid."""
    try:
        return urlsplit(f"//{header}").hostname or ""
    except ValueError:
        return ""


def find_hosts(listening: str) -> frozenset[str]:
    """The names and addresses of this machine, if it listens at an address other than the loopback ones."""
    if not listening:
        return LOOPBACK
    if listening != EVERYWHERE:
        return LOOPBACK | {listening}
    name = socket.gethostname().lower()
    return LOOPBACK | {name, f"{name}.local", find_address()}


def find_address() -> str:
    """The address by which other devices in the network reach this machine."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # sends nothing; the kernel chooses the interface
        except OSError:
            return "127.0.0.1"
        address: str = probe.getsockname()[0]
        return address
