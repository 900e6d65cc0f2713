"""Create rooms."""

from typing import Any

import pytest

from chalicelib.kernel.errors import InvalidRequestError, RateLimitedError, RoomNotFoundError, TooManyRoomsError
from chalicelib.kernel.settings import Limit
from chalicelib.kernel.times import iso
from chalicelib.lifecycle.service import delete_room
from chalicelib.rooms import listing, service
from chalicelib.rooms.schemas import RoomCreate, RoomsQuery, RoomSummary
from tests.fakes.backend import DAY, NOW, PLENTY, SECOND, Interrupt, World, on_moto, user


def create(
    world: World, name: str = "Quiet", *, by: str = "ada", key: str | None = None, now: int = NOW
) -> RoomSummary:
    return service.create_room(world.request(by, now, key=key), RoomCreate(name=name))


def list_rooms(world: World) -> list[RoomSummary]:
    return listing.list_rooms(world.request("ada"), RoomsQuery()).rooms


def names(world: World) -> list[str]:
    return [room.name for room in list_rooms(world)]


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


CHOSEN = {"description": "shh", "max_participants": 3, "color": "bg-red"}
DEFAULTS = {"description": "", "max_participants": 15, "color": "bg-grayBlue"}


@pytest.mark.parametrize(
    ("chosen", "stored"),
    [(CHOSEN, CHOSEN), ({}, DEFAULTS), (dict.fromkeys(DEFAULTS), DEFAULTS)],
    ids=["chosen", "absent", "null"],
)
def test_a_new_room_is_active_and_empty(world: World, chosen: dict[str, Any], stored: dict[str, Any]) -> None:
    made = service.create_room(world.request("ada"), RoomCreate.model_validate({"name": "Quiet"} | chosen))

    given = {"status": "active", "participant_count": 0, "created_by": "ada", "created_at": iso(NOW)}
    settings = {"visibility": "public", "is_locked": False, "slow_seconds": 0, "retention_days": 90, "owner_id": "ada"}
    assert made.model_dump() == {"id": made.id, "name": "Quiet"} | stored | given | settings
    assert list_rooms(world) == [made]


def test_a_key_creates_one_room_per_user_and_day(world: World) -> None:
    first = create(world, key="key")

    assert create(world, "Another", key="key", now=NOW + DAY - SECOND) == first
    assert names(world) == ["Quiet"]
    assert create(world, "Bob's", by="bob", key="key", now=NOW + 1).id != first.id
    assert create(world, "Another", key="key", now=NOW + DAY).id != first.id
    assert names(world) == ["Another", "Bob's", "Quiet"]


def test_simultaneous_uses_of_a_key_create_one_room(world: World, just_before: Interrupt) -> None:
    made: list[Any] = []
    just_before(service, "new_room", lambda: made.append(create(world, key="key")))

    made.append(create(world, key="key"))

    assert made[0] == made[1]
    assert names(world) == ["Quiet"]


@pytest.mark.parametrize("limit", [1, 2])
def test_simultaneous_rooms_with_one_key_count_once(just_before: Interrupt, limit: int) -> None:
    with on_moto(rooms_limit=Limit(limit, 86_400)) as world:
        just_before(service, "record_once", lambda: create(world, key="key"))
        create(world, key="key")
        for number in range(2, limit + 1):
            create(world, key=f"key {number}")

        with pytest.raises(RateLimitedError):
            create(world, key="another")
        assert len(names(world)) == limit


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


def test_a_user_owns_twenty_rooms_at_most() -> None:
    with on_moto(rooms_limit=PLENTY) as world:
        made = [create(world, now=NOW + number).id for number in range(20)]

        with pytest.raises(TooManyRoomsError, match="You own 20 rooms"):
            create(world)
        create(world, by="bob")
        create(world, by="service")

        delete_room(world.context("ada", made[0]))
        create(world)
