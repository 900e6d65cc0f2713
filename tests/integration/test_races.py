"""Many simultaneous calls, on a real engine: seats, leaves, connections and messages stay correct.

Any call may win. After each round, the test checks the rules that must always hold. `RACE_ROUNDS=20` sets the number
of rounds, as `make soak` does.
"""

import os
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import Any

import pytest

from chalicelib import log
from chalicelib.access.knocking import answer, knock
from chalicelib.access.schemas import InviteCreate
from chalicelib.access.service import create_invite, revoke
from chalicelib.chat.service import send_message
from chalicelib.grants.table import list_standings
from chalicelib.kernel.settings import Limit
from chalicelib.lifecycle.schemas import RoomUpdate
from chalicelib.lifecycle.service import delete_room, update_room
from chalicelib.lifecycle.sweep import sweep
from chalicelib.log import Event
from chalicelib.log.schemas import RoomMessage
from chalicelib.rooms.schemas import RoomCreate
from chalicelib.rooms.service import create_room
from chalicelib.seats import service, sockets
from chalicelib.seats.schemas import JoinRoomResponse
from chalicelib.unread.service import MARK_EVERY_MS, list_my_rooms
from infra.local.engine import Engine
from tests.fakes.backend import HTTP_LEASE, MINUTE, NOW, PLENTY, SECOND, World, on_engine, read_log, user
from tests.fakes.races import at_once

pytestmark = pytest.mark.proof

CROWD = 64
SEATS = 10
ROUNDS = range(int(os.environ.get("RACE_ROUNDS", "5")))
LATER = NOW + HTTP_LEASE
"""The time when a lease that began at NOW ends."""


@pytest.fixture
def world(engine: Engine) -> Iterator[World]:
    with on_engine(engine, joins_limit=PLENTY, messages_limit=PLENTY, seats_limit=1_000) as busy:
        yield busy


@contextmanager
def watch_count(world: World, room_id: str) -> Iterator[list[tuple[int, int]]]:
    """Read the count and the number of members again and again while the block runs."""
    seen: list[tuple[int, int]] = []
    over = threading.Event()

    def read() -> None:
        while not over.is_set():
            seen.append((world.room(room_id).participant_count, len(world.members(room_id))))

    with ThreadPoolExecutor(1) as pool:
        reading = pool.submit(read)
        try:
            yield seen
        finally:
            over.set()
        reading.result()


def check(world: World, room_id: str) -> list[str]:
    """Check the rules that hold for every room at any time, and return its members."""
    members = world.members(room_id)
    room = world.room(room_id)
    assert room.participant_count == len(members) <= room.max_participants
    lines = world.log(room_id)
    assert len({message.seq for message in lines}) == len(lines)
    assert max((message.seq for message in lines), default=0) <= log.get_position(world.store, room_id).last_seq
    said = Counter(message.text for message in lines if message.type == "system")
    for user_id in {message.text.split()[0].lower() for message in lines if message.type == "system"}:
        name = user_id.capitalize()
        is_in = said[f"{name} joined the room"] - said[f"{name} left the room"]
        assert is_in == (user_id in members), said
    owners = {connection_id.partition("-")[0] for connection_id in world.roster(room_id)}
    assert owners <= set(members), "each connection on the roster belongs to a member"
    return members


def test_sixty_four_people_take_ten_seats(world: World) -> None:
    for _ in ROUNDS:
        room_id = world.open_room(seats=SEATS)
        with watch_count(world, room_id) as seen:
            outcomes = at_once(*(partial(world.join, f"user{n}", room_id) for n in range(CROWD)))

        joined = [outcome for outcome in outcomes if isinstance(outcome, JoinRoomResponse)]
        assert len(joined) == SEATS
        assert Counter(o for o in outcomes if isinstance(o, str)) == {"room_full": CROWD - SEATS}
        assert len(check(world, room_id)) == SEATS
        assert all(answer.room.participant_count <= SEATS for answer in joined)
        assert max(max(pair) for pair in seen) <= SEATS


