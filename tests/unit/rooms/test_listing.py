"""The list of rooms: its order, its pages, and rooms that nobody uses."""

import base64

import pytest

import seed
from chalicelib.contract.sizes import MAX_ANSWER_BYTES, answer_bytes
from chalicelib.kernel.errors import InvalidCursorError
from chalicelib.rooms import listing
from chalicelib.rooms.listing import MAX_CLOSED, RoomPage
from chalicelib.rooms.schemas import RoomsQuery
from chalicelib.rooms.table import ROOMS, owner_of
from tests.fakes.backend import DAY, MINUTE, NOW, Interrupt, World
from tests.fakes.counting import Counter
from tests.fakes.records import make_room
from tests.fakes.rooms import change_room

IDLE = 30 * DAY


def page(world: World, now: int = NOW, limit: int = 100, cursor: str | None = None) -> RoomPage:
    return listing.list_rooms(world.request("ada", now), RoomsQuery(limit=limit, cursor=cursor))


def names(world: World, now: int = NOW) -> list[str]:
    return [room.name for room in page(world, now).rooms]


def walk(world: World, limit: int) -> list[list[str]]:
    """The names on each page."""
    found = page(world, limit=limit)
    seen = [found.rooms]
    while found.next_cursor:
        found = page(world, limit=limit, cursor=found.next_cursor)
        seen.append(found.rooms)
    return [[room.name for room in rooms] for rooms in seen]


def open_own(world: World, name: str, now: int = NOW) -> str:
    """One of the service's own rooms."""
    room = make_room(name=name, created_by=None, created_at=now, used_at=now, owner=owner_of(None))
    world.store.put(ROOMS, room)
    return room.room_id


@pytest.fixture
def rooms(store: World) -> World:
    """Three rooms of the service, made between four of users."""
    for age, name in enumerate("abAcBCd"):
        if name.isupper():
            open_own(store, name, NOW + age)
        else:
            store.open_room(name=name, now=NOW + age)
    return store


def test_an_empty_list_has_no_next_page(world: World) -> None:
    assert page(world) == RoomPage([], None)


@pytest.mark.parametrize("limit", range(1, 9))
def test_pages_have_own_rooms_first_and_then_the_newest(rooms: World, limit: int) -> None:
    pages = walk(rooms, limit)

    assert [name for names in pages for name in names] == list("ABCdcba")
    assert all(len(names) <= limit for names in pages)


def test_a_page_of_everything_is_one_round_trip(engine_world: World) -> None:
    for age in range(3):
        engine_world.open_room(now=NOW + age)
    open_own(engine_world, "A", NOW + 3)

    with Counter(engine_world.store) as counter:
        page(engine_world)

    assert [call.operation for call in counter.calls] == ["Query", "Query"]
    assert (counter.round_trips, counter.write_units) == (1, 0)

    for visibility in ("unlisted", "private") * 5:
        engine_world.store.put(ROOMS, make_room(visibility=visibility, description="x" * 2000))
    with Counter(engine_world.store) as with_hidden:
        assert len(page(engine_world).rooms) == 4
    assert with_hidden.read_units == counter.read_units


@pytest.mark.parametrize("own", [0, 12])
def test_a_page_ends_before_rooms_that_do_not_fit(world: World, own: int) -> None:
    """Emoji take the most bytes: Lambda writes twelve for each."""
    for number in range(20):
        room = make_room(
            name=f"{number}",
            description="\U0001f600" * 2_000,
            created_by=None if number < own else "ada",
            created_at=NOW + number,
            owner=owner_of(None if number < own else "ada"),
        )
        world.store.put(ROOMS, room)

    found = page(world)
    assert 100_000 < sum(map(answer_bytes, found.rooms)) < MAX_ANSWER_BYTES
    walked = [name for names_of_page in walk(world, 100) for name in names_of_page]
    assert walked == [f"{number}" for number in [*range(own), *reversed(range(own, 20))]]


def test_cursors_hold_while_rooms_come_and_go(rooms: World) -> None:
    first = page(rooms, limit=2)
    rooms.open_room(name="e", now=NOW + 10)
    rooms.store.delete(ROOMS, first.rooms[-1].id)
    second = page(rooms, limit=3, cursor=first.next_cursor)
    rooms.open_room(name="f", now=NOW + 11)
    rooms.store.delete(ROOMS, second.rooms[-1].id)
    rest = page(rooms, cursor=second.next_cursor)

    assert [[room.name for room in one.rooms] for one in (first, second, rest)] == [
        list("AB"),
        list("Ced"),
        list("cba"),
    ]


