"""What nobody else did."""

import logging

import pytest

from chalicelib import rooms as open_rooms
from chalicelib import sweeper
from chalicelib.store import connections, messages, participants, rooms
from tests.fakes.backend import MINUTE, NOW, SECOND, World, interrupt
from tests.fakes.records import make_message

HTTP_LEASE = 15 * MINUTE


def sweep(world: World, now: int = NOW) -> None:
    sweeper.sweep(world.backend, lambda: now)


def test_memberships_whose_lease_ran_out_are_ended_in_every_room(world: World) -> None:
    ids = [world.open_room() for _ in range(3)]
    for room_id in ids:
        world.join("ada", room_id)
        world.join("bob", room_id, NOW + MINUTE)

    sweep(world, NOW + HTTP_LEASE)

    for room_id in ids:
        assert world.members(room_id) == ["bob"]
        assert world.room(room_id).participant_count == 1
        assert world.said(room_id)[-1] == "Ada left the room"


def test_a_member_who_died_unnoticed_is_gone_in_ninety_seconds(world: World) -> None:
    room_id = world.open_room()
    dead, there = world.enter("ada", room_id), world.enter("bob", room_id)
    world.send(dead, "sync")
    world.fanout.forget()

    sweep(world, NOW + 90 * SECOND - 1)
    assert world.members(room_id) == ["ada", "bob"]
    sweep(world, NOW + 90 * SECOND)
    assert world.members(room_id) == ["bob"]

    frame = world.fanout.frames(there)[0]
    assert (frame["type"], frame["data"]["user_id"], frame["data"]["reason"]) == ("user_left", "ada", "timed_out")
    assert world.fanout.types(dead) == ["bye", "CLOSED"]
    assert world.fanout.last(dead)["data"]["action"] == "rejoin"
    assert world.roster(room_id) == [there]


def test_sweeping_twice_does_it_once(world: World) -> None:
    room_id = world.open_room()
    world.join("ada", room_id)

    sweep(world, NOW + HTTP_LEASE)
    sweep(world, NOW + HTTP_LEASE)

    assert world.said(room_id) == ["Ada joined the room", "Ada left the room"]


def test_a_sweep_that_takes_its_time_dates_each_end_when_it_comes(world: World) -> None:
    ids = sorted(world.open_room() for _ in range(3))
    for room_id in ids:
        world.join("ada", room_id)
    times = [NOW + HTTP_LEASE + 25 * SECOND * n for n in range(3)]

    sweeper.sweep(world.backend, iter(times).__next__)

    assert [world.log(room_id)[-1].created_at for room_id in ids] == times
    assert [messages.head(room_id).allocated_at for room_id in ids] == times


def test_two_sweeps_in_the_same_moment_do_it_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    room_id = world.open_room()
    world.join("ada", room_id)
    interrupt(monkeypatch, participants, "claim_ending", lambda: sweep(world, NOW + HTTP_LEASE))

    sweep(world, NOW + HTTP_LEASE)

    assert world.said(room_id) == ["Ada joined the room", "Ada left the room"]
    assert messages.head(room_id).last_seq == 2, "who comes second uses up no number"


def test_an_end_that_was_begun_and_not_finished_is_finished_after_ten_seconds(world: World) -> None:
    room_id = world.open_room()
    world.join("ada", room_id)
    later = NOW + HTTP_LEASE
    assert participants.claim_ending(world.member("ada", room_id), later)

    sweep(world, later + 9 * SECOND)
    assert world.members(room_id) == ["ada"]
    sweep(world, later + 10 * SECOND)
    assert world.members(room_id) == []


def test_an_empty_room_is_looked_at_once_more_and_then_left_alone(world: World) -> None:
    room_id = world.open_room()
    world.join("ada", room_id)
    world.leave("ada", room_id)
    assert list(rooms.occupied()) == [room_id]

    sweep(world)

    assert list(rooms.occupied()) == []
    world.join("ada", room_id)
    assert list(rooms.occupied()) == [room_id]


