"""Take a seat, give it up, and lose it."""

from collections.abc import Callable
from functools import partial

import pytest

from chalicelib import log
from chalicelib.identity.profiles import PROFILES, Profile
from chalicelib.identity.tickets import verify_ticket
from chalicelib.kernel.errors import (
    NothingToLeaveError,
    NotInRoomError,
    RateLimitedError,
    RoomFullError,
    RoomInactiveError,
    RoomNotFoundError,
    UnavailableError,
)
from chalicelib.kernel.settings import Limit
from chalicelib.kernel.times import iso
from chalicelib.log import Draft
from chalicelib.log import service as log_service
from chalicelib.rooms.table import change_room
from chalicelib.seats import service, sockets
from chalicelib.seats.schemas import RoomDetail
from chalicelib.seats.table import claim_ending
from tests.fakes.backend import MINUTE, NOW, SECOND, World, interrupt, on_moto

NOWHERE = "00000000-0000-4000-8000-000000000000"
HTTP_LEASE = 15 * MINUTE
GRACE = 20 * SECOND
END = NOW + HTTP_LEASE
"""When a lease that began at NOW ends."""


@pytest.fixture
def room_id(world: World) -> str:
    return world.open_room(seats=3)


Interrupt = Callable[[Callable[[], object]], None]


@pytest.fixture
def before_commit(monkeypatch: pytest.MonkeyPatch) -> Interrupt:
    """Lets something happen after the next entry has a number, and before the transaction that stores it."""
    return partial(interrupt, monkeypatch, log_service, "put_message")


def last_number(world: World, room_id: str) -> int:
    return log.get_position(world.store, room_id).last_seq


def entries(world: World, room_id: str) -> list[tuple[int, str]]:
    return [(message.seq, message.text) for message in world.log(room_id)]


def names(detail: RoomDetail) -> list[str]:
    return [person.id for person in detail.participants]


# Join


def test_a_participant_starts_muted_silent_and_online(world: World, room_id: str) -> None:
    (shown,) = world.join("ada", room_id).room.participants

    assert shown.model_dump() == {
        "id": "ada",
        "name": "Ada",
        "avatar": None,
        "joined_at": iso(NOW),
        "is_muted": True,
        "is_speaking": False,
        "is_online": True,
    }


def test_join_answers_people_and_messages_oldest_first(world: World, room_id: str) -> None:
    for number, name in enumerate(("cyd", "ada", "bob")):
        answer = world.join(name, room_id, NOW + number)

    assert answer.message == "Joined room successfully"
    assert names(answer.room) == ["cyd", "ada", "bob"]
    assert [message.text for message in answer.room.messages] == [f"{n} joined the room" for n in ("Cyd", "Ada", "Bob")]
    assert (answer.room.participant_count, answer.room.last_seq) == (3, 3)


def test_join_answers_at_most_the_last_50_messages(world: World, room_id: str) -> None:
    world.join("ada", room_id)
    for number in range(60):
        log.commit(world.context("ada", room_id), Draft(f"{number}"))

    answer = world.join("bob", room_id)

    assert [message.seq for message in answer.room.messages] == list(range(13, 63))


def test_join_answers_a_ticket_for_the_room_for_a_minute(world: World, room_id: str) -> None:
    access = world.join("ada", room_id).websocket

    ticket = verify_ticket(access.ticket, world.backend.secret, NOW)
    assert (ticket.user_id, ticket.room_id) == ("ada", room_id)
    assert access.url == f"wss://rooms.test?ticket={access.ticket}"
    assert access.expires_at == iso(NOW + MINUTE)


def test_join_writes_one_system_message_and_tells_the_room(world: World, room_id: str) -> None:
    there = world.enter("ada", room_id)

    answer = world.join("bob", room_id)

    assert world.said(room_id) == ["Ada joined the room", "Bob joined the room"]
    message = world.log(room_id)[-1]
    assert (message.type, message.user_id, message.user) == ("system", None, "System")
    frame = world.fanout.last(there)
    assert (frame["type"], frame["seq"]) == ("user_joined", 2)
    assert frame["data"]["participant"] == answer.room.participants[-1].model_dump()
    assert frame["data"]["message"]["text"] == "Bob joined the room"


