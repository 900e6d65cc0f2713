"""List and create rooms."""

import base64
from typing import Any

import pytest

from chalicelib.kernel.errors import InvalidCursorError, InvalidRequestError, RateLimitedError, RoomNotFoundError
from chalicelib.kernel.settings import Limit
from chalicelib.kernel.times import iso
from chalicelib.lifecycle.service import delete_room
from chalicelib.rooms import service
from chalicelib.rooms.schemas import RoomCreate, RoomsQuery, RoomSummary
from chalicelib.rooms.table import ROOMS
from tests.fakes.backend import DAY, NOW, SECOND, Interrupt, World, on_moto, user
from tests.fakes.counting import Counter
from tests.fakes.records import make_room


def create(
    world: World, name: str = "Quiet", *, by: str = "ada", key: str | None = None, now: int = NOW
) -> RoomSummary:
    return service.create_room(world.request(by, now, key=key), RoomCreate(name=name))


def list_rooms(world: World, **query: Any) -> service.RoomPage:
    return service.list_rooms(world.request("ada"), RoomsQuery(**query))


def names(world: World) -> list[str]:
    return [room.name for room in list_rooms(world).rooms]


def test_the_list_has_active_rooms_oldest_first(world: World) -> None:
    assert list_rooms(world) == service.RoomPage([], None)
    for number, (name, status) in enumerate([("c", "active"), ("a", "inactive"), ("b", "active")]):
        world.store.put(ROOMS, make_room(name=name, status=status, created_at=NOW + number))

    assert names(world) == ["c", "b"]


@pytest.mark.parametrize("name", ["Focus Z\u043ene", "STUDY-HALL", "Sprint  Ro\u03bfm", "Coffee Break"])
def test_only_administrators_may_use_the_name_of_a_default_room(world: World, name: str) -> None:
    with pytest.raises(
        InvalidRequestError, match="name must not look like the name of one of the service's own"
    ) as caught:
        create(world, name)
    assert (caught.value.errors[0]["loc"], names(world)) == (["name"], [])

    request = world.request("root")
    request.__dict__["user"] = user("root", is_admin=True)
    service.create_room(request, RoomCreate(name=name))
    assert create(world, f"{name} 2").name == f"{name} 2"


def test_pages_follow_one_another_without_a_gap(world: World) -> None:
    for number in range(5):
        world.open_room(name=f"{number}", now=NOW + number)

    seen, cursor = [], None
    for _ in range(3):
        page = list_rooms(world, limit=2, cursor=cursor)
        seen.append([room.name for room in page.rooms])
        cursor = page.next_cursor

    assert seen == [["0", "1"], ["2", "3"], ["4"]]
    assert cursor is None


def test_a_page_without_a_cursor_is_one_request(world: World) -> None:
    world.open_room()
    with Counter(world.store) as counter:
        list_rooms(world)
    assert [call.operation for call in counter.calls] == ["Query"]


def test_a_cursor_that_was_changed_is_refused(world: World) -> None:
    for number in range(2):
        world.open_room(now=NOW + number)
    cursor = list_rooms(world, limit=1).next_cursor
    assert cursor
    for_others = base64.urlsafe_b64decode(cursor).replace(b"active", b"hidden")

    for beginning in ("", "é", "AAAA", "nonsense"):
        with pytest.raises(InvalidCursorError):
            list_rooms(world, limit=1, cursor=beginning + cursor[4:])
    with pytest.raises(InvalidCursorError):
        list_rooms(world, cursor=base64.urlsafe_b64encode(for_others).decode())


def test_a_new_room_is_active_and_empty(world: World) -> None:
    chosen = {"name": "Quiet", "description": "shh", "max_participants": 3, "color": "bg-red"}

    made = service.create_room(world.request("ada"), RoomCreate.model_validate(chosen))

    given = {"status": "active", "participant_count": 0, "created_by": "ada", "created_at": iso(NOW)}
    assert made.model_dump() == {"id": made.id} | chosen | given
    assert list_rooms(world).rooms == [made]


def test_a_key_creates_one_room_per_user_and_day(world: World) -> None:
    first = create(world, key="key")

    assert create(world, "Another", key="key", now=NOW + DAY - SECOND) == first
    assert names(world) == ["Quiet"]
    assert create(world, "Bob's", by="bob", key="key", now=NOW + 1).id != first.id
    assert create(world, "Another", key="key", now=NOW + DAY).id != first.id
    assert names(world) == ["Quiet", "Bob's", "Another"]


def test_a_key_used_twice_at_once_creates_one_room(world: World, just_before: Interrupt) -> None:
    made: list[Any] = []
    just_before(service, "new_room", lambda: made.append(create(world, key="key")))

    made.append(create(world, key="key"))

    assert made[0] == made[1]
    assert names(world) == ["Quiet"]


def test_the_key_of_a_deleted_room_creates_no_other(world: World) -> None:
    made = create(world, key="key")
    delete_room(world.context("ada", made.id))

    with pytest.raises(RoomNotFoundError):
        create(world, key="key")


def test_new_rooms_are_limited_per_user_and_repetitions_are_free() -> None:
    with on_moto(rooms_limit=Limit(2, 86_400)) as world:
        create(world, key="key")
        create(world)

        with pytest.raises(RateLimitedError) as raised:
            create(world, now=NOW + SECOND)

        assert raised.value.headers() == {"Retry-After": "86399"}
        assert create(world, "x", key="key").name == "Quiet"
        assert create(world, by="bob").created_by == "bob"
        assert len(names(world)) == 3
