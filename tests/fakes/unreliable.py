"""A DynamoDB endpoint that has its bad moments, before an engine that has none.

It conflicts, throttles, fails and falls silent, before it passed a call on or after, so that what is "not done" may be
done. Its errors have the shape of DynamoDB's own.
"""

import asyncio
import json
import random
import re
import threading
import uuid
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Self

_PREFIX = "com.amazonaws.dynamodb.v20120810#"
_WRITES = {"PutItem", "UpdateItem", "DeleteItem"}
_REASONS = {
    "TransactionConflict": "Transaction is ongoing for the item",
    "ThrottlingError": "Throughput exceeds the current capacity of your table or index.",
}


@dataclass(frozen=True)
class Moods:
    """How likely a call meets which misfortune. `lost` and `failed_late` are done all the same."""

    conflict: float = 0
    throttled: float = 0
    failed: float = 0
    failed_late: float = 0
    refused: float = 0
    lost: float = 0
    slowest_seconds: float = 0

    def pick(self, dice: random.Random) -> str | None:
        left = dice.random()
        for name in ("conflict", "throttled", "failed", "failed_late", "refused", "lost"):
            left -= getattr(self, name)
            if left < 0:
                return name
        return None


@dataclass(frozen=True)
class Call:
    """A request as it came."""

    head: bytes
    body: bytes

    @property
    def operation(self) -> str:
        return read_header(self.head, "x-amz-target").partition(".")[2]


class UnreliableEngine:
    """Listens on a port of its own and passes calls on to `find_port()`; a context manager."""

    def __init__(self, find_port: Callable[[], int], seed: int = 0) -> None:
        self.moods = Moods()
        self.counts: Counter[str] = Counter()
        self.port = 0
        self._find_port = find_port
        self._dice = random.Random(seed)
        self._loop = asyncio.new_event_loop()
        self._listening = threading.Event()
        self._thread = threading.Thread(target=self._run, name="unreliable-engine")

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self._thread.start()
        self._listening.wait()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._ended.set)
        self._thread.join()

    @contextmanager
    def broken(self) -> Iterator[None]:
        """Hang up on every call for the length of the block."""
        self.moods = Moods(refused=1)
        try:
            yield
        finally:
            self.moods = Moods()

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._serve())

    async def _serve(self) -> None:
        self._ended = asyncio.Event()
        server = await asyncio.start_server(self._converse, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        self._listening.set()
        await self._ended.wait()
        server.close()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection from the gateway, and while it is open one to the engine."""
        upstream = Upstream(self._find_port)
        try:
            with suppress(OSError, asyncio.IncompleteReadError):  # an end has hung up, or the engine is not there
                while answer := await self._answer(await read_call(reader), upstream):
                    writer.write(answer)
                    await writer.drain()
        finally:
            upstream.close()
            writer.close()

    async def _answer(self, call: Call, upstream: "Upstream") -> bytes | None:
        """The bytes to send back; None hangs up."""
        self.counts["calls"] += 1
        mood = self._pick(call.operation)
        if mood:
            self.counts[mood] += 1
        if self.moods.slowest_seconds:
            await asyncio.sleep(self._dice.uniform(0, self.moods.slowest_seconds))
        match mood:
            case None:
                return await upstream.ask(call)
            case "refused":
                return None
            case "lost":
                await upstream.ask(call)
                return None
            case "failed_late":
                await upstream.ask(call)
        return self._complain(str(mood), call)

    def _pick(self, operation: str) -> str | None:
        mood = self.moods.pick(self._dice)
        can_conflict = operation in _WRITES or operation == "TransactWriteItems"
        return None if mood == "conflict" and not can_conflict else mood

    def _complain(self, mood: str, call: Call) -> bytes:
        is_transaction = call.operation == "TransactWriteItems"
        match mood:
            case "conflict" if is_transaction:
                return cancel(call, "TransactionConflict", self._dice)
            case "conflict":
                return complain(400, "TransactionConflictException", _REASONS["TransactionConflict"])
            case "throttled" if is_transaction and self._dice.random() < 0.5:
                return cancel(call, "ThrottlingError", self._dice)
            case "throttled":
                kind = self._dice.choice(["ProvisionedThroughputExceededException", "ThrottlingException"])
                return complain(400, kind, "Throughput exceeds the current capacity.")
        return complain(500, "InternalServerError", "Internal server error")


class Upstream:
    """A connection to the engine, opened when it is first needed."""

    def __init__(self, find_port: Callable[[], int]) -> None:
        self._find_port = find_port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, call: Call) -> bytes:
        if self._streams is None:
            self._streams = await asyncio.open_connection("127.0.0.1", self._find_port(), limit=1 << 20)
        reader, writer = self._streams
        writer.write(call.head + call.body)
        head = await reader.readuntil(b"\r\n\r\n")
        return head + await reader.readexactly(content_length(head))

    def close(self) -> None:
        if self._streams is not None:
            self._streams[1].close()


async def read_call(reader: asyncio.StreamReader) -> Call:
    head = await reader.readuntil(b"\r\n\r\n")
    return Call(head, await reader.readexactly(content_length(head)))


def read_header(head: bytes, name: str) -> str:
    """The value of a header; empty where there is none."""
    found = re.search(rf"^{name}:\s*(.*?)\s*$", head.decode("latin-1"), re.IGNORECASE | re.MULTILINE)
    return found[1] if found else ""


def content_length(head: bytes) -> int:
    """How long the body is that follows these headers."""
    return int(read_header(head, "content-length") or 0)


def cancel(call: Call, code: str, dice: random.Random) -> bytes:
    """A transaction that one of its items cancels."""
    reasons: list[dict[str, str]] = [{"Code": "None"} for _ in json.loads(call.body)["TransactItems"]]
    reasons[dice.randrange(len(reasons))] = {"Code": code, "Message": _REASONS[code]}
    codes = ", ".join(reason["Code"] for reason in reasons)
    message = f"Transaction cancelled, please refer cancellation reasons for specific reasons [{codes}]"
    return complain(400, "TransactionCanceledException", message, CancellationReasons=reasons)


def complain(status: int, kind: str, message: str, **more: object) -> bytes:
    """An error as DynamoDB answers it; the word that it is in differs from one kind to another."""
    word = "Message" if kind == "TransactionCanceledException" else "message"
    body = json.dumps({"__type": _PREFIX + kind, word: message} | more).encode()
    head = [
        f"HTTP/1.1 {status} {'Bad Request' if status == 400 else 'Internal Server Error'}",
        "content-type: application/x-amz-json-1.0",
        f"content-length: {len(body)}",
        f"x-amzn-requestid: {uuid.uuid4()}",
        f"x-amz-crc32: {zlib.crc32(body)}",
    ]
    return "\r\n".join([*head, "", ""]).encode() + body
