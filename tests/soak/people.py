"""Clients that do what the WebSocket reference tells clients to do, each with things to say.

A `Person` keeps all that is said in a room, sends the same message under the same id until it is acknowledged, and
comes back whenever they are thrown out.
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


class GoneError(Exception):
    """The connection is of no use any more."""


@dataclass
class Line:
    """Something to say, and what became of it."""

    key: str
    text: str
    answered: asyncio.Event = field(default_factory=asyncio.Event)
    stored: RoomMessage | None = None
    retry_after: float = 0.0


class Board:
    """What all of them count, and where one can wait for so much to have been said."""

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

    def __init__(self, http: httpx.AsyncClient, token: str, name: str, room_id: str, board: Board) -> None:
        self.name = name
        self.user_id = name.lower()
        self.room_id = room_id
        self.connection_id = ""
        self.kept: dict[int, RoomMessage] = {}
        """The log as this client has it, by number."""
        self.acknowledged: list[RoomMessage] = []
        self.lines: asyncio.Queue[str] = asyncio.Queue()
        self.synced = asyncio.Event()
        self._http = http
        self._headers = {"Authorization": f"Bearer {token}"}
        self._board = board
        self._counts = board.counts
        self._dice = random.Random(name)
        self._numbers = itertools.count(1)
        self._whole = 0
        self._has_started = False
        self._asked_at: int | None = None
        self._socket: ClientConnection | None = None
        self._waiting: dict[str, Line] = {}
        self._is_member = False

    # --- what the soak tells them to do

    def plan(self, texts: Iterable[str]) -> None:
        """Have things to say, one after the other."""
        for text in texts:
            self.lines.put_nowait(text)

    async def live(self) -> None:
        """Be in the room, come what may, until cancelled."""
        while True:
            try:
                async with connect(
                    await self._find_way_in(), compression=None, proxy=None, ping_interval=None, max_size=None
                ) as socket:
                    await self._converse(socket)
            except (OSError, TimeoutError, InvalidHandshake, ConnectionClosed, httpx.TransportError, GoneError):
                pass
            self._socket = None
            self._counts["reconnects"] += 1
            await self.pause()

    async def speak(self, pause: float) -> None:
        """Say it all, each thing until it is acknowledged."""
        while not self.lines.empty():
            await self.say(self.lines.get_nowait())
            await asyncio.sleep(self._dice.uniform(0, 2 * pause))

    async def say(self, text: str) -> None:
        """Say something until it is acknowledged."""
        line = Line(f"{self.user_id}-{next(self._numbers)}", text)
        self._waiting[line.key] = line
        while line.stored is None:
            line.answered.clear()
            with suppress(ConnectionClosed):
                await self._send(line)
            try:
                await asyncio.wait_for(line.answered.wait(), ACK_SECONDS)
            except TimeoutError:
                self._counts["acks missed"] += 1
            await asyncio.sleep(line.retry_after)
        del self._waiting[line.key]
        self.acknowledged.append(line.stored)
        await self._board.count_message()

    async def leave(self) -> None:
        """Leave over HTTP; `live` joins again."""
        status = 0
        while status not in (200, 404):
            with suppress(httpx.TransportError):
                status = (await self._post("leave")).status_code
            await self.pause()
        self._counts["leaves"] += 1

    def vanish(self) -> None:
        """Die without a word."""
        if self._socket:
            self._socket.transport.abort()

    async def sync(self) -> None:
        """Ask for what is missing, and wait until it is here."""
        self.synced.clear()
        while not self.synced.is_set():
            with suppress(TimeoutError, ConnectionClosed):
                await self._ask()
                await asyncio.wait_for(self.synced.wait(), ACK_SECONDS)

    # --- HTTP

    async def read_log(self, after: int = 0) -> list[RoomMessage]:
        """The room's log as its history has it."""
        found: list[RoomMessage] = []
        while True:
            last = found[-1].seq if found else after
            answer = await self._get(f"messages?after_seq={last}&limit={HISTORY_PAGE}")
            found += [RoomMessage.model_validate(one) for one in answer["messages"]]
            if not answer["has_more"]:
                return found

    async def see(self) -> Frame:
        """The room in detail."""
        room: Frame = await self._get("")
        return room

    async def _get(self, path: str) -> Any:
        while (answer := await self._http.get(self._path(path), headers=self._headers)).status_code != 200:
            self._note(answer)
            if answer.status_code == 403:
                raise GoneError
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

    async def _find_way_in(self) -> str:
        """A ticket for who has a seat, a seat for who has none."""
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
        """As long as it takes: nothing tells a client when a service is well again."""
        await asyncio.sleep(self._dice.uniform(0.05, 0.5))

    # --- WebSocket

    async def _converse(self, socket: ClientConnection) -> None:
        self._socket, self._asked_at = socket, None
        pinging = asyncio.create_task(self._keep_pinging(socket))
        try:
            await self._ask()
            for line in list(self._waiting.values()):
                await self._send(line)
            async for text in socket:
                await self._hear(json.loads(text))
        finally:
            pinging.cancel()

    async def _keep_pinging(self, socket: ClientConnection) -> None:
        with suppress(ConnectionClosed):
            while True:
                await asyncio.sleep(PING_SECONDS)
                await socket.send(json.dumps({"type": "ping", "last_seq": self._whole}))

    async def _ask(self) -> None:
        if self._socket:
            self._counts["syncs"] += 1
            last_seq = self._whole if self._has_started else None
            await self._socket.send(json.dumps({"type": "sync", "data": {"last_seq": last_seq}}))

    async def _send(self, line: Line) -> None:
        if self._socket:
            self._counts["messages sent"] += 1
            await self._socket.send(json.dumps({"type": "message", "id": line.key, "data": {"text": line.text}}))

    async def _hear(self, frame: Frame) -> None:
        data = frame.get("data", {})
        match frame.get("type"):
            case "snapshot":
                await self._take_snapshot(data)
            case "message_sent" | "emoji_reaction":
                self._keep([data])
            case "user_joined" | "user_left":
                self._keep([data["message"]])
            case "ack" if line := self._waiting.get(frame.get("ref", "")):
                line.stored = RoomMessage.model_validate(data)
                line.answered.set()
                self._keep([data])
            case "pong" if data["last_seq"] > self._whole:
                await self._ask()
            case "error":
                self._hear_error(frame, data)
            case "bye":
                self._counts[f"bye {data['code']}"] += 1
                self._is_member = data["action"] == "reconnect"
                raise GoneError
        if self._asked_at != self._whole and max(self.kept, default=0) > self._whole:
            self._asked_at = self._whole
            await self._ask()

    def _hear_error(self, frame: Frame, data: Frame) -> None:
        self._counts[f"error {data['code']}"] += 1
        if data["code"] == "not_in_room":
            raise GoneError
        if line := self._waiting.get(frame.get("ref", "")):
            line.retry_after = data.get("retry_after", 0.1)
            line.answered.set()

    async def _take_snapshot(self, data: Frame) -> None:
        self.connection_id = data["you"]["connection_id"]
        if not data["recovered"] and self._has_started:
            self._counts["snapshots that were not all"] += 1
            self._keep([one.model_dump() for one in await self.read_log(self._whole)])
        self._keep(data["messages"])
        self._whole = max(self._whole, data["last_seq"])
        self._has_started = True
        self._move_on()
        self.synced.set()

    def _keep(self, messages: Iterable[Frame]) -> None:
        for one in messages:
            message = RoomMessage.model_validate(one)
            if message.seq in self.kept:
                assert self.kept[message.seq] == message, f"two messages have the number {message.seq}"
                self._counts["repetitions dropped"] += 1
            elif message.seq <= self._whole:
                self._counts["messages too late"] += 1
            else:
                self.kept[message.seq] = message
        self._move_on()

    def _move_on(self) -> None:
        while self._whole + 1 in self.kept:
            self._whole += 1
