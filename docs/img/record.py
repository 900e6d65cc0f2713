"""Draws the picture in the README from a real session: `.venv/bin/python -m docs.img.record`.

It starts its own stack. Ada and Grace enter a room and talk. Then Grace's connection is cut, and she reconnects.
Every row of the picture is a real request or frame with its time.
"""

import asyncio
import json
import time
import uuid
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from infra.local.stack import LocalStack

PICTURE = Path(__file__).with_name("session.svg")
SDP = "\r\n".join(
    [
        "v=0",
        "o=- 4611731400430051336 2 IN IP4 127.0.0.1",
        "s=-",
        "t=0 0",
        "m=audio 9 UDP/TLS/RTP/SAVPF 111",
        "c=IN IP4 0.0.0.0",
        "a=rtpmap:111 opus/48000/2",
        "",
    ]
)
Frame = dict[str, Any]


@dataclass(frozen=True)
class Event:
    """A request, a frame, or a lost connection of one client. `text` starts with a symbol and the type."""

    seconds: float
    who: str
    text: str


@dataclass
class Recording:
    """All events, in order."""

    started: float = field(default_factory=time.perf_counter)
    events: list[Event] = field(default_factory=list)

    def note(self, who: str, text: str) -> None:
        self.events.append(Event(time.perf_counter() - self.started, who, text))


class Client:
    """A client that looks like a browser to the server."""

    def __init__(self, stack: LocalStack, recording: Recording, name: str) -> None:
        self.name = name
        self.user_id = f"{name.lower()}-{uuid.uuid4().hex[:8]}"
        token = stack.token(self.user_id, name)
        self.http = httpx.AsyncClient(base_url=stack.api, headers={"Authorization": f"Bearer {token}"}, timeout=30)
        self.connection_id = ""
        self.last_seq = 0
        self._recording = recording
        self._arrived: asyncio.Queue[Frame] = asyncio.Queue()
        self._closing = AsyncExitStack()
        self._closing.push_async_callback(self.http.aclose)
        self._socket: ClientConnection
        self._reading: asyncio.Task[None]

    async def call(self, method: str, path: str, shown: str) -> Any:
        """Make an HTTP request, which must succeed."""
        self._recording.note(self.name, f"→ {shown}")
        answer = (await self.http.request(method, path)).raise_for_status().json()
        if room := answer.get("room"):
            self._recording.note(self.name, f"← 200 seat {room['participant_count']} of {room['max_participants']}")
        return answer

    async def open(self, url: str) -> None:
        """Connect, and send `sync`."""
        self._socket = await connect(url)
        self._closing.push_async_callback(self._socket.close)
        self._reading = asyncio.create_task(self._read(self._socket))
        await self.send("sync", {"last_seq": self.last_seq or None})
        snapshot = await self.until("snapshot")
        self.connection_id = snapshot["data"]["you"]["connection_id"]

    async def send(self, kind: str, data: Frame, **more: Any) -> None:
        frame = {"type": kind, "data": data, **more}
        self._recording.note(self.name, "→ " + describe_sent(frame))
        await self._socket.send(json.dumps(frame))

    async def until(self, *kinds: str) -> Frame:
        """Wait for a frame of each of these types. Returns the last one."""
        missing = list(kinds)
        while True:
            frame = await asyncio.wait_for(self._arrived.get(), 30)
            if frame["type"] in missing:
                missing.remove(frame["type"])
            if not missing:
                return frame

    async def close(self) -> None:
        await self._closing.aclose()

    async def wait_for_loss(self) -> None:
        """Wait until the connection is lost."""
        await self._reading
        self._recording.note(self.name, "✕ connection lost")

    async def _read(self, socket: ClientConnection) -> None:
        try:
            async for text in socket:
                frame = json.loads(text)
                self._keep_count(frame)
                self._recording.note(self.name, "← " + describe_received(frame))
                self._arrived.put_nowait(frame)
        except ConnectionClosed:
            return

    def _keep_count(self, frame: Frame) -> None:
        if frame["type"] == "snapshot":
            self.last_seq = frame["data"]["last_seq"]
        elif frame.get("seq") == self.last_seq + 1:
            self.last_seq += 1


