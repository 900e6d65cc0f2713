"""A backend with its own tables, on moto or on a real engine. Its fan-out delivers into memory.

`World` has short methods for frequent steps of tests.
"""

import copy
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
from botocore import xform_name
from botocore.awsrequest import AWSResponse
from moto.backends import get_backend
from moto.core.exceptions import ServiceException
from moto.core.models import DEFAULT_ACCOUNT_ID, botocore_stubber
from moto.dynamodb.responses import DynamoHandler
from werkzeug.exceptions import HTTPException

from chalicelib.api import frames
from chalicelib.backend import Backend
from chalicelib.contract import Context, Request
from chalicelib.delivery import Connection
from chalicelib.grants.rules import Role
from chalicelib.grants.table import get_standing, write_standing
from chalicelib.identity.tokens import User
from chalicelib.kernel.errors import CoworkingError
from chalicelib.kernel.limits import Cache
from chalicelib.kernel.settings import Limit, Settings
from chalicelib.kernel.times import Moment
from chalicelib.log import Entry, Message, get_position, messages_of
from chalicelib.log.table import MESSAGES, read_entry
from chalicelib.rooms.schemas import RoomCreate
from chalicelib.rooms.service import new_room
from chalicelib.rooms.table import ROOMS, Room, get_room
from chalicelib.seats import service, sockets
from chalicelib.seats.connections import get_roster
from chalicelib.seats.schemas import JoinRoomResponse
from chalicelib.seats.sockets import ConnectionGrant, SocketEvent
from chalicelib.seats.table import Participant, get_participant, list_participants
from chalicelib.store import Store
from chalicelib.store.budgets import Account
from chalicelib.store.client import RetryingConnection
from infra.local.engine import CREDENTIALS, REGION, Engine
from infra.local.tables import COPIED, TEMPLATE, Template
from tests.fakes.fanout import FakeFanout, Frame

P = ParamSpec("P")
T = TypeVar("T")
Interrupt = Callable[[Any, str, Callable[[], object]], None]

SECOND = 1_000
MINUTE = 60 * SECOND
DAY = 24 * 60 * MINUTE
HTTP_LEASE = 60 * MINUTE
"""How long a seat lasts without a WebSocket, if the settings do not say otherwise."""
NOW: Moment = 1_798_761_600_000
"""Midnight of 1 January 2027, UTC."""
ENDPOINT = "https://connections.test/api"
NOWHERE = "00000000-0000-4000-8000-000000000000"
"""A valid id that no room has."""
PLENTY = Limit(1_000_000, 60)
MOTO_PREFIX = "moto-"

_numbers = itertools.count(1)


class Prepaid(Cache[str, Account]):
    """The accounts of users whose budgets are large enough for every test."""

    def get(self, key: str) -> Account | None:
        if super().get(key) is None:
            self.put(key, Account(credit=1_000_000_000))
        return super().get(key)