def test_a_user_is_shown_with_the_chosen_profile(world: World, room_id: str) -> None:
    world.store.put(PROFILES, Profile("ada", "Countess", "/ada.png"))

    (shown,) = world.join("ada", room_id).room.participants

    assert (shown.name, shown.avatar) == ("Countess", "/ada.png")
    assert world.said(room_id) == ["Countess joined the room"]


def test_a_second_join_renews_the_lease_and_changes_nothing_else(world: World, room_id: str) -> None:
    there = world.enter("ada", room_id)

    answer = world.join("ada", room_id, NOW + SECOND)

    assert (answer.message, answer.success) == ("Already in this room", True)
    assert world.room(room_id).participant_count == 1
    assert world.said(room_id) == ["Ada joined the room"]
    assert world.fanout.types(there) == []
    assert verify_ticket(answer.websocket.ticket, world.backend.secret, NOW + SECOND).user_id == "ada"
    assert world.member("ada", room_id).lease_expires_at == NOW + SECOND + HTTP_LEASE


def test_a_full_room_admits_its_members_only(world: World) -> None:
    room_id = world.open_room(seats=2)
    world.join("ada", room_id)
    world.join("bob", room_id)

    with pytest.raises(RoomFullError):
        world.join("cyd", room_id)

    assert world.members(room_id) == ["ada", "bob"]
    assert world.room(room_id).participant_count == 2
    assert last_number(world, room_id) == 2, "a refused join uses no number"
    assert world.join("ada", room_id).message == "Already in this room"


def test_inactive_and_unknown_rooms_admit_nobody(world: World, room_id: str) -> None:
    change_room(world.store, room_id, {"status": "inactive"})

    with pytest.raises(RoomInactiveError):
        world.join("ada", room_id)
    with pytest.raises(RoomNotFoundError):
        world.join("ada", NOWHERE)

    assert last_number(world, room_id) == last_number(world, NOWHERE) == 0


def test_fewer_seats_than_members_removes_nobody(world: World, room_id: str) -> None:
    world.join("ada", room_id)
    world.join("bob", room_id)
    change_room(world.store, room_id, {"max_participants": 1})

    for leaver in ("bob", "ada"):
        with pytest.raises(RoomFullError):
            world.join("cyd", room_id)
        world.leave(leaver, room_id)
    assert world.join("cyd", room_id).room.participant_count == 1


def test_a_seat_is_free_when_its_lease_ends_and_not_before(world: World) -> None:
    room_id = world.open_room(seats=1)
    gone = world.enter("ada", room_id)
    with pytest.raises(RoomFullError):
        world.join("bob", room_id, END - 1)

    answer = world.join("bob", room_id, END)

    assert names(answer.room) == ["bob"]
    assert world.room(room_id).participant_count == 1
    assert world.said(room_id) == ["Ada joined the room", "Ada left the room", "Bob joined the room"]
    assert world.fanout.types(gone) == ["bye", "CLOSED"]
    assert world.roster(room_id) == []


def test_a_user_whose_lease_ended_joins_anew(world: World, room_id: str) -> None:
    world.join("ada", room_id)

    answer = world.join("ada", room_id, END)

    assert answer.message == "Joined room successfully"
    assert [message.text for message in answer.room.messages] == [
        f"Ada {act} the room" for act in ("joined", "left", "joined")
    ]


@pytest.mark.parametrize(("seats", "members"), [(1, ["bob"]), (2, ["ada", "bob"])])
def test_a_claimed_end_is_taken_over_only_if_the_seat_is_needed(world: World, seats: int, members: list[str]) -> None:
    room_id = world.open_room(seats=seats)
    world.join("ada", room_id)
    assert claim_ending(world.store, world.member("ada", room_id), END)

    answer = world.join("bob", room_id, END)

    assert names(answer.room) == ["bob"]
    assert world.members(room_id) == members
    assert world.said(room_id).count("Ada left the room") == 2 - seats


def test_of_two_joins_for_the_last_seat_one_is_refused(world: World, before_commit: Interrupt) -> None:
    room_id = world.open_room(seats=1)
    before_commit(lambda: world.join("bob", room_id))

    with pytest.raises(RoomFullError):
        world.join("ada", room_id)

    assert world.members(room_id) == ["bob"]


