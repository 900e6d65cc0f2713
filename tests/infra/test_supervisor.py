"""`python -m infra.local`: the command behind `make run`."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest
from websockets.sync.client import connect

from infra.local.engine import CREDENTIALS, Engine
from infra.local.stack import ROOT
from tests.infra.conftest import PLATFORM_APP, learn_id

pytestmark = pytest.mark.proof

REST_OF_APP = """

from chalicelib.greeting import GREETING

@app.route("/greeting")
def greet():
    return {"greeting": GREETING}

@app.route("/name/{name}", methods=["PUT"])
def swap(name):
    client = botocore.session.get_session().create_client("dynamodb")
    item = {"user_id": {"S": "ada"}, "name": {"S": name}}
    before = client.put_item(TableName="coworking-local-profiles", Item=item, ReturnValues="ALL_OLD")
    return {"before": before.get("Attributes", {}).get("name", {}).get("S")}

@app.middleware("websocket")
def tell(event, get_response):
    print("seen", event.to_dict()["requestContext"]["eventType"], flush=True)
    return get_response(event)
"""
SERVING = "Ctrl-C stops it"


class Command:
    """The running command. A timer kills it after a minute."""

    def __init__(self, arguments: list[str], directory: Path, environment: dict[str, str]) -> None:
        self.process = subprocess.Popen(
            arguments, cwd=directory, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        self.lines: list[str] = []
        self._guard = threading.Timer(60, self.process.kill)
        self._guard.start()

    def read_until(self, text: str) -> str:
        """Read to the next line with this text, and return the line."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line.rstrip())
            if text in line:
                return self.lines[-1]
        raise AssertionError("\n".join([f"never said {text!r}:", *self.lines, self.errors()]))

    def url(self) -> str:
        """Wait until the command serves, and return its URL."""
        self.read_until(SERVING)
        return next(line.split()[-1].rstrip("/") for line in self.lines if line.startswith("  Page"))

    def errors(self) -> str:
        """The standard error of the command, read until all its processes have ended."""
        assert self.process.stderr is not None
        return self.process.stderr.read()

    def finish(self) -> int:
        """Wait until the command and all its processes have closed the output, and return the exit code."""
        assert self.process.stdout is not None
        self.lines += self.process.stdout.read().splitlines()
        return self.process.wait()

    def close(self) -> None:
        """End the command if the test has not."""
        self.process.terminate()
        self.process.communicate()
        self._guard.cancel()


Start = Callable[..., Command]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of the stack, with an app that a test may change."""
    directory = tmp_path / "checkout"
    shutil.copytree(ROOT / "infra", directory / "infra", ignore=shutil.ignore_patterns("__pycache__"))
    (directory / "app.py").write_text((PLATFORM_APP / "app.py").read_text("utf-8") + REST_OF_APP, "utf-8")
    (directory / "chalicelib").mkdir()
    (directory / "chalicelib" / "greeting.py").write_text('GREETING = "hello"\n', "utf-8")
    return directory


@pytest.fixture
def start(checkout: Path) -> Iterator[Start]:
    """Start the command in the checkout; keyword arguments are environment variables."""
    with ExitStack() as started:

        def start_command(*wrapper: str, **environment: str) -> Command:
            inherited = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
            command = Command(
                [*wrapper, sys.executable, "-m", "infra.local"], checkout, inherited | {"PORT": "0"} | environment
            )
            started.callback(command.close)
            return command

        yield start_command


def greet(url: str) -> str:
    greeting: str = httpx.get(f"{url}/api/greeting", timeout=30).json()["greeting"]
    return greeting


def swap_name(url: str, name: str) -> str | None:
    """Store a name in the stack's database, and return the previous one."""
    answer: dict[str, str | None] = httpx.put(f"{url}/api/name/{name}", timeout=30).json()
    return answer["before"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_a_signal_stops_everything_and_keeps_the_data(start: Start, number: signal.Signals) -> None:
    """After SIGKILL, the gateway ends with its parent, and the next start waits until both have ended."""
    command = start()
    url = command.url()
    with connect(url.replace("http", "ws") + "/ws") as client:
        learn_id(client)
        assert swap_name(url, "Ada") is None
        command.process.send_signal(number)
        assert command.finish() == (-number if number == signal.SIGKILL else 0)
    assert "seen DISCONNECT" in command.lines
    assert swap_name(start().url(), "Grace") == "Ada"


def test_a_signal_during_the_start_stops_it(start: Start) -> None:
    command = start()
    command.process.send_signal(signal.SIGHUP)
    assert command.finish() in {0, -signal.SIGHUP}  # the latter if Python has not started our code yet


def test_killing_make_stops_it(start: Start) -> None:
    wrapper = "import subprocess, sys; subprocess.run(sys.argv[1:])"
    command = start(sys.executable, "-c", wrapper, MAKELEVEL="1")
    command.url()
    command.process.kill()
    command.finish()
    assert "Stopping; the data is kept" in command.lines


def check_refusal(command: Command, *words: str) -> None:
    """Check that the command ended with exit code 1, no output, and one error line with these words."""
    assert command.finish() == 1
    (line,) = command.errors().splitlines()
    assert not [word for word in ("error:", *words) if word not in line]
    assert command.lines == []


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_a_taken_port_is_refused(start: Start, host: str) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, 0), family=family) as taken:
        port = taken.getsockname()[1]
        check_refusal(start(PORT=str(port)), f"Port {port} is taken", f"make run PORT={port + 1}")


