"""A TCP server for fakes: its own port, and an event loop in a thread of its own."""

import asyncio
import threading
from typing import Self


class TcpServer:
    """A context manager; a subclass says what it does with a client."""

    def __init__(self, name: str) -> None:
        self.port = 0
        self._loop = asyncio.new_event_loop()
        self._listening = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name)
        self._serving: set[asyncio.Task[None]] = set()

    def __enter__(self) -> Self:
        self._thread.start()
        self._listening.wait()
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._ended.set)
        self._thread.join()

    async def serve_client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection of a client."""
        raise NotImplementedError

    def close_clients(self) -> None:
        """Close open connections when the server ends."""

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._serve())

    async def _serve(self) -> None:
        self._ended = asyncio.Event()
        server = await asyncio.start_server(self._start_serving, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        self._listening.set()
        await self._ended.wait()
        server.close()
        self.close_clients()

    def _start_serving(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Hold a reference to the task: asyncio drops its own when the client closes the connection.

        https://docs.python.org/3/library/asyncio-task.html#asyncio.create_task
        """
        task = self._loop.create_task(self.serve_client(reader, writer))
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)
