"""Taking a seat, giving it up, and losing it."""

import pytest

from chalicelib import seats, sockets, tickets
from chalicelib.errors import (
    NothingToLeaveError,
    NotInRoomError,
    RateLimitedError,
    RoomFullError,
    RoomInactiveError,
    RoomNotFoundError,
    UnavailableError,
)
from chalicelib.records import Profile
from chalicelib.settings import Limit
from chalicelib.store import connections, membership, messages, participants, profiles, rooms
from chalicelib.times import iso
from tests.fakes.backend import MINUTE, NOW, SECOND, World, interrupt, on_moto, user

NOWHERE = "00000000-0000-4000-8000-000000000000"
HTTP_LEASE = 15 * MINUTE
GRACE = 20 * SECOND


@pytest.fixture
def room_id(world: World) -> str:
    return world.open_room(seats=3)


def test_a_participant_starts_muted_silent_and_online(world: World, room_id: str) -> None:
    answer = world.join("ada", room_id)

    (shown,) = answer.room.participants
    assert (shown.id, shown.name, shown.is_muted, shown.is_speaking, shown.is_online) == (
        "ada",
        "Ada",
        True,
        False,
        True,
    )
    assert shown.joined_at == iso(NOW)


def test_a_join_answers_the_room_with_its_people_and_messages_oldest_first(world: World, room_id: str) -> None:
    for number, name in enumerate(("cyd", "ada", "bob")):
        answer = world.join(name, room_id, NOW + number)

    assert answer.message == "Joined room successfully"
    assert [person.id for person in answer.room.participants] == ["cyd", "ada", "bob"]
    assert [message.text for message in answer.room.messages] == [f"{n} joined the room" for n in ("Cyd", "Ada", "Bob")]
    assert answer.room.participant_count == 3
    assert answer.room.last_seq == 3


def test_a_join_answers_at_most_the_last_fifty_messages(world: World, room_id: str) -> None:
    world.join("ada", room_id)
    for _ in range(60):
        seq = messages.allocate(room_id, NOW)
        messages.put(seats.system_message(room_id, seq, f"{seq}", NOW), 90)

    answer = world.join("bob", room_id)

    assert [message.seq for message in answer.room.messages] == list(range(13, 63))


def test_a_join_answers_a_ticket_that_opens_the_room_for_a_minute(world: World, room_id: str) -> None:
    access = world.join("ada", room_id).websocket

    ticket = tickets.verify(access.ticket, world.backend.secret, NOW)
    assert (ticket.user_id, ticket.room_id) == ("ada", room_id)
    assert access.url == f"wss://rooms.test?ticket={access.ticket}"
    assert access.expires_at == iso(NOW + MINUTE)


def test_a_join_writes_one_system_message_and_tells_the_room(world: World, room_id: str) -> None:
    there = world.enter("ada", room_id)

    answer = world.join("bob", room_id)

    assert world.said(room_id) == ["Ada joined the room", "Bob joined the room"]
    message = world.log(room_id)[-1]
    assert (message.type, message.user_id, message.user) == ("system", None, "System")
    frame = world.fanout.last(there)
    assert (frame["type"], frame["seq"]) == ("user_joined", 2)
    assert frame["data"]["participant"] == answer.room.participants[-1].model_dump()
    assert frame["data"]["message"]["text"] == "Bob joined the room"


def test_somebody_is_shown_as_they_chose_to_be(world: World, room_id: str) -> None:
    profiles.put(Profile("ada", "Countess", "/ada.png"))

    (shown,) = world.join("ada", room_id).room.participants

    assert (shown.name, shown.avatar) == ("Countess", "/ada.png")
    assert world.said(room_id) == ["Countess joined the room"]


