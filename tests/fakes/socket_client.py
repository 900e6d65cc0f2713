"""Clients of the WebSocket API that follow its contract, and a room for them.

    with Scene(api) as scene:
        ada, ben = scene.enter("Ada"), scene.enter("Ben")
        ada.send("wave", data={"hand": "left"})
        assert ben.wait("wave")["from"] == ada.user_id

Nothing sleeps: `wait` reads until the frame arrives, `settle` until an answer proves that no frame is missing.
"""

import json
import re
import time
import uuid
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from typing import Any, Self, TypeVar
from urllib.parse import urlencode

from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

from tests.fakes.clients import Api, Caller

Frame = dict[str, Any]
Wanted = str | Callable[[Frame], bool]
T = TypeVar("T")
DEADLINE_SECONDS = 15.0
TYPE = re.compile(r"[A-Za-z0-9_.:-]{1,64}")
STAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
COWORKING = "coworking.v1"


class RefusedError(Exception):
    """The server refused the upgrade with a status and a problem."""

    def __init__(self, status: int, content_type: str, problem: Frame) -> None:
        super().__init__(f"{status}: {problem}")
        self.status = status
        self.content_type = content_type
        self.problem = problem


@dataclass(frozen=True)
class End:
    """The end of a connection: its last frames, and the close code."""

    frames: list[Frame]
    code: int

    @property
    def types(self) -> list[str]:
        return [frame["type"] for frame in self.frames]


class SocketClient:
    """One connection. Received frames stay in the inbox, in order, until a test takes them."""

    def __init__(self, connection: ClientConnection, caller: Caller | None = None) -> None:
        self.connection = connection
        self.inbox: list[Frame] = []
        self.id = ""
        self._caller = caller

    @property
    def caller(self) -> Caller:
        """The user of this connection, for HTTP calls."""
        assert self._caller is not None
        return self._caller

    @property
    def user_id(self) -> str:
        return self.caller.id

    def send(self, kind: str, /, **fields: object) -> None:
        """Send a frame with a type and other fields."""
        self.send_text(json.dumps({"type": kind} | fields))

    def send_text(self, text: str) -> None:
        self.connection.send(text)

    def send_bytes(self, data: bytes) -> None:
        self.connection.send(data)

    def ask(self, kind: str, /, **fields: object) -> Frame:
        """Send a frame with a new id, and wait for its answer."""
        name = str(fields.setdefault("id", str(uuid.uuid4())))
        self.send(kind, **fields)
        return self.wait(lambda frame: frame.get("ref") == name)

    def sync(self, last_seq: int | None = None) -> Frame:
        """Send a `sync`. Returns the data of the snapshot."""
        snapshot = self.ask("sync", last_seq=last_seq)
        assert snapshot["type"] == "snapshot", snapshot
        self.id = snapshot["data"]["you"]["connection_id"]
        data: Frame = snapshot["data"]
        return data

    def wait(self, wanted: Wanted, seconds: float = DEADLINE_SECONDS) -> Frame:
        """Take the first frame of a type, or the first that a predicate accepts. Other frames stay in the inbox."""
        frame = self.hear(wanted, seconds)
        self.inbox.remove(frame)
        return frame

    def hear(self, wanted: Wanted, seconds: float = DEADLINE_SECONDS) -> Frame:
        """Like `wait`, but the frame stays in the inbox."""
        matches = (lambda frame: frame["type"] == wanted) if isinstance(wanted, str) else wanted
        expires = time.monotonic() + seconds
        seen = 0
        while True:
            for frame in self.inbox[seen:]:
                if matches(frame):
                    return frame
            seen = len(self.inbox)
            try:
                self._receive(expires - time.monotonic())
            except TimeoutError:
                name = wanted if isinstance(wanted, str) else "such frame"
                raise AssertionError(f"received no {name}, only {self.inbox}") from None

    def settle(self, *awaited: Wanted) -> list[Frame]:
        """Wait for these frames, and then for the answer to a ping. Returns all frames in the inbox.

        All frames that were posted before are among them. Without the ping, some could be missing: the service
        sends the answer to a frame at the same time as the frames to others.
        """
        for wanted in awaited:
            self.hear(wanted)
        assert self.ask("ping")["type"] == "pong"
        return self.take()

    def take(self) -> list[Frame]:
        """Take all frames out of the inbox."""
        taken, self.inbox = self.inbox, []
        return taken

    def wait_end(self, seconds: float = DEADLINE_SECONDS) -> End:
        """Wait until the server closes the connection."""
        expires = time.monotonic() + seconds
        with suppress(ConnectionClosed):
            while True:
                self._receive(expires - time.monotonic())
        assert self.connection.close_code is not None
        return End(self.take(), self.connection.close_code)

    def close(self) -> None:
        self.connection.close()

    def _receive(self, seconds: float) -> None:
        text = self.connection.recv(max(0.0, seconds))
        assert isinstance(text, str), "the server sends text"
        self.inbox.append(check_envelope(json.loads(text, parse_constant=_refuse_constant)))


