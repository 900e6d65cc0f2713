"""Unread messages: what moves a read marker, and which rooms the list shows."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from chalicelib import log
from chalicelib.chat.service import send_message
from chalicelib.contract.sizes import MAX_ANSWER_BYTES, answer_bytes
from chalicelib.grants.table import DEPLOYMENT, FOREVER, STANDINGS
from chalicelib.lifecycle.service import delete_room
from chalicelib.log.table import MESSAGES, get_message
from chalicelib.personal.table import MARKERS, marker_key, move_marker
from chalicelib.rooms.table import ROOMS, plan_change
from chalicelib.seats.endings import end_expired
from chalicelib.store import Check
from chalicelib.unread import service
from chalicelib.unread.schemas import MyRoom
from chalicelib.unread.service import MARK_EVERY_MS, MAX_ROOMS
from tests.fakes.backend import DAY, HTTP_LEASE, MINUTE, NOW, SECOND, World
from tests.fakes.records import make_room, make_standing

LATER = NOW + MARK_EVERY_MS


def say(world: World, by: str, room_id: str, now: int = NOW, mentions: Sequence[str] = ()) -> int:
    return send_message(world.context(by, room_id, now), "hello", "text", None, mentions=mentions).seq


def see(world: World, user_id: str = "ada", now: int = NOW) -> list[MyRoom]:
    return service.list_my_rooms(world.request(user_id, now))


def counts(world: World, user_id: str = "ada") -> tuple[int, int, int]:
    """Unread messages, mentions and the marker of the only room."""
    (mine,) = see(world, user_id)
    return mine.unread, mine.mentions, mine.read_seq


@pytest.fixture
def talk(store: World) -> tuple[World, str, str]:
    """A room with Ada and Bob; entries 3 and 5 are messages of Bob's, 4 is an emoji. And Ada's connection."""
    room_id = store.open_room(made_by="ada")
    ada = store.enter("ada", room_id)
    store.enter("bob", room_id)
    say(store, "bob", room_id)
    send_message(store.context("bob", room_id), "🎉", "emoji", None)
    say(store, "bob", room_id)
    return store, room_id, ada


def test_reading_moves_the_marker_and_never_back(talk: tuple[World, str, str]) -> None:
    world, _, ada = talk
    seen = [counts(world)]
    for n, seq in enumerate((2, 4, 3, 5, 5)):
        assert [frame["type"] for frame in world.send(ada, "read", NOW + n * MARK_EVERY_MS, id="r", seq=seq)] == ["ack"]
        seen.append(counts(world))
    assert seen == [(2, 0, 0), (2, 0, 2), (1, 0, 4), (1, 0, 4), (0, 0, 5), (0, 0, 5)]
    (snapshot,) = (frame for frame in world.send(ada, "sync", LATER) if frame["type"] == "snapshot")
    assert snapshot["data"]["you"]["read_seq"] == 5


def test_a_second_frame_within_ten_seconds_does_nothing(talk: tuple[World, str, str]) -> None:
    world, _, ada = talk
    for now, seq in ((NOW, 3), (NOW + MARK_EVERY_MS - 1, 5)):
        assert [frame["type"] for frame in world.send(ada, "read", now, id="r", seq=seq)] == ["ack"]
        assert counts(world) == (1, 0, 3)
    world.send(ada, "read", LATER, seq=5)
    assert counts(world) == (0, 0, 5)


def test_a_number_that_the_log_does_not_have_is_refused(talk: tuple[World, str, str]) -> None:
    world, _, ada = talk
    (error,) = world.send(ada, "read", seq=6)
    assert error["data"]["errors"] == [
        {"loc": ["seq"], "msg": "must be at most 5, the last number of the log", "type": "value_error"}
    ]
    world.send(ada, "read", seq=5)
    assert counts(world) == (0, 0, 5), "the refused frame does not count for the limit"


@pytest.mark.parametrize("is_overtaken", [False, True])
def test_a_refused_message_is_not_counted_if_it_was_the_last(talk: tuple[World, str, str], is_overtaken: bool) -> None:
    """Other messages of that moment have counted it. In no case is a later message missing in the count."""
    world, room_id, ada = talk
    context, draft = world.context("bob", room_id), log.Draft("refused", "text", "bob", "Bob")
    refusing = [Check(ROOMS, room_id, ROOMS.room_id.does_not_exist())]
    position = log.allocate(context, draft)
    later = say(world, "bob", room_id) if is_overtaken else 0
    assert isinstance(log.commit(context, draft, refusing, position=position), log.Void)
    seen = [counts(world)]

    later = later or say(world, "bob", room_id)
    for n, seq in enumerate((position.last_seq, later)):
        world.send(ada, "read", NOW + n * MARK_EVERY_MS, seq=seq)
        seen.append(counts(world))
    say(world, "bob", room_id)
    first = (4, 0, 0) if is_overtaken else (2, 0, 0)
    assert [*seen, counts(world)] == [first, (1, 0, position.last_seq), (0, 0, later), (1, 0, later)]


def leave(world: World, room_id: str) -> None:
    world.leave("ada", room_id)


def expire(world: World, room_id: str) -> None:
    assert end_expired(world.context("bob", room_id, NOW + HTTP_LEASE), [world.member("ada", room_id)]) == []


@pytest.mark.parametrize("end", [leave, expire])
def test_own_messages_move_the_marker_that_stays(
    talk: tuple[World, str, str], end: Callable[[World, str], None]
) -> None:
    world, room_id, ada = talk
    own = say(world, "ada", room_id)
    assert counts(world) == (0, 0, own)
    (snapshot,) = (frame for frame in world.send(ada, "sync") if frame["type"] == "snapshot")
    assert snapshot["data"]["you"]["read_seq"] == own

    end(world, room_id)
    assert counts(world) == (0, 0, own)
    last = say(world, "bob", room_id, now=NOW + 1)
    assert counts(world) == (1, 0, own)

    world.join("ada", room_id, NOW + HTTP_LEASE + 1)
    world.send(world.connect("ada", room_id, NOW + HTTP_LEASE + 1), "read", NOW + HTTP_LEASE + 1, seq=last)
    world.leave("ada", room_id, NOW + HTTP_LEASE + 2)
    assert counts(world) == (0, 0, last), "the seat had no marker, the row had one"


def test_a_lower_marker_of_a_seat_does_not_replace_a_higher_one(talk: tuple[World, str, str]) -> None:
    world, room_id, ada = talk
    own = say(world, "ada", room_id)
    last = say(world, "bob", room_id)
    world.send(ada, "read", seq=last)
    world.leave("ada", room_id)
    assert own < last
    assert counts(world) == (0, 0, last)


def test_each_visit_leaves_a_row_that_expires_in_400_days(store: World) -> None:
    room_id = store.open_room()
    store.join("ada", room_id)
    store.leave("ada", room_id, LATER)
    row = store.store.get(MARKERS, marker_key("ada", room_id))
    assert row is not None
    assert (row.room_id, row.read_seq, row.visited_at) == (room_id, None, LATER)
    (page,) = store.store.pages(MARKERS, "ada")
    assert [int(item["expires_at"]["N"]) for item in page] == [(LATER + 400 * DAY) // 1000]
    assert see(store) == [], "a visit without a marker is not shown"

    gone = store.open_room()
    store.join("bob", gone)
    delete_room(store.context("admin", gone))
    assert store.store.get(MARKERS, marker_key("bob", gone)) is None


def test_mentions_count_until_the_last_of_them_is_read(talk: tuple[World, str, str]) -> None:
    world, room_id, ada = talk
    for _ in range(2):
        say(world, "bob", room_id, mentions=["ada", "bob", "stranger"])
    seen = [counts(world)]
    for n, seq in enumerate((6, 7)):
        world.send(ada, "read", NOW + n * MARK_EVERY_MS, seq=seq)
        seen.append(counts(world))
    say(world, "bob", room_id, mentions=["ada"])
    seen.append(counts(world))
    say(world, "ada", room_id)
    assert [*seen, counts(world)] == [(4, 2, 0), (1, 2, 6), (0, 0, 7), (1, 1, 7), (0, 0, 9)]
    assert counts(world, "bob")[1] == 0, "one does not mention oneself"
    assert see(world, "stranger") == [], "being mentioned shows no room"


def test_entries_of_earlier_releases_count_as_read(talk: tuple[World, str, str]) -> None:
    world, room_id, ada = talk
    old = get_message(world.store, room_id, 3)
    assert old is not None
    world.store.put(MESSAGES, replace(old, chat_n=None))
    world.send(ada, "read", seq=3)
    assert counts(world) == (0, 0, 3)


def test_the_list_has_the_rooms_of_roles_seats_and_markers(store: World) -> None:
    owned, left, granted, there = (
        store.open_room(name=name, made_by=by, now=NOW + age)
        for age, (name, by) in enumerate((("owned", "ada"), ("left", "x"), ("granted", "x"), ("there", "x")))
    )
    store.grant("ada", granted, "moderator")
    store.join("bob", granted)
    say(store, "bob", granted)
    store.join("ada", left, NOW + SECOND)
    say(store, "ada", left, now=NOW + SECOND)
    store.leave("ada", left, NOW + MINUTE)
    store.join("ada", there, NOW + 2 * MINUTE)
    store.open_room(name="never seen")

    mine = see(store)

    assert [(one.room.id, one.role, one.unread, one.read_seq) for one in mine] == [
        (there, "member", 0, 0),
        (left, None, 0, 2),
        (owned, "owner", 0, 0),
        (granted, "moderator", 1, 0),
    ]


def ban(world: World, room_id: str) -> None:
    world.store.put(STANDINGS, replace(make_standing(room_id, "ada"), user_id="ada", banned_until=FOREVER))


@pytest.mark.parametrize(
    ("hide", "left"),
    [
        (lambda world, room_id: delete_room(world.context("admin", room_id)), 1),
        (lambda world, room_id: world.store.transact([plan_change(world.room(room_id), {"visibility": "private"})]), 1),
        (ban, 1),
        (lambda world, _: ban(world, DEPLOYMENT), 0),
    ],
    ids=["deleted", "private", "banned", "banned everywhere"],
)
def test_rooms_that_one_may_not_see_are_left_out(store: World, hide: Callable[[World, str], object], left: int) -> None:
    hidden, shown = store.open_room(), store.open_room()
    for room_id in (hidden, shown):
        store.join("ada", room_id)
        say(store, "ada", room_id)
        store.leave("ada", room_id)
    assert len(see(store)) == 2
    hide(store, hidden)
    assert [one.room.id for one in see(store)] == [shown][:left]


def test_a_member_sees_the_room_that_turned_private(store: World) -> None:
    room_id = store.open_room()
    store.join("ada", room_id)
    assert store.store.transact([plan_change(store.room(room_id), {"visibility": "private"})])

    assert [(one.room.id, one.role) for one in see(store)] == [(room_id, "member")]


def test_the_list_has_the_hundred_last_rooms_that_fit(world: World) -> None:
    for n in range(MAX_ROOMS + 20):
        room = make_room(name=f"{n}", description="😀" * 300 * (n >= MAX_ROOMS))
        world.store.put(ROOMS, room)
        move_marker(world.store, "ada", room.room_id, 1, 1, NOW + n)
    mine = see(world)
    assert [one.room.name for one in mine] == [f"{n}" for n in range(119, 119 - len(mine), -1)]
    assert 20 < len(mine) <= MAX_ROOMS
    assert sum(answer_bytes(one) + 1 for one in mine) < MAX_ANSWER_BYTES
