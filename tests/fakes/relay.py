"""A line to a server on this machine that can be cut and mended, as networks are."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Self


class Relay:
    """Listens on a port of its own and passes everything on; a context manager.

    with Relay(engine.port) as relay, relay.broken():
        ...  # connections are gone, new ones are refused
    """

    def __init__(self, target_port: int) -> None:
        self.port = 0
        self._target_port = target_port
        self._listener: socket.socket | None = None
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def mend(self) -> None:
        """Listen, on the same port as before."""
        self._listener = socket.create_server(("127.0.0.1", self.port), backlog=64)
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._serve, args=(self._listener,), daemon=True).start()

    def cut(self) -> None:
        """Break what is open and refuse what is new."""
        if self._listener is not None:
            _break(self._listener)
            self._listener = None
        with self._lock:
            broken, self._open = self._open, set()
        for end in broken:
            _break(end)

    @contextmanager
    def broken(self) -> Iterator[None]:
        """Cut, for the length of the block."""
        self.cut()
        try:
            yield
        finally:
            self.mend()

    def _serve(self, listener: socket.socket) -> None:
        with suppress(OSError):  # cut
            while True:
                client, _ = listener.accept()
                server = socket.create_connection(("127.0.0.1", self._target_port))
                with self._lock:
                    self._open |= {client, server}
                for source, sink in ((client, server), (server, client)):
                    threading.Thread(target=self._pass_on, args=(source, sink), daemon=True).start()

    def _pass_on(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):  # cut, or closed by the other end
            while data := source.recv(65_536):
                sink.sendall(data)
        with self._lock:
            self._open -= {source, sink}
        _break(source)
        _break(sink)

    def __enter__(self) -> Self:
        self.mend()
        return self

    def __exit__(self, *_: object) -> None:
        self.cut()


def _break(end: socket.socket) -> None:
    """Closing alone would not wake up who waits in `accept` or `recv`."""
    with suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
    end.close()
