"""The `participants` table: every change is conditional, since somebody else may be changing the same."""

from dataclasses import replace
from typing import Any

import pytest

from chalicelib.seats.table import Participant
from chalicelib.store import membership, participants, rooms
from tests.fakes.backend import MINUTE, NOW, SECOND, World
from tests.fakes.records import make_connection, make_message, make_participant, make_room

END = NOW + MINUTE
"""When the lease of these tests' member runs out."""


@pytest.fixture
def room_id(store: World) -> str:
    room = make_room()
    rooms.create(room, None, NOW)
    return room.id


@pytest.fixture
def ada(room_id: str) -> Participant:
    return seat(make_participant(room_id))


def seat(member: Participant) -> Participant:
    assert membership.take_seat(member, make_message(member.room_id, hash(member.user_id) % 1000 + 1), 90)
    return member


def stored(member: Participant) -> Participant | None:
    return participants.get(member.room_id, member.user_id)


def test_somebody_who_is_not_there_is_none(room_id: str) -> None:
    assert participants.get(room_id, "ada") is None


@pytest.mark.parametrize(
    "detail", [{"avatar": "/ada.png"}, {"avatar": None}, {"is_online": False}, {"lease_kind": "socket"}]
)
def test_a_member_comes_back_as_stored(room_id: str, detail: dict[str, Any]) -> None:
    member = seat(make_participant(room_id, **detail))

    assert stored(member) == member


def test_members_come_oldest_first(room_id: str) -> None:
    late, early, twin = (
        seat(make_participant(room_id, "ada", joined_at=NOW + 2)),
        seat(make_participant(room_id, "cyd", joined_at=NOW + 1)),
        seat(make_participant(room_id, "bob", joined_at=NOW + 1)),
    )

    assert participants.members(room_id) == [twin, early, late]


def test_a_lease_is_only_ever_extended(ada: Participant) -> None:
    participants.extend_lease(ada, END + SECOND, NOW)
    participants.extend_lease(ada, END, NOW)

    assert stored(ada) == replace(ada, lease_expires_at=END + SECOND)


def test_a_lease_that_is_over_is_not_extended(ada: Participant) -> None:
    participants.extend_lease(ada, END + MINUTE, END)

    assert stored(ada) == ada


def test_a_lease_of_nobody_is_not_extended(room_id: str) -> None:
    participants.extend_lease(make_participant(room_id), END, NOW)

    assert participants.members(room_id) == []


def test_a_connection_makes_the_lease_a_socket_lease(ada: Participant) -> None:
    participants.attach(ada.room_id, "ada", "c1", END, NOW)

    assert participants.renew_socket_lease(make_connection(ada.room_id, "c1"), NOW + 5, NOW)

    assert stored(ada) == replace(ada, lease_expires_at=NOW + 5, lease_kind="socket", connections=frozenset({"c1"}))


@pytest.mark.parametrize(("connection_id", "now"), [("c2", NOW), ("c1", END)], ids=["not theirs", "over"])
def test_a_socket_lease_needs_a_membership_that_has_this_connection(
    ada: Participant, connection_id: str, now: int
) -> None:
    participants.attach(ada.room_id, "ada", "c1", END, NOW)

    assert not participants.renew_socket_lease(make_connection(ada.room_id, connection_id), END + 5, now)

    assert stored(ada) == replace(ada, connections=frozenset({"c1"}))


def test_an_http_lease_is_renewed_by_frames(ada: Participant) -> None:
    participants.renew_http_lease(make_connection(ada.room_id, "c1"), END + 5, NOW)

    assert stored(ada) == replace(ada, lease_expires_at=END + 5)


@pytest.mark.parametrize(
    ("kind", "until", "now"),
    [("socket", END + 5, NOW), ("http", END - 5, NOW), ("http", END + 5, END)],
    ids=["a socket lease", "shorter", "over"],
)
def test_an_http_lease_is_not_renewed_where_it_is(room_id: str, kind: str, until: int, now: int) -> None:
    member = seat(make_participant(room_id, lease_kind=kind))

    participants.renew_http_lease(make_connection(room_id, "c1"), until, now)

    assert stored(member) == member


def test_muting_ends_speaking(room_id: str) -> None:
    speaker = seat(make_participant(room_id, is_muted=False, is_speaking=True))

    assert participants.set_muted(room_id, "ada", True, NOW) == speaker

    assert stored(speaker) == replace(speaker, is_muted=True, is_speaking=False)


