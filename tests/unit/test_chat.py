"""Messages and emoji: stored once, in order, and read back."""

from typing import Any, Literal

import pytest

from chalicelib import chat
from chalicelib.errors import NotInRoomError, RateLimitedError, RoomNotFoundError
from chalicelib.records import Profile
from chalicelib.schemas import HistoryQuery, RoomMessage
from chalicelib.settings import Limit
from chalicelib.store import messages, profiles
from tests.fakes.backend import DAY, MINUTE, NOW, SECOND, World, interrupt, on_moto
from tests.fakes.records import make_message

NOWHERE = "00000000-0000-4000-8000-000000000000"
HTTP_LEASE = 15 * MINUTE


@pytest.fixture
def room_id(world: World) -> str:
    """A room with Ada and Bob in it; its log has two entries."""
    made = world.open_room()
    world.join("ada", made)
    world.join("bob", made)
    return made


def say(
    world: World,
    room_id: str,
    text: str = "hello",
    *,
    by: str = "ada",
    kind: Literal["text", "emoji"] = "text",
    key: str | None = None,
    now: int = NOW,
) -> RoomMessage:
    return chat.say(world.backend, by, room_id, text, kind, key, now)


def texts(world: World, room_id: str) -> list[str]:
    """What people said; what the room itself said is left out."""
    return [message.text for message in world.log(room_id) if message.type != "system"]


def read(room_id: str, now: int = NOW, *, by: str = "ada", **query: Any) -> tuple[list[int], bool]:
    history = chat.history(by, room_id, HistoryQuery(**query), now)
    return [message.seq for message in history.messages], history.has_more


def test_a_message_is_stored_as_it_was_sent_and_answered(world: World, room_id: str) -> None:
    profiles.put(Profile("cyd", "Cyd C.", "/cyd.png"))
    world.join("cyd", room_id)
    text = "<b>naïve</b> & “quoted”\n\t🎉"

    answer = say(world, room_id, text, by="cyd", now=NOW + 61_005)

    assert (answer.text, answer.type, answer.user_id, answer.user, answer.avatar) == (
        text,
        "text",
        "cyd",
        "Cyd C.",
        "/cyd.png",
    )
    assert (answer.time, answer.created_at) == ("00:01", "2027-01-01T00:01:01.005Z")
    assert RoomMessage.of(world.log(room_id)[-1]) == answer


@pytest.mark.parametrize(("kind", "frame_type"), [("text", "message_sent"), ("emoji", "emoji_reaction")])
def test_everybody_in_the_room_is_told_of_what_was_said(
    world: World, room_id: str, kind: Literal["text", "emoji"], frame_type: str
) -> None:
    connected = [world.connect("ada", room_id), world.connect("bob", room_id)]

    answer = say(world, room_id, "🎉", kind=kind)

    for connection_id in connected:
        frame = world.fanout.last(connection_id)
        assert (frame["type"], frame["from"], frame["seq"]) == (frame_type, "ada", answer.seq)
        assert frame["data"] == answer.model_dump()


def test_numbers_grow_in_the_order_of_what_was_said(world: World, room_id: str) -> None:
    seqs = [say(world, room_id).seq for _ in range(3)]

    assert seqs == [3, 4, 5]


def test_a_push_that_fails_does_not_fail_a_message(world: World, room_id: str) -> None:
    world.connect("bob", room_id)
    world.fanout.error = ConnectionError("no network")

    say(world, room_id)

    assert texts(world, room_id) == ["hello"]


@pytest.mark.parametrize("kind", ["text", "emoji"])
def test_the_same_key_stores_one_message_and_gets_the_same_answer(
    world: World, room_id: str, kind: Literal["text", "emoji"]
) -> None:
    there = world.connect("bob", room_id)

    first = say(world, room_id, "🎉", kind=kind, key="key")
    again = say(world, room_id, "🎈", kind=kind, key="key", now=NOW + SECOND)

    assert again == first
    assert texts(world, room_id) == ["🎉"]
    assert len(world.fanout.frames(there)) == 1
    assert messages.head(room_id).last_seq == first.seq


