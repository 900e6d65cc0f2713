"""What a client missed. The promise: every message after the last it has, or a word that these are not all."""

from collections.abc import Sequence

import pytest

from chalicelib import recovery
from chalicelib.log import LogPosition
from chalicelib.log.service import Recovery, has_retention_gap, recover, stable_seq
from chalicelib.store import messages
from chalicelib.store.tables import MessageRow
from tests.fakes.backend import DAY, MINUTE, NOW, World
from tests.fakes.records import make_message, make_room

OLD = NOW - 100 * DAY
FRESH = NOW - 80 * DAY


def fill(seqs: Sequence[int], created_at: int = NOW, room_id: str = "room") -> None:
    for seq in seqs:
        messages.put(make_message(room_id, seq, created_at=created_at), 90)


def number(room_id: str, up_to: int, now: int = NOW) -> None:
    """The log's head, as if that many numbers had been given out."""
    MessageRow(room_id, 0, last_seq=up_to, allocated_at=now).save()


def seqs(missed: Recovery) -> list[int]:
    return [message.seq for message in missed.messages]


@pytest.fixture
def log(world: World) -> None:
    """A log of ten."""
    fill(range(1, 11))
    number("room", 10)


@pytest.mark.usefixtures("log")
@pytest.mark.parametrize("last_seq", [0, 4, 9, 10])
def test_every_message_after_the_last_seen_comes_back(last_seq: int) -> None:
    missed = recover("room", last_seq, NOW)

    assert seqs(missed) == list(range(last_seq + 1, 11))
    assert (missed.recovered, missed.last_seq) == (True, 10)


@pytest.mark.usefixtures("log")
def test_who_saw_nothing_yet_gets_the_newest_and_knows_that_there_may_be_more() -> None:
    missed = recover("room", None, NOW)

    assert seqs(missed) == list(range(1, 11))
    assert (missed.recovered, missed.last_seq) == (False, 10)


@pytest.mark.parametrize(("behind", "count", "recovered"), [(300, 300, True), (301, 50, False)])
def test_what_is_too_much_is_cut_to_the_newest_and_said_to_be(
    world: World, behind: int, count: int, recovered: bool
) -> None:
    fill(range(1, 311))
    number("room", 310)

    missed = recover("room", 310 - behind, NOW)

    assert seqs(missed) == list(range(311 - count, 311))
    assert (missed.recovered, missed.last_seq) == (recovered, 310)


def test_an_empty_log_is_whole(world: World) -> None:
    assert recover("room", 0, NOW) == Recovery([], True, 0)
    assert recover("room", None, NOW) == Recovery([], False, 0)


@pytest.mark.usefixtures("log")
def test_a_client_that_is_ahead_of_the_log_starts_over() -> None:
    missed = recover("room", 11, NOW)

    assert (seqs(missed), missed.recovered) == (list(range(1, 11)), False)


@pytest.mark.parametrize(
    ("after", "present", "head", "settled"),
    [
        (0, [], LogPosition(0, 0), 0),
        (0, [1, 2, 3], LogPosition(3, NOW), 3),
        (0, [1, 3], LogPosition(3, NOW), 1),
        (2, [4], LogPosition(4, NOW), 2),
        (2, [], LogPosition(5, NOW), 2),
        (2, [], LogPosition(5, NOW - MINUTE), 5),
        (2, [], LogPosition(5, NOW - MINUTE + 1), 2),
        (0, [1, 2], LogPosition(5, NOW - MINUTE), 5),
    ],
    ids=[
        "nothing",
        "all there",
        "one still on its way",
        "the first still on its way",
        "all still on their way",
        "numbers that nobody used for a minute",
        "numbers that nobody used for almost a minute",
        "numbers that nobody used at the end",
    ],
)
def test_the_log_is_final_up_to_what_may_still_turn_up(
    after: int, present: list[int], head: LogPosition, settled: int
) -> None:
    found = [make_message("room", seq) for seq in present]

    assert stable_seq(after, found, head, NOW) == settled


def test_a_hole_below_a_message_a_minute_old_is_final() -> None:
    found = [make_message("room", 3, created_at=NOW - MINUTE), make_message("room", 5)]

    assert stable_seq(0, found, LogPosition(5, NOW), NOW) == 3


@pytest.mark.parametrize(
    ("last_seq", "old", "fresh", "could"),
    [
        (None, [], [4, 5], False),
        (3, [], [4, 5], False),
        (2, [], [4, 5], True),
        (0, [], [4, 5], True),
        (0, [1, 2], [3, 4], False),
        (1, [1, 2], [3, 4], False),
        (1, [1, 3], [4, 5], True),
        (1, [1], [3, 4], True),
        (1, [1, 2], [4, 5], True),
        (3, [1], [3, 5], False),
        (4, [1], [3, 5], False),
        (5, [1], [3, 5], False),
        (2, [1, 2], [], True),
    ],
    ids=[
        "nothing claimed",
        "goes on where they were",
        "one is missing",
        "the beginning is missing",
        "not yet taken, from the start",
        "not yet taken",
        "one was taken before another",
        "what follows the last seen was taken",
        "one was taken, the last of the old ones",
        "a number that was never used, after what is kept",
        "the last seen was never used, after what is kept",
        "nothing came after",
        "all that is left is due to be taken",
    ],
)
def test_messages_that_retention_may_have_taken_are_owned_up_to(
    world: World, last_seq: int | None, old: list[int], fresh: list[int], could: bool
) -> None:
    room = make_room(created_at=OLD)
    fill(old, OLD, room.id)
    fill(fresh, FRESH, room.id)
    number(room.id, 5)
    missed = recover(room.id, last_seq, NOW)

    assert has_retention_gap(room, last_seq, missed, 90, NOW) is could


def test_a_room_younger_than_retention_lacks_nothing(world: World) -> None:
    room = make_room(created_at=FRESH)
    fill([4], NOW, room.id)

    assert not has_retention_gap(room, 1, recover(room.id, 1, NOW), 90, NOW)


def test_where_some_may_be_missing_the_last_fifty_come_and_say_so(world: World) -> None:
    room_id = world.open_room(now=OLD)
    fill(range(20, 100), FRESH, room_id)
    number(room_id, 99)
    ada = world.enter("ada", room_id)

    data = world.send(ada, "sync", last_seq=10)[0]["data"]

    assert [message["seq"] for message in data["messages"]] == list(range(51, 101))
    assert data["recovered"] is False
    assert len(data["messages"]) == recovery.SHOWN
