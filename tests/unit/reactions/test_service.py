"""Members react to messages: once with each emoji, within limits, and with exact counts."""

from collections.abc import Callable
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from chalicelib.chat.service import send_message
from chalicelib.kernel.errors import CoworkingError
from chalicelib.kernel.fingerprints import fingerprint
from chalicelib.lifecycle.service import delete_room
from chalicelib.log import service as log_service
from chalicelib.log.reading import ENTRY_BYTES
from chalicelib.log.table import MESSAGES, get_message
from chalicelib.reactions.schemas import OneEmoji
from chalicelib.reactions.service import MAX_BYTES, MAX_KINDS, react
from chalicelib.seats.deletions import delete_message
from chalicelib.store.tables import item_bytes
from tests.fakes.backend import HTTP_LEASE, NOW, Interrupt, World
from tests.fakes.bodies import BAD_EMOJIS
from tests.fakes.records import make_message

TEA, PARTY = "\U0001f375", "\U0001f389"


@pytest.fixture
def room_id(world: World) -> str:
    """A room with Ada and Bob, and message 3 of Ada's."""
    made = world.open_room()
    world.join("ada", made)
    world.join("bob", made)
    send_message(world.context("ada", made), "hello", "text", None)
    return made


def put(world: World, room_id: str, emoji: str = TEA, *, by: str = "bob", on: bool = True, seq: int = 3) -> Any:
    return react(world.context(by, room_id), seq, emoji, is_on=on).model_dump()["reactions"]


def shown(emoji: str, count: int, *, me: bool) -> dict[str, Any]:
    return {"emoji": emoji, "count": count, "me": me}


def test_reactions_are_counted_and_told_once(world: World, room_id: str) -> None:
    ada = world.connect("ada", room_id)

    for _ in range(2):
        assert put(world, room_id) == [shown(TEA, 1, me=True)]
    assert put(world, room_id, by="ada") == [shown(TEA, 2, me=True)]
    assert put(world, room_id, PARTY, by="ada") == [shown(TEA, 2, me=True), shown(PARTY, 1, me=True)]
    for _ in range(2):
        assert put(world, room_id, by="ada", on=False) == [shown(TEA, 1, me=False), shown(PARTY, 1, me=True)]
    assert put(world, room_id, on=False) == [shown(PARTY, 1, me=False)]

    told = world.fanout.frames(ada)
    assert {frame["type"] for frame in told} == {"reactions_changed"}
    assert [(one["seq"], one["from"], one["data"]["on"], one["data"]["count"]) for one in told] == [
        (4, "bob", True, 1),
        (5, "ada", True, 2),
        (6, "ada", True, 1),
        (7, "ada", False, 1),
        (8, "bob", False, 0),
    ]
    assert told[0]["data"] == {"target_seq": 3, "emoji": TEA, "user_id": "bob", "on": True, "count": 1}
    stored = get_message(world.store, room_id, 3)
    assert stored
    assert (stored.reactions, stored.reacted_seq) == (frozenset({f"{PARTY} {fingerprint(room_id, 'ada')}"}), 8)
    assert put(world, room_id, by="ada", on=False, emoji=PARTY) == []


@pytest.mark.parametrize("seq", [1, 4, 5], ids=["system", "emoji", "text"])
def test_every_message_takes_reactions(world: World, room_id: str, seq: int) -> None:
    send_message(world.context("ada", room_id), PARTY, "emoji", None)
    send_message(world.context("ada", room_id), "hi", "text", None)

    assert put(world, room_id, seq=seq) == [shown(TEA, 1, me=True)]


ONE = [TEA, "\u2764\ufe0f", "\u2764", "1\ufe0f\u20e3", "\U0001f44d\U0001f3fd", "\U0001f1e9\U0001f1ea"]
ONE += ["\U0001f469\U0001f3fd\u200d\u2764\ufe0f\u200d\U0001f48b\u200d\U0001f468\U0001f3ff"]
ONE += ["\U0001f3f4\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f"]
NOT_ONE = [*BAD_EMOJIS, TEA * 2, f"{TEA} ", "\U0001f1e9", "\U0001f469\u200d", "\ufe0f", "%F0%9F%8D%B5"]


def test_a_reaction_is_exactly_one_emoji() -> None:
    adapter: TypeAdapter[str] = TypeAdapter(OneEmoji)
    assert [adapter.validate_python(text) for text in ONE] == ONE
    for text in NOT_ONE:
        with pytest.raises(ValidationError):
            adapter.validate_python(text)


def full(emoji: str, people: int) -> frozenset[str]:
    return frozenset(f"{emoji} {fingerprint('room', str(n))}" for n in range(people))


KINDS = [chr(0x1F600 + n) for n in range(MAX_KINDS)]
MANY = MAX_BYTES // (len(f"{TEA} {'x' * 12} ".encode()))