def test_the_same_key_in_the_same_moment_stores_one_message(
    world: World, room_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = world.connect("bob", room_id)
    answers: list[RoomMessage] = []
    interrupt(monkeypatch, messages, "put_once", lambda: answers.append(say(world, room_id, key="key")))

    answers.append(say(world, room_id, key="key"))

    assert answers[0] == answers[1]
    assert texts(world, room_id) == ["hello"]
    assert len(world.fanout.frames(there)) == 1


def test_a_key_is_its_users_and_rooms_own(world: World, room_id: str) -> None:
    another = world.open_room()
    world.join("ada", another)

    ids = {say(world, room_id, key="k").id, say(world, room_id, by="bob", key="k").id, say(world, another, key="k").id}

    assert len(ids) == 3


def test_a_key_is_remembered_for_a_day(world: World, room_id: str) -> None:
    first = say(world, room_id, key="key")

    world.join("ada", room_id, almost := NOW + DAY - SECOND)
    assert say(world, room_id, key="key", now=almost).id == first.id
    world.join("ada", room_id, NOW + DAY)
    assert say(world, room_id, key="key", now=NOW + DAY).id != first.id


def test_messages_and_emoji_together_are_limited_and_a_refused_one_uses_up_no_number() -> None:
    with on_moto(messages_limit=Limit(3, 10)) as world:
        room_id = world.open_room()
        world.join("ada", room_id)
        world.join("bob", room_id)
        say(world, room_id)
        say(world, room_id, "🎉", kind="emoji")
        say(world, room_id, key="key")

        with pytest.raises(RateLimitedError) as raised:
            say(world, room_id, now=NOW + SECOND)

        assert raised.value.headers() == {"Retry-After": "9"}
        assert (raised.value.status, raised.value.code) == (429, "rate_limited")
        assert messages.head(room_id).last_seq == 5
        say(world, room_id, by="bob")
        say(world, room_id, now=NOW + 10 * SECOND)


def test_a_limit_is_the_users_in_all_rooms_together() -> None:
    with on_moto(messages_limit=Limit(1, 10)) as world:
        one, other = world.open_room(), world.open_room()
        for room_id in (one, other):
            world.join("ada", room_id)
        say(world, one)

        with pytest.raises(RateLimitedError):
            say(world, other)


def test_a_repetition_is_answered_even_over_the_limit() -> None:
    with on_moto(messages_limit=Limit(1, 10)) as world:
        room_id = world.open_room()
        world.join("ada", room_id)
        first = say(world, room_id, key="key")

        assert say(world, room_id, key="key") == first


@pytest.mark.parametrize("key", [None, "key"])
def test_somebody_who_is_not_in_the_room_says_nothing(world: World, room_id: str, key: str | None) -> None:
    with pytest.raises(NotInRoomError) as raised:
        say(world, room_id, by="eve", key=key)
    assert (raised.value.status, raised.value.code) == (403, "not_in_room")
    with pytest.raises(NotInRoomError):
        say(world, room_id, key=key, now=NOW + HTTP_LEASE)
    with pytest.raises(RoomNotFoundError):
        say(world, NOWHERE, key=key)

    assert texts(world, room_id) == []
    assert messages.head(room_id).last_seq == 2


def test_saying_something_keeps_the_seat(world: World, room_id: str) -> None:
    say(world, room_id, now=NOW + 2 * MINUTE)

    assert world.member("ada", room_id).lease_expires_at == NOW + 2 * MINUTE + HTTP_LEASE


def test_a_failure_after_a_number_was_given_out_skips_it(
    world: World, room_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> None:
        raise ConnectionError("no network")

    interrupt(monkeypatch, messages, "put", fail)
    with pytest.raises(ConnectionError):
        say(world, room_id, "lost")

    assert say(world, room_id, "kept").seq == 4
    assert texts(world, room_id) == ["kept"]


@pytest.mark.parametrize(
    ("query", "seqs", "has_more"),
    [
        ({}, [1, 2, 3, 4, 5, 6], False),
        ({"limit": 2}, [5, 6], True),
        ({"limit": 6}, [1, 2, 3, 4, 5, 6], False),
        ({"before_seq": 5, "limit": 2}, [3, 4], True),
        ({"before_seq": 3, "limit": 2}, [1, 2], False),
        ({"before_seq": 1}, [], False),
        ({"before_seq": 0}, [], False),
        ({"after_seq": 0, "limit": 2}, [1, 2], True),
        ({"after_seq": 4, "limit": 2}, [5, 6], False),
        ({"after_seq": 6}, [], False),
        ({"after_seq": 1, "before_seq": 5, "limit": 2}, [2, 3], True),
        ({"after_seq": 2, "before_seq": 5, "limit": 2}, [3, 4], False),
        ({"after_seq": 5, "before_seq": 2}, [], False),
    ],
)
def test_history_pages_both_ways_oldest_first(
    world: World, room_id: str, query: dict[str, Any], seqs: list[int], has_more: bool
) -> None:
    for number in range(4):
        say(world, room_id, f"{number}")

    assert read(room_id, **query) == (seqs, has_more)


def test_history_is_read_to_its_end_in_either_direction(world: World, room_id: str) -> None:
    for number in range(5):
        say(world, room_id, f"{number}")

    back: list[int] = []
    more = True
    while more:
        seqs, more = read(room_id, before_seq=back[0] if back else 99, limit=3)
        back = seqs + back
    forth: list[int] = []
    more = True
    while more:
        seqs, more = read(room_id, after_seq=forth[-1] if forth else 0, limit=3)
        forth += seqs

    assert back == forth == [1, 2, 3, 4, 5, 6, 7]


def test_history_answers_fifty_unless_told(world: World, room_id: str) -> None:
    for number in range(60):
        messages.put(make_message(room_id, number + 3), 90)

    assert read(room_id) == (list(range(13, 63)), True)


def test_somebody_who_is_not_in_the_room_reads_nothing(world: World, room_id: str) -> None:
    with pytest.raises(NotInRoomError):
        read(room_id, by="eve")
    with pytest.raises(NotInRoomError):
        read(room_id, NOW + HTTP_LEASE)
    with pytest.raises(RoomNotFoundError):
        read(NOWHERE)


def test_reading_keeps_the_seat(world: World, room_id: str) -> None:
    read(room_id, NOW + 2 * MINUTE)

    assert world.member("ada", room_id).lease_expires_at == NOW + 2 * MINUTE + HTTP_LEASE
