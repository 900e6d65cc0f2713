"""Rooms: listed, made, looked into, changed, closed and deleted."""

import base64
from typing import Any

import pytest

from chalicelib import chat, rooms
from chalicelib.errors import (
    ForbiddenError,
    InvalidCursorError,
    NotInRoomError,
    RateLimitedError,
    RoomNotFoundError,
)
from chalicelib.records import RoomStatus
from chalicelib.schemas import RoomCreate, RoomsQuery, RoomSummary, RoomUpdate
from chalicelib.settings import Limit
from chalicelib.store import connections, messages, participants
from chalicelib.store import rooms as stored_rooms
from chalicelib.times import iso
from tests.fakes.backend import DAY, MINUTE, NOW, SECOND, World, interrupt, on_moto, user
from tests.fakes.records import make_room

NOWHERE = "00000000-0000-4000-8000-000000000000"
HTTP_LEASE = 15 * MINUTE
ADA = user("ada")


@pytest.fixture
def room_id(world: World) -> str:
    return world.open_room(made_by="ada")


@pytest.fixture
def there(world: World, room_id: str) -> str:
    """The connection of a member, who has been told nothing yet."""
    connection_id = world.enter("bob", room_id)
    world.fanout.forget()
    return connection_id


def names(world: World, **query: Any) -> list[str]:
    return [room.name for room in rooms.list_active(world.backend, RoomsQuery(**query)).rooms]


def detail(world: World, room_id: str, now: int = NOW, *, asking: str = "somebody") -> Any:
    return rooms.detail(world.backend, user(asking), room_id, now)


def change(world: World, room_id: str, now: int = NOW, **changes: Any) -> Any:
    return rooms.update(world.backend, room_id, RoomUpdate(**changes), now)


def test_without_rooms_the_list_is_empty(world: World) -> None:
    page = rooms.list_active(world.backend, RoomsQuery())

    assert page.rooms == []
    assert page.next_cursor is None


def test_the_list_has_active_rooms_oldest_first(world: World) -> None:
    for number, (name, status) in enumerate([("c", "active"), ("a", "inactive"), ("b", "active")]):
        stored_rooms.create(make_room(name=name, status=status, created_at=NOW + number), None, NOW)

    assert names(world) == ["c", "b"]


def test_pages_follow_one_another_without_a_gap(world: World) -> None:
    for number in range(5):
        world.open_room(name=f"{number}", now=NOW + number)

    seen, cursor = [], None
    for _ in range(3):
        page = rooms.list_active(world.backend, RoomsQuery(limit=2, cursor=cursor))
        seen.append([room.name for room in page.rooms])
        cursor = page.next_cursor

    assert seen == [["0", "1"], ["2", "3"], ["4"]]
    assert cursor is None


@pytest.mark.parametrize("beginning", ["", "é", "AAAA", "nonsense"])
def test_a_cursor_that_was_not_made_here_is_refused(world: World, beginning: str) -> None:
    for number in range(2):
        world.open_room(now=NOW + number)
    cursor = rooms.list_active(world.backend, RoomsQuery(limit=1)).next_cursor
    assert cursor

    with pytest.raises(InvalidCursorError):
        rooms.list_active(world.backend, RoomsQuery(limit=1, cursor=beginning + cursor[4:]))


def test_a_cursor_cannot_be_turned_to_rooms_that_are_not_listed(world: World) -> None:
    for number in range(2):
        world.open_room(now=NOW + number)
    cursor = rooms.list_active(world.backend, RoomsQuery(limit=1)).next_cursor
    assert cursor
    raw = base64.urlsafe_b64decode(cursor).replace(b"active", b"hidden")

    with pytest.raises(InvalidCursorError):
        rooms.list_active(world.backend, RoomsQuery(cursor=base64.urlsafe_b64encode(raw).decode()))


def test_a_room_is_made_active_and_empty(world: World) -> None:
    request = RoomCreate(name="Quiet", description="shh", max_participants=3, color="bg-red")

    made = rooms.create(world.backend, ADA, request, None, NOW)

    assert (made.status, made.participant_count, made.created_by) == ("active", 0, "ada")
    assert (made.name, made.description, made.max_participants, made.color) == ("Quiet", "shh", 3, "bg-red")
    assert made.created_at == iso(NOW)
    assert names(world) == ["Quiet"]


