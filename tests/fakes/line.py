"""A line to a stack that a test can disturb. Calls and upgrades fail as planned; open connections are cut or silenced.

with FaultyLine(port) as line:
    line.plan("upgrade", "reset", "refuse")
    line.cut()
"""

import asyncio
import socket
import struct
from collections import defaultdict, deque
from collections.abc import Callable
from contextlib import suppress
from typing import Literal

from tests.fakes.tcp_server import TcpServer

Kind = Literal["http", "upgrade"]
Fault = Literal["reset", "hang up", "refuse", "garble", "invent", "silence"]
ANSWERS: dict[Fault, bytes] = {
    "hang up": b"",
    "refuse": b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n",
    "garble": b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{",
    "invent": b"HTTP/1.1 200 OK\r\ncontent-length: 7\r\n\r\nSign in",
}


class FaultyLine(TcpServer):
    """Listens on its own port, and forwards to the port of a stack; a context manager."""

    def __init__(self, target: int) -> None:
        super().__init__("faulty-line")
        self._target = target
        self._planned: dict[Kind, deque[Fault]] = defaultdict(deque)
        self._open: set[Pipe] = set()

    def plan(self, kind: Kind, *faults: Fault) -> None:
        """Let the next calls or upgrades fail in this order. Later ones succeed."""
        self._planned[kind].extend(faults)

    @property
    def is_spent(self) -> bool:
        """True if all planned faults have happened."""
        return not any(self._planned.values())

    def cut(self) -> None:
        """Reset all open connections."""
        self._loop.call_soon_threadsafe(self._for_each, Pipe.reset)

    def fall_silent(self) -> None:
        """Swallow all that the open connections send from now on, in both directions."""
        self._loop.call_soon_threadsafe(self._for_each, Pipe.silence)

    def _for_each(self, act: Callable[["Pipe"], None]) -> None:
        for pipe in self._open:
            act(pipe)

    def close_clients(self) -> None:
        self._for_each(Pipe.reset)

    async def serve_client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        pipe = Pipe(reader, writer)
        self._open.add(pipe)
        try:
            with suppress(OSError, asyncio.IncompleteReadError):
                head = await reader.readuntil(b"\r\n\r\n")
                kind: Kind = "upgrade" if b"upgrade: websocket" in head.lower() else "http"
                if self._planned[kind]:
                    await self._fail(pipe, self._planned[kind].popleft())
                else:
                    await pipe.forward(head, self._target)
        finally:
            self._open.discard(pipe)
            writer.close()

    async def _fail(self, pipe: "Pipe", fault: Fault) -> None:
        if fault == "silence":
            await pipe.reader.read()
        elif fault == "reset":
            pipe.reset()
        else:
            pipe.writer.write(ANSWERS[fault])


class Pipe:
    """A connection of a client, and its connection to the stack."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self._is_silent = False

    def silence(self) -> None:
        self._is_silent = True

    def reset(self) -> None:
        linger = struct.pack("ii", 1, 0)  # close with RST
        self.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.writer.transport.abort()

    async def forward(self, head: bytes, target: int) -> None:
        """Forward until one side closes."""
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", target)
        far_writer.write(head)
        ways = [self._copy(self.reader, far_writer), self._copy(far_reader, self.writer)]
        tasks = [asyncio.create_task(way) for way in ways]
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            task.cancel()
        far_writer.close()

    async def _copy(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(1 << 16):
                if not self._is_silent:
                    writer.write(data)
                    await writer.drain()
