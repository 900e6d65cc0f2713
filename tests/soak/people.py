"""Clients that follow the WebSocket reference, each with messages to send.

A `Person` keeps all entries of a room, sends a frame with the same id until it is acknowledged, and always reconnects.
"""

import asyncio
import itertools
import json
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import httpx
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from chalicelib.log.schemas import RoomMessage
from tests.soak.callers import Caller
from tests.soak.view import Frame, View, key_of

EMOJIS = ("\U0001f375", "\U0001f389", "\U0001f44d")
ACT_SHARE = 0.3
"""How often a person also edits a message or reacts to one, and how often a message is an answer."""
ACK_SECONDS = 4.0
PING_SECONDS = 5.0
HISTORY_PAGE = 100


class ReconnectError(Exception):
    """The connection must be replaced."""


@dataclass
class PendingFrame:
    """A frame to send, and the data of its ack."""

    key: str
    kind: str
    data: Frame
    answered: asyncio.Event = field(default_factory=asyncio.Event)
    answer: Frame | None = None
    retry_after: float = 0.0


@dataclass
class Ban:
    """A ban that is in force. A frame that was under way may arrive until `quiet_from`."""

    quiet_from: float


class Progress:
    """The counts of all clients. `wait_for` waits until a number of messages are acknowledged."""

    def __init__(self, counts: Counter[str]) -> None:
        self.counts = counts
        self._said = 0
        self._changed = asyncio.Condition()

    async def count_message(self) -> None:
        async with self._changed:
            self._said += 1
            self._changed.notify_all()

    async def wait_for(self, count: int) -> None:
        async with self._changed:
            await self._changed.wait_for(lambda: self._said >= count)


