"""Random acts of people, networks and time on rooms, compared with a model of the contract.

Each run tries the same examples; `STATE_MACHINE_EXAMPLES=1000` tries more.
"""

import itertools
import json
import os
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, TypeVar
from unittest.mock import patch

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from chalicelib import log
from chalicelib.access.schemas import InviteCreate
from chalicelib.access.service import create_invite
from chalicelib.api import frames
from chalicelib.backend import Backend
from chalicelib.chat.edits import edit_message
from chalicelib.chat.history import get_entries, get_history
from chalicelib.chat.schemas import EntriesQuery, HistoryQuery
from chalicelib.chat.service import send_message
from chalicelib.contract import Context
from chalicelib.identity.tickets import verify_ticket
from chalicelib.kernel.errors import CoworkingError
from chalicelib.kernel.times import Moment
from chalicelib.lifecycle.schemas import RoomPatch, RoomUpdate
from chalicelib.lifecycle.service import delete_room, toggle_status, update_own_room, update_room
from chalicelib.lifecycle.sweep import sweep
from chalicelib.moderation.schemas import ModerationRequest
from chalicelib.moderation.service import moderate
from chalicelib.reactions.service import react
from chalicelib.rooms.listing import list_rooms
from chalicelib.rooms.schemas import RoomsQuery
from chalicelib.rooms.table import get_room
from chalicelib.seats import service, sockets
from chalicelib.seats.connections import get_roster
from chalicelib.seats.deletions import delete_message
from chalicelib.seats.sockets import ConnectionGrant, SocketEvent
from chalicelib.seats.table import list_participants
from infra.local.engine import Engine
from tests.fakes.backend import ENDPOINT, MINUTE, NOW, PLENTY, SECOND, InlineExecutor, World, on_engine, read_log, user
from tests.fakes.fanout import Frame
from tests.fakes.model import ADMIN, OWNER, ClientConnection, Effects, RoomModel, Seen, check_numbers
from tests.fakes.network import Network

pytestmark = pytest.mark.proof

T = TypeVar("T")
EXAMPLES = int(os.environ.get("STATE_MACHINE_EXAMPLES", "25"))
STEPS = 60
SEATS = (2, 3)
EMOJI = ("👍", "🎉")
JUMPS = (
    *(1, SECOND, SECOND, 5 * SECOND, 10 * SECOND, 10 * SECOND, 19_999, 20 * SECOND, 30 * SECOND, 30 * SECOND),
    *(MINUTE, 89_999, 90 * SECOND, 14 * MINUTE, 59 * MINUTE, 60 * MINUTE),
)
WEIGHTS = {
    "time_passes": 10,
    "all_clients_ping": 2,
    "processes_start_anew": 2,
    "the_sweeper_runs": 4,
    "somebody_joins": 3,
    "somebody_enters": 9,
    "somebody_reconnects": 6,
    "somebody_uses_a_ticket": 3,
    "somebody_leaves": 2,
    "somebody_reads_a_room": 3,
    "somebody_reads_back": 3,
    "somebody_posts": 6,
    "somebody_edits": 5,
    "somebody_reacts": 5,
    "somebody_deletes_a_message": 3,
    "somebody_joins_by_invitation": 3,
    "somebody_is_kept_out": 2,
    "somebody_is_let_back": 2,
    "a_client_drops": 8,
    "the_end_of_a_connection_is_reported": 3,
    "the_network_changes": 5,
    "a_client_syncs": 5,
    "a_client_pings": 4,
    "a_client_says_something": 12,
    "a_client_changes_a_message": 7,
    "a_client_uses_its_microphone": 7,
    "a_client_leaves": 2,
    "a_client_signals": 7,
    "a_room_is_toggled": 2,
    "a_room_gets_a_status": 2,
    "a_room_is_resized": 2,
    "a_room_changes_its_visibility": 2,
    "a_room_is_deleted": 1,
}
"""All acts, and how often each happens."""

_numbers = itertools.count(1)


