"""The stack as two child processes, engine and gateway, with one port and one data directory.

`make run` supervises a `Stack`. Tests and benchmarks use `LocalStack`:

    with LocalStack(data_dir=tmp_path) as stack:
        httpx.get(stack.api + "/coworking/rooms", headers={"Authorization": f"Bearer {stack.token('ada')}"})
"""

import contextlib
import json
import os
import socket
import sys
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any, Self

from infra.local.engine import Engine
from infra.local.environment import build_environment
from infra.local.options import CONNECTIONS_PATH
from infra.local.process import Child, StackError
from infra.local.resources import listen, lock_directory

ROOT = Path(__file__).parent.parent.parent


class Stack:
    """Holds the port, the data directory and the child processes. `close` stops them in order and keeps the data."""

    def __init__(
        self,
        *,
        port: int,
        data_dir: Path,
        host: str = "",
        root: Path = ROOT,
        environment: Mapping[str, str] | None = None,
        output: IO[bytes] | None = None,
    ) -> None:
        self.port = port
        self.host = host
        self.data_dir = data_dir.absolute()
        self.engine: Engine | None = None
        self.gateway: Child | None = None
        self._root = root
        self._environment = dict(os.environ if environment is None else environment)
        self._output = output
        self._sockets: list[socket.socket] = []
        self._cleanup = contextlib.ExitStack()

    def open(self) -> None:
        """Take the directory and the port, and start the engine unless the environment names an endpoint."""
        with contextlib.ExitStack() as cleanup:
            lock = cleanup.enter_context(lock_directory(self.data_dir))
            self._sockets = listen(self.port, self.host)
            self.port = self._sockets[0].getsockname()[1]
            for listener in self._sockets:
                cleanup.callback(listener.close)
            if not self._environment.get("AWS_ENDPOINT_URL_DYNAMODB"):
                self.engine = Engine(self.data_dir)
                cleanup.callback(self.engine.stop)
                self.engine.start(pass_fds=(lock.fileno(),))
            cleanup.callback(self.stop_gateway)
            self._cleanup = cleanup.pop_all()

    def start_gateway(self) -> Child:
        """Start the gateway. It keeps the engine running until it has ended, even if this process is killed."""
        descriptors = [listener.fileno() for listener in self._sockets]
        lifelines = [self.engine.child.lifeline] if self.engine and self.engine.child else []
        environment = build_environment(
            self._environment,
            port=self.port,
            data_dir=self.data_dir,
            engine_url=self.engine.url if self.engine else None,
        )
        path = os.pathsep.join(filter(None, [str(ROOT), environment.get("PYTHONPATH")]))
        command = [sys.executable, "-m", "infra.local.gateway", "--sockets", ",".join(map(str, descriptors))]
        self.gateway = Child(
            command,
            environment=environment | {"PYTHONPATH": path},
            output=self._output,
            pass_fds=[*descriptors, *lifelines],
            directory=self._root,
            announces=True,
        )
        return self.gateway

    def stop_gateway(self) -> None:
        """Stop the gateway; open sockets get their `$disconnect` first."""
        if self.gateway is not None:
            self.gateway.stop(patience=10)
            self.gateway = None

    def close(self) -> None:
        """Stop everything, and keep the data."""
        self._cleanup.close()


class LocalStack:
    """A whole stack for tests and benchmarks, with faults on demand; a context manager."""

    def __init__(
        self, *, port: int = 0, data_dir: Path, root: Path = ROOT, environment: Mapping[str, str] | None = None
    ) -> None:
        self.data_dir = data_dir
        self.log = data_dir / "gateway.log"
        self._root = root
        self._environment = {**os.environ, "LOCAL_FAULTS": "1", **(environment or {})}
        self._stack = Stack(port=port, data_dir=data_dir)

    @property
    def url(self) -> str:
        """The gateway's address."""
        return f"http://127.0.0.1:{self._stack.port}"

    @property
    def api(self) -> str:
        """The base URL of the HTTP API."""
        return f"{self.url}/api"

    @property
    def socket_url(self) -> str:
        """The URL of the WebSocket API."""
        return f"ws://127.0.0.1:{self._stack.port}/ws"

    @property
    def connections_url(self) -> str:
        """The URL of the `@connections` API."""
        return self.url + CONNECTIONS_PATH

    @property
    def engine(self) -> Engine:
        """The database engine."""
        assert self._stack.engine is not None
        return self._stack.engine

    @property
    def engine_url(self) -> str:
        """The engine's DynamoDB endpoint."""
        return self.engine.url

    def token(self, sub: str, name: str | None = None, *, avatar: str | None = None, roles: Sequence[str] = ()) -> str:
        """A token for a user."""
        wanted = {"sub": sub, "name": name, "avatar": avatar, "roles": list(roles)}
        token: str = self.request("POST", "/dev/token", wanted)["token"]
        return token

    def sweep(self) -> None:
        """Run the scheduled functions now."""
        self.request("POST", "/dev/sweep")

    def plan_faults(self, **plan: object) -> None:
        """Inject faults from now on (see `infra.local.faults.FaultPlan`); without arguments, none."""
        self.request("PUT", "/dev/faults", plan)

    def cut(self, connection_id: str | None = None) -> None:
        """Drop one connection, or all, as a network failure does."""
        self.request("POST", f"/dev/cut?connection={connection_id}" if connection_id else "/dev/cut")

    def request(self, method: str, path: str, body: Mapping[str, object] | None = None) -> Any:
        """Call one of the gateway's own routes, and return the JSON of the answer."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, method=method)
        with urllib.request.urlopen(request, timeout=60) as response:
            answer = response.read()
        return json.loads(answer) if answer else None

    def start(self) -> None:
        """Start, and wait until it serves; raises StackError with the end of the log."""
        self.data_dir.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as output:
            self._stack = Stack(
                port=self._stack.port,
                data_dir=self.data_dir,
                root=self._root,
                environment=self._environment,
                output=output,
            )
            self._stack.open()
            gateway = self._stack.start_gateway()
        if not gateway.wait_ready(60):
            self.stop()
            raise StackError(f"The gateway did not start:\n{self.log.read_text('utf-8', 'replace')[-4000:]}")

    def stop(self) -> None:
        """Stop, and keep the data."""
        self._stack.close()

    def kill(self) -> None:
        """Kill the gateway, and the engine if it is our own; `restart` starts them again."""
        if self._stack.gateway is not None:
            self._stack.gateway.kill()
        if self._stack.engine is not None:
            self._stack.engine.kill()

    def restart(self) -> None:
        """Stop and start again, with the same address and data."""
        self.stop()
        self.start()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
