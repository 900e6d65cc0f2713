"""A proxy in front of a DynamoDB engine, which lets some calls fail.

It reports conflicts, throttling and internal errors, and drops connections, before or after it forwards a call. So a
call that failed may have had its effect. Its errors have the format of DynamoDB's errors.
"""

import asyncio
import json
import random
import re
import uuid
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from tests.fakes.tcp_server import TcpServer

_PREFIX = "com.amazonaws.dynamodb.v20120810#"
_WRITES = {"PutItem", "UpdateItem", "DeleteItem"}
_REASONS = {
    "TransactionConflict": "Transaction is ongoing for the item",
    "ThrottlingError": "Throughput exceeds the current capacity of your table or index.",
}


@dataclass(frozen=True)
class FaultRates:
    """The probability of each fault for a call. `lost` and `failed_late` calls still have their effect."""

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
    head: bytes
    body: bytes

    @property
    def operation(self) -> str:
        return read_header(self.head, "x-amz-target").partition(".")[2]


class UnreliableEngine(TcpServer):
    """Listens on its own port, and forwards calls to the port that `find_port` returns; a context manager."""

    def __init__(self, find_port: Callable[[], int], seed: int = 0) -> None:
        super().__init__("unreliable-engine")
        self.rates = FaultRates()
        self.counts: Counter[str] = Counter()
        self._find_port = find_port
        self._dice = random.Random(seed)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @contextmanager
    def broken(self) -> Iterator[None]:
        """Close the connection at every call inside the block."""
        self.rates = FaultRates(refused=1)
        try:
            yield
        finally:
            self.rates = FaultRates()

    async def serve_client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection of a client, with a connection to the engine."""
        upstream = Upstream(self._find_port)
        try:
            with suppress(OSError, asyncio.IncompleteReadError):  # a side closed the connection, or the engine is down
                while answer := await self._answer(await read_call(reader), upstream):
                    writer.write(answer)
                    await writer.drain()
        finally:
            upstream.close()
            writer.close()

    async def _answer(self, call: Call, upstream: "Upstream") -> bytes | None:
        """The bytes of the answer, or None to close the connection."""
        self.counts["calls"] += 1
        fault = self._pick(call.operation)
        if fault:
            self.counts[fault] += 1
        if self.rates.slowest_seconds:
            await asyncio.sleep(self._dice.uniform(0, self.rates.slowest_seconds))
        match fault:
            case None:
                return await upstream.ask(call)
            case "refused":
                return None
            case "lost":
                await upstream.ask(call)
                return None
            case "failed_late":
                await upstream.ask(call)
        return self._answer_fault(str(fault), call)

    def _pick(self, operation: str) -> str | None:
        fault = self.rates.pick(self._dice)
        can_conflict = operation in _WRITES or operation == "TransactWriteItems"
        return None if fault == "conflict" and not can_conflict else fault

    def _answer_fault(self, fault: str, call: Call) -> bytes:
        is_transaction = call.operation == "TransactWriteItems"
        match fault:
            case "conflict" if is_transaction:
                return cancellation(call, "TransactionConflict", self._dice)
            case "conflict":
                return error_response(400, "TransactionConflictException", _REASONS["TransactionConflict"])
            case "throttled" if is_transaction and self._dice.random() < 0.5:
                return cancellation(call, "ThrottlingError", self._dice)
            case "throttled":
                kind = self._dice.choice(["ProvisionedThroughputExceededException", "ThrottlingException"])
                return error_response(400, kind, "Throughput exceeds the current capacity.")
        return error_response(500, "InternalServerError", "Internal server error")


class Upstream:
    """A connection to the engine. The first call opens it."""

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
    """The value of a header, or an empty string."""
    found = re.search(rf"^{name}:\s*(.*?)\s*$", head.decode("latin-1"), re.IGNORECASE | re.MULTILINE)
    return found[1] if found else ""


def content_length(head: bytes) -> int:
    return int(read_header(head, "content-length") or 0)


def cancellation(call: Call, code: str, dice: random.Random) -> bytes:
    """The answer for a transaction that one of its items cancels."""
    reasons: list[dict[str, str]] = [{"Code": "None"} for _ in json.loads(call.body)["TransactItems"]]
    reasons[dice.randrange(len(reasons))] = {"Code": code, "Message": _REASONS[code]}
    codes = ", ".join(reason["Code"] for reason in reasons)
    message = f"Transaction cancelled, please refer cancellation reasons for specific reasons [{codes}]"
    return error_response(400, "TransactionCanceledException", message, CancellationReasons=reasons)


def error_response(status: int, kind: str, message: str, **more: object) -> bytes:
    """An error as DynamoDB answers it. The field of its message depends on the kind."""
    field = "Message" if kind == "TransactionCanceledException" else "message"
    body = json.dumps({"__type": _PREFIX + kind, field: message} | more).encode()
    head = [
        f"HTTP/1.1 {status} {'Bad Request' if status == 400 else 'Internal Server Error'}",
        "content-type: application/x-amz-json-1.0",
        f"content-length: {len(body)}",
        f"x-amzn-requestid: {uuid.uuid4()}",
        f"x-amz-crc32: {zlib.crc32(body)}",
    ]
    return "\r\n".join([*head, "", ""]).encode() + body
