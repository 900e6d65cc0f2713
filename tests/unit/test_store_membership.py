"""Joining and leaving, across tables."""

from dataclasses import replace
from typing import Any

import pytest

from chalicelib.rooms.table import Room
from chalicelib.seats.table import Participant
from chalicelib.store import connections, membership, messages, participants, rooms
from tests.fakes.backend import MINUTE, NOW, World
from tests.fakes.records import make_connection, make_message, make_participant, make_room


@pytest.fixture
def room(store: World) -> Room:
    made = make_room(max_participants=2)
    rooms.create(made, None, NOW)
    return made


def take(room: Room, user_id: str, seq: int = 1) -> Participant | None:
    member = make_participant(room.id, user_id)
    return member if membership.take_seat(member, make_message(room.id, seq), 90) else None


def count(room: Room) -> int:
    found = rooms.get(room.id)
    assert found
    return found.participant_count


def test_a_seat_is_counted_taken_and_announced_at_once(room: Room) -> None:
    member, message = make_participant(room.id, avatar="/ada.png"), make_message(room.id, 1, type="system")

    assert membership.take_seat(member, message, 90)

    assert count(room) == 1
    assert participants.get(room.id, "ada") == member
    assert messages.get(room.id, 1) == message


def test_the_same_user_takes_one_seat(room: Room) -> None:
    assert take(room, "ada")
    assert not take(room, "ada", 2)

    assert count(room) == 1
    assert messages.get(room.id, 2) is None


def test_a_full_room_has_no_seat(room: Room) -> None:
    assert take(room, "ada", 1)
    assert take(room, "bob", 2)
    assert not take(room, "cyd", 3)

    assert count(room) == 2
    assert participants.get(room.id, "cyd") is None
    assert messages.get(room.id, 3) is None


@pytest.mark.parametrize("change", [{"status": "inactive"}, {"max_participants": 0}])
def test_a_room_that_lets_nobody_in_has_no_seat(room: Room, change: Any) -> None:
    rooms.change(room.id, change)

    assert not take(room, "ada")
    assert participants.get(room.id, "ada") is None


def test_a_buried_room_has_no_seat(room: Room) -> None:
    rooms.bury(room.id)

    assert not take(room, "ada")


def test_a_room_that_is_nowhere_has_no_seat_and_is_not_made(store: World) -> None:
    assert not membership.take_seat(make_participant("nowhere"), make_message("nowhere"), 90)

    assert rooms.get("nowhere") is None


def test_a_seat_is_given_up_with_its_announcement(room: Room) -> None:
    member = take(room, "ada")
    assert member

    assert membership.give_up_seat(member, [], make_message(room.id, 2), 90)

    assert count(room) == 0
    assert participants.get(room.id, "ada") is None
    assert messages.get(room.id, 2)


def test_connections_leave_the_roster_with_the_seat(room: Room) -> None:
    mine, other = make_connection(room.id, "c1"), make_connection(room.id, "c2", "bob")
    for connection in (mine, other):
        connections.put(connection)
    member = take(room, "ada")
    assert member

    assert not membership.give_up_seat(replace(member, joined_at=NOW + 1), [mine], None, 90)
    assert connections.roster(room.id) == [mine, other]

    assert membership.give_up_seat(member, [mine], None, 90)
    assert connections.roster(room.id) == [other]


def test_a_seat_is_given_up_without_a_word_where_the_log_goes_too(room: Room) -> None:
    member = take(room, "ada")
    assert member

    assert membership.give_up_seat(member, [], None, 90)

    assert [message.seq for message in messages.newest(room.id, 10)] == [1]


def test_a_seat_is_given_up_once(room: Room) -> None:
    member = take(room, "ada")
    assert member
    assert take(room, "bob", 2)

    assert membership.give_up_seat(member, [], make_message(room.id, 3), 90)
    assert not membership.give_up_seat(member, [], make_message(room.id, 4), 90)

    assert count(room) == 1
    assert messages.get(room.id, 4) is None


@pytest.mark.parametrize(
    "stale",
    [
        {"lease_expires_at": NOW + MINUTE - 1},
        {"joined_at": NOW - 1},
        {"connections": frozenset({"another"})},
        {"connections": frozenset()},
    ],
    ids=["renewed since", "another membership", "another connection", "a connection since"],
)
def test_a_membership_that_is_no_longer_as_it_was_read_goes_on(room: Room, stale: dict[str, Any]) -> None:
    assert take(room, "ada")
    participants.attach(room.id, "ada", "c1", NOW + MINUTE, NOW)
    member = participants.get(room.id, "ada")
    assert member

    assert not membership.give_up_seat(replace(member, **stale), [], make_message(room.id, 2), 90)

    assert participants.get(room.id, "ada") == member
    assert count(room) == 1
    assert messages.get(room.id, 2) is None
    assert membership.give_up_seat(member, [], make_message(room.id, 2), 90)


def test_the_count_never_goes_below_nothing(room: Room) -> None:
    assert not membership.give_up_seat(make_participant(room.id), [], make_message(room.id), 90)

    assert count(room) == 0
