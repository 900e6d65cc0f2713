"""Rooms that are changed, closed and deleted."""

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from typing import Any

import pytest

from chalicelib.chat.service import send_message
from chalicelib.identity.tokens import User
from chalicelib.kernel.errors import ForbiddenError, InvalidRequestError, NotInRoomError, RoomNotFoundError
from chalicelib.lifecycle import service
from chalicelib.lifecycle.schemas import RoomPatch, RoomUpdate
from chalicelib.log import service as log_service
from chalicelib.rooms.schemas import RoomSummary
from chalicelib.rooms.table import ROOMS, RoomStatus, get_room, is_marked_deleted, list_all
from tests.fakes.backend import MINUTE, NOW, NOWHERE, SECOND, Interrupt, World, user
from tests.fakes.records import make_room

ADMIN = user("root", is_admin=True)


@pytest.fixture
def room_id(world: World) -> str:
    return world.open_room(made_by="ada")


@pytest.fixture
def there(world: World, room_id: str) -> str:
    """The connection of a member, which has received nothing yet."""
    connection_id = world.enter("bob", room_id)
    world.fanout.forget()
    return connection_id


def change(world: World, room_id: str, **changes: Any) -> RoomSummary:
    return service.update_room(world.context("root", room_id), RoomUpdate(**changes))


def patch(world: World, room_id: str, by: User = ADMIN, **changes: Any) -> RoomSummary:
    return service.update_own_room(world.context(by.id, room_id, is_admin=by.is_admin), by, RoomPatch(**changes))


def toggle(world: World, room_id: str) -> RoomStatus:
    return service.toggle_status(world.context("root", room_id)).new_status


def delete(world: World, room_id: str, by: User = ADMIN) -> str:
    return service.delete_own_room(world.context(by.id, room_id, is_admin=by.is_admin), by).message


@pytest.mark.parametrize(
    "changes",
    [
        *({"name": "Quiet"}, {"description": "shh"}, {"description": ""}, {"max_participants": 1}, {"color": "#fff"}),
        *({"visibility": "private"}, {"retention_days": 7}),
        {"name": "Quiet", "description": "shh", "max_participants": 2, "color": "bg-red", "status": "active"},
        {},
    ],
)
def test_any_subset_can_be_changed_and_members_are_told(
    world: World, room_id: str, there: str, changes: dict[str, Any]
) -> None:
    before = RoomSummary.of(world.room(room_id), world.backend.settings)

    changed = change(world, room_id, **changes)

    assert changed == before.model_copy(update=changes)
    assert changed == RoomSummary.of(world.room(room_id), world.backend.settings)
    frame = world.fanout.last(there)
    assert (frame["type"], frame["data"]) == ("room_updated", changed.model_dump())


@pytest.mark.parametrize("changes", [{"color": "#fff"}, {}])
def test_the_newest_update_shows_every_setting_as_it_is(
    world: World, room_id: str, there: str, just_before: Interrupt, changes: dict[str, Any]
) -> None:
    just_before(log_service, "put_entry", lambda: change(world, room_id, name="Quiet"))

    changed = change(world, room_id, **changes)

    assert changed == RoomSummary.of(world.room(room_id), world.backend.settings)
    updates = [frame for frame in world.fanout.frames(there) if frame["type"] == "room_updated"]
    assert max(updates, key=lambda frame: frame["seq"])["data"] == changed.model_dump()
    assert world.has_all_numbers(room_id)


def test_an_unknown_room_is_not_found_even_without_changes(world: World) -> None:
    for act in (change, patch):
        with pytest.raises(RoomNotFoundError):
            act(world, NOWHERE)


@pytest.mark.parametrize("changes", [{"name": "Quiet", "visibility": "unlisted"}, {}])
def test_the_owner_and_administrators_change_a_room(
    world: World, room_id: str, there: str, changes: dict[str, Any]
) -> None:
    before = world.room(room_id)
    for caller in ("bob", "eve"):
        with pytest.raises(ForbiddenError, match="Only the owner"):
            patch(world, room_id, user(caller), **changes)
    assert (world.room(room_id), world.fanout.frames(there)) == (before, [])

    for by in (user("ada"), ADMIN):
        changed = patch(world, room_id, by, **changes)
        assert changed == RoomSummary.of(replace(before, **changes), world.backend.settings)
        assert world.fanout.last(there)["data"] == changed.model_dump()


def test_a_user_who_just_lost_the_room_does_not_change_it(world: World, room_id: str, just_before: Interrupt) -> None:
    moved = replace(world.room(room_id), owner="user#bob")
    just_before(service, "plan_change", lambda: world.store.put(ROOMS, moved))

    with pytest.raises(ForbiddenError):
        patch(world, room_id, user("ada"), name="Mine")
    assert world.room(room_id) == moved


def test_only_administrators_rename_a_room_like_a_default_one(world: World, room_id: str) -> None:
    with pytest.raises(InvalidRequestError, match="must not look like"):
        patch(world, room_id, user("ada"), name="Study Ha||")
    assert patch(world, room_id, ADMIN, name="Study Ha||").name == "Study Ha||"


