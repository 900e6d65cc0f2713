"""Bans from the whole deployment."""

import pytest

from chalicelib.contract import Request
from chalicelib.grants.audit import page_lines
from chalicelib.grants.table import DEPLOYMENT
from chalicelib.identity.profiles import PROFILES, Profile
from chalicelib.kernel.times import iso
from chalicelib.moderation import everywhere
from chalicelib.moderation.everywhere import ban_everywhere, lift_ban, list_bans
from chalicelib.moderation.schemas import BanRequest, BansQuery
from chalicelib.rooms.schemas import RoomCreate
from chalicelib.rooms.service import create_room
from chalicelib.seats import service
from chalicelib.seats.service import request_ticket
from chalicelib.seats.table import list_seats
from tests.fakes.backend import DAY, NOW, SECOND, Interrupt, World, code_of


@pytest.fixture
def pauses(world: World, monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses of the service, which last no time here."""
    found: list[float] = []
    monkeypatch.setattr(world.store.connection, "sleep", found.append)
    return found


def root(world: World, now: int = NOW) -> Request:
    return world.request("root", now)


def test_a_user_is_kept_out_of_all_rooms(world: World, pauses: list[float]) -> None:
    rooms = [world.open_room() for _ in range(3)]
    world.store.put(PROFILES, Profile("ada", "Countess", None))
    mine = [world.enter("ada", room_id) for room_id in rooms[:2]]
    there = [world.enter("bob", room_id) for room_id in rooms[:2]]
    world.fanout.forget()

    ban = ban_everywhere(root(world), "ada", BanRequest(reason="spam", seconds=60))

    until = iso(NOW + 60 * SECOND)
    assert (ban.user_id, ban.name, ban.until, ban.reason, ban.banned_by) == ("ada", "Countess", until, "spam", "root")
    assert [world.members(room_id) for room_id in rooms[:2]] == [["bob"], ["bob"]]
    assert all(world.fanout.types(one) == ["bye", "CLOSED"] for one in mine)
    assert all(world.fanout.frames(one)[0]["data"]["reason"] == "removed" for one in there)
    for room_id in rooms:
        assert code_of(world.join, "ada", room_id) == "banned"
    assert code_of(request_ticket, world.context("ada", rooms[0])) == "not_in_room"
    for key in (None, "key"):
        assert code_of(create_room, world.request("ada", key=key), RoomCreate(name="Mine")) == "banned"
    assert [one.user_id for one in list_bans(root(world), BansQuery()).bans] == ["ada"]
    assert list_bans(root(world, NOW + DAY), BansQuery()).bans == []
    world.join("ada", rooms[2], NOW + 60 * SECOND)


def test_a_ban_is_changed_and_lifted(world: World, pauses: list[float]) -> None:
    room_id = world.open_room()
    assert ban_everywhere(root(world), "ada", BanRequest(seconds=60, reason="spam")).until
    assert ban_everywhere(root(world), "ada", BanRequest()).until is None
    for _ in range(2):
        lift_ban(root(world), "ada")
    world.join("ada", room_id)
    lines, _ = page_lines(world.store, DEPLOYMENT, 10)
    assert sorted((line.action, line.by, line.user_id) for line in lines) == [
        *[("ban", "root", "ada")] * 2,
        ("unban", "root", "ada"),
    ]
    assert code_of(ban_everywhere, root(world), "root", BanRequest()) == "forbidden"


def test_a_join_at_the_same_moment_gets_no_seat(world: World, pauses: list[float], just_before: Interrupt) -> None:
    room_id = world.open_room()
    just_before(service, "take_seat", lambda: ban_everywhere(root(world), "ada", BanRequest()))
    assert code_of(world.join, "ada", room_id) == "banned"
    assert world.members(room_id) == []
    assert world.has_all_numbers(room_id)


def test_a_seat_that_the_index_shows_late_is_found(
    world: World, pauses: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    room_id = world.open_room()
    world.join("ada", room_id)
    monkeypatch.setattr(everywhere, "list_seats", lambda *who: list_seats(*who) if pauses else [])
    ban_everywhere(root(world), "ada", BanRequest())
    assert (world.members(room_id), pauses) == ([], [everywhere.LATE_SECONDS])
