"""Three faults at every database call of every act: the process dies, the answer is lost, or another act comes between.

Afterwards unfinished work is finished, nothing is done twice, and no member or connection is left over.
`HALF_DONE=all` tries every act between the calls of every other.
"""

import itertools
import json
import os
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any
from unittest.mock import patch

import pytest
from botocore.exceptions import ReadTimeoutError
from pynamodb.connection import Connection

from chalicelib import log
from chalicelib.api import frames
from chalicelib.backend import Backend
from chalicelib.chat.service import send_message
from chalicelib.contract import Context
from chalicelib.kernel.errors import CoworkingError
from chalicelib.lifecycle.service import delete_room, toggle_status
from chalicelib.lifecycle.sweep import sweep
from chalicelib.log.schemas import RoomMessage
from chalicelib.rooms.table import ROOMS, get_room
from chalicelib.seats import service, sockets
from chalicelib.seats.connections import get_roster
from chalicelib.seats.sockets import ConnectionGrant, SocketEvent
from chalicelib.seats.table import list_participants
from chalicelib.store import budgets
from chalicelib.store.client import RetryingConnection
from chalicelib.voice.schemas import MicToggleRequest
from chalicelib.voice.service import set_muted
from infra.local.engine import Engine
from tests.fakes.backend import ENDPOINT, NOW, PLENTY, SECOND, InlineExecutor, World, on_engine, read_log, user
from tests.fakes.network import Network

pytestmark = pytest.mark.proof

THEN = NOW + 30 * SECOND
"""The time of the acts. Of all leases, only Eve's has run out."""
LATER = (21 * SECOND, 60 * SECOND, 100 * SECOND)
SEATS = 4
MARK = "@@"
TABLES = ("rooms", "participants", "connections", "messages")


class DiedError(BaseException):
    """The process died. This is a BaseException, so no `except Exception` catches it."""


