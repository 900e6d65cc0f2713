"""Clients that follow the WebSocket reference, each with messages to send.

A `Person` keeps all messages of a room, sends a message with the same id until it is acknowledged, and always
reconnects.
"""

import asyncio
import itertools
import json
import random
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import httpx
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from chalicelib.log.schemas import RoomMessage

Frame = dict[str, Any]
ACK_SECONDS = 4.0
PING_SECONDS = 5.0
HISTORY_PAGE = 100


class ReconnectError(Exception):
    """The connection must be replaced."""


@dataclass
class PendingMessage:
    """A message to send, and its result."""

    key: str
    text: str
    answered: asyncio.Event = field(default_factory=asyncio.Event)
    stored: RoomMessage | None = None
    retry_after: float = 0.0


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


class Person:
    """One client in one room."""

    def __init__(self, http: httpx.AsyncClient, token: str, name: str, room_id: str, progress: Progress) -> None:
        self.name = name
        self.user_id = name.lower()
        self.room_id = room_id
        self.connection_id = ""
        self.kept: dict[int, RoomMessage] = {}
        """The messages that this client has, by number."""
        self.acknowledged: list[RoomMessage] = []
        self.planned: asyncio.Queue[str] = asyncio.Queue()
        self.synced = asyncio.Event()
        self._http = http
        self._headers = {"Authorization": f"Bearer {token}"}
        self._progress = progress
        self._counts = progress.counts
        self._dice = random.Random(name)
        self._numbers = itertools.count(1)
        self._contiguous_seq = 0
        self._has_started = False
        self._asked_at: int | None = None
        self._socket: ClientConnection | None = None
        self._pending: dict[str, PendingMessage] = {}
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
        """Send all planned messages, one after the other."""
        while not self.planned.empty():
            await self.say(self.planned.get_nowait())
            await asyncio.sleep(self._dice.uniform(0, 2 * pause))

    async def say(self, text: str) -> None:
        """Send a message until it is acknowledged."""
        message = PendingMessage(f"{self.user_id}-{next(self._numbers)}", text)
        self._pending[message.key] = message
        while message.stored is None:
            message.answered.clear()
            with suppress(ConnectionClosed):
                await self._send(message)
            try:
                await asyncio.wait_for(message.answered.wait(), ACK_SECONDS)
            except TimeoutError:
                self._counts["acks missed"] += 1
            await asyncio.sleep(message.retry_after)
        del self._pending[message.key]
        self.acknowledged.append(message.stored)
        await self._progress.count_message()

    async def leave(self) -> None:
        """Leave over HTTP; `live` joins again."""
        status = 0
        while status not in (200, 404):
            with suppress(httpx.TransportError):
                status = (await self._post("leave")).status_code
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

    async def read_log(self, after: int = 0) -> list[RoomMessage]:
        """The entries of the log, from the history over HTTP."""
        found: list[RoomMessage] = []
        while True:
            last = found[-1].seq if found else after
            answer = await self._get(f"messages?after_seq={last}&limit={HISTORY_PAGE}")
            found += [RoomMessage.model_validate(one) for one in answer["messages"]]
            if not answer["has_more"]:
                return found

    async def see(self) -> Frame:
        """The details of the room."""
        room: Frame = await self._get("")
        return room

    async def _get(self, path: str) -> Any:
        while (answer := await self._http.get(self._path(path), headers=self._headers)).status_code != 200:
            self._note(answer)
            if answer.status_code == 403:
                raise ReconnectError
            await self.pause()
        return answer.json()

    async def _post(self, action: str) -> httpx.Response:
        answer = await self._http.post(self._path(action), headers=self._headers)
        self._note(answer)
        return answer

    def _path(self, rest: str) -> str:
        return f"/coworking/rooms/{self.room_id}/{rest}".rstrip("/")

    def _note(self, answer: httpx.Response) -> None:
        if answer.is_error:
            self._counts[f"HTTP {answer.status_code} {answer.json().get('code')}"] += 1

    async def _request_url(self) -> str:
        """The URL of a new WebSocket: a member requests a ticket, others join."""
        while True:
            answer = await self._post("ticket" if self._is_member else "join")
            if answer.status_code == 200:
                body = answer.json()
                if not self._is_member:
                    self._counts["joins" if body["message"].startswith("Joined") else "joins of members"] += 1
                self._is_member = True
                url: str = body.get("websocket", body)["url"]
                return url
            if answer.status_code == 403:
                self._is_member = False
            else:
                await self.pause()

    async def pause(self) -> None:
        """Wait for a random time before the next attempt."""
        await asyncio.sleep(self._dice.uniform(0.05, 0.5))

    # --- WebSocket

    async def _use_socket(self, socket: ClientConnection) -> None:
        self._socket, self._asked_at = socket, None
        pinging = asyncio.create_task(self._keep_pinging(socket))
        try:
            await self._send_sync()
            for message in list(self._pending.values()):
                await self._send(message)
            async for text in socket:
                await self._hear(json.loads(text))
        finally:
            pinging.cancel()

    async def _keep_pinging(self, socket: ClientConnection) -> None:
        with suppress(ConnectionClosed):
            while True:
                await asyncio.sleep(PING_SECONDS)
                await socket.send(json.dumps({"type": "ping", "last_seq": self._contiguous_seq}))

    async def _send_sync(self) -> None:
        if self._socket:
            self._counts["syncs"] += 1
            last_seq = self._contiguous_seq if self._has_started else None
            await self._socket.send(json.dumps({"type": "sync", "data": {"last_seq": last_seq}}))

    async def _send(self, message: PendingMessage) -> None:
        if self._socket:
            self._counts["messages sent"] += 1
            await self._socket.send(json.dumps({"type": "message", "id": message.key, "data": {"text": message.text}}))

    async def _hear(self, frame: Frame) -> None:
        data = frame.get("data", {})
        match frame.get("type"):
            case "snapshot":
                await self._take_snapshot(data)
            case "message_sent" | "emoji_reaction":
                self._keep([data])
            case "user_joined" | "user_left":
                self._keep([data["message"]])
            case "ack" if message := self._pending.get(frame.get("ref", "")):
                message.stored = RoomMessage.model_validate(data)
                message.answered.set()
                self._keep([data])
            case "pong" if data["last_seq"] > self._contiguous_seq:
                await self._send_sync()
            case "error":
                self._hear_error(frame, data)
            case "bye":
                self._counts[f"bye {data['code']}"] += 1
                self._is_member = data["action"] == "reconnect"
                raise ReconnectError
        if self._asked_at != self._contiguous_seq and max(self.kept, default=0) > self._contiguous_seq:
            self._asked_at = self._contiguous_seq
            await self._send_sync()

    def _hear_error(self, frame: Frame, data: Frame) -> None:
        self._counts[f"error {data['code']}"] += 1
        if data["code"] == "not_in_room":
            raise ReconnectError
        if message := self._pending.get(frame.get("ref", "")):
            message.retry_after = data.get("retry_after", 0.1)
            message.answered.set()

    async def _take_snapshot(self, data: Frame) -> None:
        self.connection_id = data["you"]["connection_id"]
        if not data["recovered"] and self._has_started:
            self._counts["incomplete snapshots"] += 1
            self._keep([one.model_dump() for one in await self.read_log(self._contiguous_seq)])
        self._keep(data["messages"])
        self._contiguous_seq = max(self._contiguous_seq, data["last_seq"])
        self._has_started = True
        self._advance()
        self.synced.set()

    def _keep(self, messages: Iterable[Frame]) -> None:
        for one in messages:
            message = RoomMessage.model_validate(one)
            if message.seq in self.kept:
                assert self.kept[message.seq] == message, f"two messages have the number {message.seq}"
                self._counts["repetitions dropped"] += 1
            elif message.seq <= self._contiguous_seq:
                self._counts["messages too late"] += 1
            else:
                self.kept[message.seq] = message
        self._advance()

    def _advance(self) -> None:
        while self._contiguous_seq + 1 in self.kept:
            self._contiguous_seq += 1
