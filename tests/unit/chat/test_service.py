"""Messages and emoji are stored once and in order, and read back."""

from collections.abc import Callable
from functools import partial
from typing import Any, Literal

import pytest

from chalicelib import log
from chalicelib.chat import service
from chalicelib.chat.history import get_history
from chalicelib.chat.schemas import HistoryQuery
from chalicelib.identity.profiles import PROFILES, Profile
from chalicelib.kernel.errors import CoworkingError, InvalidRequestError, NotInRoomError, RateLimitedError
from chalicelib.kernel.settings import Limit
from chalicelib.lifecycle.service import delete_room
from chalicelib.log import Event
from chalicelib.log import service as log_service
from chalicelib.log.schemas import Original, RoomMessage
from chalicelib.log.table import EVENTS, MESSAGES, POSITIONS
from tests.fakes.backend import DAY, HTTP_LEASE, MINUTE, NOW, SECOND, Interrupt, World, on_moto
from tests.fakes.records import make_message

Ending = Callable[[World, str], None]


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
    return service.send_message(world.context(by, room_id, now), text, kind, key)


def texts(world: World, room_id: str) -> list[str]:
    """The texts of users, without those of the room itself."""
    return [message.text for message in world.log(room_id) if message.type != "system"]


def read(world: World, room_id: str, now: int = NOW, *, by: str = "ada", **query: Any) -> tuple[list[int], bool]:
    history = get_history(world.context(by, room_id, now), HistoryQuery(**query))
    return [message.seq for message in history.messages], history.has_more


def test_a_message_is_stored_and_answered_unchanged(world: World, room_id: str) -> None:
    world.store.put(PROFILES, Profile("cyd", "Cyd C.", "/cyd.png"))
    world.join("cyd", room_id)
    text = "<b>naïve</b> & “quoted”\n\t🎉"

    answer = say(world, room_id, text, by="cyd", now=NOW + 61_005)

    author = {"user_id": "cyd", "user": "Cyd C.", "avatar": "/cyd.png"}
    said = {"type": "text", "text": text, "time": "00:01", "created_at": "2027-01-01T00:01:01.005Z"}
    bare: dict[str, Any] = {"edited_at": None, "deleted": False, "reply_to": None, "mentions": [], "reactions": []}
    assert answer.model_dump() == {"id": answer.id, "seq": 4} | author | said | bare
    assert RoomMessage.of(world.log(room_id)[-1], "/cyd.png") == answer


@pytest.mark.parametrize(("kind", "frame_type"), [("text", "message_sent"), ("emoji", "emoji_reaction")])
def test_all_connections_of_the_room_receive_a_message(
    world: World, room_id: str, kind: Literal["text", "emoji"], frame_type: str
) -> None:
    connected = [world.connect("ada", room_id), world.connect("bob", room_id)]

    answer = say(world, room_id, "🎉", kind=kind)

    for connection_id in connected:
        frame = world.fanout.last(connection_id)
        assert (frame["type"], frame["from"], frame["seq"]) == (frame_type, "ada", answer.seq)
        assert frame["data"] == answer.model_dump()


@pytest.mark.parametrize("kind", ["text", "emoji"])
def test_a_repeated_key_stores_one_message_and_is_answered(
    world: World, room_id: str, kind: Literal["text", "emoji"]
) -> None:
    there = world.connect("bob", room_id)

    first = say(world, room_id, "🎉", kind=kind, key="key")
    again = say(world, room_id, "🎈", kind=kind, key="key", now=NOW + SECOND)

    assert again == first
    assert texts(world, room_id) == ["🎉"]
    assert len(world.fanout.frames(there)) == 1
    assert world.last_number(room_id) == first.seq


REPLIES: dict[str, tuple[int | None, bool]] = {
    "text": (3, True),
    "emoji": (4, True),
    "deleted": (5, False),
    "system": (1, False),
    "event": (6, False),
    "missing": (7, False),
    "far": (2**53 - 1, False),
}


@pytest.mark.parametrize(("seq", "is_accepted"), REPLIES.values(), ids=REPLIES)
@pytest.mark.parametrize("kind", ["text", "emoji"])
def test_an_answer_shows_a_message_that_is_there(
    world: World, room_id: str, seq: int, is_accepted: bool, kind: Literal["text", "emoji"]
) -> None:
    bob = world.connect("bob", room_id)
    say(world, room_id, "first " * 20)
    say(world, room_id, "\U0001f389", kind="emoji")
    world.store.put(MESSAGES, make_message(room_id, 5, text="", deleted_at=NOW))
    world.store.put(EVENTS, Event(room_id, 6, "message_deleted", "ada", "{}", NOW))
    world.store.update(POSITIONS, (room_id, 0), [POSITIONS.last_seq.set(6)])
    original = world.log(room_id)[seq - 1] if is_accepted else None

    context = world.context("bob", room_id)
    send = partial(
        service.send_message, context, "\U0001f44d", kind, "key", reply_to=seq, mentions=["eve", "ada", "eve"]
    )
    if original is None:
        with pytest.raises(InvalidRequestError, match="reply_to must be"):
            send()
        assert world.last_number(room_id) == 6
        return
    answer = send()
    assert answer.reply_to == Original(seq=seq, user="Ada", text=original.text[:100])
    assert answer.mentions == ["ada", "eve"]
    assert send() == answer, "a repeated key answers the same"
    (read,) = get_history(context, HistoryQuery(after_seq=6)).messages
    assert read == answer
    assert world.fanout.last(bob)["data"] == answer.model_dump()