def test_joining_twice_takes_no_second_seat_and_says_nothing(world: World, room_id: str) -> None:
    world.join("ada", room_id)
    there = world.connect("ada", room_id)

    answer = world.join("ada", room_id, NOW + SECOND)

    assert answer.message == "Already in this room"
    assert answer.success
    assert world.room(room_id).participant_count == 1
    assert world.said(room_id) == ["Ada joined the room"]
    assert world.fanout.types(there) == []
    assert tickets.verify(answer.websocket.ticket, world.backend.secret, NOW + SECOND).user_id == "ada"


def test_joining_again_renews_the_lease(world: World, room_id: str) -> None:
    world.join("ada", room_id)
    world.join("ada", room_id, NOW + SECOND)

    assert world.member("ada", room_id).lease_expires_at == NOW + SECOND + HTTP_LEASE


def test_a_full_room_lets_nobody_in(world: World) -> None:
    room_id = world.open_room(seats=2)
    world.join("ada", room_id)
    world.join("bob", room_id)

    with pytest.raises(RoomFullError):
        world.join("cyd", room_id)

    assert world.members(room_id) == ["ada", "bob"]
    assert world.room(room_id).participant_count == 2
    assert messages.head(room_id).last_seq == 2, "a refused join uses up no number"


def test_a_full_room_still_knows_its_members(world: World) -> None:
    room_id = world.open_room(seats=1)
    world.join("ada", room_id)

    assert world.join("ada", room_id).message == "Already in this room"


def test_an_inactive_room_lets_nobody_in(world: World, room_id: str) -> None:
    rooms.change(room_id, {"status": "inactive"})

    with pytest.raises(RoomInactiveError):
        world.join("ada", room_id)

    assert messages.head(room_id).last_seq == 0


def test_an_unknown_room_is_not_found(world: World) -> None:
    with pytest.raises(RoomNotFoundError):
        world.join("ada", NOWHERE)

    assert messages.head(NOWHERE).last_seq == 0


def test_a_room_with_fewer_seats_than_people_puts_nobody_out_and_lets_nobody_in(world: World, room_id: str) -> None:
    world.join("ada", room_id)
    world.join("bob", room_id)
    rooms.change(room_id, {"max_participants": 1})

    with pytest.raises(RoomFullError):
        world.join("cyd", room_id)
    assert world.members(room_id) == ["ada", "bob"]

    world.leave("bob", room_id)
    with pytest.raises(RoomFullError):
        world.join("cyd", room_id)

    world.leave("ada", room_id)
    world.join("cyd", room_id)


def test_a_seat_whose_lease_ran_out_is_given_to_whoever_joins(world: World) -> None:
    room_id = world.open_room(seats=1)
    gone = world.enter("ada", room_id)
    later = NOW + HTTP_LEASE

    answer = world.join("bob", room_id, later)

    assert [person.id for person in answer.room.participants] == ["bob"]
    assert world.room(room_id).participant_count == 1
    assert world.said(room_id) == ["Ada joined the room", "Ada left the room", "Bob joined the room"]
    assert world.fanout.types(gone) == ["bye", "CLOSED"]
    assert world.roster(room_id) == []


def test_a_seat_is_held_until_its_lease_runs_out(world: World) -> None:
    room_id = world.open_room(seats=1)
    world.join("ada", room_id)

    with pytest.raises(RoomFullError):
        world.join("bob", room_id, NOW + HTTP_LEASE - 1)


def test_whoever_comes_back_after_their_lease_ran_out_joins_anew(world: World, room_id: str) -> None:
    world.join("ada", room_id)

    answer = world.join("ada", room_id, NOW + HTTP_LEASE)

    assert answer.message == "Joined room successfully"
    assert [message.text for message in answer.room.messages] == [
        "Ada joined the room",
        "Ada left the room",
        "Ada joined the room",
    ]


def test_a_seat_that_somebody_else_just_set_out_to_free_is_freed_where_it_is_needed(world: World) -> None:
    room_id = world.open_room(seats=1)
    world.join("ada", room_id)
    later = NOW + HTTP_LEASE
    assert participants.claim_ending(world.member("ada", room_id), later)

    world.join("bob", room_id, later)

    assert world.members(room_id) == ["bob"]
    assert world.said(room_id)[1:] == ["Ada left the room", "Bob joined the room"]