@pytest.mark.parametrize("close", [lambda world, room_id: change(world, room_id, status="inactive"), toggle])
def test_deactivation_tells_the_members_and_ends_their_seats(
    world: World, room_id: str, there: str, close: Callable[[World, str], object]
) -> None:
    world.join("cyd", room_id)
    second = world.connect("bob", room_id)
    world.fanout.forget()

    close(world, room_id)

    assert (world.room(room_id).status, world.room(room_id).participant_count) == ("inactive", 0)
    assert world.members(room_id) == world.roster(room_id) == []
    for connection_id in (there, second):
        assert world.fanout.types(connection_id) == ["room_closed", "bye", "CLOSED"]
        closed, bye = world.fanout.frames(connection_id)
        assert (closed["data"], bye["data"]["action"]) == ({"reason": "deactivated"}, "stop")
    assert sorted(world.said(room_id)[2:]) == ["Bob left the room", "Cyd left the room"]
    with pytest.raises(NotInRoomError):
        send_message(world.context("bob", room_id), "hello?", "text", None)


@pytest.mark.parametrize("close", [toggle, delete])
def test_a_connection_opened_while_its_room_closes_is_closed(
    world: World, room_id: str, there: str, just_before: Interrupt, close: Callable[[World, str], object]
) -> None:
    opened: list[str] = []
    just_before(service, "evict", lambda: opened.append(world.connect("bob", room_id)))

    close(world, room_id)

    assert [world.fanout.types(one)[-2:] for one in (there, *opened)] == [["bye", "CLOSED"]] * 2
    assert world.members(room_id) == world.roster(room_id) == []


@pytest.mark.parametrize("field", RoomUpdate.model_fields)
def test_null_changes_nothing(world: World, room_id: str, field: str) -> None:
    assert change(world, room_id, **{field: None}) == RoomSummary.of(world.room(room_id), world.backend.settings)


def test_an_inactive_room_is_empty_and_can_be_opened_again(world: World, room_id: str, there: str) -> None:
    assert change(world, room_id, status="inactive").participant_count == 0
    assert list(list_all(world.store, "active")) == []

    assert change(world, room_id, status="active").status == "active"

    assert [room.name for room in list_all(world.store, "active")] == ["Focus Zone"]
    world.join("ada", room_id)


@pytest.mark.parametrize(("before", "after"), [("active", "inactive"), ("inactive", "active")])
def test_a_toggle_inverts_the_status(world: World, before: RoomStatus, after: RoomStatus) -> None:
    room = make_room(status=before)
    world.store.put(ROOMS, room)

    toggled = service.toggle_status(world.context("root", room.room_id))

    assert (toggled.success, toggled.room_id, toggled.new_status) == (True, room.room_id, after)
    assert world.room(room.room_id).status == after


def test_two_simultaneous_toggles_both_count(world: World, room_id: str, just_before: Interrupt) -> None:
    just_before(service, "plan_change", lambda: toggle(world, room_id))

    assert toggle(world, room_id) == world.room(room_id).status == "active"


@pytest.mark.parametrize(
    ("made_by", "owner", "caller", "may_delete"),
    [
        ("ada", None, user("ada"), True),
        ("ada", None, ADMIN, True),
        ("ada", None, user("bob"), False),
        (None, None, user("bob"), False),
        ("ada", "user#bob", user("bob"), True),
        ("ada", "user#bob", user("ada"), False),
        ("service", "service", user("service"), False),
    ],
)
def test_the_owner_and_administrators_delete_a_room(
    world: World, made_by: str | None, owner: str | None, caller: User, may_delete: bool
) -> None:
    room = make_room(created_by=made_by, owner=owner)
    world.store.put(ROOMS, room)

    with nullcontext() if may_delete else pytest.raises(ForbiddenError):
        assert delete(world, room.room_id, caller) == "Room deleted"

    assert get_room(world.store, room.room_id) == (None if may_delete else room)


def test_a_user_who_just_lost_the_room_does_not_delete_it(world: World, room_id: str, just_before: Interrupt) -> None:
    def move() -> None:
        world.store.put(ROOMS, replace(world.room(room_id), owner="user#bob"))

    just_before(service, "mark_deleted", move)
    with pytest.raises(ForbiddenError):
        delete(world, room_id, user("ada"))

    assert world.room(room_id).owner_id == "bob"


def test_a_deletion_removes_everything_in_the_room_only(world: World, room_id: str, there: str) -> None:
    another = world.open_room()
    elsewhere = world.enter("bob", another)
    for number in range(60):
        send_message(world.context("bob", room_id, NOW + number * SECOND), f"{number}", "text", None)
    world.fanout.forget()

    service.delete_room(world.context("root", room_id, NOW + MINUTE))

    assert get_room(world.store, room_id) is None
    assert not is_marked_deleted(world.store, room_id)
    assert world.members(room_id) == world.said(room_id) == world.roster(room_id) == []
    assert world.last_number(room_id) == 0
    assert world.fanout.types(there) == ["room_closed", "bye", "CLOSED"]
    assert world.fanout.frames(there)[0]["data"] == {"reason": "deleted"}
    assert (world.members(another), world.roster(another)) == (["bob"], [elsewhere])
    assert world.said(another) == ["Bob joined the room"]


def test_an_interrupted_deletion_can_be_repeated(
    world: World, room_id: str, there: str, just_before: Interrupt
) -> None:
    def fail() -> None:
        raise ConnectionError("no network")

    just_before(service, "list_participants", fail)
    with pytest.raises(ConnectionError):
        service.delete_room(world.context("root", room_id))
    assert get_room(world.store, room_id) is None

    service.delete_room(world.context("root", room_id))

    assert world.members(room_id) == []
    assert not is_marked_deleted(world.store, room_id)
    assert world.fanout.types(there)[-1] == "CLOSED"