def test_sixty_four_joins_of_one_user_take_one_seat(world: World) -> None:
    for _ in ROUNDS:
        room_id = world.open_room(seats=10)
        with watch_count(world, room_id) as seen:
            outcomes = at_once(*[partial(world.join, "ada", room_id)] * CROWD)

        said = Counter(outcome.message for outcome in outcomes)
        assert said == {"Joined room successfully": 1, "Already in this room": CROWD - 1}
        assert check(world, room_id) == ["ada"]
        assert world.said(room_id) == ["Ada joined the room"]
        assert max(max(pair) for pair in seen) <= 1


def test_simultaneous_joins_and_leaves_keep_the_count(world: World) -> None:
    for _ in ROUNDS:
        room_id = world.open_room(seats=6)
        for n in range(6):
            world.join(f"old{n}", room_id)
        leaves = [partial(world.leave, f"old{n}", room_id, NOW + 1) for n in range(6)]
        joins = [partial(world.join, f"new{n}", room_id, NOW + 1) for n in range(10)]
        with watch_count(world, room_id) as seen:
            outcomes = at_once(*leaves, *joins)

        assert outcomes[:6] == [None] * 6
        assert {outcome for outcome in outcomes if isinstance(outcome, str)} <= {"room_full"}
        assert all(member.startswith("new") for member in check(world, room_id))
        assert max(max(pair) for pair in seen) <= 6


def test_after_a_simultaneous_join_and_leave_a_user_is_in_or_out(world: World) -> None:
    for _ in ROUNDS:
        room_id = world.open_room(seats=3)
        world.join("ada", room_id)
        leaves = [partial(world.leave, "ada", room_id, NOW + 1)] * 4
        joins = [partial(world.join, "ada", room_id, NOW + 1)] * 4

        outcomes = at_once(*leaves, *joins)

        assert {outcome for outcome in outcomes if isinstance(outcome, str)} <= {"not_in_room"}
        check(world, room_id)


def test_a_leave_and_an_expiry_end_a_membership_once(world: World) -> None:
    for _ in ROUNDS:
        room_id = world.open_room(seats=10)
        for n in range(4):
            world.enter(f"user{n}", room_id)
        there = world.enter("watcher", room_id, LATER - SECOND)
        world.fanout.forget()
        leaves = [partial(world.leave, f"user{n}", room_id, LATER - 1) for n in range(4)]
        sweeps = [partial(sweep, world.backend, lambda: LATER)] * 3
        reads = [partial(service.get_room_detail, world.context("visitor", room_id, LATER))] * 3
        joins = [partial(world.join, "newcomer", room_id, LATER)]

        at_once(*leaves, *sweeps, *reads, *joins)
        sweep(world.backend, lambda: LATER + MINUTE)

        assert check(world, room_id) == ["watcher", "newcomer"]
        assert world.roster(room_id) == [there]
        ended = [frame["data"]["user_id"] for frame in world.fanout.frames(there) if frame["type"] == "user_left"]
        assert sorted(ended) == [f"user{n}" for n in range(4)]
        assert len(world.fanout.closed()) == len(set(world.fanout.closed())) == 4


def test_a_renewal_during_an_expiry_keeps_or_loses_the_seat(world: World) -> None:
    for _ in ROUNDS:
        room_id = world.open_room(seats=3)
        ada = world.enter("ada", room_id)
        ping = partial(world.send, ada, "ping", LATER - 1)
        sweeps = [partial(sweep, world.backend, lambda: LATER)] * 3

        at_once(ping, *sweeps)

        members = check(world, room_id)
        assert world.roster(room_id) == ([ada] if members else [])
        assert ("bye" in world.fanout.types(ada)) is (not members)


def test_a_connect_during_a_leave_leaves_no_connection(world: World) -> None:
    for _ in ROUNDS:
        room_id = world.open_room(seats=3)
        mine, there = world.enter("ada", room_id), world.enter("bob", room_id)
        world.fanout.forget()
        connects = [partial(world.connect, "ada", room_id, NOW + 1)] * 3

        outcomes = at_once(partial(world.leave, "ada", room_id, NOW + 1), *connects)

        assert outcomes[0] is None
        assert check(world, room_id) == ["bob"]
        assert world.roster(room_id) == [there]
        admitted = {outcome for outcome in outcomes[1:] if outcome.startswith("ada-")}
        closed = world.fanout.closed()
        assert {mine} | admitted <= set(closed), "an admitted connection stays open"
        assert len(closed) == len(set(closed))
        assert there not in closed