def test_the_same_key_makes_one_room(world: World) -> None:
    first = rooms.create(world.backend, ADA, RoomCreate(name="Quiet"), "key", NOW)

    again = rooms.create(world.backend, ADA, RoomCreate(name="Another"), "key", NOW + DAY - SECOND)

    assert again == first
    assert names(world) == ["Quiet"]


def test_a_key_is_forgotten_after_a_day(world: World) -> None:
    rooms.create(world.backend, ADA, RoomCreate(name="Quiet"), "key", NOW)
    rooms.create(world.backend, ADA, RoomCreate(name="Another"), "key", NOW + DAY)

    assert names(world) == ["Quiet", "Another"]


def test_a_key_is_its_users_own(world: World) -> None:
    first = rooms.create(world.backend, ADA, RoomCreate(name="Quiet"), "key", NOW)

    assert rooms.create(world.backend, user("bob"), RoomCreate(name="Quiet"), "key", NOW).id != first.id


def test_the_same_key_in_the_same_moment_makes_one_room(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Any] = []

    def make() -> None:
        made.append(rooms.create(world.backend, ADA, RoomCreate(name="Quiet"), "key", NOW))

    interrupt(monkeypatch, stored_rooms, "create", make)
    make()

    assert made[0] == made[1]
    assert names(world) == ["Quiet"]


def test_a_key_whose_room_was_deleted_makes_no_other(world: World) -> None:
    made = rooms.create(world.backend, ADA, RoomCreate(name="Quiet"), "key", NOW)
    rooms.delete(world.backend, made.id, NOW)

    with pytest.raises(RoomNotFoundError):
        rooms.create(world.backend, ADA, RoomCreate(name="Quiet"), "key", NOW)


def test_rooms_made_in_a_day_are_limited() -> None:
    with on_moto(rooms_limit=Limit(2, 86_400)) as world:
        rooms.create(world.backend, ADA, RoomCreate(name="Quiet"), "key", NOW)
        rooms.create(world.backend, ADA, RoomCreate(name="Quiet"), None, NOW)

        with pytest.raises(RateLimitedError) as raised:
            rooms.create(world.backend, ADA, RoomCreate(name="Quiet"), None, NOW + SECOND)

        assert raised.value.headers() == {"Retry-After": "86399"}
        assert rooms.create(world.backend, ADA, RoomCreate(name="x"), "key", NOW).name == "Quiet", (
            "a repetition is free"
        )
        assert rooms.create(world.backend, user("bob"), RoomCreate(name="Quiet"), None, NOW).created_by == "bob"
        assert len(names(world)) == 3


def test_a_room_shows_who_is_in_it_and_its_last_messages(world: World, room_id: str) -> None:
    world.join("cyd", room_id)
    world.join("bob", room_id, NOW + 1)

    shown = detail(world, room_id)

    assert [person.id for person in shown.participants] == ["cyd", "bob"]
    assert [message.text for message in shown.messages] == ["Cyd joined the room", "Bob joined the room"]
    assert (shown.last_seq, shown.participant_count) == (2, 2)
    assert (shown.tasks_completed, shown.tasks_total, shown.focus_time, shown.focus_goal) == (0, 0, 0, 480)


def test_a_room_without_messages_has_none_yet(world: World, room_id: str) -> None:
    shown = detail(world, room_id)

    assert (shown.messages, shown.participants, shown.last_seq) == ([], [], 0)


def test_a_room_never_shows_those_who_left_or_whose_lease_ran_out(world: World, room_id: str) -> None:
    world.join("ada", room_id)
    world.join("bob", room_id, NOW + MINUTE)
    world.join("cyd", room_id)
    world.leave("cyd", room_id)

    shown = detail(world, room_id, NOW + HTTP_LEASE)

    assert [person.id for person in shown.participants] == ["bob"]
    assert shown.participant_count == 1