class World:
    """Rooms and users on a backend. The test sets the time, and sees all deliveries. Budgets are paid in advance."""

    def __init__(self, settings: Settings, store: Store) -> None:
        self.fanout = FakeFanout()
        self.store = store
        self._start(settings)

    def restart(self) -> None:
        """Start a new process: the same tables and fan-out, with empty caches and limits."""
        self._start(self.backend.settings)

    def _start(self, settings: Settings) -> None:
        self.backend = Backend(settings, self.store, self.fanout)
        self.backend.budgets._accounts = Prepaid()

    def spend(self, user_id: str, now: Moment = NOW) -> None:
        """Use up a user's budget. Other users have what the settings say."""
        self.backend.budgets._accounts = Cache()
        while not self.backend.budgets.check(user_id, 100, now):
            pass

    def credit(self, user_id: str) -> int:
        """The units that this process has of a user's budget."""
        return self.backend.budgets._account(user_id).credit

    def context(self, user_id: str, room_id: str, now: Moment = NOW, *, is_admin: bool = False) -> Context:
        """The context of a user's HTTP call in a room."""
        return Context(self.backend, room_id, user_id, now, is_admin=is_admin)

    def request(self, user_id: str, now: Moment = NOW, *, key: str | None = None, room_id: str = "") -> Request:
        """A request of a signed-in user, with or without an `Idempotency-Key` and a room in its path."""
        request = Request(self.backend, now, {"idempotency-key": key} if key else {}, "", "", {"room_id": room_id})
        request.__dict__["user"] = user(user_id)  # as if its token were verified
        return request

    def open_room(
        self, *, seats: int = 15, made_by: str = "maker", now: Moment = NOW, name: str = "Focus Zone", **settings: Any
    ) -> str:
        """Create a room. Returns its id."""
        request = RoomCreate(name=name, max_participants=seats, **settings)
        room = new_room(request, made_by, now)
        self.store.put(ROOMS, room)
        return room.room_id

    def join(self, user_id: str, room_id: str, now: Moment = NOW, *, invite: str | None = None) -> JoinRoomResponse:
        return service.join(self.context(user_id, room_id, now), user(user_id), invite=invite)

    def grant(self, user_id: str, room_id: str, role: Role) -> None:
        """Give a user a role in a room, as a moderator's grant does."""
        standing = get_standing(self.store, room_id, user_id)
        assert self.store.transact([write_standing(standing, user_id, NOW, role=role)])

    def leave(self, user_id: str, room_id: str, now: Moment = NOW) -> None:
        service.leave(self.context(user_id, room_id, now))

    def connect(self, user_id: str, room_id: str, now: Moment = NOW, *, connection_id: str | None = None) -> str:
        """Connect a member. Returns the id of the connection."""
        connection_id = connection_id or f"{user_id}-{next(_numbers)}"
        sockets.connect(self.backend, ConnectionGrant(user_id, room_id), SocketEvent(connection_id, ENDPOINT), now)
        return connection_id

    def enter(self, user_id: str, room_id: str, now: Moment = NOW) -> str:
        """Join and connect. Returns the id of the connection."""
        self.join(user_id, room_id, now)
        return self.connect(user_id, room_id, now)

    def send(self, connection_id: str, kind: str, now: Moment = NOW, **fields: Any) -> list[Frame]:
        """Send a frame. Returns the frames that this connection receives then."""
        return self.receive(connection_id, json.dumps({"type": kind, **fields}), now)

    def receive(self, connection_id: str, text: str, now: Moment = NOW) -> list[Frame]:
        """Send a text, valid or not. Returns the frames that this connection receives then."""
        before = len(self.fanout.frames(connection_id))
        frames.receive(self.backend, SocketEvent(connection_id, ENDPOINT), text, now)
        return self.fanout.frames(connection_id)[before:]

    def room(self, room_id: str) -> Room:
        found = get_room(self.store, room_id)
        assert found is not None
        return found

    def member(self, user_id: str, room_id: str) -> Participant:
        found = get_participant(self.store, room_id, user_id)
        assert found is not None
        return found

    def members(self, room_id: str) -> list[str]:
        """The user ids of all memberships, also of expired ones."""
        return [member.user_id for member in list_participants(self.store, room_id)]

    def roster(self, room_id: str) -> list[str]:
        """The ids of the connections on the roster."""
        return [connection.connection_id for connection in self.connections(room_id)]

    def connections(self, room_id: str) -> list[Connection]:
        return get_roster(self.store, room_id)

    def log(self, room_id: str) -> list[Message]:
        """All messages of the room."""
        return messages_of(read_log(self.store, room_id))

    def last_number(self, room_id: str) -> int:
        """The last allocated number of the room's log."""
        return get_position(self.store, room_id).last_seq

    def has_all_numbers(self, room_id: str) -> bool:
        """True if each number of the room's log has an entry: nobody waits for a missing one."""
        return [one.seq for one in read_log(self.store, room_id)] == [*range(1, self.last_number(room_id) + 1)]

    def said(self, room_id: str) -> list[str]:
        """The texts of the room's log."""
        return [message.text for message in self.log(room_id)]


def read_log(store: Store, room_id: str) -> list[Entry]:
    """All entries of a log, however many bytes they have."""
    pages = store.pages(MESSAGES, room_id, MESSAGES.seq > 0, consistent=True)
    return [read_entry(item) for page in pages for item in page]


def user(user_id: str, *, is_admin: bool = False) -> User:
    """A user. The name is the id with a capital."""
    return User(user_id, user_id.capitalize(), None, is_admin)


def code_of(do: Callable[..., object], *arguments: Any, **options: Any) -> str:
    """The code of the error of an act, or nothing."""
    try:
        do(*arguments, **options)
    except CoworkingError as error:
        return error.code
    return ""