class Person(Caller):
    """One client in one room. `invite`: the invitation that lets the person in for the first time."""

    def __init__(
        self,
        http: httpx.AsyncClient,
        token: str,
        name: str,
        room_id: str,
        progress: Progress,
        invite: str | None = None,
    ) -> None:
        super().__init__(http, token, name, room_id, progress.counts)
        self.connection_id = ""
        self.view = View(self.user_id)
        self.ban: Ban | None = None
        self.acknowledged: list[RoomMessage] = []
        """The messages of this person, with the text of their last edit."""
        self.planned: asyncio.Queue[str] = asyncio.Queue()
        self.synced = asyncio.Event()
        self._invite = invite
        self._progress = progress
        self._numbers = itertools.count(1)
        self._asked_at: int | None = None
        self._socket: ClientConnection | None = None
        self._pending: dict[str, PendingFrame] = {}
        self._is_member = False

    # --- steps of the soak

    def plan(self, texts: Iterable[str]) -> None:
        """Add messages to send, in this order."""
        for text in texts:
            self.planned.put_nowait(text)

    async def live(self) -> None:
        """Stay in the room until cancelled: connect again after every loss."""
        while True:
            try:
                async with connect(
                    await self._request_url(), compression=None, proxy=None, ping_interval=None, max_size=None
                ) as socket:
                    await self._use_socket(socket)
            except (OSError, TimeoutError, InvalidHandshake, ConnectionClosed, httpx.TransportError, ReconnectError):
                pass
            self._socket = None
            self._counts["reconnects"] += 1
            await self.pause()

    async def speak(self, pause: float) -> None:
        """Send all planned messages, one after the other, and change some in between."""
        while not self.planned.empty():
            original = self._choose() if self._dice.random() < ACT_SHARE else None
            await self.say(self.planned.get_nowait(), original)
            if self._dice.random() < ACT_SHARE:
                await self._dice.choice((self._edit, self._react))()
            await asyncio.sleep(self._dice.uniform(0, 2 * pause))

    async def say(self, text: str, original: int | None = None) -> None:
        """Send a message until it is acknowledged."""
        stored = RoomMessage.model_validate(await self._do("message", {"text": text, "reply_to": original}))
        assert (stored.reply_to.seq if stored.reply_to else None) == original
        self.acknowledged.append(stored)
        await self._progress.count_message()

    async def _edit(self) -> None:
        """Edit one of the last messages."""
        n = self._dice.randrange(max(0, len(self.acknowledged) - 5), len(self.acknowledged))
        before = self.acknowledged[n]
        edited = await self._do("edit", {"seq": before.seq, "text": f"{before.text}, again"})
        self.acknowledged[n] = RoomMessage.model_validate(edited)
        self.acts.append(key_of("message_edited", self.user_id, {"target_seq": before.seq}))

    async def _react(self) -> None:
        """React to one of the last messages, or take the reaction back."""
        data = {"seq": self._choose() or self.acknowledged[-1].seq, "emoji": self._dice.choice(EMOJIS)}
        names = {"target_seq": data["seq"], "emoji": data["emoji"], "user_id": self.user_id}
        act = key_of("reactions_changed", self.user_id, names)
        answer = await self._do("react", {**data, "on": self.acts.count(act) % 2 == 0})
        assert answer["seq"] == data["seq"]
        self.acts.append(act)

    def _choose(self) -> int | None:
        """The number of one of the last messages in the room."""
        texts = [seq for seq, one in self.view.kept.items() if isinstance(one, RoomMessage) and one.type == "text"]
        return self._dice.choice(texts[-10:]) if texts else None

    async def _do(self, kind: str, data: Frame) -> Frame:
        """Send a frame until it is acknowledged. Returns the data of the ack."""
        frame = PendingFrame(f"{self.user_id}-{next(self._numbers)}", kind, data)
        self._pending[frame.key] = frame
        while frame.answer is None:
            frame.answered.clear()
            with suppress(ConnectionClosed):
                await self._send(frame)
            try:
                await asyncio.wait_for(frame.answered.wait(), ACK_SECONDS)
            except TimeoutError:
                self._counts["acks missed"] += 1
            await asyncio.sleep(frame.retry_after)
        del self._pending[frame.key]
        self._counts[f"{kind} acknowledged"] += 1
        return frame.answer

    async def leave(self) -> None:
        """Leave over HTTP; `live` joins again."""
        status = 0
        while status not in (200, 404):
            with suppress(httpx.TransportError):
                status = (await self._call("POST", "leave")).status_code
            await self.pause()
        self._counts["leaves"] += 1

    def abort(self) -> None:
        """Abort the connection without a close frame."""
        if self._socket:
            self._socket.transport.abort()

    async def sync(self) -> None:
        """Send `sync` until a snapshot arrives."""
        self.synced.clear()
        while not self.synced.is_set():
            with suppress(TimeoutError, ConnectionClosed):
                await self._send_sync()
                await asyncio.wait_for(self.synced.wait(), ACK_SECONDS)

    # --- HTTP

    async def read_entries(self, after: int = 0) -> list[Frame]:
        """The entries of the log after a number, over HTTP. Those after a number of a killed function come later."""
        found: list[Frame] = []
        last_seq = (await self.see())["last_seq"]
        while after < last_seq:
            async for page in self.pages(after):
                found, after = [*found, *page["entries"]], page["last_seq"]
            await self.pause()
        return found

    async def pages(self, after: int) -> AsyncIterator[Frame]:
        """The pages of the log over HTTP."""
        has_more = True
        while has_more:
            page = await self._get(f"entries?after_seq={after}")
            yield page
            after, has_more = page["last_seq"], page["has_more"]

    async def see(self) -> Frame:
        """The details of the room."""
        room: Frame = await self._get("")
        return room

    async def _get(self, path: str) -> Any:
        answer = await self.call("GET", path)
        if answer.status_code == 403:
            raise ReconnectError
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def _request_url(self) -> str:
        """The URL of a new WebSocket: a member requests a ticket, others join."""
        while True:
            ban = self.ban
            invite = {"invite": self._invite} if self._invite and not self._is_member else None
            answer = await self._call("POST", "ticket" if self._is_member else "join", invite)
            if ban and ban is self.ban:
                assert answer.is_error, "a banned user got in"
                self._counts["calls of the banned refused"] += 1
            if answer.status_code == 200:
                return self._read_url(answer.json())
            if answer.status_code == 403:
                self._is_member = False
            await self.pause()

    def _read_url(self, body: Frame) -> str:
        if not self._is_member:
            self._counts["joins" if body["message"].startswith("Joined") else "joins of members"] += 1
        self._is_member = True
        url: str = body.get("websocket", body)["url"]
        return url

    # --- WebSocket

    async def _use_socket(self, socket: ClientConnection) -> None:
        self._socket, self._asked_at = socket, None
        pinging = asyncio.create_task(self._keep_pinging(socket))
        try:
            await self._send_sync()
            for pending in list(self._pending.values()):
                await self._send(pending)
            async for text in socket:
                await self._hear(json.loads(text))
        finally:
            pinging.cancel()

    async def _keep_pinging(self, socket: ClientConnection) -> None:
        with suppress(ConnectionClosed):
            while True:
                await asyncio.sleep(PING_SECONDS)
                await socket.send(json.dumps({"type": "ping", "last_seq": self.view.contiguous}))

    async def _send_sync(self) -> None:
        if self._socket:
            self._counts["syncs"] += 1
            last_seq = None if self.view.start is None else self.view.contiguous
            await self._socket.send(json.dumps({"type": "sync", "data": {"last_seq": last_seq}}))

    async def _send(self, pending: PendingFrame) -> None:
        if self._socket:
            self._counts["frames sent"] += 1
            frame = {"type": pending.kind, "id": pending.key, "data": pending.data}
            await self._socket.send(json.dumps(frame))

    async def _hear(self, frame: Frame) -> None:
        data = frame.get("data", {})
        if self.ban and frame.get("type") not in ("bye", "error"):
            assert asyncio.get_running_loop().time() < self.ban.quiet_from, f"a banned user got {frame}"
        if "seq" in frame:
            self._keep(frame)
        match frame.get("type"):
            case "snapshot":
                await self._take_snapshot(data)
            case "ack" if pending := self._pending.get(frame.get("ref", "")):
                if pending.kind == "message":
                    self._keep({"type": "message_sent", "seq": data["seq"], "data": data})
                pending.answer = data
                pending.answered.set()
            case "pong" if data["last_seq"] > self.view.contiguous:
                await self._send_sync()
            case "error":
                self._hear_error(frame, data)
            case "bye":
                self._counts[f"bye {data['code']}"] += 1
                self._is_member = data["action"] == "reconnect"
                raise ReconnectError
        if self._asked_at != self.view.contiguous and self.view.is_missing_some():
            self._asked_at = self.view.contiguous
            await self._send_sync()

    def _hear_error(self, frame: Frame, data: Frame) -> None:
        self._counts[f"error {data['code']}"] += 1
        if data["code"] == "not_in_room":
            raise ReconnectError
        if pending := self._pending.get(frame.get("ref", "")):
            pending.retry_after = data.get("retry_after", 0.1)
            pending.answered.set()

    async def _take_snapshot(self, data: Frame) -> None:
        self.connection_id = data["you"]["connection_id"]
        if data["recovered"] or self.view.start is None:
            self.view.take_snapshot(data["messages"], data["entries"], data["last_seq"])
        else:
            self._counts["incomplete snapshots"] += 1
            async for page in self.pages(self.view.contiguous):
                for frame in page["entries"]:
                    self._keep(frame)
                self.view.reach(page["last_seq"])
        self.synced.set()

    def _keep(self, frame: Frame) -> None:
        self._counts[self.view.keep(frame)] += 1