def test_only_active_public_rooms_are_listed(world: World) -> None:
    for name in "ab":
        change_room(world.store, world.open_room(name=name), {"status": "inactive"})
    change_room(world.store, open_own(world, "A"), {"status": "inactive"})
    open_own(world, "B", NOW + 1)
    hidden = [open_own(world, "C"), world.open_room(name="c")]
    for room_id in hidden:
        change_room(world.store, room_id, {"visibility": "unlisted"})

    assert names(world) == names(world, NOW + IDLE) == ["B"]
    assert [world.room(room_id).status for room_id in hidden] == ["active", "active"]


def test_rooms_of_the_first_release_are_listed(world: World) -> None:
    world.store.put(ROOMS, make_room(name="own", created_by=None))
    world.store.put(ROOMS, make_room(name="old", created_at=NOW + 1))

    assert names(world, NOW + 2 * IDLE) == ["old", "own"]


def test_the_seed_gives_rooms_of_the_first_release_an_owner(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seed, "get_backend", lambda: world.backend)
    monkeypatch.setattr(seed, "now_ms", lambda: NOW)
    world.store.put(ROOMS, make_room(name="old", created_at=NOW + 9, created_by="ada"))
    world.store.put(ROOMS, make_room(name="Focus Zone", created_by=None, created_at=NOW - 1))

    seed.seed_rooms()
    assert names(world)[0] == "Focus Zone"
    assert names(world)[-1] == "old"
    with Counter(world.store) as counter:
        seed.seed_rooms()
    assert counter.write_units == 0

    assert "old" not in names(world, NOW + IDLE)


def test_a_cursor_that_was_changed_is_refused(rooms: World) -> None:
    cursor = page(rooms, limit=1).next_cursor
    assert cursor
    for_others = base64.urlsafe_b64decode(cursor).replace(b"own", b"new")

    for beginning in ("", "é", "AAAA", "nonsense"):
        with pytest.raises(InvalidCursorError):
            page(rooms, cursor=beginning + cursor[4:])
    with pytest.raises(InvalidCursorError):
        page(rooms, cursor=base64.urlsafe_b64encode(for_others).decode())


def test_a_room_that_nobody_uses_becomes_inactive(world: World) -> None:
    used, unused, occupied = (world.open_room(name=name) for name in ("used", "unused", "occupied"))
    own = open_own(world, "own")
    world.join("ada", used, NOW + 2 * DAY - MINUTE)
    world.leave("ada", used, NOW + 2 * DAY)
    world.join("ben", occupied)

    assert sorted(names(world, NOW + IDLE - 1)) == ["occupied", "own", "unused", "used"]
    assert sorted(names(world, NOW + IDLE)) == ["occupied", "own", "used"]
    assert names(world, NOW + 2 * DAY + IDLE) == ["own", "occupied"]
    status = {room_id: world.room(room_id).status for room_id in (used, unused, occupied, own)}
    assert status == {used: "inactive", unused: "inactive", occupied: "active", own: "active"}


def test_an_unused_room_that_opens_again_stays_open(world: World) -> None:
    room_id = world.open_room()
    assert names(world, NOW + IDLE) == []

    change_room(world.store, room_id, {"status": "active", "used_at": NOW + IDLE})

    assert names(world, NOW + 2 * IDLE - 1) == ["Focus Zone"]


def test_a_join_at_the_same_moment_keeps_an_unused_room(world: World, just_before: Interrupt) -> None:
    room_id = world.open_room()
    just_before(listing, "deactivate_idle", lambda: world.join("ada", room_id, NOW + IDLE))

    assert names(world, NOW + IDLE) == ["Focus Zone"]
    assert world.members(room_id) == ["ada"]


def test_a_request_deactivates_a_few_unused_rooms(world: World) -> None:
    for age in range(MAX_CLOSED + 2):
        world.open_room(name=f"{age}", now=NOW + age)

    assert names(world, NOW + 2 * IDLE) == [f"{MAX_CLOSED + 1}", f"{MAX_CLOSED}"]
    assert names(world, NOW + 2 * IDLE) == []
    assert names(world, NOW + 2 * IDLE) == []