def test_sixty_four_sends_with_one_key_store_one_message(world: World) -> None:
    for _ in ROUNDS:
        room_id = world.open_room()
        ada, bob = world.enter("ada", room_id), world.enter("bob", room_id)
        world.fanout.forget()
        say = partial(send_message, world.context("ada", room_id), "hello", "text", "key")

        answers = at_once(*[say] * CROWD)

        assert all(isinstance(answer, RoomMessage) for answer in answers)
        assert len({answer.id for answer in answers}) == 1
        assert world.said(room_id).count("hello") == 1
        assert [one for one in world.fanout.types(bob) if one != "seq_unused"] == ["message_sent"]
        assert world.has_all_numbers(room_id)
        numbers = [frame["seq"] for frame in world.fanout.frames(bob)]
        assert sorted(numbers) == [*range(3, world.last_number(room_id) + 1)]
        (snapshot,) = [one for one in world.send(ada, "sync", last_seq=2) if one["type"] == "snapshot"]
        assert snapshot["data"]["last_seq"] == world.last_number(room_id), "nobody waits for a number"
        check(world, room_id)


def test_simultaneous_messages_get_different_numbers(world: World) -> None:
    room_id = world.open_room()
    for n in range(8):
        world.join(f"user{n}", room_id)
    says = [
        partial(send_message, world.context(f"user{n % 8}", room_id), f"text {n}", "text", f"key {n}")
        for n in range(CROWD)
    ]

    answers = at_once(*says)

    assert sorted(answer.seq for answer in answers) == list(range(9, 9 + CROWD))
    assert {answer.id for answer in answers} <= {message.message_id for message in world.log(room_id)}
    check(world, room_id)


def test_reads_among_messages_leave_the_unread_ones(world: World) -> None:
    for _ in ROUNDS:
        room_id = world.open_room()
        ada = world.enter("ada", room_id)
        for n in range(5):
            world.join(f"user{n}", room_id)

        def read(n: int, ada: str = ada, room_id: str = room_id) -> None:
            world.send(ada, "read", NOW + n * MARK_EVERY_MS, seq=world.last_number(room_id))

        says = [partial(send_message, world.context(f"user{n % 5}", room_id), "hello", "text", None) for n in range(20)]
        at_once(*says, *(partial(read, n) for n in range(10)))

        mine = {one.room.id: one for one in list_my_rooms(world.request("ada"))}[room_id]
        texts = [message.seq for message in world.log(room_id) if message.type == "text"]
        assert mine.unread == sum(seq > mine.read_seq for seq in texts)
        read(20)
        mine = {one.room.id: one for one in list_my_rooms(world.request("ada"))}[room_id]
        assert (mine.unread, mine.read_seq) == (0, world.last_number(room_id))


def test_twenty_rooms_with_one_key_are_one_room(engine: Engine) -> None:
    with on_engine(engine, rooms_limit=Limit(2, 86_400)) as world:
        create = partial(create_room, world.request("ada", key="key"), RoomCreate(name="Quiet"))

        made = at_once(*[create] * 20)

        assert len({room.id for room in made}) == 1
        assert create_room(world.request("ada"), RoomCreate(name="Another")).id != made[0].id
        assert at_once(partial(create_room, world.request("ada"), RoomCreate(name="Third"))) == ["rate_limited"]


@pytest.mark.parametrize("ending", ["deactivate", "delete"])
def test_joins_while_a_room_closes_leave_no_member(world: World, ending: str) -> None:
    for _ in ROUNDS:
        room_id = world.open_room()
        world.enter("ada", room_id)
        context = world.context("admin", room_id, NOW + 1)
        end: Callable[[], Any] = partial(update_room, context, RoomUpdate(status="inactive"))
        if ending == "delete":
            end = partial(delete_room, context)

        outcomes = at_once(end, *(partial(world.enter, f"user{n}", room_id, NOW + 1) for n in range(6)))
        sweep(world.backend, lambda: NOW + MINUTE)

        refusals = {outcome for outcome in outcomes[1:] if not outcome.startswith("user")}
        assert refusals <= {"room_inactive", "room_not_found", "not_in_room"}
        assert world.members(room_id) == []
        assert world.roster(room_id) == []
        if ending == "deactivate":
            assert check(world, room_id) == []


