"""Rooms under all that people, networks and time can do to them, in any order, against a model of the contracts.

The same runs every time; `STATE_MACHINE_EXAMPLES=1000` makes it more of them.
"""

import itertools
import json
import os
from collections.abc import Callable
from functools import partial
from typing import Any, Literal, TypeVar
from unittest.mock import patch

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)

from chalicelib import chat, realtime, rooms, seats, sockets, sweeper, tickets
from chalicelib.backend import Backend
from chalicelib.errors import CoworkingError
from chalicelib.limits import FrameLimits
from chalicelib.schemas import HistoryQuery, RoomMessage, RoomsQuery, RoomUpdate
from chalicelib.sockets import Admission
from chalicelib.store import client, connections, guards, messages, participants
from chalicelib.store import rooms as stored_rooms
from chalicelib.times import Moment
from infra.local.engine import Engine
from tests.fakes.backend import ENDPOINT, MINUTE, NOW, PLENTY, SECOND, InlineExecutor, World, on_engine, user
from tests.fakes.fanout import Frame
from tests.fakes.model import Effects, RoomModel, Seen, Wire
from tests.fakes.network import Network

T = TypeVar("T")
EXAMPLES = int(os.environ.get("STATE_MACHINE_EXAMPLES", "30"))
STEPS = 40
SEATS = (2, 3)
JUMPS = (
    *(1, SECOND, SECOND, 5 * SECOND, 10 * SECOND, 10 * SECOND, 19_999, 20 * SECOND, 30 * SECOND, 30 * SECOND),
    *(MINUTE, 89_999, 90 * SECOND, 14 * MINUTE, 15 * MINUTE, 60 * MINUTE),
)

_numbers = itertools.count(1)


