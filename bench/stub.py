"""A server that replaces the connections API. It has its own process, so its CPU time does not count for the client."""

import asyncio
import multiprocessing
import re
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection

ANSWER_SECONDS = 0.010
"""How long a post takes under `/slow`: assumed for API Gateway."""
CONTENT_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
ANSWER = (
    b"HTTP/1.1 200 OK\r\nDate: Thu, 01 Jan 2026 00:00:00 GMT\r\nContent-Length: 0\r\nConnection: keep-alive\r\n"
    b"x-amzn-RequestId: 8e5f1bd4-4b0e-4a5e-9e7b-1c7c7a3b2f10\r\nx-amz-apigw-id: AbCdEfGhIjKlMnO=\r\n\r\n"
)


class ConnectionsApi(asyncio.Protocol):
    """Answers 200 to every request; under `/slow` after `ANSWER_SECONDS`."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.received = b""

    def data_received(self, data: bytes) -> None:
        self.received += data
        head, end, body = self.received.partition(b"\r\n\r\n")
        length = CONTENT_LENGTH.search(head)
        if not end or len(body) < int(length[1] if length else 0):
            return
        self.received = b""
        if head.startswith(b"POST /slow/"):
            asyncio.get_running_loop().call_later(ANSWER_SECONDS, self.transport.write, ANSWER)
        else:
            self.transport.write(ANSWER)


def run_stub(port: Connection) -> None:
    async def serve() -> None:
        server = await asyncio.get_running_loop().create_server(ConnectionsApi, "127.0.0.1", 0, backlog=256)
        port.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(serve())


@contextmanager
def stub_server() -> Iterator[str]:
    """Run the stub; yields its URL."""
    here, there = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=run_stub, args=(there,))
    process.start()
    try:
        yield f"http://127.0.0.1:{here.recv()}"
    finally:
        process.terminate()
        process.join()