def describe_sent(frame: Frame) -> str:
    """A short text for a frame from a client."""
    data = frame["data"]
    match frame["type"]:
        case "message":
            return f"message “{data['text']}”"
        case "emoji":
            return f"emoji {data['emoji']}"
        case "sync" if data["last_seq"]:
            return f"sync I have all up to #{data['last_seq']}"
        case kind:
            return str(kind)


def describe_received(frame: Frame) -> str:
    """A short text for a frame from the server."""
    describe = _RECEIVED.get(frame["type"])
    return f"{frame['type']} {describe(frame)}" if describe else str(frame["type"])


def _describe_snapshot(frame: Frame) -> str:
    data = frame["data"]
    if data["recovered"]:
        missed = ", ".join(f"#{message['seq']} “{message['text']}”" for message in data["messages"])
        return f"you missed {missed}"
    return f"{len(data['room']['participants'])} here, the log goes to #{data['last_seq']}"


_RECEIVED: dict[str, Callable[[Frame], str]] = {
    "snapshot": _describe_snapshot,
    "user_joined": lambda frame: f"#{frame['seq']} {frame['data']['message']['text']}",
    "message_sent": lambda frame: f"#{frame['seq']} {frame['data']['user']}: {frame['data']['text']}",
    "emoji_reaction": lambda frame: f"#{frame['seq']} {frame['data']['user']}: {frame['data']['text']}",
    "ack": lambda frame: f"stored as #{frame['data']['seq']}",
    "presence_changed": lambda frame: "online again" if frame["data"]["is_online"] else "offline, seat kept for 20 s",
    "user-joined": lambda _: "a peer to call",
    "user-left": lambda _: "hang up",
    "offer": lambda frame: f"{len(frame['data']['sdp'])} bytes of SDP",
    "answer": lambda frame: f"{len(frame['data']['sdp'])} bytes of SDP",
}


async def play(stack: LocalStack) -> list[Event]:
    """Play the session, and return its events."""
    recording = Recording()
    ada, grace = Client(stack, recording, "Ada"), Client(stack, recording, "Grace")
    try:
        rooms = (await ada.http.get("/coworking/rooms")).json()
        path = f"/coworking/rooms/{rooms[0]['id']}"
        recording.started = time.perf_counter()
        await ada.open((await ada.call("POST", f"{path}/join", "POST …/join"))["websocket"]["url"])
        await grace.open((await grace.call("POST", f"{path}/join", "POST …/join"))["websocket"]["url"])
        await ada.until("user_joined", "user-joined")
        await talk(ada, grace)
        await call(ada, grace)
        await lose_connection_and_return(stack, ada, grace, path)
    finally:
        await ada.close()
        await grace.close()
    return recording.events


async def talk(ada: Client, grace: Client) -> None:
    await ada.send("message", {"text": "Chapter three, then tea?"}, id="m1")
    await asyncio.gather(ada.until("message_sent", "ack"), grace.until("message_sent"))
    await grace.send("emoji", {"emoji": "🍵"})
    await asyncio.gather(ada.until("emoji_reaction"), grace.until("emoji_reaction"))


async def call(ada: Client, grace: Client) -> None:
    await ada.send("offer", {"sdp": SDP}, to=grace.user_id)
    await grace.until("offer")
    await grace.send("answer", {"sdp": SDP}, to=ada.user_id)
    await ada.until("answer")


async def lose_connection_and_return(stack: LocalStack, ada: Client, grace: Client, path: str) -> None:
    await asyncio.to_thread(stack.cut, grace.connection_id)
    await grace.wait_for_loss()
    await ada.until("presence_changed", "user-left")
    await ada.send("message", {"text": "Still there?"})
    await ada.until("message_sent")
    await grace.open((await grace.call("POST", f"{path}/ticket", "POST …/ticket"))["url"])
    await ada.until("presence_changed", "user-joined")


