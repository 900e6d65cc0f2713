"""Seats: join, leave, the end of a lease, and the view of a room."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from chalicelib import log
from chalicelib.grants.table import FOREVER, Standing, get_standings, standing_key
from chalicelib.identity.profiles import PROFILES, Profile
from chalicelib.identity.tickets import verify_ticket
from chalicelib.kernel import errors
from chalicelib.kernel.settings import Limit
from chalicelib.kernel.times import iso
from chalicelib.lifecycle.schemas import RoomUpdate
from chalicelib.lifecycle.service import delete_room, update_room
from chalicelib.log import Draft
from chalicelib.log import service as log_service
from chalicelib.log.schemas import RoomMessage
from chalicelib.log.table import MESSAGES
from chalicelib.rooms.schemas import RoomsQuery
from chalicelib.rooms.table import Change, Visibility, reserve_seat
from chalicelib.seats import endings, service, sockets, table, views
from chalicelib.seats.connections import remove_connection
from chalicelib.seats.schemas import Caller, RoomDetail
from chalicelib.seats.table import claim_ending
from tests.fakes.backend import HTTP_LEASE, MINUTE, NOW, NOWHERE, SECOND, Interrupt, World, on_moto, user
from tests.fakes.faults import Faults
from tests.fakes.rooms import change_room

GRACE = 20 * SECOND
END = NOW + HTTP_LEASE
"""When a lease that began at NOW ends."""


@pytest.fixture
def room_id(world: World) -> str:
    return world.open_room(seats=3)


BeforeCommit = Callable[[Callable[[], object]], None]


@pytest.fixture
def before_commit(just_before: Interrupt) -> BeforeCommit:
    """Run an act after the next entry has a number, and before the transaction that stores it."""
    return partial(just_before, log_service, "put_entry")


def entries(world: World, room_id: str) -> list[tuple[int, str]]:
    return [(message.seq, message.text) for message in world.log(room_id)]


def names(detail: RoomDetail) -> list[str]:
    return [person.id for person in detail.participants]


# Join


def test_a_newcomer_is_muted_silent_and_shown_as_they_chose(world: World, room_id: str) -> None:
    world.join("bob", room_id)
    world.store.put(PROFILES, Profile("ada", "Countess", "/ada.png"))

    shown = world.join("ada", room_id, NOW + 1).room.participants

    state = {"is_muted": True, "is_speaking": False, "is_online": True, "role": "member", "muted_by": None}
    assert [one.model_dump() for one in shown] == [
        {"id": "bob", "name": "Bob", "avatar": None, "joined_at": iso(NOW)} | state,
        {"id": "ada", "name": "Countess", "avatar": "/ada.png", "joined_at": iso(NOW + 1)} | state,
    ]
    assert world.said(room_id) == ["Bob joined the room", "Countess joined the room"]


def test_join_answers_people_and_50_messages_oldest_first(world: World, room_id: str) -> None:
    for after, name in enumerate(("cyd", "ada")):
        world.join(name, room_id, NOW + after)
    for number in range(60):
        log.commit(world.context("ada", room_id), Draft(f"{number}"), [])

    answer = world.join("bob", room_id, NOW + 2)

    room = answer.room
    assert answer.message == "Joined room successfully"
    assert (names(room), room.participant_count, room.last_seq) == (["cyd", "ada", "bob"], 3, 63)
    assert [message.text for message in room.messages] == [*map(str, range(11, 60)), "Bob joined the room"]


def test_join_answers_a_ticket_for_the_room_for_a_minute(world: World, room_id: str) -> None:
    access = world.join("ada", room_id).websocket

    ticket = verify_ticket(access.ticket, world.backend.secret, NOW)
    assert (ticket.user_id, ticket.room_id) == ("ada", room_id)
    assert access.url == f"wss://rooms.test?ticket={access.ticket}"
    assert access.expires_at == iso(NOW + MINUTE)


def test_join_writes_one_system_message_and_tells_the_room(world: World, room_id: str) -> None:
    there = world.enter("ada", room_id)

    participant = world.join("bob", room_id).room.participants[-1]

    assert world.said(room_id) == ["Ada joined the room", "Bob joined the room"]
    message = RoomMessage.of(world.log(room_id)[-1])
    assert (message.type, message.user_id, message.user) == ("system", None, "System")
    frame = world.fanout.last(there)
    assert (frame["type"], frame["seq"]) == ("user_joined", 2)
    assert frame["data"] == {"participant": participant.model_dump(), "message": message.model_dump()}


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

    with pytest.raises(errors.RoomFullError):
        world.join("cyd", room_id)

    assert world.members(room_id) == ["ada", "bob"]
    assert world.room(room_id).participant_count == 2
    assert world.last_number(room_id) == 2, "a refused join uses no number"
    assert world.join("ada", room_id).message == "Already in this room"


def test_inactive_and_unknown_rooms_admit_nobody(world: World, room_id: str) -> None:
    change_room(world.store, room_id, {"status": "inactive"})

    with pytest.raises(errors.RoomInactiveError):
        world.join("ada", room_id)
    with pytest.raises(errors.RoomNotFoundError):
        world.join("ada", NOWHERE)

    assert world.last_number(room_id) == world.last_number(NOWHERE) == 0


def test_a_locked_room_admits_its_members_only(world: World, room_id: str) -> None:
    world.join("ada", room_id)
    change_room(world.store, room_id, {"is_locked": True})

    with pytest.raises(errors.RoomLockedError):
        world.join("bob", room_id)

    assert world.last_number(room_id) == 1, "a refused join uses no number"
    assert world.join("ada", room_id).message == "Already in this room"


def test_a_kept_seat_is_for_one_user_until_it_ends(world: World) -> None:
    room_id = world.open_room(seats=2)
    world.join("ada", room_id)
    assert world.store.transact([reserve_seat(world.room(room_id), "bob", NOW + MINUTE, NOW)])

    with pytest.raises(errors.RoomFullError):
        world.join("cyd", room_id, NOW + MINUTE - 1)
    assert world.last_number(room_id) == 1, "a refused join uses no number"

    world.join("bob", room_id, NOW + MINUTE - 1)
    world.leave("bob", room_id, NOW + MINUTE - 1)
    assert world.store.transact([reserve_seat(world.room(room_id), "bob", NOW + MINUTE, NOW)])
    world.join("cyd", room_id, NOW + MINUTE)


def test_fewer_seats_than_members_removes_nobody(world: World, room_id: str) -> None:
    world.join("ada", room_id)
    world.join("bob", room_id)
    change_room(world.store, room_id, {"max_participants": 1})

    for leaver in ("bob", "ada"):
        with pytest.raises(errors.RoomFullError):
            world.join("cyd", room_id)
        world.leave(leaver, room_id)
    assert world.join("cyd", room_id).room.participant_count == 1


def test_a_seat_is_free_when_its_lease_ends_and_not_before(world: World) -> None:
    room_id = world.open_room(seats=1)
    gone = world.enter("ada", room_id)
    with pytest.raises(errors.RoomFullError):
        world.join("bob", room_id, END - 1)

    answer = world.join("bob", room_id, END)

    assert names(answer.room) == ["bob"]
    assert world.room(room_id).participant_count == 1
    assert world.said(room_id) == ["Ada joined the room", "Ada left the room", "Bob joined the room"]
    assert world.fanout.types(gone) == ["bye", "CLOSED"]
    assert world.roster(room_id) == []


def test_a_user_whose_lease_ended_joins_again(world: World, room_id: str) -> None:
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


def test_of_two_joins_for_the_last_seat_one_is_refused(world: World, before_commit: BeforeCommit) -> None:
    room_id = world.open_room(seats=1)
    before_commit(lambda: world.join("bob", room_id))

    with pytest.raises(errors.RoomFullError):
        world.join("ada", room_id)

    assert world.members(room_id) == ["bob"]
    assert world.has_all_numbers(room_id)


def test_two_simultaneous_joins_of_a_user_take_one_seat(
    world: World, room_id: str, before_commit: BeforeCommit
) -> None:
    before_commit(lambda: world.join("ada", room_id))

    assert world.join("ada", room_id).message == "Already in this room"

    assert world.said(room_id) == ["Ada joined the room"]
    assert world.room(room_id).participant_count == 1
    assert world.has_all_numbers(room_id)


def test_a_room_that_is_deleted_during_a_join_leaves_no_item(
    world: World, room_id: str, before_commit: BeforeCommit
) -> None:
    before_commit(lambda: delete_room(world.context("admin", room_id)))

    with pytest.raises(errors.RoomNotFoundError):
        world.join("ada", room_id)

    assert [item for page in world.store.pages(MESSAGES, room_id) for item in page] == []


@pytest.mark.parametrize(
    ("change", "error"),
    [({"status": "inactive"}, errors.RoomInactiveError), ({"is_locked": True}, errors.RoomLockedError)],
)
def test_a_room_that_closes_during_a_join_admits_nobody(
    world: World, room_id: str, before_commit: BeforeCommit, change: Change, error: type[errors.CoworkingError]
) -> None:
    before_commit(lambda: change_room(world.store, room_id, change))

    with pytest.raises(error):
        world.join("ada", room_id)


def test_joins_are_limited_per_user_and_use_no_number() -> None:
    with on_moto(joins_limit=Limit(2, 60)) as world:
        room_id = world.open_room()
        world.join("ada", room_id)
        world.join("ada", room_id)

        with pytest.raises(errors.RateLimitedError) as raised:
            world.join("ada", room_id, NOW + SECOND)

        assert raised.value.headers() == {"Retry-After": "59"}
        assert world.last_number(room_id) == 1
        world.join("bob", room_id)
        world.join("ada", room_id, NOW + MINUTE)


# Leave


def test_a_leave_frees_the_seat_and_closes_the_connections(world: World, room_id: str) -> None:
    another = world.open_room()
    mine = [world.enter("ada", room_id), world.connect("ada", room_id)]
    elsewhere, there = world.enter("ada", another), world.enter("bob", room_id)
    world.fanout.forget()

    world.leave("ada", room_id)

    assert (world.members(room_id), world.room(room_id).participant_count) == (["bob"], 1)
    assert (world.roster(room_id), world.roster(another)) == ([there], [elsewhere])
    frame, _ = world.fanout.frames(there)
    message = RoomMessage.of(world.log(room_id)[-1])
    assert (frame["type"], frame["seq"], message.text) == ("user_left", 3, "Ada left the room")
    assert frame["data"] == {"user_id": "ada", "reason": "left", "message": message.model_dump()}
    assert [world.fanout.types(one) for one in mine] == [["bye", "CLOSED"]] * 2
    assert [world.fanout.last(one)["data"]["action"] for one in mine] == ["stop"] * 2
    assert world.fanout.types(elsewhere) == []


def test_leave_without_a_seat_is_refused(world: World, room_id: str) -> None:
    world.join("bob", room_id)
    world.leave("bob", room_id)

    for user_id in ("ada", "bob"):
        with pytest.raises(errors.NothingToLeaveError):
            world.leave(user_id, room_id)
    with pytest.raises(errors.RoomNotFoundError):
        world.leave("ada", NOWHERE)

    assert world.said(room_id) == ["Bob joined the room", "Bob left the room"]


def test_leave_after_the_lease_ended_is_a_time_out(world: World, room_id: str) -> None:
    world.join("ada", room_id)
    there = world.enter("bob", room_id, NOW + SECOND)

    with pytest.raises(errors.NothingToLeaveError):
        world.leave("ada", room_id, END)

    assert world.members(room_id) == ["bob"]
    assert world.fanout.last(there)["data"]["reason"] == "timed_out"


def test_leave_works_while_the_lease_is_renewed(world: World, room_id: str, before_commit: BeforeCommit) -> None:
    mine = world.enter("ada", room_id)
    before_commit(lambda: world.join("ada", room_id, NOW + 1))

    world.leave("ada", room_id, NOW + 1)

    assert world.members(room_id) == []
    assert world.room(room_id).participant_count == 0
    assert entries(world, room_id) == [(1, "Ada joined the room"), (3, "Ada left the room")]
    assert world.has_all_numbers(room_id)
    assert world.fanout.types(mine) == ["seq_unused", "bye", "CLOSED"]
    assert world.roster(room_id) == []


def test_a_member_who_comes_back_during_leave_leaves_again(
    world: World, room_id: str, before_commit: BeforeCommit
) -> None:
    def leave_and_come_back() -> None:
        world.leave("ada", room_id, NOW + 1)
        world.join("ada", room_id, NOW + 2)

    world.join("ada", room_id)
    before_commit(leave_and_come_back)

    world.leave("ada", room_id, NOW + 3)

    assert world.members(room_id) == []
    assert world.said(room_id) == [f"Ada {act} the room" for act in ("joined", "left") * 2]


def test_two_simultaneous_leaves_write_one_message(world: World, room_id: str, before_commit: BeforeCommit) -> None:
    mine, there = world.enter("ada", room_id), world.enter("bob", room_id)
    world.fanout.forget()
    before_commit(lambda: world.leave("ada", room_id))

    with pytest.raises(errors.NothingToLeaveError):
        world.leave("ada", room_id)

    assert world.said(room_id).count("Ada left the room") == 1
    assert world.fanout.types(there) == ["user_left", "user-left", "seq_unused"]
    assert world.has_all_numbers(room_id)
    assert world.fanout.types(mine) == ["bye", "CLOSED"]
    assert world.room(room_id).participant_count == 1


@pytest.mark.parametrize("same_moment", [0, 1])
def test_a_connection_that_opens_during_leave_is_closed(
    world: World, room_id: str, before_commit: BeforeCommit, same_moment: int
) -> None:
    opened = [world.enter("ada", room_id, NOW)]
    before_commit(lambda: opened.append(world.connect("ada", room_id, NOW + same_moment)))

    world.leave("ada", room_id, NOW + 1)

    assert world.roster(room_id) == []
    assert sorted(world.fanout.closed()) == sorted(opened)


def test_a_connection_that_opens_after_the_roster_read_is_closed(
    world: World, room_id: str, just_before: Interrupt
) -> None:
    world.join("ada", room_id)
    opened: list[str] = []
    just_before(table, "get_participant", lambda: opened.append(world.connect("ada", room_id)))

    world.leave("ada", room_id)

    assert world.roster(room_id) == []
    assert world.fanout.closed() == opened


@pytest.mark.parametrize(
    "act",
    [
        lambda world, room_id: world.join("bob", room_id),
        lambda world, room_id: world.leave("ada", room_id),
        lambda world, room_id: endings.evict(world.context("", room_id), "ada", "room_closed"),
        lambda world, room_id: endings.evict(world.context("", room_id), "ada", "room_closed", write_log=False),
    ],
    ids=["join", "leave", "evict", "evict without log"],
)
def test_an_act_that_is_always_interrupted_is_unavailable(
    world: World, room_id: str, monkeypatch: pytest.MonkeyPatch, act: Callable[[World, str], object]
) -> None:
    world.join("ada", room_id)
    tries: list[object] = []
    monkeypatch.setattr(world.store, "transact", tries.append)

    with pytest.raises(errors.UnavailableError):
        act(world, room_id)

    assert len(tries) == 5
    assert world.members(room_id) == ["ada"]


@pytest.mark.parametrize("visibility", ["public", "private"])
def test_a_right_that_the_first_read_has_missed_counts(
    world: World, monkeypatch: pytest.MonkeyPatch, visibility: Visibility
) -> None:
    room_id = world.open_room(visibility=visibility)
    world.grant("ada", room_id, "member")
    key = standing_key(room_id, "ada")
    stale = Standing(*key, banned_until=FOREVER) if visibility == "public" else Standing(*key)

    def read_late(*args: Any, consistent: bool = True) -> tuple[Standing, Standing]:
        own, everywhere = get_standings(*args)
        return (own if consistent else stale), everywhere

    monkeypatch.setattr(service, "get_standings", read_late)

    world.join("ada", room_id)

    assert world.members(room_id) == ["ada"]


# The end of leases


@pytest.mark.parametrize("is_known", [True, False])
def test_all_expired_members_end_though_connections_are_gone(world: World, room_id: str, is_known: bool) -> None:
    world.enter("ada", room_id)
    if not is_known:
        remove_connection(world.store, world.connections(room_id)[0])  # Ada's membership still names it
    lost, closing = world.enter("bob", room_id), world.connect("bob", room_id)
    world.fanout.gone.add(lost)

    world.join("cyd", room_id, END)

    assert world.members(room_id) == ["cyd"]
    said = [f"{act} the room" for act in ("Ada joined", "Bob joined", "Ada left", "Bob left", "Cyd joined")]
    assert entries(world, room_id) == list(enumerate(said, 1))
    assert world.fanout.types(closing) == ["bye", "CLOSED"]


def test_a_new_membership_does_not_end_with_the_old_one(world: World, room_id: str, just_before: Interrupt) -> None:
    world.join("ada", room_id)
    stale = world.member("ada", room_id)
    back: list[str] = []
    just_before(endings, "get_roster", lambda: back.append(world.enter("ada", room_id, END)))

    endings.end_expired(world.context("", room_id, END), [stale])

    assert world.member("ada", room_id).joined_at == END
    assert world.roster(room_id) == back
    assert back[0] not in world.fanout.closed()
    assert world.said(room_id).count("Ada left the room") == 1


# Read the room


def test_a_room_shows_its_members_and_last_messages(world: World, room_id: str) -> None:
    assert read_room(world, room_id) == RoomDetail.compose(world.room(room_id), world.backend.settings, [], [])
    for after, name in enumerate(("cyd", "bob")):
        world.join(name, room_id, NOW + after)

    members = [world.member(name, room_id) for name in ("cyd", "bob")]
    assert read_room(world, room_id) == RoomDetail.compose(
        world.room(room_id), world.backend.settings, members, [RoomMessage.of(one) for one in world.log(room_id)]
    )


def read_room(world: World, room_id: str, now: int = NOW, *, by: str = "somebody") -> RoomDetail:
    return service.get_room_detail(world.context(by, room_id, now))


def test_a_read_ends_expired_members_once_and_hides_them(world: World, room_id: str) -> None:
    world.join("ada", room_id)
    there = world.enter("bob", room_id, NOW + MINUTE)
    world.join("cyd", room_id)
    world.leave("cyd", room_id)
    world.fanout.forget()

    for _ in range(2):
        shown = read_room(world, room_id, END)
        assert (names(shown), shown.participant_count) == (["bob"], 1)

    assert world.members(room_id) == ["bob"]
    assert world.room(room_id).participant_count == 1
    assert world.said(room_id).count("Ada left the room") == 1
    assert world.fanout.types(there) == ["user_left"]
    assert world.fanout.last(there)["data"]["reason"] == "timed_out"


def test_a_read_renews_the_callers_own_lease(world: World, room_id: str) -> None:
    world.join("ada", room_id)
    world.join("bob", room_id)

    read_room(world, room_id, NOW + 2 * MINUTE, by="ada")

    assert world.member("ada", room_id).lease_expires_at == NOW + 2 * MINUTE + HTTP_LEASE
    assert world.member("bob", room_id).lease_expires_at == END


def test_a_closed_room_is_shown_to_its_creator_and_administrators(world: World, room_id: str) -> None:
    world.join("ada", room_id)
    update_room(world.context("root", room_id), RoomUpdate(status="inactive"))

    def see(user_id: str, *, is_admin: bool = False) -> RoomDetail:
        request = world.request(user_id, room_id=room_id)
        request.__dict__["user"] = user(user_id, is_admin=is_admin)
        return views.get_room(request)

    whole = see("maker")
    assert [message.text for message in whole.messages] == ["Ada joined the room", "Ada left the room"]
    assert (whole.you, see("root", is_admin=True).you) == (Caller.of("owner"), Caller.of(None, is_admin=True))
    assert see("root", is_admin=True) == whole.model_copy(update={"you": Caller.of(None, is_admin=True)})
    for stranger in ("ada", "eve"):
        assert see(stranger) == RoomDetail.compose(world.room(room_id), world.backend.settings, [], [])


def test_a_list_renews_http_leases_once_a_minute(world: World, room_id: str) -> None:
    another = world.open_room()
    world.join("ada", room_id)
    world.join("bob", room_id)
    world.send(world.enter("ada", another), "sync")
    updates = []
    for later in (10 * SECOND, 20 * SECOND, 70 * SECOND):
        with Faults(world.store.connection) as faults:
            service.list_rooms(world.request("ada", NOW + later), RoomsQuery())
        updates.append(len(faults.asked("UpdateItem")))

    assert updates == [2, 0, 2], "a seat with a WebSocket costs a refused update"
    assert world.member("ada", room_id).lease_expires_at == NOW + 70 * SECOND + HTTP_LEASE
    assert world.member("ada", another).lease_expires_at == NOW + 90 * SECOND
    assert world.member("bob", room_id).lease_expires_at == END


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
