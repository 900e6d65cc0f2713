"""Kills all processes of `make run` at random moments while people write: nothing that was answered may be lost."""

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx

from infra.local.stack import ROOT

Seen = tuple[str, str]
"""A room, and the text of a message that was acknowledged in it."""
WRITERS = 4
LONGEST_SECONDS = 1.5
"""The most time until the kill, from the first acknowledged message on."""


class Kills:
    """A stack with one data directory, which is killed again and again."""

    def __init__(self, data_dir: Path) -> None:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        limits = dict.fromkeys(("MESSAGES_LIMIT", "JOINS_LIMIT", "BUDGET_LIMIT"), "1000000/10")
        self._environment = environment | limits | {"PORT": "0", "DATA_DIR": str(data_dir), "SAVE_AFTER_BYTES": "50000"}
        self._dice = random.Random(str(data_dir))
        self._began = threading.Event()
        self.acknowledged: list[Seen] = []

    def play(self, rounds: int) -> None:
        """Write, kill, start again, and check; raises AssertionError if something is lost."""
        for number in range(rounds):
            with self._serve() as (url, process):
                self._check(url)
                self._write_until_killed(url, process, f"{number}")
        with self._serve() as (url, _):
            self._check(url)

    def _write_until_killed(self, url: str, process: subprocess.Popen[str], name: str) -> None:
        self._began.clear()
        writers = [threading.Thread(target=self._write, args=(url, f"{name}-{n}")) for n in range(WRITERS)]
        for writer in writers:
            writer.start()
        assert self._began.wait(60)
        time.sleep(self._dice.uniform(0, LONGEST_SECONDS))
        kill_all(process, self._dice)
        for writer in writers:
            writer.join()

    def _write(self, url: str, name: str) -> None:
        """Create a room and write messages in it, until the stack is gone."""
        with suppress(httpx.TransportError, KeyError), sign_in(url, name) as http:
            room: str = http.post("/coworking/rooms", json={"name": f"Room {name}"}).json()["id"]
            http.post(f"/coworking/rooms/{room}/join").raise_for_status()
            number = 0
            while True:
                text = f"{name} says {(number := number + 1)}"
                if http.post(f"/coworking/rooms/{room}/messages", json={"message_text": text}).status_code == 200:
                    self.acknowledged.append((room, text))
                    self._began.set()

    def _check(self, url: str) -> None:
        with sign_in(url, "reader") as http:
            rooms = {room for room, _ in self.acknowledged}
            found = {(room, text) for room in rooms for text in read_log(http, room)}
        lost = set(self.acknowledged) - found
        assert not lost, f"lost {len(lost)} of {len(self.acknowledged)}: {sorted(lost)[:5]}"

    @contextmanager
    def _serve(self) -> Iterator[tuple[str, "subprocess.Popen[str]"]]:
        command = [sys.executable, "-m", "infra.local"]
        with subprocess.Popen(
            command, cwd=ROOT, env=self._environment, stdout=subprocess.PIPE, text=True, start_new_session=True
        ) as process:
            assert process.stdout is not None
            lines: list[str] = []
            for line in process.stdout:
                lines.append(line)
                if line.startswith("  Page"):
                    break
            else:
                raise AssertionError("".join(lines))
            threading.Thread(target=process.stdout.read, daemon=True).start()
            try:
                yield line.split()[-1].rstrip("/"), process
            finally:
                process.terminate()


def sign_in(url: str, name: str) -> httpx.Client:
    """A client of the HTTP API."""
    token = httpx.post(f"{url}/dev/token", json={"sub": name, "name": name}).json()["token"]
    return httpx.Client(base_url=f"{url}/api", headers={"Authorization": f"Bearer {token}"}, timeout=30)


def read_log(http: httpx.Client, room: str) -> Iterator[str]:
    """The texts of a room's messages; the reader takes a seat for that."""
    http.post(f"/coworking/rooms/{room}/join").raise_for_status()
    last, more = 0, True
    while more:
        page: dict[str, Any] = http.get(f"/coworking/rooms/{room}/messages?after_seq={last}&limit=100").json()
        more = page["has_more"]
        for message in page["messages"]:
            last = message["seq"]
            yield message["text"]
    http.post(f"/coworking/rooms/{room}/leave").raise_for_status()


def kill_all(process: "subprocess.Popen[str]", dice: random.Random) -> None:
    """Kill a process and its children with SIGKILL, in any order."""
    pids = [process.pid, *children_of(process.pid)]
    dice.shuffle(pids)
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    process.wait()


def children_of(pid: int) -> Iterator[int]:
    """The children of a process, from /proc."""
    for status in Path("/proc").glob("[0-9]*/status"):
        with suppress(OSError):
            if f"PPid:\t{pid}\n" in status.read_text():
                yield int(status.parent.name)