def test_looking_into_a_room_ends_the_memberships_that_ran_out_once(world: World, room_id: str) -> None:
    world.join("ada", room_id)
    there = world.enter("bob", room_id, NOW + MINUTE)

    for _ in range(2):
        detail(world, room_id, NOW + HTTP_LEASE)

    assert world.members(room_id) == ["bob"]
    assert world.room(room_id).participant_count == 1
    assert world.said(room_id).count("Ada left the room") == 1
    assert world.fanout.types(there) == ["user_left"]
    assert world.fanout.last(there)["data"]["reason"] == "timed_out"


def test_looking_into_a_room_keeps_ones_own_seat(world: World, room_id: str) -> None:
    world.join("ada", room_id)
    world.join("bob", room_id)

    detail(world, room_id, NOW + 2 * MINUTE, asking="ada")

    assert world.member("ada", room_id).lease_expires_at == NOW + 2 * MINUTE + HTTP_LEASE
    assert world.member("bob", room_id).lease_expires_at == NOW + HTTP_LEASE


def test_a_room_that_does_not_exist_is_not_found(world: World) -> None:
    with pytest.raises(RoomNotFoundError):
        detail(world, NOWHERE)


@pytest.mark.parametrize(
    "changes",
    [
        {"name": "Quiet"},
        {"description": "shh"},
        {"description": ""},
        {"max_participants": 1},
        {"color": "#fff"},
        {"name": "Quiet", "description": "shh", "max_participants": 2, "color": "bg-red", "status": "active"},
        {},
    ],
)
def test_any_subset_can_be_changed_and_the_rest_stays(
    world: World, room_id: str, there: str, changes: dict[str, Any]
) -> None:
    before = RoomSummary.of(world.room(room_id))

    changed = change(world, room_id, **changes)

    assert changed == before.model_copy(update=changes)
    assert changed == RoomSummary.of(world.room(room_id))
    frame = world.fanout.last(there)
    assert (frame["type"], frame["data"]) == ("room_updated", changed.model_dump())


def test_a_room_that_does_not_exist_is_not_changed(world: World) -> None:
    with pytest.raises(RoomNotFoundError):
        change(world, NOWHERE, name="Quiet")
    with pytest.raises(RoomNotFoundError):
        change(world, NOWHERE)


def test_deactivating_tells_the_members_and_ends_every_membership(world: World, room_id: str, there: str) -> None:
    world.join("cyd", room_id)
    second = world.connect("bob", room_id)
    world.fanout.forget()

    changed = change(world, room_id, status="inactive")

    assert (changed.status, changed.participant_count) == ("inactive", 0)
    assert world.members(room_id) == []
    assert world.roster(room_id) == []
    for connection_id in (there, second):
        assert world.fanout.types(connection_id) == ["room_closed", "bye", "CLOSED"]
        closed, bye = world.fanout.frames(connection_id)
        assert closed["data"] == {"reason": "deactivated"}
        assert bye["data"]["action"] == "stop"
    assert sorted(world.said(room_id)[2:]) == ["Bob left the room", "Cyd left the room"]
    with pytest.raises(NotInRoomError):
        chat.say(world.backend, "bob", room_id, "hello?", "text", None, NOW)


def test_an_inactive_room_can_be_opened_again(world: World, room_id: str) -> None:
    change(world, room_id, status="inactive")
    assert names(world) == []

    assert change(world, room_id, status="active").status == "active"

    assert names(world) == ["Focus Zone"]
    world.join("ada", room_id)


@pytest.mark.parametrize(("before", "after"), [("active", "inactive"), ("inactive", "active")])
def test_toggling_turns_the_status_around(world: World, before: RoomStatus, after: RoomStatus) -> None:
    room = make_room(status=before)
    stored_rooms.create(room, None, NOW)

    toggled = rooms.toggle(world.backend, room.id, NOW)

    assert (toggled.success, toggled.room_id, toggled.new_status) == (True, room.id, after)
    assert world.room(room.id).status == after


def test_toggling_an_active_room_ends_every_membership(world: World, room_id: str, there: str) -> None:
    rooms.toggle(world.backend, room_id, NOW)

    assert world.members(room_id) == []
    assert world.fanout.types(there) == ["room_closed", "bye", "CLOSED"]