@pytest.mark.parametrize("port", ["http", "-1", "65536", "٣"])
def test_an_invalid_port_is_refused(start: Start, port: str) -> None:
    check_refusal(start(PORT=port), "is not a port", port)


def test_a_directory_has_one_stack(start: Start) -> None:
    one = start()
    url = one.url()
    check_refusal(start(), "Another stack is running", "DATA_DIR=")
    assert greet(url) == greet(start(DATA_DIR="elsewhere").url()) == "hello"


def test_a_file_as_the_data_directory_is_refused(start: Start, checkout: Path) -> None:
    (checkout / "file").touch()
    check_refusal(start(DATA_DIR="file"), "can't be used", "DATA_DIR=")


@pytest.mark.parametrize(("python", "said"), [("/bin/false", "The database engine ended"), ("/nowhere", "make setup")])
def test_an_engine_that_does_not_start_is_reported(start: Start, python: str, said: str) -> None:
    check_refusal(start(ENGINE_PYTHON=python), said)


def child_pid(command: Command, name: str) -> int:
    """The process id of a child of the command, found by its name."""
    for status in Path("/proc").glob("[0-9]*/status"):
        if f"PPid:\t{command.process.pid}\n" in status.read_text() and name in (status.parent / "cmdline").read_text():
            return int(status.parent.name)
    raise AssertionError(f"no {name}")


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="finds the children in /proc")
@pytest.mark.parametrize(
    ("name", "message"), [("engine_launcher", "The database engine ended"), ("gateway", "The gateway ended by itself")]
)
def test_the_end_of_a_child_stops_everything(start: Start, name: str, message: str) -> None:
    command = start()
    command.url()
    os.kill(child_pid(command, name), signal.SIGKILL)
    assert command.finish() == 1
    assert message in command.errors().splitlines()[-1]


def test_an_error_in_the_code_is_shown(start: Start, checkout: Path) -> None:
    (checkout / "app.py").write_text("GREETING =", "utf-8")
    command = start()
    assert command.finish() == 1
    errors = command.errors()
    assert "SyntaxError" in errors
    assert "error: The gateway could not start, for the reason printed above" in errors.splitlines()[-1]


def test_changes_are_loaded_even_after_an_error(start: Start, checkout: Path) -> None:
    command = start()
    url = command.url()
    code, app = checkout / "chalicelib" / "greeting.py", checkout / "app.py"
    assert greet(url) == "hello"
    for file, text, greeting in (
        (code, 'GREETING = "good evening"\n', "good evening"),
        (code, "GREETING = \n", None),
        (code, 'GREETING = "good night"\n', "good night"),
        (app, app.read_text("utf-8") + "\nGREETING = 'bye'\n", "bye"),
    ):
        file.write_text(text, "utf-8")
        assert command.read_until("Reloading") == f"Reloading: {file.relative_to(checkout)} changed"
        command.read_until("Reloaded in" if greeting else "waiting for the next change")
        assert greeting is None or greet(url) == greeting


def test_an_endpoint_of_the_user_is_used(start: Start, checkout: Path, engine: Engine) -> None:
    command = start(AWS_ENDPOINT_URL_DYNAMODB=engine.url, TABLE_PREFIX="users-own-", **CREDENTIALS)
    assert greet(command.url()) == "hello"
    client = engine.client()
    assert client.describe_table(TableName="users-own-rooms")
    client.close()
    assert not (checkout / ".local" / "state").exists()


def test_an_unreachable_endpoint_is_reported(start: Start) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    command = start(AWS_ENDPOINT_URL_DYNAMODB=url, **CREDENTIALS)
    assert command.finish() == 1
    assert f"The tables can't be created on {url}" in command.errors().splitlines()[0]
