"""The commands in README.md, the client in docs/websocket.md and the bot in docs/bots.md work as described."""

import asyncio
import json
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit
from xml.etree import ElementTree

import pytest

from docs.img.record import draw, play
from infra.local.stack import LocalStack
from tests.fakes.clients import Api, expect
from tests.fakes.documents import Document
from tests.fakes.line import FaultyLine
from tests.fakes.socket_client import Frame, Scene

pytestmark = pytest.mark.proof

DEADLINE_SECONDS = 60.0
TOUR, CONNECT = Document("README.md").blocks("bash", "Try it")
FRAMES = Document("README.md").blocks("json", "Try it")[0].splitlines()
(CLIENT,) = Document("docs/websocket.md").blocks("python", "A complete client")
(BOT,) = Document("docs/bots.md").blocks("python", "A moderator")


def pasted(stack: LocalStack, *blocks: str, name: str = "Ada") -> list[str]:
    """The command of a shell that runs these blocks on the stack's port."""
    script = "\n".join(blocks).replace("localhost:8000", urlsplit(stack.url).netloc)
    script = script.replace("NAME=Ada", f"NAME={name}").replace(".venv/bin/python", sys.executable)
    return ["bash", "-euo", "pipefail", "-c", script]


def test_the_tour_goes_from_a_token_to_a_stored_message(stack: LocalStack) -> None:
    """The description of a room has U+2028, which ends a line for Python but not for a shell."""
    with Api(stack) as api:
        api.person("Linus").make_room(description="two\u2028lines")
    run = subprocess.run(pasted(stack, TOUR), capture_output=True, text=True, timeout=DEADLINE_SECONDS, check=True)
    rooms, joined, sent, history = map(json.loads, run.stdout.removesuffix("\n").split("\n"))
    assert rooms[0]["name"] == joined["room"]["name"] == "Focus Zone"
    assert joined["success"]
    assert (sent["user"], sent["text"]) == ("Ada", "Hello, room")
    assert sent in history["messages"]
    assert run.stderr == ""