# The drawing. Rows appear one after the other. With reduced motion, all rows are visible at once.

WIDTH, MARGIN, ROW, TOP = 1160, 24, 25, 92
COLUMNS = {"Ada": 110, "Grace": 640}
STEP = 0.28
SAME_MOMENT = 0.01
COLORS = {
    "POST": "#8b949e",
    "200": "#8b949e",
    "sync": "#79c0ff",
    "snapshot": "#79c0ff",
    "message": "#7ee787",
    "message_sent": "#7ee787",
    "emoji": "#7ee787",
    "emoji_reaction": "#7ee787",
    "ack": "#7ee787",
    "offer": "#d2a8ff",
    "answer": "#d2a8ff",
    "connection": "#ff7b72",
}
OTHERS = "#f2cc60"
STYLE = """
  text { font: 15px ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace; fill: #c9d1d9 }
  .time, .arrow { fill: #6e7681 }
  .head { font-weight: bold; fill: #f0f6fc }
  .row { animation: appear 0.4s backwards }
  @keyframes appear { from { opacity: 0.25 } }
  @media (prefers-reduced-motion: reduce) { .row { animation: none } }
"""


def arrange(events: list[Event]) -> list[list[Event]]:
    """Events in rows. Events of both clients at the same moment share a row."""
    rows: list[list[Event]] = []
    for event in events:
        beside = rows[-1][0] if rows and len(rows[-1]) == 1 else event
        if beside.who != event.who and event.seconds - beside.seconds < SAME_MOMENT:
            rows[-1].append(event)
        else:
            rows.append([event])
    return rows


def draw(events: list[Event]) -> str:
    """The session as an SVG."""
    rows = arrange(events)
    height = TOP + ROW * len(rows) + MARGIN // 2
    heads = "".join(f'<text class="head" x="{x}" y="58">{name}</text>' for name, x in COLUMNS.items())
    lines = "\n".join(_draw_row(number, row) for number, row in enumerate(rows))
    return f"""\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" role="img">
<title>Two people in a room: they chat, call, one drops out, comes back and is told what she missed</title>
<style>{STYLE}</style>
<rect x="0.5" y="0.5" width="{WIDTH - 1}" height="{height - 1}" rx="10" fill="#0d1117" stroke="#30363d"/>
<circle cx="24" cy="22" r="6" fill="#ff5f57"/><circle cx="44" cy="22" r="6" fill="#febc2e"/>
<circle cx="64" cy="22" r="6" fill="#28c840"/>
<text x="{WIDTH / 2}" y="27" text-anchor="middle">Focus Zone</text>
<path d="M0.5 38.5H{WIDTH - 0.5} M0.5 70.5H{WIDTH - 0.5} M616.5 38.5V{height - 0.5}" stroke="#30363d"/>
<text class="time" x="{MARGIN + 44}" y="58" text-anchor="end">ms</text>{heads}
{lines}
</svg>
"""


def _draw_row(number: int, row: list[Event]) -> str:
    y = TOP + ROW * number
    moment = f'<text class="time" x="{MARGIN + 44}" y="{y}" text-anchor="end">{row[0].seconds * 1000:.0f}</text>'
    cells = "".join(_draw_cell(event, y) for event in row)
    return f'<g class="row" style="animation-delay:{number * STEP:.2f}s">{moment}{cells}</g>'


def _draw_cell(event: Event, y: int) -> str:
    arrow, kind, *rest = event.text.split(" ", 2)
    color = COLORS.get(kind, OTHERS)
    text = escape(" ".join(rest))
    return (
        f'<text x="{COLUMNS[event.who]}" y="{y}"><tspan class="arrow">{arrow} </tspan>'
        f'<tspan style="fill:{color}">{kind}</tspan> {text}</text>'
    )


def main() -> None:
    with TemporaryDirectory() as directory, LocalStack(data_dir=Path(directory)) as stack:
        PICTURE.write_text(draw(asyncio.run(play(stack))), "utf-8")


if __name__ == "__main__":
    main()