class Acts:
    """The acts on rooms. The model checks the effects of each act."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self.world = world
        self.network = Network()
        self.start_anew()
        self.now: Moment = NOW
        self.number = next(_numbers)
        self.spent: set[str] = set()
        self.rooms: list[RoomModel] = []

    # --- processes

    def sweep(self) -> None:
        self.network.forget()
        sweep(self.backend, lambda: self.now)
        for room in self.rooms:
            self.settle(room, room.sweep())

    def start_anew(self) -> None:
        """Replace the process by one with empty caches."""
        self.backend = Backend(self.world.backend.settings, self.world.store, self.network)

    # --- over HTTP

    def join(self, room: RoomModel, one: str, invite: str | None = None) -> str | None:
        effects = room.join(one, self.now, by_invitation=invite is not None)
        answer = self.act(room, effects, partial(service.join, self.context(one, room), user(one), invite=invite))
        if answer is None:
            return None
        assert answer.message == ("Joined room successfully" if effects.joins else "Already in this room")
        self.check_detail(room, answer.room, one)
        return answer.websocket.ticket

    def enter(self, room: RoomModel, one: str) -> None:
        """Join, connect and sync, as clients do."""
        if (ticket := self.join(room, one)) and (connection := self.connect(ticket)):
            self.sync(connection, None)

    def leave(self, room: RoomModel, one: str) -> None:
        self.act(room, room.leave(one, self.now), partial(service.leave, self.context(one, room)))

    def ask_for_ticket(self, room: RoomModel, one: str) -> str | None:
        effects = room.call(one, self.now)
        answer = self.act(room, effects, partial(service.request_ticket, self.context(one, room)))
        return answer.ticket if answer else None

    def read_room(self, room: RoomModel, one: str) -> None:
        effects = room.read(one, self.now)
        if detail := self.act(room, effects, partial(service.get_room_detail, self.context(one, room))):
            self.check_detail(room, detail, one)

    def list_rooms(self) -> None:
        request = self.world.request("admin")
        listed = {room.id: room for room in list_rooms(request, RoomsQuery(limit=100)).rooms}
        for room in self.rooms:
            assert (room.id in listed) == (room.status == "active" and not room.is_private)
            if room.id in listed:
                assert len(room.present(self.now)) <= listed[room.id].participant_count == len(room.seats)

    def post(self, room: RoomModel, one: str, key: str | None, reply_to: int | None) -> None:
        text, before = self.new_text(), room.said_before(one, key, self.now)
        effects = room.say(one, "text", text, key, self.now, reply_to)
        call = partial(send_message, self.context(one, room), text, "text", key, reply_to=reply_to)
        if answer := self.act(room, effects, call):
            assert answer == room.show(before or room.messages[-1], one)

    def edit(self, room: RoomModel, one: str, seq: int, key: str | None) -> None:
        text = self.new_text()
        effects = room.edit(one, seq, text, key, self.now)
        call = partial(edit_message, self.context(one, room), seq, text, None, key)
        if answer := self.act(room, effects, call):
            assert answer == room.show_at(seq, one)

    def react(self, room: RoomModel, one: str, seq: int, emoji: str, is_on: bool) -> None:
        effects = room.react(one, seq, emoji, is_on, self.now)
        call = partial(react, self.context(one, room), seq, emoji, is_on=is_on)
        if answer := self.act(room, effects, call):
            assert answer.reactions == room.show_at(seq, one).reactions

    def remove(self, room: RoomModel, one: str, seq: int) -> None:
        effects = room.remove(one, seq, self.now)
        self.act(room, effects, partial(delete_message, self.context(one, room), seq))

    def read_entries(self, room: RoomModel, one: str, start: int, limit: int) -> None:
        effects = room.call(one, self.now)
        call = partial(get_entries, self.context(one, room), EntriesQuery(after_seq=start, limit=limit))
        if answer := self.act(room, effects, call):
            missed = [entry for entry in room.log if entry.seq > start]
            assert [entry.seq for entry in answer.entries] == [entry.seq for entry in missed[:limit]]
            assert answer.has_more == (len(missed) > limit)
            self.check_entries(room, [entry.model_dump(mode="json", by_alias=True) for entry in answer.entries])

    def read_back(self, room: RoomModel, one: str, start: int, limit: int, forward: bool) -> None:
        query = HistoryQuery(limit=limit, **{"after_seq" if forward else "before_seq": start})
        effects = room.call(one, self.now)
        if answer := self.act(room, effects, partial(get_history, self.context(one, room), query)):
            found = [line for line in room.messages if (line.seq > start if forward else line.seq < start)]
            shown = found[:limit] if forward else found[-limit:]
            assert answer.messages == [room.show(line, one) for line in shown]
            assert answer.has_more == (len(found) > limit)

    # --- over WebSockets

    def connect(self, ticket: str) -> ClientConnection | None:
        """Connect with a ticket that may be expired or used, or whose user may have left."""
        found = verify_ticket(ticket, self.backend.secret, 0)
        room = next(room for room in self.rooms if room.id == found.room_id)
        connection = ClientConnection(f"w{self.number}-{next(_numbers)}", found.user_id, self.now, is_listed=False)
        self.network.gone.add(connection.id)  # until the connection is open
        effects = room.connect(connection, ticket in self.spent, self.now >= found.expires_at, self.now)
        room.connections[connection.id] = connection
        self.act(room, effects, partial(self.open, ticket, connection))
        self.network.gone.discard(connection.id)
        if effects.errors:
            del room.connections[connection.id]
            return None
        self.spent.add(ticket)
        return connection

    def open(self, ticket: str, connection: ClientConnection) -> None:
        found = verify_ticket(ticket, self.backend.secret, self.now)
        grant = ConnectionGrant(found.user_id, found.room_id, found.ticket_id)
        sockets.connect(self.backend, grant, SocketEvent(connection.id, ENDPOINT), self.now)

    def drop(self, connection: ClientConnection) -> None:
        """Lose a connection; the service learns of it later or never."""
        connection.is_open = False
        self.network.gone.add(connection.id)

    def disconnect(self, connection: ClientConnection) -> None:
        """Report the end of a connection, perhaps late or again."""
        room = self.room_of(connection)
        self.act(room, room.disconnect(connection), partial(sockets.disconnect, self.backend, connection.id, self.now))

    def disturb(self, connection: ClientConnection, how: str) -> None:
        """Let posts fail, or be answered 410 although the client is connected, or succeed again."""
        connection.is_deaf, connection.is_denied = how == "deaf", how == "denied"
        (self.network.failing.add if connection.is_deaf else self.network.failing.discard)(connection.id)
        (self.network.gone.add if connection.is_denied else self.network.gone.discard)(connection.id)

    def sync(self, connection: ClientConnection, last_seq: int | None) -> None:
        room = self.room_of(connection)
        self.send(connection, room.sync(connection, self.now), type="sync", last_seq=last_seq)
        for frame in self.heard(connection, "snapshot"):
            self.check_snapshot(room, connection, frame["data"], last_seq)

    def ping(self, connection: ClientConnection) -> None:
        room = self.room_of(connection)
        self.send(connection, room.ping(connection, self.now), type="ping", last_seq=connection.last_seq)
        for frame in self.heard(connection, "pong"):
            assert frame["data"]["last_seq"] >= room.last_seq_before

    def say(self, connection: ClientConnection, kind: Literal["message", "emoji"], key: str | None) -> None:
        room, text = self.room_of(connection), self.new_text() if kind == "message" else "🎉"
        before = room.said_before(connection.user, key, self.now)
        effects = room.say(connection.user, "text" if kind == "message" else "emoji", text, key, self.now)
        self.send(connection, effects, type=kind, id=key, **{"text" if kind == "message" else "emoji": text})
        for frame in self.heard(connection, "ack"):
            shown = room.show(before or room.messages[-1], connection.user)
            assert frame["data"] == shown.model_dump(mode="json")

    def change_message(self, connection: ClientConnection, seq: int, choice: "Choice") -> None:
        """Edit, react or delete by a frame."""
        room, one, text = self.room_of(connection), connection.user, self.new_text()
        match choice.number % 4:
            case 0:
                effects = room.edit(one, seq, text, "frame", self.now)
                self.send(connection, effects, type="edit", seq=seq, text=text, id="frame")
            case 1:
                self.send(connection, room.remove(one, seq, self.now), type="delete", seq=seq, id="frame")
            case _:
                emoji, is_on = EMOJI[choice.peer % 2], choice.number % 3 > 0
                effects = room.react(one, seq, emoji, is_on, self.now)
                self.send(connection, effects, type="react", seq=seq, emoji=emoji, on=is_on, id="frame")

    def signal(self, connection: ClientConnection, kind: str, to: str | None) -> None:
        room, data = self.room_of(connection), {"is_typing": True, "mark": self.new_text()}
        effects = room.relay(connection, (kind, connection.user, connection.id, room.id, str(data)), to, self.now)
        self.send(connection, effects, type=kind, data=data, id="signal", to=to, **{"from": "somebody else"})

    def use_microphone(self, connection: ClientConnection, is_muted: bool, is_speaking: bool) -> None:
        room = self.room_of(connection)
        effects = room.set_muted(connection.user, is_muted, self.now)
        self.send(connection, effects, type="mic", is_muted=is_muted, id="mic")
        if connection.is_listed:
            effects = room.set_speaking(connection.user, is_speaking, self.now)
            self.send(connection, effects, type="speaking", is_speaking=is_speaking)

    # --- by owners

    def invite(self, room: RoomModel) -> str:
        """The token of the room's invitation. It lets two people in."""
        if room.invite is None:
            made = create_invite(self.context(OWNER, room), InviteCreate(role="member", uses=2))
            room.invite = made.token, made.uses_left
        return room.invite[0]

    def keep_out(self, room: RoomModel, one: str, seconds: int | None) -> None:
        request = ModerationRequest(action="kick" if seconds else "ban", user_id=one, seconds=seconds)
        self.act(room, room.keep_out(one, self.now, seconds), partial(moderate, self.context(OWNER, room), request))

    def let_back(self, room: RoomModel, one: str) -> None:
        request = ModerationRequest(action="unban", user_id=one)
        self.act(room, room.let_back(one, self.now), partial(moderate, self.context(OWNER, room), request))

    def set_private(self, room: RoomModel, is_private: bool) -> None:
        change = RoomPatch(visibility="private" if is_private else "public")
        call = partial(update_own_room, self.context(OWNER, room), user(OWNER), change)
        self.act(room, room.set_private(is_private), call)

    # --- by administrators

    def toggle(self, room: RoomModel) -> None:
        self.act(room, room.toggle(), partial(toggle_status, self.context(ADMIN, room)))

    def set_status(self, room: RoomModel, status: Literal["active", "inactive"]) -> None:
        call = partial(update_room, self.context(ADMIN, room), RoomUpdate(status=status))
        if summary := self.act(room, room.set_status(status), call):
            assert (summary.status, summary.participant_count) == (status, len(room.seats))

    def resize(self, room: RoomModel, size: int) -> None:
        change = RoomUpdate(max_participants=size)
        self.act(room, room.resize(size), partial(update_room, self.context(ADMIN, room), change))

    def delete(self, room: RoomModel) -> None:
        self.act(room, room.delete(), partial(delete_room, self.context(ADMIN, room)))

    # --- helpers

    def context(self, one: str, room: RoomModel) -> Context:
        return Context(self.backend, room.id, one, self.now)

    def room_of(self, connection: ClientConnection) -> RoomModel:
        return next(room for room in self.rooms if connection.id in room.connections)

    def connections(self, *, is_open: bool) -> list[ClientConnection]:
        return [
            connection
            for room in self.rooms
            for connection in room.connections.values()
            if connection.is_open == is_open
        ]

    def new_text(self) -> str:
        return f"text {next(_numbers)}"

    def heard(self, connection: ClientConnection, kind: str) -> list[Frame]:
        return [frame for frame in self.network.heard.get(connection.id, []) if frame["type"] == kind]

    def act(self, room: RoomModel, effects: Effects, call: Callable[[], T]) -> T | None:
        """Make a call, and check its error and effects."""
        self.network.forget()
        answer, error = None, None
        try:
            answer = call()
        except CoworkingError as refusal:
            error = refusal.code
        assert error in (effects.errors or {None}), f"{error}, not {effects}"
        self.settle(room, effects)
        return answer

    def send(self, connection: ClientConnection, effects: Effects, **frame: Any) -> None:
        """Handle a frame, and check its answer and effects."""
        self.network.forget()
        text = json.dumps({name: value for name, value in frame.items() if value is not None})
        frames.receive(self.backend, SocketEvent(connection.id, ENDPOINT), text, self.now)
        if effects.errors:
            errors = [frame["data"]["code"] for frame in self.heard(connection, "error")]
            is_told = connection.hears and connection.id not in self.network.hung_up
            assert not is_told or (len(errors) == 1 and errors[0] in effects.errors), f"{errors}, not {effects}"
            effects.tell([connection], *(("error", code) for code in errors))
        elif frame.get("id"):
            effects.tell([connection], ("ack", frame["id"]))
        self.settle(self.room_of(connection), effects)

    def settle(self, room: RoomModel, effects: Effects) -> None:
        store = self.world.store
        seen = Seen(
            room=get_room(store, room.id),
            members={member.user_id: member for member in list_participants(store, room.id)},
            roster={connection.connection_id: connection for connection in get_roster(store, room.id)},
            log=read_log(store, room.id),
            frames=self.network.heard,
            tried=self.network.tried(),
            closed=frozenset(self.network.hung_up),
        )
        room.settle(effects, seen, self.now)

    def check_detail(self, room: RoomModel, detail: Any, reader: str) -> None:
        if detail.status == "inactive":
            assert (detail.participants, detail.messages, detail.last_seq) == ([], [], 0), "strangers see no more"
            return
        assert [participant.id for participant in detail.participants] == room.present(self.now)
        assert detail.participant_count == len(detail.participants)
        assert detail.last_seq >= max(
            (line.seq for line in room.messages if line.seq <= room.last_seq_before), default=0
        )
        messages = [line for line in room.messages if line.seq <= detail.last_seq][-50:]
        assert detail.messages == [room.show(line, reader) for line in messages]

    def check_snapshot(self, room: RoomModel, connection: ClientConnection, data: Frame, last_seq: int | None) -> None:
        assert [participant["id"] for participant in data["room"]["participants"]] == room.present(self.now)
        assert data["recovered"] == (last_seq is not None)
        assert data["last_seq"] >= room.last_seq_before
        missed = [line for line in room.log if (last_seq or 0) < line.seq <= data["last_seq"]]
        messages = log.messages_of(missed)[-50:] if last_seq is None else log.messages_of(missed)
        shown = [room.show(line, connection.user).model_dump(mode="json") for line in messages]
        assert data["messages"] == shown
        folded = {line.seq for line in messages}
        events = [line for line in missed if isinstance(line, log.Event) and line.target_seq not in folded]
        assert [entry["seq"] for entry in data["entries"]] == ([one.seq for one in events] if data["recovered"] else [])
        self.check_entries(room, data["entries"])
        connection.last_seq = data["last_seq"]

    def check_entries(self, room: RoomModel, entries: list[Frame]) -> None:
        """Check entries that were read: an edit shows the text as it is now."""
        check_numbers(entries, room.log)
        for entry in entries:
            if entry["type"] == "message_edited":
                message = room.message(entry["data"]["target_seq"])
                assert entry["data"]["text"] == (message.text if message else None)


