"""Simultaneous acts on people, on a real engine: table, log and what the members were told agree.

Any act may win. `RACE_ROUNDS=20` sets the number of rounds, as `make soak` does.
"""

import json
import os
import time
from collections.abc import Iterator
from functools import partial
from typing import Any
from unittest.mock import patch

import pytest

from chalicelib.grants.table import get_standing
from chalicelib.log import Event
from chalicelib.moderation.schemas import ModerationRequest
from chalicelib.moderation.service import moderate
from chalicelib.roles.service import accept_ownership, grant_role, offer_ownership, revoke_role
from chalicelib.seats.sockets import ConnectionGrant, SocketEvent, connect
from infra.local.engine import Engine
from tests.fakes.backend import ENDPOINT, NOW, PLENTY, World, on_engine, read_log
from tests.fakes.fanout import Frame
from tests.fakes.races import at_once

pytestmark = pytest.mark.proof

ROUNDS = range(int(os.environ.get("RACE_ROUNDS", "5")))


@pytest.fixture
def world(engine: Engine) -> Iterator[World]:
    """A world whose acts may try again for longer: the machine may be busy, and no test measures its speed."""
    with on_engine(engine, joins_limit=PLENTY, messages_limit=PLENTY, seats_limit=1_000) as busy:
        with patch.object(busy.store.connection, "monotonic", lambda: time.monotonic() / 10):
            yield busy


def open_room(world: World) -> str:
    """The maker's room with two moderators, who have no seats."""
    made = world.open_room()
    for user_id in ("mod", "mod2"):
        world.grant(user_id, made, "moderator")
    return made


def act(world: World, room_id: str, action: str, user_id: str, by: str = "mod", now: int = NOW, **more: Any) -> Any:
    request = ModerationRequest.model_validate({"action": action, "user_id": user_id, **more})
    return moderate(world.context(by, room_id, now), request)


def check(world: World, room_id: str, listener: str) -> list[Frame]:
    """Check that each number of the log has an entry, and the listener was told each event once. Returns the events."""
    assert world.has_all_numbers(room_id)
    assert world.room(room_id).participant_count == len(world.members(room_id))
    stored = [(one.seq, one.kind, json.loads(one.data)) for one in read_log(world.store, room_id) if type(one) is Event]
    events = [frame for frame in world.fanout.frames(listener) if frame["type"] in {kind for _, kind, _ in stored}]
    assert sorted((frame["seq"], frame["type"], frame["data"]) for frame in events) == stored
    return sorted(events, key=lambda frame: frame["seq"])


def test_a_join_during_a_ban_leaves_nobody_in(world: World) -> None:
    for _ in ROUNDS:
        room_id = open_room(world)
        bob = world.enter("bob", room_id)

        joined, *_, banned = at_once(
            *(partial(world.join, "eve", room_id) for _ in range(4)), partial(act, world, room_id, "ban", "eve")
        )

        assert not isinstance(banned, str)
        assert not isinstance(joined, str) or joined == "banned"
        assert world.members(room_id) == ["bob"]
        assert get_standing(world.store, room_id, "eve").is_banned_at(NOW)
        assert [frame["data"]["action"] for frame in check(world, room_id, bob)] == ["ban"]
        come, gone = (world.fanout.types(bob).count(kind) for kind in ("user_joined", "user_left"))
        assert come == gone <= 1


def test_a_kick_during_a_reconnect_leaves_no_connection(world: World) -> None:
    for n in ROUNDS:
        room_id = open_room(world)
        bob, old = world.enter("bob", room_id), world.enter("eve", room_id)
        grant = ConnectionGrant("eve", room_id)
        new = [f"new-{n}-{k}" for k in range(3)]

        *opened, kicked = at_once(
            *(partial(connect, world.backend, grant, SocketEvent(one, ENDPOINT), NOW + 1) for one in new),
            partial(act, world, room_id, "kick", "eve", now=NOW + 1),
        )

        assert not isinstance(kicked, str)
        assert set(opened) <= {None, "not_in_room"}
        assert (world.members(room_id), world.roster(room_id)) == (["bob"], [bob])
        for one in [old, *(one for one, code in zip(new, opened, strict=True) if code is None)]:
            (bye,) = [frame["data"] for frame in world.fanout.frames(one) if frame["type"] == "bye"]
            assert (bye["code"], bye["action"]) == ("removed", "stop")
        assert [frame["data"]["action"] for frame in check(world, room_id, bob)] == ["kick"]