def interrupt(monkeypatch: pytest.MonkeyPatch, module: Any, name: str, act: Callable[[], object]) -> None:
    """Run `act` right before the next call of a function, as if another process did it."""
    original = getattr(module, name)

    def call(*args: Any, **options: Any) -> Any:
        monkeypatch.setattr(module, name, original)
        act()
        return original(*args, **options)

    monkeypatch.setattr(module, name, call)


class InlineExecutor(Executor):
    """Runs each call at once in the thread of the caller: moto is not thread-safe."""

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        future: Future[T] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except BaseException as error:  # noqa: BLE001  # the future carries it
            future.set_exception(error)
        return future


@contextmanager
def on_moto(**settings: Any) -> Iterator[World]:
    """A world with empty tables in memory. Parallel calls run one after the other."""
    with patch.object(botocore_stubber, "enabled", True):
        store = _empty_store(_moto_connection())
        store.run_parallel.pool = InlineExecutor()
        yield World(_settings(store.prefix, settings), store)


class Shortcut:
    """Calls moto's DynamoDB directly: HTTP would take nine tenths of the time.

    A call that moto refuses also goes over HTTP, for the error that a client gets.
    """

    def __init__(self, events: Any) -> None:
        self._params: dict[str, Any] = {}
        events.register("provide-client-params.dynamodb.*", self._keep)
        events.register_last("before-call.dynamodb.*", self._answer)

    def _keep(self, params: dict[str, Any], **_: Any) -> None:
        self._params = params

    def _answer(self, model: Any, **_: Any) -> tuple[AWSResponse, Any] | None:
        handler = DynamoHandler()
        handler.region, handler.current_account = REGION, DEFAULT_ACCOUNT_ID
        handler.body = handler.params = copy.deepcopy(self._params)
        try:
            result = getattr(handler, xform_name(model.name))()
        except (ServiceException, HTTPException):
            return None
        return AWSResponse("", 200, {}, None), result.result or {}


@contextmanager
def on_engine(engine: Engine, **settings: Any) -> Iterator[World]:
    """A world with empty tables on a running engine."""
    connection, prefix = _engine_connection(engine.url), f"t{uuid.uuid4().hex[:8]}-"
    _create_tables(connection, prefix)
    yield World(_settings(prefix, settings), Store(connection, prefix))


def _settings(prefix: str, settings: dict[str, Any]) -> Settings:
    return Settings(**{"table_prefix": prefix, "websocket_url": "wss://rooms.test", "aws_region": REGION, **settings})


def _empty_store(connection: RetryingConnection) -> Store:
    """A store on moto's empty tables. They are reused: new ones are slow. `mock_aws` in a test may remove them."""
    tables = get_backend("dynamodb")[DEFAULT_ACCOUNT_ID][REGION].tables
    if tables.keys() != {MOTO_PREFIX + declared["TableName"] for declared in _declared_tables()}:
        tables.clear()
        _create_tables(connection, MOTO_PREFIX)
    for table in tables.values():
        table.items.clear()
    return Store(connection, MOTO_PREFIX)


def _create_tables(connection: RetryingConnection, prefix: str) -> None:
    for declared in _declared_tables():
        connection.client.create_table(**declared | {"TableName": prefix + declared["TableName"]})


@cache
def _declared_tables() -> list[dict[str, Any]]:
    """The tables of the template."""
    found = Template(TEMPLATE.read_text("utf-8"), {"Prefix": ""}).tables()
    return [{key: table[key] for key in COPIED if key in table} for table in found]


@cache
def _moto_connection() -> RetryingConnection:
    """One connection for all tests: a client takes a tenth of a second to build."""
    with patch.dict(os.environ, CREDENTIALS):
        connection = RetryingConnection(REGION)
        assert connection.client._request_signer._credentials.get_frozen_credentials()
        Shortcut(connection.client.meta.events)
    return connection


@cache
def _engine_connection(url: str) -> RetryingConnection:
    with patch.dict(os.environ, {"AWS_ENDPOINT_URL_DYNAMODB": url, **CREDENTIALS}):
        connection = RetryingConnection(REGION)
        # The machine may be busy, and no test measures its speed.
        connection._connect_timeout_seconds = connection._read_timeout_seconds = 60
        # Load the credentials now, and not with the first request.
        assert connection.client._request_signer._credentials.get_frozen_credentials()
    return connection
