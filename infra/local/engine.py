"""The database engine: MiniStack, DynamoDB-compatible, as a child process with its own virtual environment."""

import http.client
import os
import socket
import sys
from pathlib import Path
from typing import Any, Self

from infra.local.process import Child, StackError
from infra.local.tables import create_tables

LAUNCHER = Path(__file__).with_name("engine_launcher.py")
REGION = "us-east-1"
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local"}
"""MiniStack separates data by region and account, so these values must never change."""


def engine_python() -> Path:
    """The Python of the engine's virtual environment, which is inside ours."""
    return Path(os.environ.get("ENGINE_PYTHON") or Path(sys.prefix, "engine", "bin", "python"))


class Engine:
    """A running engine; its data stays in `data_dir`. A context manager, or `start` and `stop`."""

    launcher = LAUNCHER

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir
        self.log = data_dir / "engine.log"
        self.port = 0
        self.child: Child | None = None

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}"

    def start(self, pass_fds: tuple[int, ...] = ()) -> Child:
        """Start the process on a free port. Requests wait in the socket until it answers."""
        python = engine_python()
        if not python.exists():
            raise StackError(f"There is no database engine at {python}: run make setup")
        with socket.create_server(("127.0.0.1", 0)) as listener, self.log.open("ab") as log:
            self.port = listener.getsockname()[1]
            self.child = Child(
                [str(python), "-I", str(self.launcher), "--socket", str(listener.fileno())],
                environment=self.environment(),
                output=log,
                pass_fds=[listener.fileno(), *pass_fds],
            )
        return self.child

    def wait_ready(self, patience: float = 30.0) -> None:
        """Wait until it answers; raises StackError with the last line of its log."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=patience)
        try:
            connection.request("GET", "/_ministack/health")
            connection.getresponse().read()
        except (OSError, http.client.HTTPException) as error:
            raise StackError(self.failure_message("did not start")) from error
        finally:
            connection.close()

    def failure_message(self, what: str) -> str:
        """One line about a failure, with the last line of the engine's log."""
        lines = self.log.read_text("utf-8", errors="replace").strip().splitlines()
        return f"The database engine {what}: {lines[-1] if lines else 'no output'} (more in {self.log})"

    def stop(self) -> None:
        """Stop it. Its data is on disk already."""
        if self.child is not None:
            self.child.stop()

    def kill(self) -> None:
        """Kill it, as a crash does."""
        assert self.child is not None
        self.child.kill()
        self.stop()

    def client(self) -> Any:
        """A botocore client for its DynamoDB."""
        from botocore.session import Session  # a quarter of a second that the supervisor doesn't need

        session = Session()
        session.set_credentials(CREDENTIALS["AWS_ACCESS_KEY_ID"], CREDENTIALS["AWS_SECRET_ACCESS_KEY"])
        return session.create_client("dynamodb", region_name=REGION, endpoint_url=self.url)

    def create_tables(self, prefix: str) -> list[str]:
        """Create the tables that are missing, and return their names."""
        client = self.client()
        try:
            return create_tables(client, prefix)
        finally:
            client.close()

    def __enter__(self) -> Self:
        self.start()
        try:
            self.wait_ready()
        except StackError:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def environment(self) -> dict[str, str]:
        """MiniStack's settings: only DynamoDB, stored in the data directory, nothing of this machine's own."""
        nowhere = self.data_dir / "tmp"
        nowhere.mkdir(exist_ok=True)
        return {
            "PATH": os.environ.get("PATH", os.defpath),
            "TMPDIR": str(nowhere),
            "GATEWAY_PORT": str(self.port),
            "MINISTACK_REGION": REGION,
            "SERVICES": "dynamodb",
            "PERSIST_STATE": "1",
            "STATE_DIR": str(self.data_dir / "state"),
            "LOG_LEVEL": "WARNING",
            # Turn off what MiniStack also starts: listeners for IoT and SFTP, and a search for Docker containers.
            "IOT_MTLS_ENABLED": "0",
            "SFTP_ENABLED": "0",
            "DOCKER_HOST": f"unix://{nowhere}/no-docker.sock",
        }