def test_a_room_that_is_offered_to_two_gets_one_owner(world: World) -> None:
    for _ in ROUNDS:
        room_id = open_room(world)
        bob, heirs = world.enter("bob", room_id), ("mod", "eve")
        world.join("eve", room_id)
        for heir in heirs:
            offer_ownership(world.context("maker", room_id), heir)

        outcomes = at_once(*(partial(accept_ownership, world.context(heir, room_id)) for heir in heirs))

        assert [outcome for outcome in outcomes if isinstance(outcome, str)] == ["forbidden"]
        owner = next(heir for heir, outcome in zip(heirs, outcomes, strict=True) if outcome != "forbidden")
        roles = {user_id: get_standing(world.store, room_id, user_id).role for user_id in ("maker", *heirs)}
        before = {"maker": None, "mod": "moderator", "eve": None}
        assert (world.room(room_id).owner_id, roles) == (owner, before | {"maker": "moderator", owner: None})
        assert world.member("eve", room_id).role == ("owner" if owner == "eve" else None)
        told = [(frame["data"]["user_id"], frame["data"]["role"]) for frame in check(world, room_id, bob)]
        assert told == [(owner, "owner"), ("maker", "moderator")]


@pytest.mark.parametrize("second", ["kick", "ban", "mute", "unban"])
def test_two_moderators_act_on_one_user(world: World, second: str) -> None:
    for _ in ROUNDS:
        room_id = open_room(world)
        bob = world.enter("bob", room_id)
        world.enter("eve", room_id)

        outcomes = at_once(
            partial(act, world, room_id, "kick", "eve", seconds=60),
            partial(act, world, room_id, second, "eve", by="mod2", seconds=900 if second in ("kick", "ban") else None),
        )

        assert not [outcome for outcome in outcomes if isinstance(outcome, str)]
        assert world.members(room_id) == ["bob"]
        assert world.fanout.types(bob).count("user_left") == 1
        events = [frame["data"] for frame in check(world, room_id, bob)]
        ends = [event["until"] for event in events if event["action"] in ("kick", "ban")]
        standing, until = get_standing(world.store, room_id, "eve"), max(ends)
        is_lifted = events[-1]["action"] == "unban"
        assert standing.is_banned_at(NOW) != is_lifted
        assert is_lifted or outcomes[1].until in (None, until)
        assert bool(standing.muted_by) == (second == "mute")


def test_a_moderator_acts_before_the_role_is_taken_or_not(world: World) -> None:
    for _ in ROUNDS:
        room_id = open_room(world)
        bob = world.enter("bob", room_id)
        world.enter("eve", room_id)

        demoted, kicked, promoted = at_once(
            partial(revoke_role, world.context("maker", room_id), "mod"),
            partial(act, world, room_id, "kick", "eve"),
            partial(grant_role, world.context("mod", room_id), "zoe", "member"),
        )

        assert demoted is None
        assert {outcome for outcome in (kicked, promoted) if isinstance(outcome, str)} <= {"forbidden"}
        assert world.members(room_id) == (["bob", "eve"] if kicked == "forbidden" else ["bob"])
        assert get_standing(world.store, room_id, "mod").role is None
        told = [(frame["from"], frame["type"]) for frame in check(world, room_id, bob)]
        assert told.count(("mod", "member_moderated")) == (kicked != "forbidden"), "its number may be the higher one"
        assert told.count(("maker", "role_changed")) == 1