class Template:
    """A full room that a test can copy any number of times.

    Its members are Ada, Ben with two connections, Cyd with none, and Eve, whose lease has just run out.
    """

    def __init__(self, world: World) -> None:
        self.world = world
        self._room_id = room_id = world.open_room(seats=SEATS, now=NOW - 3600 * SECOND)
        for name, count, at in (("eve", 1, THEN - 90 * SECOND), ("ada", 1, NOW), ("ben", 2, NOW), ("cyd", 0, NOW)):
            world.join(name, room_id, at)
            for number in range(1, count + 1):
                connection = world.connect(name, room_id, at, connection_id=f"{name}-{number}{MARK}")
                world.send(connection, "sync", at, last_seq=None)
        self._items = {world.store.prefix + table: self._read(world.store.prefix + table) for table in TABLES}
        self._copies = itertools.count(1)

    def copy(self) -> "Stage":
        """Store a copy of the room with new ids."""
        room_id, mark = str(uuid.uuid4()), f"@{next(self._copies)}"
        text = json.dumps(self._items).replace(self._room_id, room_id).replace(MARK, mark)
        writes = {name: [{"PutRequest": {"Item": item}} for item in items] for name, items in json.loads(text).items()}
        answer = self.world.store.connection.client.batch_write_item(RequestItems=writes)
        assert not answer["UnprocessedItems"]
        return Stage(self.world, room_id, mark)

    def _read(self, table: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.world.store.connection.client.query(
            TableName=table,
            KeyConditionExpression="room_id = :room",
            ExpressionAttributeValues={":room": {"S": self._room_id}},
        )["Items"]
        return found


class Stage:
    """A copy of the room, its connections, and the acts. Each act returns a short result."""

    def __init__(self, world: World, room_id: str, mark: str) -> None:
        self.room_id = room_id
        self.network = Network()
        self.now = THEN
        self._world = world
        self._mark = mark
        self._connections = ["ada-1", "ben-1", "ben-2", "eve-1"]
        self.start_process()

    # --- acts

    def ada_leaves(self) -> str:
        return service.leave(self.context("ada")).message

    def ada_leaves_by_frame(self) -> str:
        return self.send("ada-1", "leave")

    def ada_pings(self) -> str:
        return self.send("ada-1", "ping")

    def ada_syncs(self) -> str:
        return self.send("ada-1", "sync", last_seq=2)

    def ada_says_something(self) -> str:
        return self.send("ada-1", "message", text="hello", id="key")

    def ada_says_it_over_http(self) -> str:
        answer = send_message(self.context("ada"), "hello", "text", "key")
        stored = log.get_message(self.backend.store, self.room_id, answer.seq)
        assert stored
        assert RoomMessage.of(stored) == answer
        return answer.text

    def ada_drops(self) -> str:
        return self.drop("ada-1")

    def ada_dies_and_ben_notices(self) -> str:
        self.network.gone.add(self.id_of("ada-1"))
        return self.ben_waves()

    def ada_reconnects(self) -> str:
        return self.connect("ada-2")

    def ada_joins_again(self) -> str:
        return service.join(self.context("ada"), user("ada")).message

    def ada_unmutes(self) -> str:
        set_muted(self.context("ada"), MicToggleRequest(is_muted=False))
        return "unmuted"

    def ben_drops_one(self) -> str:
        return self.drop("ben-1")

    def ben_drops_the_other(self) -> str:
        return self.drop("ben-2")

    def ben_waves(self) -> str:
        return self.send("ben-1", "wave", id="wave")

    def dora_joins(self) -> str:
        return service.join(self.context("dora"), user("dora")).message

    def somebody_reads_the_room(self) -> str:
        return service.get_room_detail(self.context("zoe")).name

    def the_sweeper_runs(self) -> str:
        sweep(self.backend, lambda: self.now)
        return "swept"

    def the_room_is_toggled(self) -> str:
        return toggle_status(self.context("admin")).new_status

    def the_room_is_deleted(self) -> str:
        delete_room(self.context("admin"))
        return "deleted"

    # --- helpers

    def context(self, user_id: str) -> Context:
        return Context(self.backend, self.room_id, user_id, self.now)

    def attempt(self, act: str) -> str:
        """The result of an act, or the code of its error."""
        try:
            outcome: str = getattr(self, act)()
        except CoworkingError as error:
            return error.code
        return outcome

    def id_of(self, connection: str) -> str:
        return connection + self._mark

    def send(self, connection: str, kind: str, **fields: Any) -> str:
        """Send a frame; returns the type of the answer, or the code of an error."""
        before = len(self.network.heard.get(self.id_of(connection), []))
        event = SocketEvent(self.id_of(connection), ENDPOINT)
        frames.receive(self.backend, event, json.dumps({"type": kind, **fields}), self.now)
        for frame in self.network.heard.get(self.id_of(connection), [])[before:]:
            if frame["type"] == "error":
                return str(frame["data"]["code"])
            if frame["type"] in ("ack", "pong", "snapshot"):
                return str(frame["type"])
        return "no answer"

    def drop(self, connection: str) -> str:
        self.network.gone.add(self.id_of(connection))
        sockets.disconnect(self.backend, self.id_of(connection), self.now)
        return "dropped"

    def connect(self, connection: str) -> str:
        name, connection_id = connection.partition("-")[0], self.id_of(connection)
        self.network.gone.add(connection_id)  # until the connection is open
        event = SocketEvent(connection_id, ENDPOINT)
        sockets.connect(self.backend, ConnectionGrant(name, self.room_id), event, self.now)
        self.network.gone.discard(connection_id)
        self._connections.append(connection)
        return "connected"

    def start_process(self) -> None:
        """Start a process with empty caches."""
        self.backend = Backend(self._world.backend.settings, self._world.store, self.network)

    # --- afterwards

    def live_on(self) -> None:
        """Let time pass: each client pings and disconnects if the answer is not `pong`; then the sweeper runs."""
        for later in LATER:
            self.now = THEN + later
            for connection in self.open_connections():
                if self.send(connection, "ping") != "pong":
                    self.drop(connection)
            sweep(self.backend, lambda: self.now)

    def open_connections(self) -> list[str]:
        return [connection for connection in self._connections if self.id_of(connection) not in self.network.gone]

    def check_count_and_log(self) -> None:
        """Check what holds at any time: the count is right, and the log has each join, leave and message once."""
        store = self.backend.store
        members, room = list_participants(store, self.room_id), get_room(store, self.room_id)
        if room is None:
            return
        assert room.participant_count == len(members) <= SEATS
        lines = log.messages_of(read_log(store, self.room_id))
        present = {member.user_id for member in members}
        for name in ("ada", "ben", "cyd", "dora", "eve"):
            acts = [line.text for line in lines if line.text.startswith(f"{name.capitalize()} ")]
            joined, left = f"{name.capitalize()} joined the room", f"{name.capitalize()} left the room"
            assert acts == ([joined, left] * len(acts))[: len(acts)]
            assert len(acts) % 2 == (name in present), f"{acts}, and in the room: {present}"
        assert [line.text for line in lines].count("hello") <= 1

    def check_roster(self) -> None:
        """Check what holds at the end: the roster has the members' open connections, and no others can ping."""
        store = self.backend.store
        members, roster = list_participants(store, self.room_id), get_roster(store, self.room_id)
        listed = {connection.connection_id for connection in roster}
        held = {one for member in members for one in member.connections}
        opened = {self.id_of(connection) for connection in self.open_connections()}
        assert listed <= held, "each connection on the roster belongs to a member"
        assert held & opened <= listed, "each open connection of a member is on the roster"
        for connection in self.open_connections():
            if self.id_of(connection) not in listed:
                assert self.send(connection, "ping") in ("not_in_room", "no answer")
        if get_room(store, self.room_id) is None:
            assert not members
            assert not read_log(store, self.room_id)

    def check_no_member_has_expired(self) -> None:
        assert all(member.holds_at(self.now) for member in list_participants(self.backend.store, self.room_id))

    def delete(self) -> None:
        """Delete the room, so that later sweeps skip it."""
        self.backend.store.delete(ROOMS, self.room_id)


ACTS = (
    *("ada_leaves", "ada_leaves_by_frame", "ada_pings", "ada_syncs", "ada_says_something", "ada_says_it_over_http"),
    *("ada_drops", "ada_dies_and_ben_notices", "ada_reconnects", "ada_joins_again", "ada_unmutes", "ben_drops_one"),
    *("ben_drops_the_other", "dora_joins", "somebody_reads_the_room", "the_sweeper_runs"),
    *("the_room_is_toggled", "the_room_is_deleted"),
)
INTRUDERS = ACTS if os.environ.get("HALF_DONE") == "all" else ("ada_leaves", "ada_drops", "the_sweeper_runs")


@pytest.fixture(scope="module")
def template(engine: Engine) -> Iterator[Template]:
    """The users have a seat in each copy of the room, and in each a new process takes a block of their budgets."""
    limits = dict.fromkeys(("messages_limit", "joins_limit", "budget_limit"), PLENTY)
    with on_engine(engine, **limits, seats_limit=1_000) as world:
        store = world.store
        with (
            patch.object(store.run_parallel, "pool", InlineExecutor()),
            patch.object(store.connection, "sleep", lambda _: None),
            patch.object(budgets, "_SMALLEST_BLOCK", PLENTY.count),
        ):
            yield Template(world)


@pytest.fixture(params=ACTS)
def act(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@contextmanager
def at_call(number: int, do: Callable[[], object]) -> Iterator[Callable[[], bool]]:
    """Run `do` before a call to the database, by its number. The result tells whether it has run."""
    calls, pending, real = itertools.count(1), [do], RetryingConnection._make_api_call

    def call(self: RetryingConnection, *args: Any) -> Any:
        if pending and next(calls) == number:
            pending.pop()()
        return real(self, *args)

    with patch.object(RetryingConnection, "_make_api_call", call):
        yield lambda: not pending


@contextmanager
def answer_lost(number: int) -> Iterator[Callable[[], bool]]:
    """Lose the answer of one call after the database has done it. The result tells whether it was lost."""
    calls, lost, real = itertools.count(1), list[int](), Connection._make_api_call

    def call(self: Connection, *args: Any) -> Any:
        answer, count = real(self, *args), next(calls)
        if count == number:
            lost.append(count)
            raise ReadTimeoutError(endpoint_url="the engine")
        return answer

    with patch.object(Connection, "_make_api_call", call):
        yield lambda: bool(lost)


@contextmanager
def staged(template: Template) -> Iterator[Stage]:
    stage = template.copy()
    try:
        yield stage
    finally:
        stage.delete()


def die() -> None:
    raise DiedError


def test_an_act_whose_process_died_is_finished(template: Template, act: str) -> None:
    for number in itertools.count(1):
        with staged(template) as stage:
            with at_call(number, die) as has_died:
                try:
                    stage.attempt(act)
                except DiedError:
                    stage.check_count_and_log()
            if not has_died():
                return
            stage.start_process()
            stage.live_on()
            stage.check_count_and_log()
            stage.check_roster()
            stage.check_no_member_has_expired()


def test_an_act_whose_answer_is_lost_is_done_once(template: Template, act: str) -> None:
    with staged(template) as stage:
        expected = stage.attempt(act)
    for number in itertools.count(1):
        with staged(template) as stage:
            with answer_lost(number) as was_lost:
                outcome = stage.attempt(act)
            if not was_lost():
                return
            assert outcome == expected
            stage.check_count_and_log()
            stage.check_roster()


@pytest.mark.parametrize("intruder", INTRUDERS)
def test_another_act_in_between_leaves_the_room_correct(template: Template, act: str, intruder: str) -> None:
    for number in itertools.count(1):
        with staged(template) as stage:
            with at_call(number, partial(stage.attempt, intruder)) as came_in:
                outcome = stage.attempt(act)
            if not came_in():
                return
            assert outcome not in ("unavailable", "internal_error")
            stage.check_count_and_log()
            stage.check_roster()
