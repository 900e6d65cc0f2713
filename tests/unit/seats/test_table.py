"""The `participants` table. Every change is conditional, since others may change the same row."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from chalicelib.delivery import Connection
from chalicelib.grants.table import require_standing
from chalicelib.log import get_message
from chalicelib.log.table import put_entry
from chalicelib.rooms.table import ROOMS, Change, Room, Visibility, get_room, mark_deleted
from chalicelib.seats import table
from chalicelib.seats.connections import get_roster, put_connection
from chalicelib.seats.table import PARTICIPANTS, Participant
from chalicelib.store import Store
from tests.fakes.backend import MINUTE, NOW, SECOND, World, read_log
from tests.fakes.records import make_connection, make_message, make_participant, make_room, make_standing
from tests.fakes.rooms import change_room

ROOM = "the-room"
END = NOW + MINUTE
"""The end of the lease of these tests' member."""
C1, C2 = (make_connection(ROOM, name) for name in ("c1", "c2"))
BOBS = make_connection(ROOM, "c3", "bob")


@pytest.fixture
def tables(store: World) -> Store:
    """The tables, with a room of two seats."""
    store.store.put(ROOMS, make_room(room_id=ROOM, max_participants=2))
    return store.store


@pytest.fixture
def ada(tables: Store) -> Participant:
    return seat(tables)


def as_read(tables: Store, room_id: str = ROOM) -> Room:
    """The room, or what a join has read if the room is gone now."""
    return get_room(tables, room_id) or make_room(room_id=room_id)


def seat(tables: Store, user_id: str = "ada", **different: Any) -> Participant:
    """A new member."""
    member = make_participant(ROOM, user_id, **different)
    assert tables.transact(table.take_seat(member, as_read(tables), [require_standing(make_standing(ROOM, user_id))]))
    return member


def join(tables: Store, user_id: str, seq: int = 1, room_id: str = ROOM) -> bool:
    """Take a seat and write a message, as a join does."""
    message = put_entry(make_message(room_id, seq, type="system"), 90)
    member, standing = make_participant(room_id, user_id), make_standing(room_id, user_id)
    return tables.transact([message, *table.take_seat(member, as_read(tables, room_id), [require_standing(standing)])])


def leave(tables: Store, member: Participant, leaving: Sequence[Connection] = (), seq: int = 2) -> bool:
    """Give up a seat and write a message, as leaving does."""
    return tables.transact([put_entry(make_message(ROOM, seq), 90), *table.give_up_seat(member, leaving, NOW)])


def stored(tables: Store, user_id: str = "ada") -> Participant | None:
    return table.get_participant(tables, ROOM, user_id)


def count(tables: Store) -> int:
    room = get_room(tables, ROOM)
    assert room
    return room.participant_count


@pytest.mark.parametrize(("after", "is_valid"), [(-1, True), (0, False), (1, False)])
def test_a_lease_is_valid_until_its_end(after: int, is_valid: bool) -> None:
    assert make_participant(ROOM, lease_expires_at=NOW).holds_at(NOW + after) is is_valid


def test_a_join_takes_one_seat_and_writes_all_rows(tables: Store) -> None:
    assert join(tables, "ada")
    assert not join(tables, "ada", 2), "a user takes one seat"

    assert (count(tables), stored(tables)) == (1, make_participant(ROOM))
    assert [message.seq for message in read_log(tables, ROOM)] == [1]


@pytest.mark.parametrize("visibility", ["unlisted", "private"])
def test_a_hidden_room_has_seats(tables: Store, visibility: Visibility) -> None:
    change_room(tables, ROOM, {"visibility": visibility})

    assert join(tables, "ada")


def test_a_full_room_has_no_seat(tables: Store) -> None:
    assert [join(tables, user_id, seq) for seq, user_id in enumerate(("ada", "bob", "cyd"), 1)] == [True, True, False]

    assert (count(tables), stored(tables, "cyd")) == (2, None)
    assert [message.seq for message in read_log(tables, ROOM)] == [1, 2]


