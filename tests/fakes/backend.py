"""A backend on tables of its own: on moto, or on a real engine, with a fan-out that delivers into memory.

`World` has the short words for what tests do all the time.
"""

import itertools
import json
import os
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from functools import cache
from typing import Any, ParamSpec, TypeVar
from unittest.mock import patch

import pytest
from moto import mock_aws

from chalicelib import realtime, rooms, seats, sockets
from chalicelib.auth import User
from chalicelib.backend import Backend
from chalicelib.records import Message, Participant, Room
from chalicelib.schemas import JoinRoomResponse, RoomCreate
from chalicelib.settings import Limit, Settings
from chalicelib.sockets import Admission
from chalicelib.store import client, connections, guards, messages, participants, tables
from chalicelib.store import rooms as stored_rooms
from chalicelib.store.client import RetryingConnection
from chalicelib.times import Moment
from infra.local.engine import CREDENTIALS, REGION, Engine
from infra.local.tables import COPIED, TEMPLATE, Template
from tests.fakes.fanout import FakeFanout, Frame

P = ParamSpec("P")
T = TypeVar("T")

SECOND = 1_000
MINUTE = 60 * SECOND
DAY = 24 * 60 * MINUTE
NOW: Moment = 1_798_761_600_000
"""A first of January, at midnight."""
ENDPOINT = "https://connections.test/api"
PLENTY = Limit(1_000_000, 60)

_numbers = itertools.count(1)


class World:
    """Rooms and people: everything below the entry layer, with time and deliveries in the test's hands."""

    def __init__(self, settings: Settings) -> None:
        self.fanout = FakeFanout()
        self.backend = Backend(settings, self.fanout)

    def open_room(self, *, seats: int = 15, made_by: str = "maker", now: Moment = NOW, name: str = "Focus Zone") -> str:
        """The id of a new room."""
        request = RoomCreate(name=name, max_participants=seats)
        room = rooms.new_room(request, made_by, now)
        stored_rooms.create(room, None, now)
        return room.id

    def join(self, user_id: str, room_id: str, now: Moment = NOW) -> JoinRoomResponse:
        return seats.join(self.backend, user(user_id), room_id, now)

    def leave(self, user_id: str, room_id: str, now: Moment = NOW) -> None:
        seats.leave(self.backend, user_id, room_id, now)

    def connect(self, user_id: str, room_id: str, now: Moment = NOW, *, connection_id: str | None = None) -> str:
        """The id of a new connection of a member's."""
        connection_id = connection_id or f"{user_id}-{next(_numbers)}"
        sockets.connect(self.backend, Admission(user_id, room_id), connection_id, ENDPOINT, now)
        return connection_id

    def enter(self, user_id: str, room_id: str, now: Moment = NOW) -> str:
        """Join and connect."""
        self.join(user_id, room_id, now)
        return self.connect(user_id, room_id, now)

    def send(self, connection_id: str, kind: str, now: Moment = NOW, **fields: Any) -> list[Frame]:
        """Send a frame; what this connection is sent from then on, the answer included."""
        before = len(self.fanout.frames(connection_id))
        text = json.dumps({"type": kind, **fields})
        realtime.receive(self.backend, realtime.Sender(connection_id, ENDPOINT), text, now)
        return self.fanout.frames(connection_id)[before:]

    def room(self, room_id: str) -> Room:
        found = stored_rooms.get(room_id)
        assert found is not None
        return found

    def member(self, user_id: str, room_id: str) -> Participant:
        found = participants.get(room_id, user_id)
        assert found is not None
        return found

    def members(self, room_id: str) -> list[str]:
        """The user ids of all memberships, leases run out or not."""
        return [member.user_id for member in participants.members(room_id)]

    def roster(self, room_id: str) -> list[str]:
        """The ids of the room's connections."""
        return [connection.connection_id for connection in connections.roster(room_id)]

    def log(self, room_id: str) -> list[Message]:
        return messages.newest(room_id, 1000)

    def said(self, room_id: str) -> list[str]:
        """The texts of the room's log."""
        return [message.text for message in self.log(room_id)]


def user(user_id: str, *, is_admin: bool = False) -> User:
    """Somebody whose token names them as their id with a capital."""
    return User(user_id, user_id.capitalize(), None, is_admin)


def interrupt(monkeypatch: pytest.MonkeyPatch, module: Any, name: str, act: Callable[[], object]) -> None:
    """Let something happen right before the next call of a function, as if it came from another process."""
    original = getattr(module, name)

    def call(*args: Any, **options: Any) -> Any:
        monkeypatch.setattr(module, name, original)
        act()
        return original(*args, **options)

    monkeypatch.setattr(module, name, call)


class InlineExecutor(Executor):
    """Does at once, in the caller's own thread, what it is given: moto is not safe under threads."""

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        future: Future[T] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except BaseException as error:  # noqa: BLE001  # the future carries it
            future.set_exception(error)
        return future


@contextmanager
def on_moto(**settings: Any) -> Iterator[World]:
    """A world on empty tables in memory, where what goes side by side goes one after the other."""
    with mock_aws(), patch.object(client, "_pool", InlineExecutor()):
        with _fresh_tables(_moto_connection()) as prefix:
            yield World(_settings(prefix, settings))


@contextmanager
def on_engine(engine: Engine, **settings: Any) -> Iterator[World]:
    """A world on empty tables of a running engine."""
    with _fresh_tables(_engine_connection(engine.url)) as prefix:
        yield World(_settings(prefix, settings))


def _settings(prefix: str, settings: dict[str, Any]) -> Settings:
    return Settings(**{"table_prefix": prefix, "websocket_url": "wss://rooms.test", **settings})


@contextmanager
def _fresh_tables(connection: RetryingConnection) -> Iterator[str]:
    """Six new tables, bound, and what is remembered of others forgotten; afterwards all is as it was before."""
    before = [(table, table.Meta.table_name, table._connection) for table in tables.TABLES]
    prefix = f"t{uuid.uuid4().hex[:8]}-"
    for declared in _declared_tables():
        connection.client.create_table(**declared | {"TableName": prefix + declared["TableName"]})
    tables.bind(connection, prefix)
    guards._open_windows.clear()
    try:
        yield prefix
    finally:
        guards._open_windows.clear()
        for table, name, bound in before:
            table.Meta.table_name, table._connection = name, bound


@cache
def _declared_tables() -> list[dict[str, Any]]:
    """What the template says, read once."""
    found = Template(TEMPLATE.read_text("utf-8"), {"Prefix": ""}).tables()
    return [{key: table[key] for key in COPIED if key in table} for table in found]


@cache
def _moto_connection() -> RetryingConnection:
    """One for all: a client takes a tenth of a second to build."""
    connection = RetryingConnection(REGION)
    assert connection.client
    return connection


@cache
def _engine_connection(url: str) -> RetryingConnection:
    with patch.dict(os.environ, {"AWS_ENDPOINT_URL_DYNAMODB": url, **CREDENTIALS}):
        connection = RetryingConnection(REGION)
        # The machine may be busy, and no test is about how fast it is.
        connection._connect_timeout_seconds = connection._read_timeout_seconds = 60
        # The credentials are looked up when the first request is signed, or here.
        assert connection.client._request_signer._credentials.get_frozen_credentials()
    return connection