class Terminal:
    """A terminal that has run the tour and opened a WebSocket."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdin
        assert process.stdout
        self._process, self._keys, self._screen = process, process.stdin, process.stdout

    @classmethod
    async def open(cls, stack: LocalStack, name: str) -> "Terminal":
        command = pasted(stack, TOUR, "exec " + CONNECT, name=name)
        pipe = asyncio.subprocess.PIPE
        terminal = cls(await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe, limit=2**20))
        await terminal.see("Connected to ")
        return terminal

    async def see(self, text: str) -> None:
        await asyncio.wait_for(self._screen.readuntil(text.encode()), DEADLINE_SECONDS)

    def type(self, line: str) -> None:
        self._keys.write(line.encode() + b"\n")

    async def close(self) -> None:
        self._keys.close()
        await asyncio.wait_for(self._process.communicate(), DEADLINE_SECONDS)


def test_two_people_receive_the_frames_that_the_other_types(stack: LocalStack) -> None:
    async def meet() -> None:
        ada, grace = await Terminal.open(stack, "Ada"), await Terminal.open(stack, "Grace")
        for frame in FRAMES:
            ada.type(frame)
            await grace.see('"from":"Ada"')
        grace.type('{"type": "message", "text": "With milk"}')
        await ada.see('"text":"With milk"')
        await ada.close()
        await grace.close()

    asyncio.run(meet())


@pytest.fixture
def line(stack: LocalStack) -> Iterator[FaultyLine]:
    """A line to the stack, on which frames overtake each other."""
    stack.plan_faults(frame_delay=[0, 150])
    port = urlsplit(stack.url).port
    assert port
    with FaultyLine(port) as line:
        yield line
    stack.plan_faults()


def faster(text: str, pattern: str, replacement: str) -> str:
    """A client with shorter waits."""
    changed, replaced = re.subn(pattern, replacement, text)
    assert replaced == 1
    return changed


@contextmanager
def run(path: Path, text: str, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """Run a program."""
    path.write_text(text, "utf-8")
    command = [sys.executable, path.name, *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=path.parent) as process:
        overdue = threading.Timer(DEADLINE_SECONDS, process.kill)
        overdue.start()
        try:
            yield process
        finally:
            overdue.cancel()
            process.kill()


def fail_in_every_way(line: FaultyLine) -> Iterator[None]:
    """Disturb the client in each step: both what is open and how it comes back."""
    line.cut()
    yield
    line.plan("upgrade", "reset", "hang up", "refuse", "garble")
    line.cut()
    yield
    line.plan("http", "reset", "hang up", "refuse", "garble", "invent", "silence")
    line.plan("upgrade", "silence")
    line.fall_silent()
    yield


def test_the_complete_client_prints_everything_once_despite_faults(
    stack: LocalStack, line: FaultyLine, tmp_path: Path
) -> None:
    with Api(stack) as api:
        ada, grace = api.person("Ada"), api.person("Grace")
        room = ada.make_room()["id"]
        ada.join(room)
        address = f"http://localhost:{line.port}/api"
        text = faster(CLIENT, r"(?m)^(PING, TIMEOUT, LONGEST_PAUSE) = .*$", r"\1 = 0.5, 1.5, 0.1")
        with run(tmp_path / "client.py", text, address, room, str(grace.token)) as process:
            assert process.stdout
            screen = iter(process.stdout)
            assert [next(screen), next(screen)] == [
                "1 System Ada joined the room\n",
                "2 System Grace joined the room\n",
            ]
            for number in range(12):
                ada.say(room, f"line {number}")
            assert [next(screen) for _ in range(12)] == [f"{number + 3} Ada line {number}\n" for number in range(12)]
            for number, _ in enumerate(fail_in_every_way(line), 15):
                ada.say(room, "while you were away")
                assert next(screen) == f"{number} Ada while you were away\n"
            assert line.is_spent, "every planned fault happened"
            stack.plan_faults()
            grace.leave(room)
            assert list(screen) == []
            assert process.wait() == 0


def is_act(action: str, frame: Frame) -> bool:
    return bool(frame["type"] == "member_moderated" and frame["data"]["action"] == action)


def test_the_bot_moderates_a_private_room(stack: LocalStack, tmp_path: Path) -> None:
    with Api(stack) as api, Scene(api, visibility="private") as scene:
        owner, bot, rude, guest = scene.owner, api.person("Robot"), api.person("Rude"), api.person("Guest")
        owner.join(scene.room_id)
        screen = scene.connect(owner)
        expect(200, owner.put(f"{scene.path()}/roles/{bot.id}", {"role": "moderator"}))
        text = faster(BOT, r"else 2\)", "else 0.1)")
        with run(tmp_path / "bot.py", text, f"{stack.url}/api", scene.room_id, str(bot.token)):
            expect(200, guest.post(f"{scene.path()}/knock"))
            screen.wait(lambda frame: frame["type"] == "role_changed" and frame["data"]["user_id"] == guest.id)
            expect(200, owner.put(f"{scene.path()}/roles/{rude.id}", {"role": "member"}))
            for step in ("warning", "kick", "ban"):
                rude.join(scene.room_id)
                seq = rude.say(scene.room_id, "well, darn")["seq"]
                assert screen.wait(lambda frame: "mind your" in str(frame))["data"]["reply_to"]["seq"] == seq
                assert screen.wait("message_deleted")["data"]["target_seq"] == seq
                if step != "warning":
                    screen.wait(partial(is_act, step))
                    expect(200, owner.post(f"{scene.path()}/moderation", {"action": "unban", "user_id": rude.id}))
            owner.say(scene.room_id, "!slow 30")
            assert screen.wait(lambda frame: "'slow'" in str(frame))["data"]["seconds"] == 30


def test_the_picture_shows_a_real_session(stack: LocalStack) -> None:
    events = asyncio.run(play(stack))
    seen = [(event.who, event.text) for event in events]
    assert any(
        who == "Grace" and re.fullmatch(r"← snapshot you missed .*#\d+ “Still there\?”", text) for who, text in seen
    )
    assert seen.index(("Grace", "✕ connection lost")) < seen.index(("Ada", "→ message “Still there?”"))
    picture = ElementTree.fromstring(draw(events))
    drawn = ["".join(cell.itertext()) for cell in picture.iter("{http://www.w3.org/2000/svg}text")]
    assert {" ".join(text.split()) for _, text in seen} <= {" ".join(text.split()) for text in drawn}
