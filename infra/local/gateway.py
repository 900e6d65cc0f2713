"""The gateway process: does to the app what API Gateway does, on sockets that its parent opened.

Runs as `python -m infra.local.gateway` in the directory of the app, until its standard input ends.
"""

import argparse
import asyncio
import contextlib
import importlib
import json
import logging
import os
import re
import socket
import sys
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import anyio
import botocore.session
import uvicorn
from botocore.config import Config as ClientConfig
from botocore.credentials import Credentials
from botocore.exceptions import BotoCoreError, ClientError
from chalice.config import Config
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.types import ASGIApp
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from infra.local.access import AccessLog
from infra.local.connections import Connections
from infra.local.faults import Faults
from infra.local.functions import Functions
from infra.local.identity import Identity
from infra.local.options import CONNECTIONS_PATH, MESSAGE_BYTES, STAGE, Options
from infra.local.pages import Pages
from infra.local.rest import RestApi
from infra.local.schedule import Schedule
from infra.local.signature import SignatureChecker
from infra.local.sockets import SocketApi
from infra.local.tables import create_tables

log = logging.getLogger("gateway")
CHALICE_STAGE = "dev"
SOCKET_PATHS = ("/", "/ws", f"/{STAGE}", "/ws/room/{room_id}", f"/{STAGE}/ws/rooms/{{room_id}}")
LOCAL_PAGES = r"http://(localhost|127\.0\.0\.1|\[::1\])(:\d+)?"
GRACE = 8


class Protocol(WebSocketsSansIOProtocol):
    """Uvicorn's WebSocket, which tests can also drop without a closing handshake."""

    async def run_asgi(self) -> None:
        self.scope["extensions"]["local.cut"] = {"abort": self.transport.abort}
        await super().run_asgi()

    async def send(self, message: Any) -> None:
        await super().send(message)
        if message["type"] == "websocket.http.response.body":
            self.handshake_complete = True  # or a refusal is logged as an error of ours


class Server(uvicorn.Server):
    """Says on a pipe that it serves."""

    def __init__(self, config: uvicorn.Config, ready: int) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        os.write(self._ready, b"1")
        os.close(self._ready)

    def stop_with_stdin(self) -> None:
        """Stop once whoever started this process is gone, or says so."""
        while os.read(sys.stdin.fileno(), 4096):
            pass
        self.should_exit = True


class StageMount(Mount):
    """Everything under the stage, even where a path holds a newline."""

    def __init__(self, path: str, app: ASGIApp) -> None:
        super().__init__(path, app)
        self.path_regex = re.compile(self.path_regex.pattern, re.DOTALL)


def build_gateway(functions: Functions, session: Any, options: Options, web: Path) -> Starlette:
    """Everything that answers on the port."""
    faults = Faults()
    checker = SignatureChecker(find_credentials(session), os.environ["AWS_DEFAULT_REGION"])
    connections = Connections(checker, faults)
    sockets = SocketApi(functions, connections, faults, options)
    schedule = Schedule(functions, faults, options.sweep)
    identity = Identity(os.environ)
    pages = Pages(web, options.port)
    rest = GZipMiddleware(RestApi(functions), minimum_size=functions.config.minimum_compression_size or sys.maxsize)
    dev = [
        Route("/token", identity.issue, methods=["POST"]),
        Route("/sweep", schedule.run_now, methods=["POST"]),
    ]
    if options.faults:
        dev += [
            Route("/faults", faults.show, methods=["GET"]),
            Route("/faults", faults.plan_faults, methods=["PUT"]),
            Route("/cut", connections.cut, methods=["POST"]),
        ]
    cors = Middleware(CORSMiddleware, allow_origin_regex=LOCAL_PAGES, allow_methods=["*"], allow_headers=["*"])
    routes = [
        *(WebSocketRoute(path, sockets.serve) for path in SOCKET_PATHS),
        Route(
            f"{CONNECTIONS_PATH}/@connections/{{connection_id}}",
            connections.answer,
            methods=["POST", "GET", "DELETE"],
        ),
        Mount("/dev", routes=dev, middleware=[cors]),
        StageMount(f"/{STAGE}", app=rest),
        Route("/{path:path}", pages.serve, methods=["GET"]),
    ]

    @contextlib.asynccontextmanager
    async def keep_schedule(_: Starlette) -> AsyncIterator[None]:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(schedule.run_forever)
            yield
            tasks.cancel_scope.cancel()

    return Starlette(routes=routes, middleware=[Middleware(AccessLog)], lifespan=keep_schedule)


def load_functions(root: Path, options: Options) -> Functions:
    """The functions of the app in a directory, configured as its development stage."""
    file = root / ".chalice" / "config.json"
    config = json.loads(file.read_text("utf-8")) if file.exists() else {}
    return Functions(
        importlib.import_module("app").app,
        Config(CHALICE_STAGE, user_provided_params={"project_dir": str(root)}, config_from_disk=config),
        options.timeout,
    )


def find_credentials(session: Any) -> Credentials:
    """The keys that the functions sign with."""
    credentials = session.get_credentials()
    if credentials is None:
        sys.exit("error: There are no AWS credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY")
    found: Credentials = credentials
    return found


def prepare_data(session: Any, root: Path) -> None:
    """Create the tables that are missing, and the default rooms."""
    limits = ClientConfig(connect_timeout=5, read_timeout=20, retries={"total_max_attempts": 2})
    client = session.create_client("dynamodb", config=limits)
    try:
        created = create_tables(client, os.environ["TABLE_PREFIX"])
    except (BotoCoreError, ClientError) as error:
        sys.exit(f"error: The tables can't be created on {client.meta.endpoint_url}: {error}")
    finally:
        client.close()
    if created:
        log.info("Created %d tables", len(created))
    if (root / "seed.py").exists():
        names = importlib.import_module("seed").seed_rooms()
        if names:
            log.info("Created the rooms %s", ", ".join(names))


def build_server(options: Options, ready: int, root: Path) -> Server:
    """A server that is ready to be run."""
    session = botocore.session.get_session()
    functions = load_functions(root, options)
    prepare_data(session, root)
    config = uvicorn.Config(
        build_gateway(functions, session, options, root / "web"),
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
    return Server(config, ready)


def log_to_stdout() -> None:
    """Our own lines; what the functions log goes where they send it."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s", "%H:%M:%S"))
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    log.propagate = False


def parse_sockets(text: str) -> list[socket.socket]:
    """The listening sockets behind a comma-separated list of descriptors."""
    return [socket.socket(fileno=int(number)) for number in re.findall(r"\d+", text)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sockets", required=True, help="descriptors of listening sockets, with commas between")
    parser.add_argument("--ready", type=int, required=True, help="the descriptor of a pipe to say on that it serves")
    arguments = parser.parse_args()
    log_to_stdout()
    server = build_server(Options.from_environment(os.environ), arguments.ready, Path.cwd())
    threading.Thread(target=server.stop_with_stdin, daemon=True).start()
    asyncio.run(server.serve(parse_sockets(arguments.sockets)))


if __name__ == "__main__":
    main()