def test_two_toggles_in_the_same_moment_both_count(world: World, room_id: str, monkeypatch: pytest.MonkeyPatch) -> None:
    interrupt(monkeypatch, stored_rooms, "switch", lambda: rooms.toggle(world.backend, room_id, NOW))

    assert rooms.toggle(world.backend, room_id, NOW).new_status == "active"

    assert world.room(room_id).status == "active"


def test_a_room_that_does_not_exist_is_not_toggled(world: World) -> None:
    with pytest.raises(RoomNotFoundError):
        rooms.toggle(world.backend, NOWHERE, NOW)


@pytest.mark.parametrize("caller", [user("ada"), user("root", is_admin=True)])
def test_a_room_is_deleted_by_its_maker_or_an_administrator(world: World, room_id: str, caller: Any) -> None:
    answer = rooms.delete_own(world.backend, caller, room_id, NOW)

    assert (answer.success, answer.message) == (True, "Room deleted")
    assert stored_rooms.get(room_id) is None


@pytest.mark.parametrize("made_by", ["ada", None])
def test_a_room_is_not_deleted_by_anybody_else(world: World, made_by: str | None) -> None:
    room = make_room(created_by=made_by)
    stored_rooms.create(room, None, NOW)

    with pytest.raises(ForbiddenError):
        rooms.delete_own(world.backend, user("bob"), room.id, NOW)

    assert stored_rooms.get(room.id)


def test_a_room_that_does_not_exist_is_not_deleted(world: World) -> None:
    with pytest.raises(RoomNotFoundError):
        rooms.delete_own(world.backend, ADA, NOWHERE, NOW)
    with pytest.raises(RoomNotFoundError):
        rooms.delete(world.backend, NOWHERE, NOW)


def test_deleting_takes_participants_messages_and_connections_along(world: World, room_id: str, there: str) -> None:
    for number in range(60):
        chat.say(world.backend, "bob", room_id, f"{number}", "text", None, NOW + number * SECOND)
    world.fanout.forget()

    rooms.delete(world.backend, room_id, NOW + MINUTE)

    assert stored_rooms.get(room_id) is None
    assert not stored_rooms.is_buried(room_id)
    assert participants.members(room_id) == []
    assert messages.newest(room_id, 100) == []
    assert messages.head(room_id).last_seq == 0
    assert connections.roster(room_id) == []
    assert world.fanout.types(there) == ["room_closed", "bye", "CLOSED"]
    assert world.fanout.frames(there)[0]["data"] == {"reason": "deleted"}


def test_a_deleted_room_leaves_the_others_alone(world: World, room_id: str) -> None:
    another = world.open_room()
    there = world.enter("bob", another)

    rooms.delete(world.backend, room_id, NOW)

    assert world.members(another) == ["bob"]
    assert world.roster(another) == [there]
    assert world.said(another) == ["Bob joined the room"]


def test_a_deletion_that_was_cut_short_is_finished_by_doing_it_again(
    world: World, room_id: str, there: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> None:
        raise ConnectionError("no network")

    interrupt(monkeypatch, participants, "members", fail)
    with pytest.raises(ConnectionError):
        rooms.delete(world.backend, room_id, NOW)
    with pytest.raises(RoomNotFoundError):
        detail(world, room_id)

    rooms.clear(world.backend, room_id, NOW)

    assert participants.members(room_id) == []
    assert not stored_rooms.is_buried(room_id)
    assert world.fanout.types(there)[-1] == "CLOSED"


@pytest.mark.parametrize(
    "act",
    [
        lambda world, room_id: change(world, room_id, name="Quiet"),
        lambda world, room_id: change(world, room_id, status="inactive"),
        lambda world, room_id: rooms.toggle(world.backend, room_id, NOW),
        lambda world, room_id: rooms.delete(world.backend, room_id, NOW),
    ],
    ids=["update", "deactivate", "toggle", "delete"],
)
def test_a_fan_out_that_fails_fails_none_of_this(world: World, room_id: str, there: str, act: Any) -> None:
    world.fanout.error = ConnectionError("no network")

    act(world, room_id)

    kept = stored_rooms.get(room_id)
    assert kept is None or kept.status == "inactive" or kept.name == "Quiet"