def test_a_room_that_is_joined_while_it_is_left_alone_stays_in_sight(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    room_id = world.open_room()
    world.join("ada", room_id)
    world.leave("ada", room_id)
    interrupt(monkeypatch, rooms, "vacate", lambda: world.join("ada", room_id))

    sweep(world)

    assert list(rooms.occupied()) == [room_id]


def test_a_room_that_is_deleted_while_it_is_left_alone_stays_in_sight(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    room_id = world.open_room()
    world.join("ada", room_id)
    world.leave("ada", room_id)
    interrupt(monkeypatch, rooms, "vacate", lambda: rooms.bury(room_id))  # and then that function died

    sweep(world)

    assert list(rooms.occupied()) == [room_id]
    sweep(world)
    assert not rooms.is_buried(room_id)


def test_an_inactive_room_with_people_left_in_it_is_emptied(world: World) -> None:
    room_id = world.open_room()
    there = world.enter("ada", room_id)
    rooms.change(room_id, {"status": "inactive"})  # and then the function died

    sweep(world)

    assert world.members(room_id) == []
    assert world.room(room_id).participant_count == 0
    assert world.fanout.types(there) == ["room_closed", "bye", "CLOSED"]
    assert world.said(room_id)[-1] == "Ada left the room"


def test_a_room_whose_deletion_was_cut_short_is_erased(world: World) -> None:
    room_id = world.open_room()
    there = world.enter("ada", room_id)
    rooms.bury(room_id)  # and then the function died

    sweep(world)

    assert not rooms.is_buried(room_id)
    assert participants.members(room_id) == []
    assert connections.roster(room_id) == []
    assert messages.newest(room_id, 10) == []
    assert world.fanout.types(there) == ["room_closed", "bye", "CLOSED"]


def test_a_log_too_long_to_erase_at_once_is_erased_by_and_by(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(messages, "_ERASE_PAGE", 10)
    monkeypatch.setattr(open_rooms, "_ERASED_PAGES", 2)
    room_id = world.open_room()
    for seq in range(1, 31):
        messages.put(make_message(room_id, seq), 90)

    open_rooms.delete(world.backend, room_id, NOW)
    assert rooms.is_buried(room_id)
    assert len(messages.newest(room_id, 100)) == 10

    sweep(world)
    assert not rooms.is_buried(room_id)
    assert messages.newest(room_id, 100) == []


def test_a_deleted_room_that_was_empty_is_erased_too(world: World) -> None:
    room_id = world.open_room()
    rooms.bury(room_id)

    sweep(world)

    assert not rooms.is_buried(room_id)


def test_a_room_that_is_erased_while_the_sweeper_comes_is_no_failure(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    room_id = world.open_room()
    world.join("ada", room_id)
    interrupt(monkeypatch, rooms, "get", lambda: open_rooms.delete(world.backend, room_id, NOW))

    sweep(world)

    assert not rooms.is_buried(room_id)


def test_a_room_that_fails_keeps_no_other_waiting_and_is_reported(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    ids = [world.open_room() for _ in range(3)]
    for room_id in ids:
        world.join("ada", room_id)
    broken = list(rooms.occupied())[1]
    find = participants.members

    def fail(room_id: str) -> object:
        if room_id == broken:
            raise ConnectionError("no network")
        return find(room_id)

    monkeypatch.setattr(participants, "members", fail)
    with caplog.at_level(logging.ERROR), pytest.raises(RuntimeError, match="1 rooms"):
        sweep(world, NOW + HTTP_LEASE)

    assert broken in caplog.text
    assert [room_id for room_id in ids if find(room_id)] == [broken]


def test_a_fan_out_that_fails_does_not_fail_the_sweep(world: World) -> None:
    room_id = world.open_room()
    world.enter("ada", room_id)
    world.fanout.error = ConnectionError("no network")

    sweep(world, NOW + HTTP_LEASE)

    assert world.members(room_id) == []


def test_without_people_there_is_nothing_to_do(world: World) -> None:
    world.open_room()

    sweep(world)

    assert world.fanout.acts == []