def test_two_joins_of_a_user_at_once_take_one_seat(world: World, room_id: str, before_commit: Interrupt) -> None:
    before_commit(lambda: world.join("ada", room_id))

    assert world.join("ada", room_id).message == "Already in this room"

    assert world.said(room_id) == ["Ada joined the room"]
    assert world.room(room_id).participant_count == 1


def test_a_room_that_closes_during_a_join_admits_nobody(world: World, room_id: str, before_commit: Interrupt) -> None:
    before_commit(lambda: change_room(world.store, room_id, {"status": "inactive"}))

    with pytest.raises(RoomInactiveError):
        world.join("ada", room_id)


def test_joins_are_limited_per_user_and_use_no_number() -> None:
    with on_moto(joins_limit=Limit(2, 60)) as world:
        room_id = world.open_room()
        world.join("ada", room_id)
        world.join("ada", room_id)

        with pytest.raises(RateLimitedError) as raised:
            world.join("ada", room_id, NOW + SECOND)

        assert raised.value.headers() == {"Retry-After": "59"}
        assert last_number(world, room_id) == 1
        world.join("bob", room_id)
        world.join("ada", room_id, NOW + MINUTE)


# Leave


def test_leave_frees_the_seat_and_tells_the_others(world: World, room_id: str) -> None:
    there, mine = world.enter("ada", room_id), world.enter("bob", room_id)
    world.fanout.forget()

    world.leave("bob", room_id)

    assert world.members(room_id) == ["ada"]
    assert world.room(room_id).participant_count == 1
    assert world.said(room_id)[-1] == "Bob left the room"
    frame = world.fanout.frames(there)[0]
    assert (frame["type"], frame["seq"]) == ("user_left", 3)
    assert (frame["data"]["user_id"], frame["data"]["reason"]) == ("bob", "left")
    assert frame["data"]["message"]["text"] == "Bob left the room"
    assert world.fanout.types(mine) == ["bye", "CLOSED"]


def test_leave_closes_the_users_connections_in_that_room_only(world: World, room_id: str) -> None:
    another = world.open_room()
    mine = [world.enter("ada", room_id), world.connect("ada", room_id)]
    others = [world.enter("ada", another), world.enter("bob", room_id)]
    world.fanout.forget()

    world.leave("ada", room_id)

    assert sorted(world.fanout.closed()) == sorted(mine)
    assert all(world.fanout.last(one)["data"]["action"] == "stop" for one in mine)
    assert world.roster(room_id) == [others[1]]
    assert world.roster(another) == [others[0]]


def test_leave_without_a_seat_is_refused(world: World, room_id: str) -> None:
    with pytest.raises(NothingToLeaveError) as raised:
        world.leave("ada", room_id)
    with pytest.raises(RoomNotFoundError):
        world.leave("ada", NOWHERE)

    assert (raised.value.status, raised.value.code) == (404, "not_in_room")
    assert world.log(room_id) == []


def test_leaving_twice_writes_one_message(world: World, room_id: str) -> None:
    world.join("ada", room_id)
    world.leave("ada", room_id)

    with pytest.raises(NothingToLeaveError):
        world.leave("ada", room_id)

    assert world.said(room_id) == ["Ada joined the room", "Ada left the room"]


def test_leave_after_the_lease_ended_is_a_time_out(world: World, room_id: str) -> None:
    world.join("ada", room_id)
    there = world.enter("bob", room_id, NOW + SECOND)

    with pytest.raises(NothingToLeaveError):
        world.leave("ada", room_id, END)

    assert world.members(room_id) == ["bob"]
    assert world.fanout.last(there)["data"]["reason"] == "timed_out"


def test_leave_works_while_the_lease_is_renewed(world: World, room_id: str, before_commit: Interrupt) -> None:
    mine = world.enter("ada", room_id)
    before_commit(lambda: world.join("ada", room_id, NOW + 1))

    world.leave("ada", room_id, NOW + 1)

    assert world.members(room_id) == []
    assert world.room(room_id).participant_count == 0
    assert entries(world, room_id) == [(1, "Ada joined the room"), (2, "Ada left the room")]
    assert last_number(world, room_id) == 2, "the retry uses the same number"
    assert world.fanout.types(mine) == ["bye", "CLOSED"]
    assert world.roster(room_id) == []


