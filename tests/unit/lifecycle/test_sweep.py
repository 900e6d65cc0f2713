"""The sweep: it ends expired memberships and finishes interrupted closings."""

import logging
from collections.abc import Callable

import pytest

from chalicelib import log
from chalicelib.grants.table import get_standing
from chalicelib.lifecycle import service, sweep
from chalicelib.log.table import MESSAGES
from chalicelib.rooms.table import is_marked_deleted, list_occupied, mark_deleted
from chalicelib.seats import endings
from chalicelib.seats.table import claim_ending, list_participants
from tests.fakes.backend import HTTP_LEASE, MINUTE, NOW, SECOND, Interrupt, World
from tests.fakes.records import make_message
from tests.fakes.rooms import change_room

END = NOW + HTTP_LEASE
"""When a lease that began at NOW ends."""


def run(world: World, now: int = NOW) -> None:
    sweep.sweep(world.backend, lambda: now)


def occupied(world: World) -> list[str]:
    return list(list_occupied(world.store))


@pytest.fixture
def emptied(world: World) -> str:
    """A room whose only member has left."""
    room_id = world.open_room()
    world.join("ada", room_id)
    world.leave("ada", room_id)
    assert occupied(world) == [room_id]
    return room_id


def test_expired_memberships_end_once_in_every_room(world: World) -> None:
    ids = [world.open_room() for _ in range(3)]
    for room_id in ids:
        world.join("ada", room_id)
        world.join("bob", room_id, NOW + MINUTE)

    for _ in range(2):
        run(world, END)

    for room_id in ids:
        assert world.members(room_id) == ["bob"]
        assert world.room(room_id).participant_count == 1
        assert world.said(room_id) == ["Ada joined the room", "Bob joined the room", "Ada left the room"]


def test_a_member_whose_client_died_is_removed_after_90_s(world: World, room_id: str) -> None:
    dead, there = world.enter("ada", room_id), world.enter("bob", room_id)
    world.send(dead, "sync")
    world.fanout.forget()

    run(world, NOW + 90 * SECOND - 1)
    assert world.members(room_id) == ["ada", "bob"]
    run(world, NOW + 90 * SECOND)
    assert world.members(room_id) == ["bob"]

    frame = world.fanout.frames(there)[0]
    assert (frame["type"], frame["data"]["user_id"], frame["data"]["reason"]) == ("user_left", "ada", "timed_out")
    assert world.fanout.types(dead) == ["bye", "CLOSED"]
    assert world.fanout.last(dead)["data"]["action"] == "rejoin"
    assert world.roster(room_id) == [there]


def test_each_room_is_swept_with_its_own_time(world: World) -> None:
    ids = sorted(world.open_room() for _ in range(3))
    for room_id in ids:
        world.join("ada", room_id)
    times = [END + 25 * SECOND * n for n in range(3)]

    sweep.sweep(world.backend, iter(times).__next__)

    assert [world.log(room_id)[-1].created_at for room_id in ids] == times
    assert [log.get_position(world.store, room_id).allocated_at for room_id in ids] == times


def test_two_simultaneous_sweeps_end_a_membership_once(world: World, room_id: str, just_before: Interrupt) -> None:
    world.join("ada", room_id)
    just_before(endings, "claim_ending", lambda: run(world, END))

    run(world, END)

    assert world.said(room_id) == ["Ada joined the room", "Ada left the room"]
    assert world.last_number(room_id) == 2, "the second sweep uses no number"


def test_an_interrupted_end_is_finished_after_10_s(world: World, room_id: str) -> None:
    world.join("ada", room_id)
    assert claim_ending(world.store, world.member("ada", room_id), END)

    run(world, END + 9 * SECOND)
    assert world.members(room_id) == ["ada"]
    run(world, END + 10 * SECOND)
    assert world.members(room_id) == []


def test_an_empty_room_is_visited_once_more(world: World, emptied: str) -> None:
    for _ in range(2):
        run(world)
        assert occupied(world) == []

    world.join("ada", emptied)
    assert occupied(world) == [emptied]


@pytest.mark.parametrize(
    "act", [lambda world, room: world.join("ada", room), lambda world, room: mark_deleted(world.store, room)]
)
def test_a_room_that_changes_during_its_visit_is_visited_again(
    world: World, emptied: str, just_before: Interrupt, act: Callable[[World, str], object]
) -> None:
    just_before(sweep, "unindex", lambda: act(world, emptied))

    run(world)

    assert occupied(world) == [emptied]
    run(world)
    assert not is_marked_deleted(world.store, emptied)


def test_an_interrupted_deactivation_is_finished(world: World, room_id: str) -> None:
    there = world.enter("ada", room_id)
    change_room(world.store, room_id, {"status": "inactive"})

    run(world)

    assert world.members(room_id) == []
    assert world.room(room_id).participant_count == 0
    assert world.fanout.types(there) == ["room_closed", "bye", "CLOSED"]
    assert world.said(room_id)[-1] == "Ada left the room"


@pytest.mark.parametrize("has_member", [True, False])
def test_an_interrupted_deletion_is_finished(world: World, room_id: str, has_member: bool) -> None:
    there = world.enter("ada", room_id) if has_member else ""
    mark_deleted(world.store, room_id)

    run(world)

    assert not is_marked_deleted(world.store, room_id)
    assert world.members(room_id) == world.roster(room_id) == world.said(room_id) == []
    assert world.fanout.types(there) == ["room_closed", "bye", "CLOSED"] * has_member


def test_a_long_log_is_deleted_in_several_sweeps(world: World, room_id: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chalicelib.store.store._DELETE_PAGE", 10)
    monkeypatch.setattr(service, "_PAGES", 2)
    for seq in range(1, 31):
        world.store.put(MESSAGES, make_message(room_id, seq))
    world.grant("ada", room_id, "moderator")

    service.delete_room(world.context("", room_id))
    assert is_marked_deleted(world.store, room_id)
    assert len(world.log(room_id)) == 10

    run(world)
    assert not is_marked_deleted(world.store, room_id)
    assert world.log(room_id) == []
    assert get_standing(world.store, room_id, "ada").role is None


def test_a_room_purged_during_the_sweep_is_no_failure(world: World, room_id: str, just_before: Interrupt) -> None:
    world.join("ada", room_id)
    just_before(sweep, "get_room", lambda: service.delete_room(world.context("", room_id)))

    run(world)

    assert not is_marked_deleted(world.store, room_id)


def test_a_room_that_fails_is_logged_and_stops_no_other(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    ids = [world.open_room() for _ in range(3)]
    for room_id in ids:
        world.join("ada", room_id)
    broken = occupied(world)[1]

    def fail(store: object, room_id: str) -> object:
        if room_id == broken:
            raise ConnectionError("no network")
        return list_participants(world.store, room_id)

    monkeypatch.setattr(sweep, "list_participants", fail)
    with caplog.at_level(logging.ERROR), pytest.raises(RuntimeError, match="1 rooms"):
        run(world, END)

    assert broken in caplog.text
    assert [room_id for room_id in ids if world.members(room_id)] == [broken]
