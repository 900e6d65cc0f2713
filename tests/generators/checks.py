"""The documents are clean for linters, and four generators make clients of them that are strictly typed and work.

`make generators` runs this file: the tools have environments of their own, and `make test` does not need them.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from shutil import copy

import pytest

from chalicelib.api import asyncapi, openapi
from infra.local.stack import LocalStack
from tests.fakes.documents import Document
from tests.fakes.node import BIN

HERE = Path(__file__).parent
NPM = HERE / "node_modules" / ".bin"
PYTHON = Path(sys.prefix, "generators", "bin")
"""The virtual environment of the generators, inside ours."""
COMMANDS = [
    line.split()
    for line in Document("docs/http.md").blocks("", "Generate a client")[0].replace("\\\n", " ").splitlines()
]
"""The commands in the documentation."""


def run(*command: str | Path, cwd: Path = HERE) -> str:
    """The output of a command, which must succeed."""
    path = os.pathsep.join(map(str, (PYTHON, NPM, BIN, os.environ["PATH"])))
    done = subprocess.run(command, cwd=cwd, env=os.environ | {"PATH": path}, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with the documents, and with the packages for Node."""
    directory = tmp_path_factory.mktemp("generated")
    documents = {"openapi": openapi.document("https://rooms.test/api"), "asyncapi": asyncapi.document("")}
    for name, document in documents.items():
        (directory / f"{name}.json").write_text(json.dumps(document), "utf-8")
    for file in (*HERE.glob("call_*"), HERE / "tsconfig.json"):
        copy(file, directory)
    (directory / "node_modules").symlink_to(HERE / "node_modules")
    return directory


def generate(place: Path, tool: str, *more: str) -> None:
    """Run a generator as the documentation says, on our file."""
    (command,) = [words for words in COMMANDS if tool in words]
    option = "--path" if tool == "openapi-python-client" else "--input"
    run(*(option if word == "--url" else word.replace("$API", str(place)) for word in command), *more, cwd=place)


def call(place: Path, stack: LocalStack, *command: str | Path) -> None:
    """The client makes a room, is refused, joins, and sends a message."""
    assert run(*command, stack.api, stack.token("ada", "Ada"), cwd=place).split() == ["Hello", "2"]


@pytest.mark.parametrize("document", ["openapi", "asyncapi"])
def test_spectral_finds_nothing(place: Path, document: str) -> None:
    run("spectral", "lint", "--ruleset", "spectral.yaml", "--fail-severity", "hint", place / f"{document}.json")


@pytest.mark.parametrize("document", ["openapi", "asyncapi"])
def test_redocly_finds_nothing(place: Path, document: str) -> None:
    output = run("redocly", "lint", "--config", "redocly.yaml", "--format", "json", place / f"{document}.json")
    assert json.loads(output)["problems"] == []


def test_the_python_client_is_strictly_typed_and_works(place: Path, stack: LocalStack) -> None:
    generate(place, "openapi-python-client", "--meta", "none", "--output-path", "rooms_client")
    generate(place, "datamodel-codegen", "--formatters", "builtin")
    # The generator's own frame around httpx, the same for each service, has arguments without types.
    (place / "mypy.ini").write_text("[mypy]\nstrict = true\n[mypy-rooms_client.client]\nignore_errors = true\n")
    run(sys.executable, "-m", "mypy", "--python-executable", PYTHON / "python", "-p", "rooms_client", cwd=place)
    run(
        sys.executable, "-m", "mypy", "--python-executable", PYTHON / "python", "call_python.py", "frames.py", cwd=place
    )
    call(place, stack, PYTHON / "python", "call_python.py")


def test_the_typescript_clients_are_strictly_typed_and_work(place: Path, stack: LocalStack) -> None:
    generate(place, "openapi-typescript")
    generate(place, "@hey-api/openapi-ts")
    run("tsc", "--project", ".", cwd=place)
    call(place, stack, "node", "call_fetch.js")
    call(place, stack, "node", "call_hey.js")