@pytest.mark.parametrize(
    "change", [{"status": "inactive"}, {"max_participants": 0}, {"is_locked": True}, None], ids=str
)
def test_a_closed_room_has_no_seat(tables: Store, change: Change | None) -> None:
    assert change_room(tables, ROOM, change) if change else mark_deleted(tables, ROOM)

    assert not join(tables, "ada")
    assert stored(tables) is None


def test_joining_an_unknown_room_does_not_make_it(tables: Store) -> None:
    assert not join(tables, "ada", room_id="nowhere")

    assert get_room(tables, "nowhere") is None


def test_a_seat_and_its_connections_are_given_up_once(tables: Store, ada: Participant) -> None:
    seat(tables, "bob")
    for connection in (C1, BOBS):
        put_connection(tables, connection)

    assert leave(tables, ada, [C1])
    assert not leave(tables, ada, [C1], seq=3)

    assert count(tables) == 1
    assert stored(tables) is None
    assert get_roster(tables, ROOM) == [BOBS]
    assert [message.seq for message in read_log(tables, ROOM)] == [2]


@pytest.mark.parametrize(
    "stale",
    [
        {"lease_expires_at": END - 1},
        {"joined_at": NOW - 1},
        {"connections": frozenset({"another"})},
        {"connections": frozenset()},
    ],
    ids=["renewed since", "another membership", "another connection", "a connection since"],
)
def test_a_membership_that_has_changed_does_not_end(tables: Store, ada: Participant, stale: dict[str, Any]) -> None:
    put_connection(tables, C1)
    table.attach(tables, C1, END, NOW)
    member = stored(tables)
    assert member

    assert not leave(tables, replace(member, **stale), [C1])

    assert stored(tables) == member
    assert count(tables) == 1
    assert get_roster(tables, ROOM) == [C1]
    assert get_message(tables, ROOM, 2) is None
    assert leave(tables, member)


def test_the_count_is_never_negative(tables: Store) -> None:
    assert not tables.transact(table.give_up_seat(make_participant(ROOM), [], NOW))

    assert count(tables) == 0


def test_members_are_listed_oldest_first(tables: Store) -> None:
    change_room(tables, ROOM, {"max_participants": 3})
    late, early, twin = (
        seat(tables, user_id, joined_at=NOW + after) for user_id, after in (("ada", 2), ("cyd", 1), ("bob", 1))
    )

    assert table.list_participants(tables, ROOM) == [twin, early, late]


def test_a_valid_http_lease_is_only_extended(tables: Store, ada: Participant) -> None:
    absent, with_socket = make_participant(ROOM, "bob"), replace(ada, lease_kind="socket")
    for member, until, now in (
        (ada, END + SECOND, NOW),
        (ada, END, NOW),
        (ada, END + MINUTE, END + SECOND),
        (absent, END + MINUTE, NOW),
        (with_socket, END + MINUTE, NOW),
    ):
        table.extend_lease(tables, member, until, now, "http")

    assert table.list_participants(tables, ROOM) == [replace(ada, lease_expires_at=END + SECOND)]


def test_a_connection_turns_the_lease_into_a_socket_lease(tables: Store, ada: Participant) -> None:
    table.attach(tables, C1, END, NOW)

    assert table.renew_socket_lease(tables, C1, NOW + 5, NOW)

    expected = replace(ada, lease_expires_at=NOW + 5, lease_kind="socket", connections=frozenset({"c1"}))
    assert stored(tables) == expected


@pytest.mark.parametrize(("connection", "now"), [(C2, NOW), (C1, END)], ids=["not the member's", "ended"])
def test_a_socket_lease_needs_a_connection_of_a_valid_member(
    tables: Store, ada: Participant, connection: Connection, now: int
) -> None:
    table.attach(tables, C1, END, NOW)

    assert not table.renew_socket_lease(tables, connection, END + 5, now)

    assert stored(tables) == replace(ada, connections=frozenset({"c1"}))


