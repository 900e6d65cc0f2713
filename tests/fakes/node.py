"""Node, and what runs in it: tests of the page's code, and people who use the client library."""

import itertools
import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from queue import SimpleQueue
from types import TracebackType
from typing import Any, Self

from infra.local.stack import LocalStack
from tests.fakes.clients import Caller

WEB = Path(__file__).parent.parent / "web"
BIN = Path(sys.executable).parent
ENVIRONMENT = os.environ | {"PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}", "NO_COLOR": "1"}
DEADLINE_SECONDS = 120.0


def run_node(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run something in Node to its end, in the directory of its tests."""
    command = [BIN / "node", *arguments]
    return subprocess.run(
        command, cwd=WEB, env=ENVIRONMENT, capture_output=True, text=True, encoding="utf-8", timeout=DEADLINE_SECONDS
    )


class People:
    """People who use the client library, in a Node of their own; a context manager."""

    def __init__(self, stack: LocalStack) -> None:
        self.stack = stack
        self._answers: dict[int, SimpleQueue[dict[str, Any]]] = {}
        self._ids = itertools.count()

    def __enter__(self) -> Self:
        pipe = subprocess.PIPE
        command = [str(BIN / "node"), "people.js"]
        self._node = subprocess.Popen(command, cwd=WEB, env=ENVIRONMENT, stdin=pipe, stdout=pipe, text=True)
        self._reader = threading.Thread(target=self._read)
        self._reader.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._node.stdin
        assert self._node.stdout
        self._node.stdin.close()
        self._node.wait(DEADLINE_SECONDS)
        self._reader.join()
        self._node.stdout.close()

    def enter(self, caller: Caller, room_id: str) -> "Person":
        """Have somebody enter a room."""
        person = Person(self, caller.id)
        person.do("enter", self.stack.api, caller.token, room_id)
        return person

    def start(self, who: str, name: str, given: tuple[object, ...]) -> "SimpleQueue[dict[str, Any]]":
        """Have somebody do something; where its outcome will be."""
        number = next(self._ids)
        outcome = self._answers[number] = SimpleQueue()
        assert self._node.stdin
        self._node.stdin.write(json.dumps({"id": number, "who": who, "do": name, "with": given}) + "\n")
        self._node.stdin.flush()
        return outcome

    def _read(self) -> None:
        assert self._node.stdout
        for line in self._node.stdout:
            answer = json.loads(line)
            self._answers.pop(answer["id"]).put(answer)


class Person:
    """Somebody in a room, as `tests/web/people.js` has them."""

    def __init__(self, people: People, name: str) -> None:
        self._people = people
        self._name = name

    def start(self, name: str, *given: object) -> "SimpleQueue[dict[str, Any]]":
        """Begin to do something."""
        return self._people.start(self._name, name, given)

    def do(self, name: str, *given: object) -> Any:
        """Do something, and wait for what comes of it."""
        return take(self.start(name, *given))

    def until(self, **wanted: object) -> Any:
        """The state as soon as it is so."""
        return self.do("until", wanted)


def take(outcome: "SimpleQueue[dict[str, Any]]") -> Any:
    """What came of something, once it is there."""
    answer = outcome.get(timeout=DEADLINE_SECONDS)
    assert "error" not in answer, answer
    return answer.get("value")