@dataclass(frozen=True)
class Choice:
    """The random values of an act."""

    person: str
    place: int
    connection: int
    peer: int
    key: str | None
    number: int


class Rooms(Acts, RuleBasedStateMachine):
    """Four people, two small rooms, and any number of connections.

    There is one rule for all acts, since Hypothesis leaves some of many rules out in each run.
    """

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.kept_tickets: list[str] = []

    @initialize()
    def open_rooms(self) -> None:
        self.start_anew()
        self.rooms = [RoomModel(self.world.open_room(seats=size, now=self.now), size) for size in SEATS]

    @rule(
        act=st.sampled_from(list(Counter(WEIGHTS).elements())),
        choice=st.builds(
            Choice,
            person=st.sampled_from(("ada", "ben", "cyd", "dan")),
            place=st.integers(0, len(SEATS) - 1),
            connection=st.integers(0, 11),
            peer=st.integers(0, 11),
            key=st.sampled_from((None, "one", "two")),
            number=st.integers(0, 59),
        ),
    )
    def something_happens(self, act: str, choice: Choice) -> None:
        getattr(self, act)(choice)

    def teardown(self) -> None:
        for room in self.rooms:
            if room.status != "deleted":
                delete_room(self.context(ADMIN, room))

    # --- time

    def time_passes(self, choice: Choice) -> None:
        self.now += JUMPS[choice.number % len(JUMPS)]

    def all_clients_ping(self, _: Choice) -> None:
        for connection in self.connections(is_open=True):
            self.ping(connection)

    def processes_start_anew(self, _: Choice) -> None:
        self.start_anew()

    def the_sweeper_runs(self, _: Choice) -> None:
        self.sweep()

    # --- people

    def somebody_joins(self, choice: Choice) -> None:
        if ticket := self.join(*self.find(choice)):
            self.kept_tickets.append(ticket)

    def somebody_enters(self, choice: Choice) -> None:
        self.enter(*self.find(choice))

    def somebody_reconnects(self, choice: Choice) -> None:
        if ticket := self.ask_for_ticket(*self.find(choice)):
            self.kept_tickets.append(ticket)
            self.somebody_uses_a_ticket(choice)

    def somebody_uses_a_ticket(self, _: Choice) -> None:
        """Connect with the last ticket, which may be expired or used."""
        if self.kept_tickets and (connection := self.connect(self.kept_tickets[-1])):
            self.sync(connection, None)

    def somebody_joins_by_invitation(self, choice: Choice) -> None:
        room, one = self.find(choice)
        if room.status != "deleted":
            self.join(room, one, self.invite(room))

    def somebody_edits(self, choice: Choice) -> None:
        room, one = self.find(choice)
        self.edit(room, one, self.pick_number(room, choice), choice.key)

    def somebody_reacts(self, choice: Choice) -> None:
        room, one = self.find(choice)
        self.react(room, one, self.pick_number(room, choice), EMOJI[choice.peer % 2], choice.number % 3 > 0)

    def somebody_deletes_a_message(self, choice: Choice) -> None:
        room, one = self.find(choice)
        self.remove(room, OWNER if choice.peer % 3 == 0 else one, self.pick_number(room, choice))

    def somebody_is_kept_out(self, choice: Choice) -> None:
        self.keep_out(*self.find(choice), (None, 10, 600)[choice.number % 3])

    def somebody_is_let_back(self, choice: Choice) -> None:
        self.let_back(*self.find(choice))

    def somebody_leaves(self, choice: Choice) -> None:
        self.leave(*self.find(choice))

    def somebody_reads_a_room(self, choice: Choice) -> None:
        self.read_room(*self.find(choice))
        self.list_rooms()

    def somebody_reads_back(self, choice: Choice) -> None:
        self.read_back(
            *self.find(choice), choice.number // 2, limit=1 + choice.connection, forward=choice.number % 2 == 0
        )
        self.read_entries(*self.find(choice), choice.number // 2, limit=1 + choice.connection)

    def somebody_posts(self, choice: Choice) -> None:
        room, one = self.find(choice)
        if not room.is_between(one, choice.key, self.now):
            self.post(room, one, choice.key, choice.number % 12 if choice.number % 3 == 0 else None)

    # --- connections

    def a_client_drops(self, choice: Choice) -> None:
        if connection := self.pick(choice.connection):
            self.drop(connection)
            if choice.number % 2:
                self.disconnect(connection)

    def the_end_of_a_connection_is_reported(self, choice: Choice) -> None:
        if connection := self.pick(choice.connection, is_open=False):
            self.disconnect(connection)

    def the_network_changes(self, choice: Choice) -> None:
        if connection := self.pick(choice.connection):
            self.disturb(connection, ("deaf", "denied", "well")[choice.number % 3])

    def a_client_syncs(self, choice: Choice) -> None:
        if connection := self.pick_sender(choice):
            self.sync(connection, None if choice.number % 2 else connection.last_seq)

    def a_client_pings(self, choice: Choice) -> None:
        if connection := self.pick_sender(choice):
            self.ping(connection)

    def a_client_says_something(self, choice: Choice) -> None:
        """Send chat with a key that may be used already, on this or another connection."""
        if connection := self.pick_member(choice):
            self.say(connection, "message" if choice.number % 4 else "emoji", choice.key)

    def a_client_changes_a_message(self, choice: Choice) -> None:
        if connection := self.pick_member(choice):
            self.change_message(connection, self.pick_number(self.room_of(connection), choice), choice)

    def a_client_uses_its_microphone(self, choice: Choice) -> None:
        if connection := self.pick_member(choice):
            self.use_microphone(connection, is_muted=choice.number % 4 == 0, is_speaking=choice.number % 3 > 0)

    def a_client_leaves(self, choice: Choice) -> None:
        if connection := self.pick_member(choice):
            self.send(
                connection, self.room_of(connection).leave(connection.user, self.now), type="leave", id=choice.key
            )

    def a_client_signals(self, choice: Choice) -> None:
        connection, peer = self.pick(choice.connection), self.pick(choice.peer)
        if connection and peer:
            if connection.is_listed and not self.room_of(connection).seat_of(connection.user, self.now):
                return  # until the end is announced, such a member may still signal
            self.pick_sender(choice)
            kind = ("typing", "wave", "offer", "offer")[choice.number % 4]
            self.signal(connection, kind, (None, peer.user, peer.id)[choice.number % 3] if kind == "offer" else None)

    # --- rooms

    def a_room_is_toggled(self, choice: Choice) -> None:
        room = self.rooms[choice.place]
        if room.status == "inactive" or (room.status == "active" and choice.number % 2):
            self.toggle(room)

    def a_room_gets_a_status(self, choice: Choice) -> None:
        """Set a status, perhaps the present one."""
        room = self.rooms[choice.place]
        if room.status != "deleted":
            self.set_status(room, "inactive" if choice.number % 4 == 0 else "active")

    def a_room_is_resized(self, choice: Choice) -> None:
        if self.rooms[choice.place].status != "deleted":
            self.resize(self.rooms[choice.place], 1 + choice.number % 3)

    def a_room_changes_its_visibility(self, choice: Choice) -> None:
        if self.rooms[choice.place].status != "deleted":
            self.set_private(self.rooms[choice.place], choice.number % 2 > 0)

    def a_room_is_deleted(self, choice: Choice) -> None:
        if self.rooms[choice.place].status != "deleted" and choice.number % 3 == 0:
            self.delete(self.rooms[choice.place])

    # --- choosing

    def find(self, choice: Choice) -> tuple[RoomModel, str]:
        return self.rooms[choice.place], f"{choice.person}|{self.number}"

    def pick_number(self, room: RoomModel, choice: Choice) -> int:
        """A number of the log near its end, or one that nothing has."""
        return max(1, len(room.log) + 1 - choice.connection)

    def pick(self, number: int, *, is_open: bool = True) -> ClientConnection | None:
        found = self.connections(is_open=is_open)
        return found[number % len(found)] if found else None

    def pick_sender(self, choice: Choice) -> ClientConnection | None:
        """An open connection. Now and then it is lost before its frame is handled."""
        connection = self.pick(choice.connection)
        if connection and choice.number % 5 == 0:
            self.drop(connection)
        return connection

    def pick_member(self, choice: Choice) -> ClientConnection | None:
        """An open connection on the roster, for acts that need a seat."""
        connection = self.pick(choice.connection)
        if (
            connection is None
            or not connection.is_listed
            or self.room_of(connection).is_between(connection.user, choice.key, self.now)
        ):
            return None
        return self.pick_sender(choice)


def test_rooms_keep_the_contract(engine: Engine) -> None:
    with on_engine(engine, messages_limit=PLENTY, joins_limit=PLENTY) as world:
        with patch.object(world.store.run_parallel, "pool", InlineExecutor()):
            run_state_machine_as_test(
                lambda: Rooms(world),  # type: ignore[arg-type]  # it only calls this
                settings=settings(
                    max_examples=EXAMPLES,
                    stateful_step_count=STEPS,
                    derandomize=True,
                    database=None,
                    deadline=None,
                    suppress_health_check=list(HealthCheck),
                ),
            )