class Acts:
    """What can be done to rooms, each act judged by the model."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self.world = world
        self.network = Network()
        self.backend = Backend(world.backend.settings, self.network)
        self.now: Moment = NOW
        self.number = next(_numbers)
        self.spent: set[str] = set()
        self.rooms: list[RoomModel] = []

    # --- processes

    def sweep(self) -> None:
        self.network.forget()
        sweeper.sweep(self.backend, self.now)
        for room in self.rooms:
            self.settle(room, room.sweep())

    def start_anew(self) -> None:
        """What processes remember is forgotten."""
        sockets.memory.__init__()  # type: ignore[misc]
        realtime.looks.__init__()  # type: ignore[misc]
        realtime.renewals.__init__()  # type: ignore[misc]
        realtime._limits = FrameLimits()
        guards._open_windows.clear()

    # --- over HTTP

    def join(self, room: RoomModel, one: str) -> str | None:
        effects = room.join(one, self.now)
        answer = self.act(room, effects, partial(seats.join, self.backend, user(one), room.id, self.now))
        if answer is None:
            return None
        assert answer.message == ("Joined room successfully" if effects.joins else "Already in this room")
        self.check_detail(room, answer.room)
        return answer.websocket.ticket

    def enter(self, room: RoomModel, one: str) -> None:
        """Join, connect and sync, as clients do."""
        if (ticket := self.join(room, one)) and (wire := self.connect(ticket)):
            self.sync(wire, None)

    def leave(self, room: RoomModel, one: str) -> None:
        self.act(room, room.leave(one, self.now), partial(seats.leave, self.backend, one, room.id, self.now))

    def ask_for_ticket(self, room: RoomModel, one: str) -> str | None:
        effects = room.call(one, self.now)
        answer = self.act(room, effects, partial(seats.ticket, self.backend, user(one), room.id, self.now))
        return answer.ticket if answer else None

    def look(self, room: RoomModel, one: str) -> None:
        effects = room.look(one, self.now)
        if detail := self.act(room, effects, partial(rooms.detail, self.backend, user(one), room.id, self.now)):
            self.check_detail(room, detail)

    def list_rooms(self) -> None:
        listed = {room.id: room for room in rooms.list_active(self.backend, RoomsQuery(limit=100)).rooms}
        for room in self.rooms:
            assert (room.id in listed) == (room.status == "active")
            if room.id in listed:
                assert len(room.present(self.now)) <= listed[room.id].participant_count == len(room.seats)

    def post(self, room: RoomModel, one: str, key: str | None) -> None:
        text, before = self.new_text(), room.said_before(one, key, self.now)
        effects = room.say(one, "text", text, key, self.now)
        call = partial(chat.say, self.backend, one, room.id, text, "text", key, self.now)
        if answer := self.act(room, effects, call):
            assert answer == RoomMessage.of(before or room.log[-1])

    def read_back(self, room: RoomModel, one: str, start: int, limit: int, forward: bool) -> None:
        query = HistoryQuery(limit=limit, **{"after_seq" if forward else "before_seq": start})
        effects = room.call(one, self.now)
        if answer := self.act(room, effects, partial(chat.history, one, room.id, query, self.now)):
            found = [line for line in room.log if (line.seq > start if forward else line.seq < start)]
            shown = found[:limit] if forward else found[-limit:]
            assert answer.messages == [RoomMessage.of(line) for line in shown]
            assert answer.has_more == (len(found) > limit)

    # --- over WebSockets

    def connect(self, ticket: str) -> Wire | None:
        """With a ticket that may be over, used, or of somebody who left since."""
        found = tickets.verify(ticket, self.backend.secret, 0)
        room = next(room for room in self.rooms if room.id == found.room_id)
        wire = Wire(f"w{self.number}-{next(_numbers)}", found.user_id, self.now, is_listed=False)
        self.network.gone.add(wire.id)  # until it is open
        effects = room.connect(wire, ticket in self.spent, self.now >= found.expires_at, self.now)
        room.wires[wire.id] = wire
        self.act(room, effects, partial(self.open, ticket, wire))
        self.network.gone.discard(wire.id)
        if effects.errors:
            del room.wires[wire.id]
            return None
        self.spent.add(ticket)
        return wire

    def open(self, ticket: str, wire: Wire) -> None:
        found = tickets.verify(ticket, self.backend.secret, self.now)
        admission = Admission(found.user_id, found.room_id, found.ticket_id)
        sockets.connect(self.backend, admission, wire.id, ENDPOINT, self.now)

    def drop(self, wire: Wire) -> None:
        """What the service may learn of later, or never."""
        wire.is_open = False
        self.network.gone.add(wire.id)

    def disconnect(self, wire: Wire) -> None:
        """The end of a connection is told: however late, and any number of times."""
        room = self.room_of(wire)
        self.act(room, room.disconnect(wire), partial(sockets.disconnect, self.backend, wire.id, self.now))

    def disturb(self, wire: Wire, how: str) -> None:
        """Posts fail, or are answered 410 though the client is there, or go well again."""
        wire.is_deaf, wire.is_denied = how == "deaf", how == "denied"
        (self.network.failing.add if wire.is_deaf else self.network.failing.discard)(wire.id)
        (self.network.gone.add if wire.is_denied else self.network.gone.discard)(wire.id)

    def sync(self, wire: Wire, last_seq: int | None) -> None:
        room = self.room_of(wire)
        self.send(wire, room.sync(wire, self.now), type="sync", last_seq=last_seq)
        for frame in self.heard(wire, "snapshot"):
            self.check_snapshot(room, wire, frame["data"], last_seq)

    def ping(self, wire: Wire) -> None:
        room = self.room_of(wire)
        self.send(wire, room.ping(wire, self.now), type="ping", last_seq=wire.last_seq)
        for frame in self.heard(wire, "pong"):
            assert frame["data"]["last_seq"] >= room.last_seq_before

    def say(self, wire: Wire, kind: Literal["message", "emoji"], key: str | None) -> None:
        room, text = self.room_of(wire), self.new_text() if kind == "message" else "🎉"
        before = room.said_before(wire.user, key, self.now)
        effects = room.say(wire.user, "text" if kind == "message" else "emoji", text, key, self.now)
        self.send(wire, effects, type=kind, id=key, **{"text" if kind == "message" else "emoji": text})
        for frame in self.heard(wire, "ack"):
            assert frame["data"] == RoomMessage.of(before or room.log[-1]).model_dump(mode="json")

    def signal(self, wire: Wire, kind: str, to: str | None) -> None:
        room, data = self.room_of(wire), {"is_typing": True, "mark": self.new_text()}
        effects = room.relay(wire, (kind, wire.user, wire.id, room.id, str(data)), to, self.now)
        self.send(wire, effects, type=kind, data=data, id="signal", to=to, **{"from": "somebody else"})

    def use_microphone(self, wire: Wire, is_muted: bool, is_speaking: bool) -> None:
        room = self.room_of(wire)
        effects = room.set_muted(wire.user, is_muted, self.now)
        self.send(wire, effects, type="mic", is_muted=is_muted, id="mic")
        if wire.is_listed:
            effects = room.set_speaking(wire.user, is_speaking, self.now)
            self.send(wire, effects, type="speaking", is_speaking=is_speaking)

    # --- by who runs the place

    def toggle(self, room: RoomModel) -> None:
        self.act(room, room.toggle(), partial(rooms.toggle, self.backend, room.id, self.now))

    def resize(self, room: RoomModel, size: int) -> None:
        change = RoomUpdate(max_participants=size)
        self.act(room, room.resize(size), partial(rooms.update, self.backend, room.id, change, self.now))

    def delete(self, room: RoomModel) -> None:
        self.act(room, room.delete(), partial(rooms.delete, self.backend, room.id, self.now))

    # --- what they are made of

    def room_of(self, wire: Wire) -> RoomModel:
        return next(room for room in self.rooms if wire.id in room.wires)

    def wires(self, *, is_open: bool) -> list[Wire]:
        return [wire for room in self.rooms for wire in room.wires.values() if wire.is_open == is_open]

    def new_text(self) -> str:
        return f"text {next(_numbers)}"

    def heard(self, wire: Wire, kind: str) -> list[Frame]:
        return [frame for frame in self.network.heard.get(wire.id, []) if frame["type"] == kind]

    def act(self, room: RoomModel, effects: Effects, call: Callable[[], T]) -> T | None:
        """Do something, and find that it had its effects."""
        self.network.forget()
        answer, error = None, None
        try:
            answer = call()
        except CoworkingError as refusal:
            error = refusal.code
        assert error in (effects.errors or {None}), f"{error}, not {effects}"
        self.settle(room, effects)
        return answer

    def send(self, wire: Wire, effects: Effects, **frame: Any) -> None:
        """Have a frame handled, and find that it had its effects."""
        self.network.forget()
        text = json.dumps({name: value for name, value in frame.items() if value is not None})
        realtime.receive(self.backend, realtime.Sender(wire.id, ENDPOINT), text, self.now)
        if effects.errors:
            errors = [frame["data"]["code"] for frame in self.heard(wire, "error")]
            is_told = wire.hears and wire.id not in self.network.hung_up
            assert not is_told or (len(errors) == 1 and errors[0] in effects.errors), f"{errors}, not {effects}"
            effects.tell([wire], *(("error", code) for code in errors))
        elif frame.get("id"):
            effects.tell([wire], ("ack", frame["id"]))
        self.settle(self.room_of(wire), effects)

    def settle(self, room: RoomModel, effects: Effects) -> None:
        seen = Seen(
            room=stored_rooms.get(room.id),
            members={member.user_id: member for member in participants.members(room.id)},
            roster={connection.connection_id: connection for connection in connections.roster(room.id)},
            log=messages.newest(room.id, 1000),
            frames=self.network.heard,
            tried=self.network.tried(),
            closed=frozenset(self.network.hung_up),
        )
        room.settle(effects, seen, self.now)

    def check_detail(self, room: RoomModel, detail: Any) -> None:
        assert [participant.id for participant in detail.participants] == room.present(self.now)
        assert detail.participant_count == len(detail.participants)
        assert detail.last_seq >= room.last_seq_before
        assert detail.messages == [RoomMessage.of(line) for line in room.log if line.seq <= detail.last_seq][-50:]

    def check_snapshot(self, room: RoomModel, wire: Wire, data: Frame, last_seq: int | None) -> None:
        assert [participant["id"] for participant in data["room"]["participants"]] == room.present(self.now)
        assert data["recovered"] == (last_seq is not None)
        assert data["last_seq"] >= room.last_seq_before
        missed = [line for line in room.log if (last_seq or 0) < line.seq <= data["last_seq"]]
        shown = missed if last_seq is not None else missed[-50:]
        assert data["messages"] == [RoomMessage.of(line).model_dump(mode="json") for line in shown]
        wire.last_seq = data["last_seq"]


class Rooms(Acts, RuleBasedStateMachine):
    """A few people, two small rooms, and any number of connections.

    Hypothesis leaves out some rules of each run, and repeats others: hence few rules, each for acts of a kind.
    """

    people = st.sampled_from(("ada", "ben", "cyd", "dan"))
    places = st.integers(0, len(SEATS) - 1)
    keys = st.sampled_from((None, "one", "two"))
    picks = st.integers(0, 11)

    @initialize(first=st.lists(st.tuples(people, places), min_size=2, max_size=5))
    def open_rooms(self, first: list[tuple[str, int]]) -> None:
        self.start_anew()
        self.rooms = [RoomModel(self.world.open_room(seats=size, now=self.now), size) for size in SEATS]
        self.kept_tickets: list[str] = []
        for person, place in first:
            self.enter(*self.find(person, place))

    def teardown(self) -> None:
        for room in self.rooms:
            if room.status != "deleted":
                rooms.delete(self.backend, room.id, self.now)

    @rule(jump=st.sampled_from(JUMPS), clients_ping=st.booleans(), processes_start_anew=st.booleans())
    def time_passes(self, jump: int, clients_ping: bool, processes_start_anew: bool) -> None:
        self.now += jump
        if processes_start_anew:
            self.start_anew()
        for wire in self.wires(is_open=True) if clients_ping else ():
            self.ping(wire)

    @rule(person=people, place=places, how=st.sampled_from(("joins", "enters", "enters", "enters")))
    def somebody_comes(self, person: str, place: int, how: str) -> None:
        if how == "enters":
            self.enter(*self.find(person, place))
        elif ticket := self.join(*self.find(person, place)):
            self.kept_tickets.append(ticket)

    @rule(person=people, place=places, how=st.sampled_from(("asks", "uses", "uses", "at once", "at once")))
    def somebody_reconnects(self, person: str, place: int, how: str) -> None:
        """With a fresh ticket, or with one that may be over or used."""
        if how != "uses" and (ticket := self.ask_for_ticket(*self.find(person, place))):
            self.kept_tickets.append(ticket)
        if how != "asks" and self.kept_tickets and (wire := self.connect(self.kept_tickets[-1])):
            self.sync(wire, None)

    @rule(person=people, place=places)
    def somebody_leaves(self, person: str, place: int) -> None:
        self.leave(*self.find(person, place))

    @rule(
        person=people,
        place=places,
        key=keys,
        what=st.sampled_from(("looks", "lists", "reads", "posts", "posts")),
        start=st.integers(0, 20),
        forward=st.booleans(),
    )
    def somebody_calls(self, person: str, place: int, key: str | None, what: str, start: int, forward: bool) -> None:
        room, one = self.find(person, place)
        match what:
            case "looks":
                self.look(room, one)
            case "lists":
                self.list_rooms()
            case "reads":
                self.read_back(room, one, start, limit=5, forward=forward)
            case "posts":
                if not room.is_between(one, key, self.now):
                    self.post(room, one, key)

    @precondition(lambda self: self.wires(is_open=True))
    @rule(pick=picks, what=st.sampled_from(("drops", "drops", "deaf", "denied", "well")), is_told=st.booleans())
    def a_connection_suffers(self, pick: int, what: str, is_told: bool) -> None:
        wire = self.pick(pick)
        if what != "drops":
            self.disturb(wire, what)
            return
        self.drop(wire)
        if is_told:
            self.disconnect(wire)

    @precondition(lambda self: self.wires(is_open=False))
    @rule(pick=picks)
    def the_end_of_a_connection_is_told(self, pick: int) -> None:
        ended = self.wires(is_open=False)
        self.disconnect(ended[pick % len(ended)])

    @precondition(lambda self: self.wires(is_open=True))
    @rule(pick=picks, what=st.sampled_from(("syncs", "pings")), is_late=st.booleans(), from_start=st.booleans())
    def a_client_asks(self, pick: int, what: str, is_late: bool, from_start: bool) -> None:
        """`is_late`: when the frame is handled, its sender is gone."""
        wire = self.pick(pick)
        if is_late:
            self.drop(wire)
        if what == "syncs":
            self.sync(wire, None if from_start else wire.last_seq)
        else:
            self.ping(wire)

    @precondition(lambda self: self.wires(is_open=True))
    @rule(
        pick=picks,
        what=st.sampled_from(("message", "message", "emoji", "mic", "leave")),
        key=keys,
        flags=st.tuples(st.booleans(), st.booleans()),
        is_late=st.booleans(),
    )
    def a_client_acts(
        self,
        pick: int,
        what: Literal["message", "emoji", "mic", "leave"],
        key: str | None,
        flags: tuple[bool, bool],
        is_late: bool,
    ) -> None:
        """What takes no more than a seat: it isn't asked of connections that the room no longer knows."""
        wire = self.pick(pick)
        room = self.room_of(wire)
        if not wire.is_listed or room.is_between(wire.user, key, self.now):
            return
        if is_late:
            self.drop(wire)
        match what:
            case "message" | "emoji":
                self.say(wire, what, key)
            case "mic":
                self.use_microphone(wire, *flags)
            case "leave":
                self.send(wire, room.leave(wire.user, self.now), type="leave", id=key)

    @precondition(lambda self: self.wires(is_open=True))
    @rule(
        pick=picks,
        other=picks,
        what=st.sampled_from(("typing", "wave", "offer", "offer to user", "offer to wire")),
        is_late=st.booleans(),
    )
    def a_client_signals(self, pick: int, other: int, what: str, is_late: bool) -> None:
        wire, peer = self.pick(pick), self.pick(other)
        if wire.is_listed and not self.room_of(wire).seat_of(wire.user, self.now):
            return  # whose lease ran out may still be heard, until it is announced
        if is_late:
            self.drop(wire)
        self.signal(wire, what.split()[0], {"offer to user": peer.user, "offer to wire": peer.id}.get(what))

    @rule(
        place=places,
        what=st.sampled_from(("sweep", "sweep", "toggle", "toggle", "resize", "delete")),
        size=st.integers(1, 3),
        is_meant=st.integers(0, 4),
    )
    def the_place_is_run(self, place: int, what: str, size: int, is_meant: int) -> None:
        room = self.rooms[place]
        if what == "sweep":
            self.sweep()
        elif room.status == "deleted":
            return
        elif what == "toggle":
            self.toggle(room)
        elif what == "resize":
            self.resize(room, size)
        elif not is_meant:
            self.delete(room)

    def find(self, person: str, place: int) -> tuple[RoomModel, str]:
        return self.rooms[place], f"{person}|{self.number}"

    def pick(self, number: int) -> Wire:
        found = self.wires(is_open=True)
        return found[number % len(found)]


def test_rooms_are_as_the_contracts_say_whatever_happens_in_whatever_order(engine: Engine) -> None:
    with on_engine(engine, messages_limit=PLENTY, joins_limit=PLENTY) as world:
        with patch.object(client, "_pool", InlineExecutor()):
            run_state_machine_as_test(
                lambda: Rooms(world),  # type: ignore[arg-type]  # anything that makes one
                settings=settings(
                    max_examples=EXAMPLES,
                    stateful_step_count=STEPS,
                    derandomize=True,
                    database=None,
                    deadline=None,
                    suppress_health_check=list(HealthCheck),
                ),
            )