@pytest.mark.parametrize(
    ("kind", "until", "now", "expected"),
    [
        ("http", END + 5, NOW, END + 5),
        ("socket", END + 5, NOW, END),
        ("http", END - 5, NOW, END),
        ("http", END + 5, END, END),
    ],
    ids=["renewed", "a socket lease", "shorter", "ended"],
)
def test_frames_renew_a_valid_http_lease(tables: Store, kind: str, until: int, now: int, expected: int) -> None:
    member = seat(tables, lease_kind=kind)

    table.renew_http_lease(tables, ROOM, "ada", until, now)

    assert stored(tables) == replace(member, lease_expires_at=expected)


def test_an_update_returns_the_membership_before_it(tables: Store, ada: Participant) -> None:
    actions, is_muted = [PARTICIPANTS.is_muted.set(False)], PARTICIPANTS.is_muted == True  # noqa: E712

    assert table.update_participant(tables, ROOM, "ada", actions, is_muted) == ada
    assert table.update_participant(tables, ROOM, "ada", actions, is_muted) is None
    assert table.update_participant(tables, ROOM, "bob", actions, is_muted) is None

    assert table.list_participants(tables, ROOM) == [replace(ada, is_muted=False)]


def test_connections_bring_their_member_back_online(tables: Store) -> None:
    offline = seat(tables, is_online=False)

    assert table.attach(tables, C1, END + 5, NOW) == offline
    assert table.attach(tables, C2, END + 6, NOW)

    expected = replace(offline, is_online=True, connections=frozenset({"c1", "c2"}), lease_expires_at=END + 6)
    assert stored(tables) == expected


@pytest.mark.parametrize(("connection", "now"), [(C1, END), (BOBS, NOW)], ids=["ended", "no member"])
def test_a_connection_needs_a_valid_member(tables: Store, ada: Participant, connection: Connection, now: int) -> None:
    assert table.attach(tables, connection, END + 5, now) is None

    assert table.list_participants(tables, ROOM) == [ada]


def test_the_last_connection_takes_its_member_offline(tables: Store) -> None:
    speaker = seat(tables, is_muted=False, is_speaking=True)
    table.attach(tables, C1, END, NOW)

    assert table.detach_last(tables, C1, NOW + 20 * SECOND, NOW)

    expected = replace(speaker, is_online=False, is_speaking=False, lease_expires_at=NOW + 20 * SECOND)
    assert stored(tables) == expected


@pytest.mark.parametrize("held", [[C1, C2], [C2], []], ids=len)
def test_only_the_only_connection_is_the_last(tables: Store, ada: Participant, held: list[Connection]) -> None:
    for connection in held:
        table.attach(tables, connection, END, NOW)

    assert not table.detach_last(tables, C1, NOW, NOW)

    assert stored(tables) == replace(ada, connections=frozenset(one.connection_id for one in held))


def test_one_of_several_connections_is_detached_once(tables: Store, ada: Participant) -> None:
    table.attach(tables, C1, END, NOW)
    table.attach(tables, C2, END, NOW)

    assert [table.detach(tables, one) for one in (C1, C1, C2, BOBS)] == [True, False, False, False]

    assert table.list_participants(tables, ROOM) == [replace(ada, connections=frozenset({"c2"}))], "C2 is the only one"


def test_one_process_claims_the_end_of_a_membership_for_10_s(tables: Store, ada: Participant) -> None:
    claims = [table.claim_ending(tables, ada, END + after * SECOND) for after in (0, 9, 10)]

    assert claims == [True, False, True]


def test_a_renewed_membership_is_not_claimed(tables: Store, ada: Participant) -> None:
    table.extend_lease(tables, ada, END + MINUTE, NOW, "http")

    assert not table.claim_ending(tables, ada, END)
