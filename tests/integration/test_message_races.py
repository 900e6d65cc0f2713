"""Many simultaneous changes of one message, on a real engine: the log, the table and all clients agree.

Any act may win. `RACE_ROUNDS=20` sets the number of rounds, as `make soak` does.
"""

import os
import time
from collections import Counter
from collections.abc import Iterator
from functools import partial
from unittest.mock import patch

import pytest

from chalicelib.chat.edits import edit_message
from chalicelib.chat.service import send_message
from chalicelib.log import Event, Message
from chalicelib.reactions.schemas import MessageReactions
from chalicelib.reactions.service import react
from chalicelib.seats.deletions import delete_message
from infra.local.engine import Engine
from tests.fakes.backend import NOW, PLENTY, World, on_engine, read_log
from tests.fakes.races import at_once

pytestmark = pytest.mark.proof

ROUNDS = range(int(os.environ.get("RACE_ROUNDS", "5")))
KINDS = ("message_edited", "message_deleted", "reactions_changed")
EMOJIS = ("\U0001f375", "\U0001f389", "\U0001f44d")


@pytest.fixture
def world(engine: Engine) -> Iterator[World]:
    """A world whose acts may try again for longer: the machine may be busy, and no test measures its speed."""
    with on_engine(engine, joins_limit=PLENTY, messages_limit=PLENTY, seats_limit=1_000) as busy:
        with patch.object(busy.store.connection, "monotonic", lambda: time.monotonic() / 10):
            yield busy


def say(world: World, room_id: str, user_id: str = "ada") -> int:
    return send_message(world.context(user_id, room_id), "hello", "text", None).seq


def check(world: World, room_id: str, seq: int, clients: list[str]) -> Message:
    """Check that the log, the table and what each client was told agree. Returns the message."""
    entries = [one for one in read_log(world.store, room_id) if isinstance(one, Event)]
    (message,) = [one for one in world.log(room_id) if one.seq == seq]
    assert world.has_all_numbers(room_id)
    last = {kind: max((one.seq for one in entries if one.kind == kind), default=None) for kind in KINDS}
    assert (message.edited_seq, message.reacted_seq) == (last["message_edited"], last["reactions_changed"])
    assert (message.deleted_at is not None) == (last["message_deleted"] is not None)
    assert message.deleted_at is None or (message.text, message.reactions) == ("", frozenset())
    for client in clients:
        frames = [frame for frame in world.fanout.frames(client) if frame["type"] in KINDS]
        assert sorted((frame["seq"], frame["type"]) for frame in frames) == [(one.seq, one.kind) for one in entries]
        edits = {frame["seq"]: frame["data"]["text"] for frame in frames if frame["type"] == "message_edited"}
        if message.deleted_at is None:
            assert message.text == (edits[max(edits)] if edits else "hello"), "the highest number wins everywhere"
    return message


def test_fifty_reactions_to_one_message_all_count(world: World) -> None:
    for _ in ROUNDS:
        room_id = world.open_room(seats=50)
        people = [f"user{n}" for n in range(50)]
        for user_id in people:
            world.join(user_id, room_id)
        seq, there = say(world, room_id, "user0"), world.connect("user0", room_id)
        chosen = {user_id: EMOJIS[n % 3] for n, user_id in enumerate(people)}

        outcomes = at_once(
            *(partial(react, world.context(who, room_id), seq, emoji, is_on=True) for who, emoji in chosen.items())
        )

        assert all(isinstance(outcome, MessageReactions) for outcome in outcomes), Counter(map(str, outcomes))
        message = check(world, room_id, seq, [there])
        assert Counter(one.partition(" ")[0] for one in message.reactions) == Counter(chosen.values())
        told = [frame for frame in world.fanout.frames(there) if frame["type"] == "reactions_changed"]
        for emoji, count in Counter(chosen.values()).items():
            counts = sorted((one["seq"], one["data"]["count"]) for one in told if one["data"]["emoji"] == emoji)
            assert [counted for _, counted in counts] == [*range(1, count + 1)], "each count is exact at its number"
        assert world.last_number(room_id) < seq + 50 * 5, "few numbers are void"


@pytest.mark.parametrize("deleting", [(), ("ada", "mod")], ids=["edits", "edits and deletions"])
def test_simultaneous_changes_leave_one_state(world: World, deleting: tuple[str, ...]) -> None:
    for _ in ROUNDS:
        room_id = world.open_room()
        ada, bob = world.enter("ada", room_id), world.enter("bob", room_id)
        world.grant("mod", room_id, "moderator")
        context, seq = world.context("ada", room_id), say(world, room_id)
        edits = [partial(edit_message, context, seq, f"text {n}", None, f"key {n % 6}") for n in range(12)]
        reactions = [partial(react, world.context("bob", room_id), seq, emoji, is_on=True) for emoji in EMOJIS]
        deletions = [partial(delete_message, world.context(who, room_id), seq) for who in deleting]

        outcomes = at_once(*edits, *reactions, *deletions)

        message = check(world, room_id, seq, [ada, bob])
        refused = {outcome for outcome in outcomes if isinstance(outcome, str)}
        assert refused <= ({"message_deleted"} if deleting else set())
        types = world.fanout.types(bob)
        assert types.count("message_deleted") == (1 if deleting else 0)
        assert types.count("message_edited") <= 6, "each key is used once"
        assert len(message.reactions) == (0 if deleting else len(EMOJIS))


def test_an_edit_during_a_leave_is_made_or_refused(world: World) -> None:
    for _ in ROUNDS:
        room_id = world.open_room()
        world.enter("ada", room_id)
        bob = world.enter("bob", room_id)
        context, seq = world.context("ada", room_id, NOW + 1), say(world, room_id)

        left, *edited = at_once(
            partial(world.leave, "ada", room_id, NOW + 1),
            *(partial(edit_message, context, seq, f"text {n}", None, None) for n in range(4)),
        )

        assert left is None
        assert {outcome for outcome in edited if isinstance(outcome, str)} <= {"not_in_room"}
        check(world, room_id, seq, [bob])
        assert world.members(room_id) == ["bob"]