def test_a_member_who_comes_back_during_leave_leaves_again(
    world: World, room_id: str, before_commit: Interrupt
) -> None:
    def leave_and_come_back() -> None:
        world.leave("ada", room_id, NOW + 1)
        world.join("ada", room_id, NOW + 2)

    world.join("ada", room_id)
    before_commit(leave_and_come_back)

    world.leave("ada", room_id, NOW + 3)

    assert world.members(room_id) == []
    assert world.said(room_id) == [f"Ada {act} the room" for act in ("joined", "left") * 2]


def test_two_leaves_at_once_write_one_message(world: World, room_id: str, before_commit: Interrupt) -> None:
    mine, there = world.enter("ada", room_id), world.enter("bob", room_id)
    world.fanout.forget()
    before_commit(lambda: world.leave("ada", room_id))

    with pytest.raises(NothingToLeaveError):
        world.leave("ada", room_id)

    assert world.said(room_id).count("Ada left the room") == 1
    assert world.fanout.types(there).count("user_left") == 1
    assert world.fanout.types(mine) == ["bye", "CLOSED"]
    assert world.room(room_id).participant_count == 1


@pytest.mark.parametrize("same_moment", [0, 1])
def test_a_connection_that_opens_during_leave_is_closed(
    world: World, room_id: str, before_commit: Interrupt, same_moment: int
) -> None:
    opened = [world.enter("ada", room_id, NOW)]
    before_commit(lambda: opened.append(world.connect("ada", room_id, NOW + same_moment)))

    world.leave("ada", room_id, NOW + 1)

    assert world.roster(room_id) == []
    assert sorted(world.fanout.closed()) == sorted(opened)