def test_a_newcomer_does_not_wait_for_the_end_of_others_where_there_are_seats(world: World, room_id: str) -> None:
    world.join("ada", room_id)
    later = NOW + HTTP_LEASE
    assert participants.claim_ending(world.member("ada", room_id), later)

    answer = world.join("bob", room_id, later)

    assert [person.id for person in answer.room.participants] == ["bob"]


def test_the_last_seat_taken_by_another_in_the_same_moment_is_taken(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    room_id = world.open_room(seats=1)
    interrupt(monkeypatch, membership, "take_seat", lambda: world.join("bob", room_id))

    with pytest.raises(RoomFullError):
        world.join("ada", room_id)

    assert world.members(room_id) == ["bob"]


def test_two_joins_of_one_user_in_the_same_moment_take_one_seat(
    world: World, room_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    interrupt(monkeypatch, membership, "take_seat", lambda: world.join("ada", room_id))

    assert world.join("ada", room_id).message == "Already in this room"

    assert world.said(room_id) == ["Ada joined the room"]
    assert world.room(room_id).participant_count == 1


def test_a_room_that_closes_in_the_same_moment_lets_nobody_in(
    world: World, room_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    interrupt(monkeypatch, membership, "take_seat", lambda: rooms.change(room_id, {"status": "inactive"}))

    with pytest.raises(RoomInactiveError):
        world.join("ada", room_id)


def test_a_join_that_never_works_out_is_unavailable_after_a_few_tries(
    world: World, room_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(membership, "take_seat", lambda *_: False)

    with pytest.raises(UnavailableError):
        world.join("ada", room_id)

    assert messages.head(room_id).last_seq == 5


def test_joins_are_limited_and_a_refused_one_uses_up_no_number() -> None:
    with on_moto(joins_limit=Limit(2, 60)) as world:
        room_id = world.open_room()
        world.join("ada", room_id)
        world.join("ada", room_id)

        with pytest.raises(RateLimitedError) as raised:
            world.join("ada", room_id, NOW + SECOND)

        assert raised.value.headers() == {"Retry-After": "59"}
        assert messages.head(room_id).last_seq == 1
        world.join("bob", room_id)  # everybody has a limit of their own
        world.join("ada", room_id, NOW + MINUTE)


def test_a_fan_out_that_fails_does_not_fail_a_join(world: World, room_id: str) -> None:
    world.enter("ada", room_id)
    world.fanout.error = ConnectionError("no network")

    world.join("bob", room_id)

    assert world.members(room_id) == ["ada", "bob"]


def test_leaving_frees_the_seat_and_tells_the_others(world: World, room_id: str) -> None:
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


def test_leaving_closes_every_connection_of_the_user_in_that_room_and_no_other(world: World, room_id: str) -> None:
    another = world.open_room()
    mine = [world.enter("ada", room_id), world.connect("ada", room_id)]
    others = [world.enter("ada", another), world.enter("bob", room_id)]
    world.fanout.forget()

    world.leave("ada", room_id)

    assert sorted(world.fanout.closed()) == sorted(mine)
    assert all(world.fanout.frames(one)[-1]["data"]["action"] == "stop" for one in mine)
    assert world.roster(room_id) == [others[1]]
    assert world.roster(another) == [others[0]]


def test_leaving_a_room_that_one_is_not_in_finds_nothing(world: World, room_id: str) -> None:
    with pytest.raises(NothingToLeaveError) as raised:
        world.leave("ada", room_id)

    assert (raised.value.status, raised.value.code) == (404, "not_in_room")
    assert world.log(room_id) == []


def test_leaving_a_room_that_does_not_exist_says_so(world: World) -> None:
    with pytest.raises(RoomNotFoundError):
        world.leave("ada", NOWHERE)


def test_leaving_twice_writes_one_message(world: World, room_id: str) -> None:
    world.join("ada", room_id)
    world.leave("ada", room_id)

    with pytest.raises(NothingToLeaveError):
        world.leave("ada", room_id)

    assert world.said(room_id) == ["Ada joined the room", "Ada left the room"]


def test_leaving_when_the_lease_ran_out_comes_too_late_and_is_announced_as_such(world: World, room_id: str) -> None:
    world.join("ada", room_id)
    there = world.enter("bob", room_id, NOW + SECOND)

    with pytest.raises(NothingToLeaveError):
        world.leave("ada", room_id, NOW + HTTP_LEASE)

    assert world.members(room_id) == ["bob"]
    assert world.fanout.last(there)["data"]["reason"] == "timed_out"


def test_all_whose_leases_ran_out_go_together_though_a_connection_of_one_is_found_gone(
    world: World, room_id: str
) -> None:
    world.enter("ada", room_id)
    lost, closing = world.enter("bob", room_id), world.connect("bob", room_id)
    world.fanout.gone.add(lost)

    world.join("cyd", room_id, NOW + HTTP_LEASE)

    assert world.members(room_id) == ["cyd"]
    said = [f"{act} the room" for act in ("Ada joined", "Bob joined", "Ada left", "Bob left", "Cyd joined")]
    assert [(line.seq, line.text) for line in world.log(room_id)] == list(enumerate(said, 1))
    assert world.fanout.types(closing) == ["bye", "CLOSED"]


def test_leaving_works_while_the_lease_is_renewed(world: World, room_id: str, monkeypatch: pytest.MonkeyPatch) -> None:
    mine = world.enter("ada", room_id)
    interrupt(monkeypatch, membership, "give_up_seat", lambda: world.join("ada", room_id, NOW + 1))

    world.leave("ada", room_id, NOW + 1)

    assert world.members(room_id) == []
    assert world.room(room_id).participant_count == 0
    assert [(line.seq, line.text) for line in world.log(room_id)] == [
        (1, "Ada joined the room"),
        (2, "Ada left the room"),
    ]
    assert messages.head(room_id).last_seq == 2, "no number is used up for nothing"
    assert world.fanout.types(mine) == ["bye", "CLOSED"]
    assert world.roster(room_id) == []


def test_whoever_came_back_while_they_left_leaves_after_that(
    world: World, room_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def leave_and_come_back() -> None:
        world.leave("ada", room_id, NOW + 1)
        world.join("ada", room_id, NOW + 2)

    world.join("ada", room_id)
    interrupt(monkeypatch, membership, "give_up_seat", leave_and_come_back)

    world.leave("ada", room_id, NOW + 3)

    assert world.members(room_id) == []
    assert [line.text.removeprefix("Ada ") for line in world.log(room_id)] == [
        *("joined the room", "left the room"),
        *("joined the room", "left the room"),
    ]


def test_leaving_twice_in_the_same_moment_closes_connections_and_writes_one_message(
    world: World, room_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine, there = world.enter("ada", room_id), world.enter("bob", room_id)
    world.fanout.forget()
    interrupt(monkeypatch, membership, "give_up_seat", lambda: world.leave("ada", room_id))

    with pytest.raises(NothingToLeaveError):
        world.leave("ada", room_id)

    assert world.said(room_id).count("Ada left the room") == 1
    assert world.fanout.types(there).count("user_left") == 1
    assert world.fanout.types(mine) == ["bye", "CLOSED"]
    assert world.room(room_id).participant_count == 1


@pytest.mark.parametrize("same_moment", [0, 1])
def test_a_connection_that_opens_while_its_user_leaves_is_closed_too(
    world: World, room_id: str, monkeypatch: pytest.MonkeyPatch, same_moment: int
) -> None:
    first = world.enter("ada", room_id, NOW)
    opened: list[str] = []

    def open_another() -> None:
        opened.append(world.connect("ada", room_id, NOW + same_moment))

    interrupt(monkeypatch, membership, "give_up_seat", open_another)
    world.leave("ada", room_id, NOW + 1)

    assert world.roster(room_id) == []
    assert sorted(world.fanout.closed()) == sorted([first, *opened])


def test_a_connection_that_opens_after_the_roster_was_read_is_closed_too(
    world: World, room_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.join("ada", room_id)
    opened: list[str] = []
    interrupt(monkeypatch, participants, "get", lambda: opened.append(world.connect("ada", room_id)))

    world.leave("ada", room_id)

    assert world.roster(room_id) == []
    assert world.fanout.closed() == opened


def test_a_seat_that_is_taken_anew_meanwhile_is_not_what_the_sweeper_set_out_to_end(
    world: World, room_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    later = NOW + HTTP_LEASE
    world.join("ada", room_id)
    stale = world.member("ada", room_id)
    back: list[str] = []

    def come_back() -> None:
        world.join("ada", room_id, later)
        back.append(world.connect("ada", room_id, later))

    interrupt(monkeypatch, connections, "roster", come_back)
    seats.end_expired(world.backend, room_id, [stale], later)

    assert world.member("ada", room_id).joined_at == later
    assert world.roster(room_id) == back
    assert back[0] not in world.fanout.closed()
    assert world.said(room_id).count("Ada left the room") == 1


def test_leaving_that_never_works_out_is_unavailable(
    world: World, room_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.join("ada", room_id)
    monkeypatch.setattr(membership, "give_up_seat", lambda *_: False)

    with pytest.raises(UnavailableError):
        world.leave("ada", room_id)


def test_closing_a_room_for_somebody_who_cannot_be_put_out_is_unavailable(
    world: World, room_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.join("ada", room_id)
    monkeypatch.setattr(membership, "give_up_seat", lambda *_: False)

    with pytest.raises(UnavailableError):
        seats.evict(world.backend, room_id, "ada", NOW, logged=True)


def test_a_fan_out_that_fails_does_not_fail_leaving(world: World, room_id: str) -> None:
    world.enter("ada", room_id)
    world.enter("bob", room_id)
    world.fanout.error = ConnectionError("no network")

    world.leave("ada", room_id)

    assert world.members(room_id) == ["bob"]


def test_what_has_to_be_said_before_bye_is_said_before_bye(world: World, room_id: str) -> None:
    mine = world.enter("ada", room_id)
    seen: list[list[str]] = []

    seats.leave(world.backend, "ada", room_id, NOW, lambda: seen.append(world.fanout.types(mine)))

    assert seen == [[]]
    assert world.members(room_id) == []


def test_a_member_gets_a_fresh_ticket_and_keeps_the_seat(world: World, room_id: str) -> None:
    world.join("ada", room_id)
    later = NOW + 10 * MINUTE

    access = seats.ticket(world.backend, user("ada"), room_id, later)

    assert tickets.verify(access.ticket, world.backend.secret, later).room_id == room_id
    assert world.member("ada", room_id).lease_expires_at == later + HTTP_LEASE


def test_a_ticket_after_the_grace_began_outlives_it(world: World, room_id: str) -> None:
    mine = world.enter("ada", room_id)
    world.send(mine, "sync")
    sockets.disconnect(world.backend, mine, NOW)
    assert world.member("ada", room_id).lease_expires_at == NOW + GRACE

    seats.ticket(world.backend, user("ada"), room_id, NOW + SECOND)

    assert world.member("ada", room_id).lease_expires_at == NOW + SECOND + 90 * SECOND


def test_somebody_who_is_not_in_the_room_gets_no_ticket(world: World, room_id: str) -> None:
    world.join("ada", room_id)

    with pytest.raises(NotInRoomError) as raised:
        seats.ticket(world.backend, user("bob"), room_id, NOW)
    assert (raised.value.status, raised.value.code) == (403, "not_in_room")
    with pytest.raises(NotInRoomError):
        seats.ticket(world.backend, user("ada"), room_id, NOW + HTTP_LEASE)
    with pytest.raises(RoomNotFoundError):
        seats.ticket(world.backend, user("ada"), NOWHERE, NOW)