def test_unmuting_does_not_begin_speaking(ada: Participant) -> None:
    assert participants.set_muted(ada.room_id, "ada", False, NOW) == ada

    assert stored(ada) == replace(ada, is_muted=False)


def test_somebody_who_is_muted_does_not_speak(ada: Participant) -> None:
    assert participants.set_speaking(ada.room_id, "ada", True, NOW) is None
    assert stored(ada) == ada

    assert participants.set_speaking(ada.room_id, "ada", False, NOW) == ada, "but may be silent"


def test_somebody_who_is_not_muted_speaks_and_falls_silent(room_id: str) -> None:
    member = seat(make_participant(room_id, is_muted=False))
    speaking = replace(member, is_speaking=True)

    assert participants.set_speaking(room_id, "ada", True, NOW) == member
    assert stored(member) == speaking
    assert participants.set_speaking(room_id, "ada", False, NOW) == speaking
    assert stored(member) == member


def test_a_microphone_needs_a_lease_that_holds(ada: Participant) -> None:
    assert participants.set_muted(ada.room_id, "ada", False, END) is None
    assert participants.set_speaking(ada.room_id, "ada", False, END) is None
    assert participants.set_muted(ada.room_id, "bob", False, NOW) is None

    assert stored(ada) == ada


def test_a_connection_that_comes_brings_its_member_back_online(room_id: str) -> None:
    offline = seat(make_participant(room_id, is_online=False))

    assert participants.attach(room_id, "ada", "c1", END + 5, NOW) == offline
    assert participants.attach(room_id, "ada", "c2", END + 6, NOW)

    assert stored(offline) == replace(
        offline, is_online=True, connections=frozenset({"c1", "c2"}), lease_expires_at=END + 6
    )


def test_a_connection_comes_to_nothing_where_the_lease_is_over(ada: Participant) -> None:
    assert participants.attach(ada.room_id, "ada", "c1", END + 5, END) is None
    assert participants.attach(ada.room_id, "bob", "c1", END + 5, NOW) is None

    assert participants.members(ada.room_id) == [ada]


def test_the_last_connection_takes_its_member_offline(room_id: str) -> None:
    speaker = seat(make_participant(room_id, is_muted=False, is_speaking=True))
    participants.attach(room_id, "ada", "c1", END, NOW)

    assert participants.detach_last(room_id, "ada", "c1", NOW + 20 * SECOND, NOW)

    assert stored(speaker) == replace(speaker, is_online=False, is_speaking=False, lease_expires_at=NOW + 20 * SECOND)


@pytest.mark.parametrize("held", [["c1", "c2"], ["c2"], []])
def test_a_connection_is_not_the_last_where_it_is_not_the_only_one(ada: Participant, held: list[str]) -> None:
    for connection_id in held:
        participants.attach(ada.room_id, "ada", connection_id, END, NOW)

    assert not participants.detach_last(ada.room_id, "ada", "c1", NOW, NOW)

    assert stored(ada) == replace(ada, connections=frozenset(held))


def test_one_of_several_connections_goes_without_a_word(ada: Participant) -> None:
    participants.attach(ada.room_id, "ada", "c1", END, NOW)
    participants.attach(ada.room_id, "ada", "c2", END, NOW)

    participants.detach(ada.room_id, "ada", "c1")
    participants.detach(ada.room_id, "ada", "c1")

    assert stored(ada) == replace(ada, connections=frozenset({"c2"}))


def test_detaching_from_somebody_who_left_makes_nobody(room_id: str) -> None:
    participants.detach(room_id, "ada", "c1")

    assert participants.members(room_id) == []


def test_one_alone_sets_out_to_end_a_membership(ada: Participant) -> None:
    assert participants.claim_ending(ada, END)
    assert not participants.claim_ending(ada, END + 9 * SECOND)


def test_who_set_out_to_end_a_membership_and_never_arrived_is_relieved_after_ten_seconds(ada: Participant) -> None:
    assert participants.claim_ending(ada, END)
    assert participants.claim_ending(ada, END + 10 * SECOND)


def test_a_membership_that_was_renewed_is_not_claimed(ada: Participant) -> None:
    participants.extend_lease(ada, END + MINUTE, NOW)

    assert not participants.claim_ending(ada, END)