def check_envelope(frame: Frame) -> Frame:
    """Check the fields that every frame of the server has."""
    assert TYPE.fullmatch(frame["type"]), frame
    assert str(uuid.UUID(frame["roomId"])) == frame["roomId"], frame
    assert STAMP.fullmatch(frame["ts"]), frame
    return frame


def _refuse_constant(name: str) -> None:
    raise AssertionError(f"the server sent {name}, which is not JSON")


def open_socket(url: str, subprotocols: Sequence[str] = (), caller: Caller | None = None) -> SocketClient:
    """Connect. Raises RefusedError if the server refuses."""
    try:
        connection = connect(
            url,
            subprotocols=[Subprotocol(name) for name in subprotocols] or None,
            compression=None,
            proxy=None,
            ping_interval=None,
            max_queue=None,
            max_size=None,
            legacy=True,
        )
    except InvalidStatus as refusal:
        answer = refusal.response
        problem = json.loads(answer.body or b"{}")
        raise RefusedError(answer.status_code, answer.headers.get("Content-Type", ""), problem) from None
    return SocketClient(connection, caller)


class Scene(ExitStack):
    """A new room with its members; a context manager that closes all connections."""

    def __init__(self, api: Api, **room: Any) -> None:
        super().__init__()
        self.api = api
        self.stack = api.stack
        self._fields = room
        self._synced: list[SocketClient] = []

    def __enter__(self) -> Self:
        self.owner = self.api.person("Olga")
        self.room_id: str = self.owner.make_room(**self._fields)["id"]
        return self

    def member(self, name: str = "Ada", **person: Any) -> Caller:
        """A new user with a seat, without a connection."""
        caller = self.api.person(name, **person)
        caller.join(self.room_id)
        return caller

    def enter(self, name: str = "Ada", **person: Any) -> SocketClient:
        """A new user with a seat, connected and synced. The other clients have received `user-joined`."""
        caller = self.api.person(name, **person)
        return self._sync(self.open(caller.join(self.room_id)["websocket"]["url"], caller=caller))

    def connect(self, caller: Caller) -> SocketClient:
        """Another connection of a member, which has synced."""
        return self._sync(self.open(self.ticket(caller)["url"], caller=caller))

    def _sync(self, client: SocketClient) -> SocketClient:
        client.sync()
        for peer in self._synced:
            with suppress(ConnectionClosed):
                peer.hear(lambda frame: frame["type"] == "user-joined" and frame["connection"] == client.id)
        self._synced.append(client)
        return client

    def open(self, url: str, subprotocols: Sequence[str] = (), caller: Caller | None = None) -> SocketClient:
        """A connection that has not synced yet."""
        client = open_socket(url, subprotocols, caller)
        self.callback(client.close)
        return client

    def ticket(self, caller: Caller) -> Frame:
        """`url`, `ticket` and `expires_at`."""
        answer = caller.post(f"/coworking/rooms/{self.room_id}/ticket")
        assert answer.status_code == 200, answer.text
        ticket: Frame = answer.json()
        return ticket

    def url(self, **query: str) -> str:
        """The URL of the WebSocket API with a query."""
        return f"{self.stack.socket_url}?{urlencode(query)}"

    def path(self, suffix: str = "") -> str:
        """The HTTP path of this room, with a suffix such as `/messages`."""
        return f"/coworking/rooms/{self.room_id}{suffix}"


def settle_all(*clients: SocketClient) -> None:
    """Let all clients receive their frames, and forget these frames."""
    for client in clients:
        client.settle()


def at_once(*calls: Callable[[], T]) -> list[T]:
    """Make calls at the same time, each in its own thread. Returns the results in the order of the calls."""
    with ThreadPoolExecutor(len(calls)) as pool:
        return [future.result() for future in [pool.submit(call) for call in calls]]