def test_a_member_who_loses_both_connections_is_offline(world: World) -> None:
    for _ in ROUNDS:
        room_id = world.open_room()
        mine = [world.enter("ada", room_id), world.connect("ada", room_id)]
        there = world.enter("bob", room_id)
        world.fanout.forget()

        at_once(*(partial(sockets.disconnect, world.backend, one, NOW) for one in mine))

        assert not world.member("ada", room_id).is_online
        assert world.roster(room_id) == [there]
        assert world.fanout.types(there) == ["presence_changed", "user-left"]
        assert check(world, room_id) == ["ada", "bob"]


def test_each_expired_seat_goes_to_one_new_member(world: World) -> None:
    for _ in ROUNDS:
        room_id = world.open_room(seats=2)
        for name in ("ada", "bob"):
            world.join(name, room_id)

        outcomes = at_once(*(partial(world.join, f"new{n}", room_id, LATER) for n in range(8)))

        assert sum(isinstance(outcome, JoinRoomResponse) for outcome in outcomes) == 2
        assert {outcome for outcome in outcomes if isinstance(outcome, str)} == {"room_full"}
        assert len(check(world, room_id)) == 2
        assert world.said(room_id).count("Ada left the room") == 1


def test_ten_uses_let_exactly_ten_people_in(world: World) -> None:
    """Each taker either has a seat, a role and a use, or nothing. The revoked invitation lets nobody in afterwards."""
    for _ in ROUNDS:
        room_id = world.open_room(seats=50, visibility="private")
        owner = world.context("maker", room_id)
        made = create_invite(owner, InviteCreate(uses=10))
        outcomes = at_once(*(partial(world.join, f"guest{n}", room_id, invite=made.token) for n in range(40)))

        joined = [outcome.room.you.role for outcome in outcomes if isinstance(outcome, JoinRoomResponse)]
        assert joined == ["member"] * 10
        assert Counter(o for o in outcomes if isinstance(o, str)) == {"invite_not_found": 30}
        assert_granted(world, room_id, 10)


def test_a_join_and_a_revocation_have_one_winner(world: World) -> None:
    for _ in ROUNDS:
        room_id = world.open_room(visibility="private")
        owner = world.context("maker", room_id)
        made = create_invite(owner, InviteCreate())
        *outcomes, _ = at_once(
            *(partial(world.join, f"guest{n}", room_id, invite=made.token) for n in range(8)),
            partial(revoke, owner, made.id),
        )

        joined = [outcome for outcome in outcomes if isinstance(outcome, JoinRoomResponse)]
        assert {o for o in outcomes if isinstance(o, str)} <= {"invite_not_found"}
        assert_granted(world, room_id, len(joined))
        assert at_once(partial(world.join, "late", room_id, invite=made.token)) == ["invite_not_found"]


def test_who_is_admitted_never_meets_a_full_room(world: World) -> None:
    """Four users are admitted while others join. Each of them either has a kept seat, or was not admitted."""
    for _ in ROUNDS:
        room_id = world.open_room(seats=8)
        callers = [f"caller{n}" for n in range(4)]
        for caller in callers:
            knock(world.context(caller, room_id), user(caller))
        admits = [partial(answer, world.context("maker", room_id), caller, admit=True) for caller in callers]
        outcomes = at_once(*admits, *(partial(world.join, f"guest{n}", room_id, NOW + 1) for n in range(10)))

        admitted = [caller for caller, outcome in zip(callers, outcomes, strict=False) if not isinstance(outcome, str)]
        assert {o for o in outcomes if isinstance(o, str)} == {"room_full"}
        assert len(admitted) + len(check(world, room_id)) == 8
        for caller in admitted:
            assert world.join(caller, room_id, NOW + 2).room.participant_count <= 8
        assert len(check(world, room_id)) == 8


def assert_granted(world: World, room_id: str, count: int) -> None:
    """Check that so many people have a seat, a role, and an event about it."""
    members = check(world, room_id)
    granted = [one for one in list_standings(world.store, room_id) if one.role]
    events = [one for one in read_log(world.store, room_id) if isinstance(one, Event)]
    assert len(members) == len(granted) == len(events) == count
    assert world.has_all_numbers(room_id)