def test_simultaneous_uses_of_a_key_store_one_message(world: World, room_id: str, just_before: Interrupt) -> None:
    there = world.connect("bob", room_id)
    answers: list[RoomMessage] = []
    just_before(log_service, "put_entry", lambda: answers.append(say(world, room_id, key="key")))

    answers.append(say(world, room_id, key="key"))

    assert answers[0] == answers[1]
    assert texts(world, room_id) == ["hello"]
    told = [(frame["type"], frame["seq"]) for frame in world.fanout.frames(there)]
    assert told == [("message_sent", answers[0].seq), ("seq_unused", answers[0].seq - 1)]
    (snapshot,) = world.send(there, "sync", last_seq=2)
    assert snapshot["data"]["last_seq"] == world.last_number(room_id), "the unused number holds nobody up"
    assert [message["text"] for message in snapshot["data"]["messages"]] == ["hello"]


def leave(world: World, room_id: str) -> None:
    world.leave("ada", room_id)


def delete(world: World, room_id: str) -> None:
    delete_room(world.context("admin", room_id))


def come_back(world: World, room_id: str) -> None:
    world.leave("ada", room_id)
    world.join("ada", room_id)


@pytest.mark.parametrize(("module", "moment"), [(log, "allocate"), (log_service, "put_entry")], ids=["early", "late"])
@pytest.mark.parametrize("key", [None, "key"])
@pytest.mark.parametrize(
    ("ending", "code"),
    [
        pytest.param(leave, "not_in_room", id="leave"),
        pytest.param(delete, "room_not_found", id="delete"),
        pytest.param(come_back, None, id="come back"),
    ],
)
def test_a_member_who_leaves_meanwhile_sends_nothing(
    world: World,
    room_id: str,
    just_before: Interrupt,
    ending: Ending,
    code: str | None,
    key: str | None,
    module: Any,
    moment: str,
) -> None:
    just_before(module, moment, lambda: ending(world, room_id))

    if code is None:
        say(world, room_id, "late", key=key)
    else:
        with pytest.raises(CoworkingError) as refused:
            say(world, room_id, "late", key=key)
        assert refused.value.code == code
    assert ("late" in texts(world, room_id)) is (code is None)
    assert world.has_all_numbers(room_id)
    is_empty = not [item for page in world.store.pages(MESSAGES, room_id) for item in page]
    assert is_empty is (code == "room_not_found")


def test_a_key_belongs_to_a_user_and_a_room(world: World, room_id: str) -> None:
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


def test_messages_are_limited_and_a_refused_one_uses_no_number() -> None:
    with on_moto(messages_limit=Limit(3, 10)) as world:
        room_id, another = world.open_room(), world.open_room()
        for user_id, place in (("ada", room_id), ("bob", room_id), ("ada", another)):
            world.join(user_id, place)
        first = say(world, room_id, key="key")
        say(world, room_id)
        say(world, room_id, "🎉", kind="emoji")

        for place in (room_id, another):
            with pytest.raises(RateLimitedError) as raised:
                say(world, place, now=NOW + SECOND)
            assert raised.value.headers() == {"Retry-After": "9"}

        assert (world.last_number(room_id), world.last_number(another)) == (5, 1)
        assert say(world, room_id, key="key") == first
        say(world, room_id, by="bob")
        say(world, room_id, now=NOW + 10 * SECOND)


@pytest.mark.parametrize("key", [None, "key"])
def test_a_user_without_a_seat_sends_nothing(world: World, room_id: str, key: str | None) -> None:
    for user_id, now in (("eve", NOW), ("ada", NOW + HTTP_LEASE)):
        with pytest.raises(NotInRoomError):
            say(world, room_id, by=user_id, key=key, now=now)

    assert (texts(world, room_id), world.last_number(room_id)) == ([], 2)


@pytest.mark.parametrize("act", [say, read])
def test_sending_and_reading_renew_the_lease(world: World, room_id: str, act: Callable[..., object]) -> None:
    act(world, room_id, now=NOW + 2 * MINUTE)

    assert world.member("ada", room_id).lease_expires_at == NOW + 2 * MINUTE + HTTP_LEASE


def test_the_number_of_a_failed_message_is_skipped(world: World, room_id: str, just_before: Interrupt) -> None:
    def fail() -> None:
        raise ConnectionError("no network")

    just_before(log_service, "put_entry", fail)
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

    assert read(world, room_id, **query) == (seqs, has_more)


def test_history_answers_50_messages_by_default(world: World, room_id: str) -> None:
    for number in range(60):
        world.store.put(MESSAGES, make_message(room_id, number + 3))

    assert read(world, room_id) == (list(range(13, 63)), True)