def test_a_connection_that_opens_after_the_roster_was_read_is_closed(
    world: World, room_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.join("ada", room_id)
    opened: list[str] = []
    interrupt(monkeypatch, service, "get_participant", lambda: opened.append(world.connect("ada", room_id)))

    world.leave("ada", room_id)

    assert world.roster(room_id) == []
    assert world.fanout.closed() == opened


@pytest.mark.parametrize(
    "act",
    [
        lambda world, room_id: world.join("bob", room_id),
        lambda world, room_id: world.leave("ada", room_id),
        lambda world, room_id: service.evict(world.context("", room_id), "ada", write_log=True),
        lambda world, room_id: service.evict(world.context("", room_id), "ada", write_log=False),
    ],
    ids=["join", "leave", "evict", "evict without log"],
)
def test_what_is_always_interrupted_is_unavailable(
    world: World, room_id: str, monkeypatch: pytest.MonkeyPatch, act: Callable[[World, str], object]
) -> None:
    world.join("ada", room_id)
    tries: list[object] = []
    monkeypatch.setattr(world.store, "transact", tries.append)

    with pytest.raises(UnavailableError):
        act(world, room_id)

    assert len(tries) == 5
    assert world.members(room_id) == ["ada"]


@pytest.mark.parametrize(
    ("act", "members"),
    [
        (lambda world, room_id: world.join("cyd", room_id), ["ada", "bob", "cyd"]),
        (lambda world, room_id: world.leave("ada", room_id), ["bob"]),
    ],
    ids=["join", "leave"],
)
def test_a_failing_fan_out_fails_neither_join_nor_leave(
    world: World, room_id: str, act: Callable[[World, str], object], members: list[str]
) -> None:
    world.enter("ada", room_id)
    world.enter("bob", room_id)
    world.fanout.error = ConnectionError("no network")

    act(world, room_id)

    assert world.members(room_id) == members


# The end of leases


def test_all_expired_members_end_though_a_connection_is_gone(world: World, room_id: str) -> None:
    world.enter("ada", room_id)
    lost, closing = world.enter("bob", room_id), world.connect("bob", room_id)
    world.fanout.gone.add(lost)

    world.join("cyd", room_id, END)

    assert world.members(room_id) == ["cyd"]
    said = [f"{act} the room" for act in ("Ada joined", "Bob joined", "Ada left", "Bob left", "Cyd joined")]
    assert entries(world, room_id) == list(enumerate(said, 1))
    assert world.fanout.types(closing) == ["bye", "CLOSED"]


def test_a_new_membership_does_not_end_with_the_old_one(
    world: World, room_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.join("ada", room_id)
    stale = world.member("ada", room_id)
    back: list[str] = []
    interrupt(monkeypatch, service, "get_roster", lambda: back.append(world.enter("ada", room_id, END)))

    service.end_expired(world.context("", room_id, END), [stale])

    assert world.member("ada", room_id).joined_at == END
    assert world.roster(room_id) == back
    assert back[0] not in world.fanout.closed()
    assert world.said(room_id).count("Ada left the room") == 1


# A look into the room


def test_a_room_shows_its_members_and_last_messages(world: World, room_id: str) -> None:
    empty = look(world, room_id)
    assert (empty.messages, empty.participants, empty.last_seq) == ([], [], 0)
    world.join("cyd", room_id)
    world.join("bob", room_id, NOW + 1)

    shown = look(world, room_id)

    assert names(shown) == ["cyd", "bob"]
    assert [message.text for message in shown.messages] == ["Cyd joined the room", "Bob joined the room"]
    assert (shown.last_seq, shown.participant_count) == (2, 2)
    assert (shown.tasks_completed, shown.tasks_total, shown.focus_time, shown.focus_goal) == (0, 0, 0, 480)


def look(world: World, room_id: str, now: int = NOW, *, by: str = "somebody") -> RoomDetail:
    return service.get_room_detail(world.context(by, room_id, now))


def test_a_look_ends_expired_members_once_and_hides_them(world: World, room_id: str) -> None:
    world.join("ada", room_id)
    there = world.enter("bob", room_id, NOW + MINUTE)
    world.join("cyd", room_id)
    world.leave("cyd", room_id)
    world.fanout.forget()

    for _ in range(2):
        shown = look(world, room_id, END)
        assert (names(shown), shown.participant_count) == (["bob"], 1)

    assert world.members(room_id) == ["bob"]
    assert world.room(room_id).participant_count == 1
    assert world.said(room_id).count("Ada left the room") == 1
    assert world.fanout.types(there) == ["user_left"]
    assert world.fanout.last(there)["data"]["reason"] == "timed_out"


def test_a_look_renews_the_callers_own_lease(world: World, room_id: str) -> None:
    world.join("ada", room_id)
    world.join("bob", room_id)

    look(world, room_id, NOW + 2 * MINUTE, by="ada")

    assert world.member("ada", room_id).lease_expires_at == NOW + 2 * MINUTE + HTTP_LEASE
    assert world.member("bob", room_id).lease_expires_at == END


def test_a_look_into_an_unknown_room_is_refused(world: World) -> None:
    with pytest.raises(RoomNotFoundError):
        look(world, NOWHERE)


# Tickets


def test_a_member_gets_a_ticket_and_keeps_the_seat(world: World, room_id: str) -> None:
    world.join("ada", room_id)
    later = NOW + 10 * MINUTE

    access = service.request_ticket(world.context("ada", room_id, later))

    assert verify_ticket(access.ticket, world.backend.secret, later).room_id == room_id
    assert world.member("ada", room_id).lease_expires_at == later + HTTP_LEASE


def test_a_ticket_requested_in_the_grace_extends_the_lease(world: World, room_id: str) -> None:
    mine = world.enter("ada", room_id)
    world.send(mine, "sync")
    sockets.disconnect(world.backend, mine, NOW)
    assert world.member("ada", room_id).lease_expires_at == NOW + GRACE

    service.request_ticket(world.context("ada", room_id, NOW + SECOND))

    assert world.member("ada", room_id).lease_expires_at == NOW + SECOND + 90 * SECOND


def test_a_user_without_a_seat_gets_no_ticket(world: World, room_id: str) -> None:
    world.join("ada", room_id)

    with pytest.raises(NotInRoomError) as raised:
        service.request_ticket(world.context("bob", room_id))
    assert (raised.value.status, raised.value.code) == (403, "not_in_room")
    with pytest.raises(NotInRoomError):
        service.request_ticket(world.context("ada", room_id, END))
    with pytest.raises(RoomNotFoundError):
        service.request_ticket(world.context("ada", NOWHERE))
