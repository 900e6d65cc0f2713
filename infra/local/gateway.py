"""The gateway process: an API Gateway for the app, on sockets that the parent process opened.

Runs as `python -m infra.local.gateway` in the app's directory, until its standard input ends.
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

from infra.local.access import AccessLog
from infra.local.connections import Connections
from infra.local.faults import Faults
from infra.local.functions import Functions
from infra.local.hosts import HostCheck, find_hosts
from infra.local.identity import Identity
from infra.local.options import CONNECTIONS_PATH, STAGE, Options
from infra.local.pages import Pages
from infra.local.rest import RestApi
from infra.local.schedule import Schedule
from infra.local.server import Server
from infra.local.signature import SignatureChecker
from infra.local.sockets import SocketApi
from infra.local.tables import create_tables

log = logging.getLogger("gateway")
CHALICE_STAGE = "dev"
SOCKET_PATHS = ("/", "/ws", f"/{STAGE}", "/ws/room/{room_id}", f"/{STAGE}/ws/rooms/{{room_id}}")
LOCAL_PAGES = r"http://(localhost|127\.0\.0\.1|\[::1\])(:\d+)?"


class StageMount(Mount):
    """Everything below the stage's path, including paths with a newline."""

    def __init__(self, path: str, app: ASGIApp) -> None:
        super().__init__(path, app)
        self.path_regex = re.compile(self.path_regex.pattern, re.DOTALL)


class Gateway:
    """All routes of the port."""

    def __init__(self, functions: Functions, credentials: Credentials, options: Options, web: Path) -> None:
        self._functions = functions
        self._options = options
        self._faults = Faults()
        checker = SignatureChecker(credentials, os.environ["AWS_DEFAULT_REGION"])
        self._connections = Connections(checker, self._faults)
        self._sockets = SocketApi(functions, self._connections, self._faults, options)
        self._schedule = Schedule(functions, self._faults, options.sweep)
        self._identity = Identity(os.environ)
        self._pages = Pages(web, options.port)

    def build(self) -> Starlette:
        """The ASGI app."""
        size = self._functions.config.minimum_compression_size or sys.maxsize
        posts = f"{CONNECTIONS_PATH}/@connections/{{connection_id}}"
        cors = Middleware(CORSMiddleware, allow_origin_regex=LOCAL_PAGES, allow_methods=["*"], allow_headers=["*"])
        hosts = Middleware(HostCheck, hosts=find_hosts(self._options.host))
        routes = [
            *(WebSocketRoute(path, self._sockets.serve) for path in SOCKET_PATHS),
            Route(posts, self._connections.answer, methods=["POST", "GET", "DELETE"]),
            Mount("/dev", routes=self._development_routes(), middleware=[hosts, cors]),
            StageMount(f"/{STAGE}", GZipMiddleware(RestApi(self._functions), minimum_size=size)),
            Route("/{path:path}", self._pages.serve, methods=["GET"]),
        ]
        return Starlette(routes=routes, middleware=[Middleware(AccessLog)], lifespan=self._keep_schedule)

    def _development_routes(self) -> list[Route]:
        routes = [
            Route("/token", self._identity.issue, methods=["POST"]),
            Route("/sweep", self._schedule.run_now, methods=["POST"]),
        ]
        if self._options.faults:
            routes += [
                Route("/faults", self._faults.show, methods=["GET"]),
                Route("/faults", self._faults.plan_faults, methods=["PUT"]),
                Route("/cut", self._connections.cut, methods=["POST"]),
            ]
        return routes

    @contextlib.asynccontextmanager
    async def _keep_schedule(self, _: Starlette) -> AsyncIterator[None]:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._schedule.run_forever)
            yield
            tasks.cancel_scope.cancel()


def load_functions(root: Path, options: Options) -> Functions:
    """The functions of the app in a directory, with the configuration of its development stage."""
    file = root / ".chalice" / "config.json"
    config = json.loads(file.read_text("utf-8")) if file.exists() else {}
    return Functions(
        importlib.import_module("app").app,
        Config(CHALICE_STAGE, user_provided_params={"project_dir": str(root)}, config_from_disk=config),
        options.timeout,
        importlib.import_module("chalicelib.features").FRAMES if (root / "chalicelib" / "features.py").exists() else (),
    )


def find_credentials(session: Any) -> Credentials:
    """The credentials that the functions sign with; exits if there are none."""
    credentials = session.get_credentials()
    if credentials is None:
        sys.exit("error: There are no AWS credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY")
    found: Credentials = credentials
    return found


def prepare_data(session: Any, root: Path) -> None:
    """Create the tables and default rooms that are missing."""
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
    """A server for the app in a directory, with its data prepared."""
    session = botocore.session.get_session()
    credentials = find_credentials(session)
    functions = load_functions(root, options)
    prepare_data(session, root)
    return Server(Gateway(functions, credentials, options, root / "web").build(), ready)


def log_to_stdout() -> None:
    """Write our own log lines to standard output."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s", "%H:%M:%S"))
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    log.propagate = False


def parse_sockets(text: str) -> list[socket.socket]:
    """The listening sockets of a comma-separated list of file descriptors."""
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
