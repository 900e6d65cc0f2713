"""Authors edit their texts: once for each act, for a day, and the log and the table agree."""

from collections.abc import Callable
from typing import Any

import pytest

from chalicelib import log
from chalicelib.chat.edits import edit_message
from chalicelib.chat.history import get_entries
from chalicelib.chat.schemas import EntriesQuery
from chalicelib.chat.service import send_message
from chalicelib.kernel.errors import CoworkingError
from chalicelib.lifecycle.service import delete_room
from chalicelib.log import service as log_service
from chalicelib.log.schemas import RoomMessage
from chalicelib.log.table import MESSAGES, get_message
from chalicelib.personal.table import get_marker
from chalicelib.seats.deletions import delete_message
from chalicelib.store import Put
from tests.fakes.backend import DAY, NOW, Interrupt, World
from tests.fakes.records import make_message

LATER = NOW + 1000


@pytest.fixture
def room_id(world: World) -> str:
    """A room with Ada and Bob. Ada's message 3 mentions Bob, and message 4 answers it; 5 is an emoji."""
    made = world.open_room()
    world.join("ada", made)
    world.join("bob", made)
    ada = world.context("ada", made)
    send_message(ada, "hello", "text", None, mentions=["bob"])
    send_message(ada, "answer", "text", None, reply_to=3)
    send_message(ada, "\U0001f389", "emoji", None)
    return made


def edit(
    world: World,
    room_id: str,
    text: str = "better",
    *,
    seq: int = 3,
    by: str = "ada",
    key: str | None = None,
    now: int = LATER,
    mentions: list[str] | None = None,
) -> RoomMessage:
    return edit_message(world.context(by, room_id, now), seq, text, mentions, key)


def text_of(world: World, room_id: str, seq: int = 3) -> str:
    found = get_message(world.store, room_id, seq)
    assert found
    return found.text


@pytest.mark.parametrize(("mentions", "left"), [(None, ["bob"]), ([], []), (["eve", "ada"], ["ada", "eve"])])
def test_an_edit_is_stored_pushed_and_answered(
    world: World, room_id: str, mentions: list[str] | None, left: list[str]
) -> None:
    bob = world.connect("bob", room_id)

    answer = edit(world, room_id, "better", mentions=mentions)

    stored = get_message(world.store, room_id, 3)
    assert stored
    assert (stored.text, stored.edited_at, stored.edited_seq) == ("better", LATER, world.last_number(room_id))
    assert answer == RoomMessage.of(stored)
    assert (answer.edited_at, answer.mentions) == ("2027-01-01T00:00:01.000Z", left)
    pushed = world.fanout.last(bob)
    assert (pushed["type"], pushed["seq"], pushed["from"]) == ("message_edited", stored.edited_seq, "ada")
    told = {"target_seq": 3, "text": "better", "edited_at": answer.edited_at, "mentions": left}
    assert pushed["data"] == told
    entries = get_entries(world.context("bob", room_id, LATER), EntriesQuery()).entries
    assert entries[-1].model_dump()["data"] == told
    assert "better" not in str(log.get_entry(world.store, room_id, pushed["seq"])), "the event copies no text"


def test_only_added_mentions_are_counted(world: World, room_id: str) -> None:
    for mentions in (["bob", "ada"], ["bob", "eve"], [], ["eve"]):
        edit(world, room_id, mentions=mentions)

    counted = {user_id: get_marker(world.store, user_id, room_id).mentions_n for user_id in ("ada", "bob", "eve")}
    assert counted == {"ada": None, "bob": 1, "eve": 2}


def test_an_answer_keeps_its_original_in_an_edit(world: World, room_id: str) -> None:
    answer = edit(world, room_id, seq=4)

    assert answer.reply_to
    assert (answer.reply_to.seq, answer.reply_to.text) == (3, "hello")


REFUSALS: dict[str, tuple[str, dict[str, Any]]] = {
    "somebody else's": ("forbidden", {"by": "bob"}),
    "a system message": ("forbidden", {"seq": 1}),
    "an emoji": ("forbidden", {"seq": 5}),
    "too late": ("forbidden", {"now": NOW + DAY + 1}),
    "an event": ("message_not_found", {"seq": 7}),
    "an unused number": ("message_not_found", {"seq": 99}),
    "the position of the log": ("message_not_found", {"seq": 0}),
    "a stranger": ("not_in_room", {"by": "eve"}),
    "a deleted message": ("message_deleted", {"seq": 6}),
}