@pytest.mark.parametrize(
    ("reactions", "emoji", "on", "is_accepted"),
    [
        pytest.param(frozenset().union(*(full(kind, 1) for kind in KINDS[1:])), TEA, True, True, id="the 20th kind"),
        pytest.param(frozenset().union(*(full(kind, 1) for kind in KINDS)), TEA, True, False, id="the 21st kind"),
        pytest.param(frozenset().union(*(full(kind, 1) for kind in KINDS)), KINDS[3], True, True, id="an old kind"),
        pytest.param(full(TEA, MANY - 1), TEA, True, True, id="the last bytes"),
        pytest.param(full(TEA, MANY), TEA, True, False, id="too many bytes"),
        pytest.param(full(TEA, MANY + 1), PARTY, False, True, id="taken back, too many bytes"),
    ],
)
def test_a_message_has_room_for_so_many_reactions(
    world: World, room_id: str, reactions: frozenset[str], emoji: str, on: bool, is_accepted: bool
) -> None:
    own = frozenset() if on else frozenset({f"{emoji} {fingerprint(room_id, 'bob')}"})
    largest = make_message(room_id, 3, text="\U0001f600" * 4000, reactions=reactions | own)
    world.store.put(MESSAGES, largest)
    if is_accepted:
        assert put(world, room_id, emoji, on=on)
    else:
        with pytest.raises(CoworkingError) as refused:
            put(world, room_id, emoji, on=on)
        assert refused.value.code == "too_many_reactions"
        assert world.last_number(room_id) == 3
    stored = get_message(world.store, room_id, 3)
    assert stored
    assert item_bytes(MESSAGES.write(stored)) < ENTRY_BYTES


@pytest.mark.parametrize(
    ("code", "changes"),
    [
        ("message_not_found", {"seq": 99}),
        ("message_not_found", {"seq": 0}),
        ("message_deleted", {"seq": 4}),
        ("not_in_room", {"by": "eve"}),
        ("not_in_room", {"by": "eve", "seq": 99}),
    ],
)
@pytest.mark.parametrize("on", [True, False])
def test_a_refused_reaction_writes_nothing(
    world: World, room_id: str, code: str, changes: dict[str, Any], on: bool
) -> None:
    send_message(world.context("ada", room_id), "gone", "text", None)
    delete_message(world.context("ada", room_id), 4)

    with pytest.raises(CoworkingError) as refused:
        put(world, room_id, on=on, **changes)

    assert refused.value.code == code
    assert world.last_number(room_id) == 5


def another(world: World, room_id: str) -> None:
    put(world, room_id, by="ada")


def the_same(world: World, room_id: str) -> None:
    put(world, room_id)


def delete(world: World, room_id: str) -> None:
    delete_message(world.context("ada", room_id), 3)


def leave(world: World, room_id: str) -> None:
    world.leave("bob", room_id)


def close(world: World, room_id: str) -> None:
    delete_room(world.context("admin", room_id))


@pytest.mark.parametrize(
    ("meanwhile", "outcome", "counts"),
    [
        (another, [shown(TEA, 2, me=True)], [1, 2]),
        (the_same, [shown(TEA, 1, me=True)], [1]),
        (delete, "message_deleted", []),
        (leave, "not_in_room", []),
        (close, "room_not_found", []),
    ],
)
def test_a_reaction_and_another_act_leave_one_state(
    world: World,
    room_id: str,
    just_before: Interrupt,
    meanwhile: Callable[[World, str], None],
    outcome: Any,
    counts: list[int],
) -> None:
    ada = world.connect("ada", room_id)
    just_before(log_service, "put_entry", lambda: meanwhile(world, room_id))

    try:
        found = put(world, room_id)
    except CoworkingError as error:
        found = error.code

    assert found == outcome
    assert world.has_all_numbers(room_id)
    told = [frame for frame in world.fanout.frames(ada) if frame["type"] == "reactions_changed"]
    assert [frame["data"]["count"] for frame in sorted(told, key=lambda frame: frame["seq"])] == counts


def test_the_ack_of_a_frame_has_all_reactions(world: World, room_id: str) -> None:
    bob = world.connect("bob", room_id)
    for on, count in ((True, 1), (True, 1), (False, 0)):
        answers = {frame["type"]: frame for frame in world.send(bob, "react", id="r", seq=3, emoji=TEA, on=on)}
        reactions = [shown(TEA, 1, me=True)] * count
        assert answers["ack"]["data"] == {"seq": 3, "reactions": reactions}
    late = world.send(bob, "react", NOW + HTTP_LEASE, id="r", seq=3, emoji=TEA, on=True)
    assert late[0]["data"]["code"] == "not_in_room"
