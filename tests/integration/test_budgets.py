"""The cost limits of each operation, measured on a real engine: round trips, write units and read units.

The room has an ordinary size: twelve people with one connection each, and sixty messages of 150 characters. Each
operation runs in a quiet deployment and in a crowded one. More rooms, more people elsewhere or a longer log must not
raise the cost.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any
from unittest.mock import patch

import pytest

from chalicelib import log
from chalicelib.access.knocking import answer, knock
from chalicelib.account.export import export_data
from chalicelib.account.schemas import ExportQuery
from chalicelib.account.service import erase_account
from chalicelib.account.sweep import sweep_erasures
from chalicelib.chat.history import get_entries, get_history
from chalicelib.chat.schemas import EntriesQuery, HistoryQuery
from chalicelib.contract import Context
from chalicelib.delivery import Connection
from chalicelib.grants.invites import new_token, put_invite
from chalicelib.grants.table import FOREVER, require_standing
from chalicelib.identity.tokens import User
from chalicelib.kernel.errors import TooManyRoomsError
from chalicelib.kernel.limits import Cache
from chalicelib.log import Message
from chalicelib.log.table import MESSAGES, POSITIONS, LogPosition, put_entry
from chalicelib.moderation.reports import report_message
from chalicelib.moderation.schemas import ModerationRequest
from chalicelib.moderation.service import moderate
from chalicelib.roles.service import grant_role
from chalicelib.rooms.listing import list_rooms
from chalicelib.rooms.schemas import RoomCreate, RoomsQuery
from chalicelib.rooms.service import create_room
from chalicelib.rooms.table import ROOMS
from chalicelib.seats import service, sockets
from chalicelib.seats.connections import put_connection
from chalicelib.seats.deletions import delete_message
from chalicelib.seats.frames import CHECK_EVERY_MS
from chalicelib.seats.sockets import ConnectionGrant, SocketEvent
from chalicelib.seats.table import take_seat
from chalicelib.unread.service import list_my_rooms
from chalicelib.voice.schemas import MicToggleRequest, SpeakingStatusRequest
from chalicelib.voice.service import set_muted, set_speaking
from infra.local.engine import Engine
from tests.fakes.backend import ENDPOINT, MINUTE, NOW, SECOND, World, on_engine, user
from tests.fakes.counting import Call, Counter
from tests.fakes.records import make_invite, make_message, make_participant, make_room, make_standing

PEOPLE = [f"person-{number:02}" for number in range(12)]
LATER = NOW + 30 * SECOND
"""The time of most operations. No lease is due for renewal yet."""
FIFTY = RoomsQuery(limit=50)
MUCH_LATER = NOW + 2 * MINUTE


@dataclass
class Scene:
    """The measured room and its connections."""

    world: World
    room_id: str
    empty_room_id: str
    log_length: int
    sockets: dict[str, str] = field(default_factory=dict)
    token: str = ""
    """Of an invitation into the room."""

    def send(self, person: int, kind: str, now: int = LATER, **fields: Any) -> None:
        self.world.send(self.sockets[PEOPLE[person]], kind, now, **fields)

    def context(self, person: int, now: int = LATER) -> Context:
        return self.world.context(PEOPLE[person], self.room_id, now)

    def context_of(self, user_id: str) -> Context:
        return self.world.context(user_id, self.room_id, LATER)

    def connect(self, person: int, connection_id: str, ticket: str) -> None:
        grant = ConnectionGrant(PEOPLE[person], self.room_id, ticket)
        sockets.connect(self.world.backend, grant, SocketEvent(connection_id, ENDPOINT), LATER)

    def connect_with_token(self, user_id: str, joins: User | None = None) -> None:
        grant = ConnectionGrant(user_id, self.room_id, has_token=True, joins=joins)
        sockets.connect(self.world.backend, grant, SocketEvent(f"token-{user_id}", ENDPOINT), LATER)


def connect_second(scene: Scene) -> None:
    """Open a second connection of one member."""
    scene.connect(7, "second", "ticket-2")


def in_a_new_process(scene: Scene, act: Callable[[], None]) -> None:
    with patch.object(scene.world.backend, "connection_cache", Cache()):
        act()


def wave_in_a_new_process(scene: Scene, **fields: Any) -> None:
    in_a_new_process(scene, lambda: scene.send(0, "wave", **fields))


def disconnect(scene: Scene, connection_id: str) -> None:
    """Disconnect as `$disconnect` does: in a process that has not seen the connection before."""
    in_a_new_process(scene, lambda: sockets.disconnect(scene.world.backend, connection_id, LATER))


def join_too_many(scene: Scene) -> None:
    """Refuse a person with seats in five rooms: five rows are read to see that none has expired."""
    with pytest.raises(TooManyRoomsError):
        scene.world.join("settled", scene.room_id, LATER)


def create_with_key(scene: Scene) -> None:
    create_room(scene.world.request("newcomer", LATER, key="key"), RoomCreate(name="Quiet"))


def moderate_by_frame(scene: Scene, **fields: Any) -> None:
    scene.send(0, "moderate", **fields)


def kick(scene: Scene, user_id: str) -> None:
    moderate(scene.context_of("maker"), ModerationRequest(action="kick", user_id=user_id))


def said(scene: Scene, person: int) -> int:
    """The number of a message of a person."""
    return next(seq for seq in range(scene.log_length, 0, -1) if seq % len(PEOPLE) == person)


def delete_as_admin(scene: Scene, seq: int) -> None:
    delete_message(Context(scene.world.backend, scene.room_id, "root", LATER, is_admin=True), seq)


def answer_and_grant(scene: Scene) -> None:
    """Make a message an answer, and give a role."""
    scene.world.store.update(MESSAGES, (scene.room_id, said(scene, 5)), [MESSAGES.reply_to.set(1)])
    scene.world.grant(PEOPLE[4], scene.room_id, "moderator")


Act = Callable[[Scene], object]
Budget = tuple[int, float, float]
"""The most round trips, write units and read units."""
PREPARED: dict[str, Act] = {
    "export, the first page": lambda s: s.world.join("mover", s.world.open_room(), LATER),
    "edit frame, of an answer": answer_and_grant,
    "ping": lambda s: s.send(0, "ping", LATER - 1),
    "$disconnect, one of two": connect_second,
    "chat frame, the same client id again": lambda s: s.send(2, "message", text="once", id="again"),
}
OPERATIONS: dict[str, tuple[Budget, Act]] = {
    "relay frame": ((1, 0, 1), lambda s: s.send(0, "wave", data={"hello": "there"}, id="w")),
    "signal frame": ((1, 0, 1), lambda s: s.send(0, "offer", to=PEOPLE[1], data={"sdp": "v=0"})),
    "typing frame": ((1, 0, 1), lambda s: s.send(0, "typing", is_typing=True)),
    "relay frame, in a new process": ((2, 0, 2), lambda s: wave_in_a_new_process(s, roomId=s.room_id)),
    "relay frame that names no room, in a new process": ((3, 0, 2.5), wave_in_a_new_process),
    "chat frame, no client id": ((3, 6, 2.5), lambda s: s.send(1, "message", text="hello")),
    "emoji frame, no client id": ((3, 6, 2.5), lambda s: s.send(1, "emoji", emoji="\N{WAVING HAND SIGN}")),
    "chat frame, with client id": ((3, 8, 3.5), lambda s: s.send(1, "message", text="hello", id="m1")),
    "emoji frame, with client id": ((3, 8, 3.5), lambda s: s.send(1, "emoji", emoji="\N{WAVING HAND SIGN}", id="e1")),
    "chat frame, the same client id again": ((2, 1, 4.5), lambda s: s.send(2, "message", text="once", id="again")),
    "ping": ((1, 1, 0.5), lambda s: s.send(0, "ping")),
    "ping with expiry check": ((2, 1, 2), lambda s: s.send(0, "ping", LATER + CHECK_EVERY_MS)),
    "sync": ((4, 2, 8), lambda s: s.send(3, "sync", last_seq=s.log_length)),
    "$connect": ((3, 4, 2), lambda s: s.connect(4, "first", "ticket-1")),
    "$disconnect": ((3, 4, 2), lambda s: disconnect(s, s.sockets[PEOPLE[6]])),
    "$disconnect, one of two": ((3, 4, 2), lambda s: disconnect(s, "second")),
    "$connect with a token": ((4, 3, 3), lambda s: s.connect_with_token(PEOPLE[5])),
    "$connect with a token, taking a seat": (
        (9, 15, 20),
        lambda s: s.connect_with_token("walker", joins=user("walker")),
    ),
    "join (new)": ((4, 12, 20), lambda s: s.world.join("newcomer", s.room_id, LATER)),
    "join (already in)": ((3, 2, 20), lambda s: s.world.join("newcomer", s.room_id, LATER)),
    "join (the first)": ((4, 13, 20), lambda s: s.world.join("newcomer", s.empty_room_id, LATER)),
    "join (a seat too many)": ((2, 1, 11), join_too_many),
    "leave": ((3, 10, 2), lambda s: s.world.leave("newcomer", s.room_id, LATER)),
    "leave, and a connection with it": ((3, 13, 2), lambda s: s.world.leave(PEOPLE[8], s.room_id, LATER)),
    "join (new), an author has left": ((5, 12, 20), lambda s: s.world.join("latecomer", s.room_id, LATER)),
    "mic": ((2, 1, 2), lambda s: set_muted(s.context(9), MicToggleRequest(is_muted=False))),
    "speaking": ((2, 1, 2), lambda s: set_speaking(s.context(9), SpeakingStatusRequest(is_speaking=True))),
    "list rooms (page of 50)": ((1, 0, 3), lambda s: list_rooms(s.world.request("visitor"), FIFTY)),
    "list rooms, once a minute": ((3, 5, 4), lambda s: service.list_rooms(s.world.request("settled", LATER), FIFTY)),
    "room detail": ((2, 0, 20), lambda s: service.get_room_detail(s.world.context("visitor", s.room_id, LATER))),
    "history": ((2, 0, 8), lambda s: get_history(s.context(9), HistoryQuery())),
    "entries": ((2, 0, 8), lambda s: get_entries(s.context(9), EntriesQuery(after_seq=s.log_length - 20))),
    "mic, once a minute": ((2, 2, 2), lambda s: set_muted(s.context(9, MUCH_LATER), MicToggleRequest(is_muted=True))),
    "chat frame, once a minute": ((3, 7, 2.5), lambda s: s.send(10, "message", MUCH_LATER, text="hello")),
    "mute by a frame": ((4, 18, 7), lambda s: moderate_by_frame(s, action="mute", user_id=PEOPLE[11])),
    "a role": ((3, 16, 6), lambda s: grant_role(s.context_of("maker"), PEOPLE[2], "member")),
    "a fresh ticket": ((2, 1, 1), lambda s: service.request_ticket(s.context(11))),
    "chat frame that mentions two": ((3, 10, 2.5), lambda s: s.send(1, "message", text="hello", mentions=PEOPLE[:3])),
    "read frame": ((2, 1, 3), lambda s: s.send(1, "read", seq=s.log_length)),
    "read frame, within ten seconds": ((1, 0, 3), lambda s: s.send(1, "read", LATER + 1, seq=s.log_length)),
    "my rooms (five)": ((2, 0, 10), lambda s: list_my_rooms(s.world.request("settled", LATER))),
    "kick": ((3, 24, 6), lambda s: kick(s, PEOPLE[1])),
    "kick of somebody without a seat": ((3, 15, 6), lambda s: kick(s, "visitor")),
    "making a room, with a key": ((2, 8, 3.5), create_with_key),
    "export, the first page": ((11, 0, 15), lambda s: export_data(s.world.request("mover"), ExportQuery())),
    "sweep of erasures, there are none": ((1, 0, 0.5), lambda s: sweep_erasures(s.world.backend, lambda: LATER)),
    "delete an account with one seat": ((17, 21, 14), lambda s: erase_account(s.world.request("mover", LATER))),
    "end of an erasure": ((4, 8, 4), lambda s: sweep_erasures(s.world.backend, lambda: MUCH_LATER)),
    "knock": ((3, 4, 12), lambda s: knock(s.context_of("caller"), user("caller"))),
    "admit": ((5, 20, 12), lambda s: answer(s.context_of("maker"), "caller", admit=True)),
    "join (new), with an invitation": ((6, 19, 21), lambda s: s.world.join("guest", s.room_id, LATER, invite=s.token)),
    "edit frame": ((3, 7, 3), lambda s: s.send(3, "edit", seq=said(s, 3), text="better", id="e")),
    "edit frame, of an answer": ((3, 7, 4), lambda s: s.send(5, "edit", seq=said(s, 5), text="better", id="e")),
    "edit frame, the same text": ((1, 0, 3), lambda s: s.send(3, "edit", seq=said(s, 3), text="better", id="f")),
    "react frame": ((3, 7, 3), lambda s: s.send(9, "react", seq=said(s, 3), emoji="\N{WAVING HAND SIGN}", on=True)),
    "react frame, again": (
        (1, 0, 3),
        lambda s: s.send(9, "react", seq=said(s, 3), emoji="\N{WAVING HAND SIGN}", on=True),
    ),
    "delete frame": ((3, 7, 6), lambda s: s.send(3, "delete", seq=said(s, 3))),
    "delete frame, of a moderator": ((3, 7, 7), lambda s: s.send(4, "delete", seq=said(s, 5))),
    "deletion, the first by an administrator": ((3, 10, 7), lambda s: delete_as_admin(s, said(s, 9))),
    "delete frame, again": ((1, 0, 6), lambda s: s.send(4, "delete", seq=said(s, 5))),
    "report": ((5, 12, 3), lambda s: report_message(s.context(6), said(s, 7), "spam")),
    "report, again": ((2, 0, 3), lambda s: report_message(s.context(6), said(s, 7), "spam")),
}
"""They run in this order: some need the results of earlier ones."""
BUDGETS = {operation: budget for operation, (budget, _) in OPERATIONS.items()}


def furnish(world: World, *, crowded: bool) -> Scene:
    for number in range(99 if crowded else 49):
        world.open_room(name=f"Room {number:02}", now=NOW + number)
    scene = Scene(world, world.open_room(seats=50, now=NOW - 1), world.open_room(), 400 if crowded else 60)
    write_log(world, scene.room_id, scene.log_length)
    for _ in range(world.backend.settings.seats_limit):
        world.join("settled", world.open_room())
    for name in PEOPLE:
        scene.sockets[name] = world.enter(name, scene.room_id)
    if crowded:
        for _ in range(2):
            room_id = world.open_room()
            for number in range(15):
                world.enter(f"stranger-{number}", room_id)
    token = new_token(scene.room_id)
    assert world.store.transact([put_invite(make_invite(scene.room_id, token, ends_at=FOREVER))])
    scene.token = token
    world.grant(PEOPLE[0], scene.room_id, "moderator")
    assert world.backend.secret
    return scene


def write_log(world: World, room_id: str, length: int) -> None:
    for seq in range(1, length + 1):
        author = PEOPLE[seq % len(PEOPLE)]
        store_message(world, make_message(room_id, seq, user_id=author, text="a word " * 21))
    counted = min(length, 100)
    parts = {"part": length, "part_size": counted * 500, "former_part": length - counted, "former_size": 0}
    position = LogPosition(room_id, 0, length, NOW, counted=counted, size=counted * 500, **parts)
    world.store.put(POSITIONS, position)


def store_message(world: World, message: Message) -> None:
    entry = put_entry(message, 90)
    world.store.put(entry.table, message, **entry.also)


def measure(engine: Engine, *, crowded: bool) -> dict[str, Counter]:
    """The database calls of each operation, by its name."""
    measured = {}
    with on_engine(engine) as world:
        scene = furnish(world, crowded=crowded)
        for name, (_, act) in OPERATIONS.items():
            if name in PREPARED:
                PREPARED[name](scene)
            with Counter(world.store) as counter:
                act(scene)
            measured[name] = counter
        errors = [
            frame for one in scene.sockets.values() for frame in world.fanout.frames(one) if frame["type"] == "error"
        ]
        assert errors == []
    return measured


@pytest.fixture(scope="module")
def quiet(engine: Engine) -> dict[str, Counter]:
    return measure(engine, crowded=False)


@pytest.fixture(scope="module")
def crowded(engine: Engine) -> dict[str, Counter]:
    return measure(engine, crowded=True)


@pytest.mark.parametrize("operation", BUDGETS)
def test_an_operation_stays_within_its_budget(
    quiet: dict[str, Counter], crowded: dict[str, Counter], operation: str
) -> None:
    """Both deployments need the same calls: the number of rooms, people and messages does not matter."""
    counter = quiet[operation]
    assert counter.calls
    spent = (counter.round_trips, counter.write_units, counter.read_units)
    assert all(used <= limit for used, limit in zip(spent, BUDGETS[operation], strict=True)), (spent, counter.calls)
    assert outline(crowded[operation]) == outline(counter)


def outline(counter: Counter) -> list[tuple[int, str, list[str], float, float]]:
    """The calls, without the names that differ between deployments."""
    return sorted(
        (call.round_trip, call.operation, base_names(call), call.write_units, call.read_units) for call in counter.calls
    )


def base_names(call: Call) -> list[str]:
    return sorted(name.partition("-")[2] for name in call.tables)


def test_a_full_room_with_long_names_stays_within_the_budget(engine_world: World) -> None:
    room_id = engine_world.open_room(seats=50)
    write_log(engine_world, room_id, 50)
    room = engine_world.room(room_id)
    for number in range(49):
        member = make_participant(room_id, f"{number:036}", name="N" * 80, avatar="https://pictures.test/" + "p" * 80)
        joined = put_entry(make_message(room_id, 51 + number), 90)
        standing = make_standing(room_id, member.user_id)
        assert engine_world.store.transact([joined, *take_seat(member, room, [require_standing(standing)])])

    with Counter(engine_world.store) as join:
        engine_world.join("last", room_id)
    with Counter(engine_world.store) as detail:
        service.get_room_detail(engine_world.context("visitor", room_id))

    assert engine_world.room(room_id).participant_count == 50
    assert join.read_units <= 21
    assert detail.read_units <= 20


HOSTILE = {
    "sync": lambda world, ada, room_id: world.send(ada, "sync", last_seq=31)[0],
    "detail": lambda world, ada, room_id: service.get_room_detail(world.context("visitor", room_id)).model_dump(),
    "join": lambda world, ada, room_id: world.join("ben", room_id).model_dump(),
    "history": lambda world, ada, room_id: get_history(
        world.context("ada", room_id), HistoryQuery(limit=100)
    ).model_dump(),
    "entries": lambda world, ada, room_id: get_entries(
        world.context("ada", room_id), EntriesQuery(after_seq=31)
    ).model_dump(),
    "history, forward": lambda world, ada, room_id: get_history(
        world.context("ada", room_id), HistoryQuery(limit=100, after_seq=31)
    ).model_dump(),
}


@dataclass
class LongLog:
    """A log of long entries. `ends`: its last number. In an old one, entries have avatars. A counted one has sizes.

    `people`: members with the longest names and avatars, and five connections each.
    """

    ends: int
    text: str
    avatar: str | None = None
    counted: bool = False
    people: int = 0


EMOJI = "\N{GRINNING FACE}"
LONG_LOGS = {
    "old": LongLog(100, EMOJI * 4000, avatar="/" + EMOJI * 2047),
    "new": LongLog(100, EMOJI * 4000, counted=True),
    "avatars that are not shown": LongLog(100, "short", avatar="/" + EMOJI * 2047),
    "quotes that the answer escapes": LongLog(56, '"' * 4000),
    "a full room": LongLog(100, EMOJI * 4000, counted=True, people=48),
    "a full room, short messages of unknown size": LongLog(100, "short", people=48),
}


@pytest.mark.parametrize("read", HOSTILE.values(), ids=HOSTILE)
@pytest.mark.parametrize("written", LONG_LOGS.values(), ids=LONG_LOGS)
def test_bytes_bound_what_is_read_and_answered(engine_world: World, read: Any, written: LongLog) -> None:
    """The answer also says that it does not have everything, whether the read ended early or not all of it fits."""
    world = engine_world
    room_id = world.open_room(seats=50)
    ada = world.enter("ada", room_id)
    for number in range(written.people):
        longest = make_participant(room_id, f"{number:0128}", name=EMOJI * 80, avatar="/" + "x" * 2047)
        standing = make_standing(room_id, longest.user_id)
        assert world.store.transact(take_seat(longest, world.room(room_id), [require_standing(standing)]))
        for tab in range(5):
            connection = Connection(room_id, f"connection-{number}-{tab}", longest.user_id, ENDPOINT, NOW, True)
            put_connection(world.store, connection)
    rest = {"avatar": written.avatar} if written.avatar else {}
    for seq in range(2, written.ends + 1):
        message = make_message(room_id, seq, user_id=f"author-{seq % 20}", text=written.text)
        world.store.connection.put_item(
            world.store.prefix + "messages", room_id, str(seq), attributes=old_item(message, **rest)
        )
    size = 100 * 16_600
    parts = (
        {"counted": 100, "size": size, "former_part": 94, "former_size": size - 6 * 16_600} if written.counted else {}
    )
    world.store.put(POSITIONS, LogPosition(room_id, 0, written.ends, NOW, **parts))

    with Counter(world.store) as counter:
        answer = read(world, ada, room_id)

    reads_people_twice = written.people and "room" in answer and "data" not in answer
    assert counter.read_units <= (64 + 40 if reads_people_twice else 64), "256 KB"
    text = json.dumps(answer, ensure_ascii=False)
    size = len(text.encode()) if "data" in answer else len(json.dumps(text))  # Lambda escapes HTTP answers once more
    assert size <= 204_800
    messages = answer.get("entries") or (answer.get("data") or answer.get("room") or answer)["messages"]
    assert len(messages) >= (2 if written.people else 3)
    assert answer.get("has_more", True)
    assert not answer.get("data", {}).get("recovered", False)


def old_item(message: Message, **rest: str) -> Any:
    return MESSAGES.write(message) | {name: {"S": value} for name, value in rest.items()}


def test_parallel_calls_are_one_round_trip(engine_world: World) -> None:
    room_id = engine_world.open_room()

    def once() -> None:
        engine_world.room(room_id)

    def twice() -> None:
        once()
        once()

    for branch, trips in ((once, [1, 1, 2]), (twice, [1, 1, 2, 3])):
        with Counter(engine_world.store) as counter:
            engine_world.store.run_parallel(once, branch)
            once()  # starts when both have ended
        assert sorted(call.round_trip for call in counter.calls) == trips


def test_read_units_follow_the_size_of_the_items(engine_world: World) -> None:
    room_id = engine_world.open_room()
    for seq in range(1, 4):
        store_message(engine_world, make_message(room_id, seq, text="x" * 4000))

    def cost(read: Callable[[], list[Message] | object]) -> float:
        with Counter(engine_world.store) as counter:
            read()
        return counter.read_units

    position = LogPosition(room_id, 0, 3, NOW)
    assert cost(lambda: log.list_newest(engine_world.store, position, 1)) == 2, "the item is larger than 4 KB"
    assert cost(lambda: log.list_newest(engine_world.store, position, 3)) == 4
    assert cost(lambda: log.list_newest(engine_world.store, replace(position, room_id="nowhere"), 3)) == 1
    assert cost(lambda: log.get_position(engine_world.store, room_id)) == 0.5


def test_write_units_count_indexes_and_twice_for_transactions(engine_world: World) -> None:
    room = make_room()

    with Counter(engine_world.store) as counter:
        engine_world.store.put(ROOMS, room)
    assert counter.write_units == 2, "the room and its index entry"

    with Counter(engine_world.store) as counter:
        engine_world.join("ada", room.room_id)
    transaction = next(call for call in counter.calls if call.operation == "TransactWriteItems")
    assert transaction.write_units == 4 * 2 + 3, "three items and a check count twice, three index entries once"


def test_a_scan_of_a_table_fails(engine_world: World) -> None:
    with pytest.raises(AssertionError, match="scan"):
        engine_world.store.connection.scan(engine_world.store.prefix + "rooms")