@pytest.mark.parametrize(("code", "changes"), REFUSALS.values(), ids=REFUSALS)
def test_a_refused_edit_writes_nothing(world: World, room_id: str, code: str, changes: dict[str, Any]) -> None:
    send_message(world.context("ada", room_id), "gone", "text", None)
    delete_message(world.context("ada", room_id), 6)
    for user_id in ("ada", "bob"):
        world.join(user_id, room_id, NOW + DAY)
    before = log_of(world, room_id)

    with pytest.raises(CoworkingError) as refused:
        edit(world, room_id, **changes)

    assert refused.value.code == code
    assert log_of(world, room_id) == before


def log_of(world: World, room_id: str) -> list[Any]:
    return [world.last_number(room_id), *world.log(room_id)]


def test_a_text_can_be_edited_for_exactly_a_day(world: World, room_id: str) -> None:
    world.join("ada", room_id, NOW + DAY)

    assert edit(world, room_id, now=NOW + DAY).text == "better"


@pytest.mark.parametrize("first", [{"key": "k"}, {}], ids=["a key", "no key"])
@pytest.mark.parametrize("second", [{"key": "k", "text": "other"}, {"mentions": ["bob"]}], ids=["a key", "the same"])
def test_an_edit_is_made_once(world: World, room_id: str, first: dict[str, Any], second: dict[str, Any]) -> None:
    is_again = "mentions" in second or "key" in first
    answer = edit(world, room_id, **first)
    last, bob = world.last_number(room_id), world.connect("bob", room_id)

    again = edit(world, room_id, **second)

    assert (again == answer) is is_again
    assert world.last_number(room_id) == last + (not is_again)
    assert len(world.fanout.frames(bob)) == (not is_again)


def test_the_keys_of_the_last_ten_edits_are_known(world: World, room_id: str) -> None:
    for n in range(11):
        edit(world, room_id, f"text {n}", key=f"key {n}")
    edit(world, room_id, "without a key")

    assert edit(world, room_id, "late", key="key 1").text == "without a key"
    assert edit(world, room_id, "forgotten", key="key 0").text == "forgotten"


def higher_edit(world: World, room_id: str) -> None:
    edit(world, room_id, "higher", key="other")


def same_key(world: World, room_id: str) -> None:
    edit(world, room_id, key="key")


def lower_edit(world: World, room_id: str) -> None:
    """An edit with a number between the message and the one that is held."""
    changes = [MESSAGES.edited_seq.set(4), MESSAGES.text.set("lower")]
    world.store.update(MESSAGES, (room_id, 3), changes)


def delete(world: World, room_id: str) -> None:
    delete_message(world.context("ada", room_id), 3)


def leave(world: World, room_id: str) -> None:
    world.leave("ada", room_id)


def come_back(world: World, room_id: str) -> None:
    world.leave("ada", room_id)
    world.join("ada", room_id)


def close(world: World, room_id: str) -> None:
    delete_room(world.context("admin", room_id))


@pytest.mark.parametrize(
    ("meanwhile", "outcome"),
    [
        (higher_edit, "higher"),
        (same_key, "better"),
        (lower_edit, "better"),
        (delete, "message_deleted"),
        (leave, "not_in_room"),
        (come_back, "better"),
        (close, "room_not_found"),
    ],
)
def test_an_edit_and_another_act_leave_one_state(
    world: World,
    room_id: str,
    just_before: Interrupt,
    meanwhile: Callable[[World, str], None],
    outcome: str,
) -> None:
    bob = world.connect("bob", room_id)
    just_before(log_service, "put_entry", lambda: meanwhile(world, room_id))

    try:
        found = edit(world, room_id, key="key").text
    except CoworkingError as error:
        found = error.code

    assert found == outcome
    assert world.has_all_numbers(room_id)
    if outcome != "room_not_found":
        shown = [frame for frame in world.fanout.frames(bob) if frame["type"] == "message_edited"]
        last = shown[-1]["data"]["text"] if shown else "hello"
        assert text_of(world, room_id) == ("" if meanwhile is delete else last)


def test_an_edit_that_always_meets_another_gives_up(
    world: World, room_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter(range(1000))
    monkeypatch.setattr(world.store.connection, "monotonic", lambda: next(clock))
    monkeypatch.setattr(world.store.connection, "sleep", lambda _: None)
    monkeypatch.setattr(log_service, "put_entry", lambda *_: refused_put(room_id))

    with pytest.raises(CoworkingError) as refused:
        edit(world, room_id)

    assert refused.value.code == "unavailable"
    assert world.has_all_numbers(room_id)


def refused_put(room_id: str) -> Put:
    """A write that is always refused."""
    return Put(MESSAGES, make_message(room_id, 5), MESSAGES.seq.does_not_exist())
