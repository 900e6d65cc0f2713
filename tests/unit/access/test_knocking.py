"""Knocks: who may knock, who hears it, and what letting somebody in does."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from chalicelib.access import knocking
from chalicelib.access.schemas import KnockAnswer, KnockState
from chalicelib.access.table import KNOCK_MS, MAX_SHOWN, SEAT_MS, make_knock, store_knock
from chalicelib.grants.rules import Role
from chalicelib.grants.table import FOREVER, get_standing, write_standing
from chalicelib.identity.profiles import Profile
from chalicelib.kernel.errors import CoworkingError
from chalicelib.kernel.fingerprints import fingerprint
from chalicelib.log import Event
from chalicelib.rooms.table import ROOMS, Visibility, live_reservations
from tests.fakes.backend import MINUTE, NOW, NOWHERE, World, read_log, user

OWNER = "olga"
NOTHING: Any = ROOMS.is_locked.remove()
LOCKED: Any = ROOMS.is_locked.set(True)


def open_room(world: World, visibility: Visibility = "private", change: Any = NOTHING, seats: int = 3) -> str:
    """Olga's room with a moderator and a member, who sit in it and are connected."""
    room_id = world.open_room(made_by=OWNER, visibility=visibility, seats=seats)
    roles: dict[str, Role] = {"mod": "moderator", "mem": "member"}
    for user_id, role in roles.items():
        world.grant(user_id, room_id, role)
        world.enter(user_id, room_id)
    world.store.update(ROOMS, room_id, [change])
    return room_id


@pytest.fixture
def room_id(world: World) -> str:
    return open_room(world)


def knock(world: World, room_id: str, user_id: str = "eve", now: int = NOW) -> KnockAnswer:
    return knocking.knock(world.context(user_id, room_id, now), user(user_id))


def answer(world: World, room_id: str, *, admit: bool = True, by: str = "mod", now: int = NOW) -> str:
    return knocking.answer(world.context(by, room_id, now), "eve", admit=admit).state


def state(world: World, room_id: str, user_id: str = "eve", now: int = NOW) -> str:
    return knocking.get_state(world.context(user_id, room_id, now)).state


def refusal(act: Callable[..., object], *args: Any, **options: Any) -> str:
    """The code with which an act is refused."""
    with pytest.raises(CoworkingError) as refused:
        act(*args, **options)
    return refused.value.code


def events(world: World, room_id: str) -> list[dict[str, Any]]:
    return [json.loads(one.data) for one in read_log(world.store, room_id) if isinstance(one, Event)]


def ban(world: World, room_id: str) -> None:
    standing = get_standing(world.store, room_id, "eve")
    assert world.store.transact([write_standing(standing, "eve", NOW, banned_until=FOREVER)])


def test_a_knock_tells_only_moderators_who_are_connected(world: World, room_id: str) -> None:
    away = knock(world, open_room(world, change=NOTHING), "far")
    world.fanout.acts.clear()

    answered = knock(world, room_id)

    room = {"id": room_id, "name": "Focus Zone", "owner": None, "participant_count": 2, "max_participants": 3}
    assert answered.model_dump()["room"] == room
    assert (answered.state, answered.can_admit, away.can_admit) == ("waiting", True, True)
    mod, mem = (next(one for one in world.roster(room_id) if one.startswith(name)) for name in ("mod", "mem"))
    (told,) = world.fanout.frames(mod)
    assert (told["type"], told["data"]) == ("knocked", {"user_id": "eve", "name": "Eve", "avatar": None})
    assert world.fanout.frames(mem) == []
    assert events(world, room_id) == []
    (shown,) = knocking.show_waiting(world.context(OWNER, room_id)).knocks
    assert shown.user_id == "eve"


def test_the_answer_says_that_nobody_can_admit(world: World, room_id: str) -> None:
    world.leave("mod", room_id)
    answered = knock(world, room_id)
    assert (answered.state, answered.can_admit) == ("waiting", False)


@pytest.mark.parametrize(
    ("visibility", "change"), [("private", NOTHING), ("private", LOCKED), ("public", LOCKED), ("unlisted", NOTHING)]
)
def test_who_is_admitted_finds_a_seat(world: World, visibility: Visibility, change: Any) -> None:
    """The seat is kept: others meet a full or a locked room. In a private room, the user is a member from now on."""
    room_id = open_room(world, visibility, change)
    knock(world, room_id)

    assert answer(world, room_id) == "admitted"

    assert live_reservations(world.room(room_id), NOW) == {fingerprint(room_id, "eve"): NOW + SEAT_MS}
    assert refusal(world.join, "bob", room_id) in {"room_full", "room_locked", "room_not_found"}
    assert (state(world, room_id), state(world, room_id, now=NOW + SEAT_MS)) == ("admitted", "expired")
    granted: Role | None = "member" if visibility == "private" else None
    assert get_standing(world.store, room_id, "eve").role == granted
    assert events(world, room_id) == ([{"user_id": "eve", "role": "member", "by": "mod"}] if granted else [])
    assert world.join("eve", room_id, NOW + SEAT_MS - 1).room.you.role == "member"
    assert world.room(room_id).reserved is None
    assert world.has_all_numbers(room_id)


def test_a_kept_seat_ends(world: World) -> None:
    room_id = open_room(world, "public", LOCKED)
    knock(world, room_id)
    answer(world, room_id)
    assert refusal(world.join, "eve", room_id, NOW + SEAT_MS) == "room_locked"


def test_a_refusal_stays_until_the_knock_expires(world: World, room_id: str) -> None:
    knock(world, room_id)
    assert answer(world, room_id, admit=False) == "refused"
    assert knocking.show_waiting(world.context("mod", room_id)).knocks == []
    world.fanout.acts.clear()
    assert knock(world, room_id, now=NOW + MINUTE).state == "refused", "moderators are not asked again"
    assert world.fanout.acts == []
    assert refusal(world.join, "eve", room_id) == "room_not_found"
    assert knock(world, room_id, now=NOW + KNOCK_MS).state == "waiting"


def test_answers_may_come_twice_and_only_admission_is_final(world: World, room_id: str) -> None:
    knock(world, room_id)
    for admit, expected in ((False, "refused"), (True, "admitted"), (True, "admitted"), (False, "admitted")):
        assert answer(world, room_id, admit=admit) == expected
    assert len(events(world, room_id)) == 1


def test_one_may_knock_once_a_minute(world: World, room_id: str) -> None:
    knock(world, room_id)
    assert refusal(knock, world, room_id, now=NOW + MINUTE - 1) == "rate_limited"
    assert knock(world, room_id, now=NOW + MINUTE).state == "waiting"
    assert state(world, room_id, now=NOW + MINUTE + KNOCK_MS - 1) == "waiting"
    assert state(world, room_id, now=NOW + MINUTE + KNOCK_MS) == "expired"


@pytest.mark.parametrize(
    ("case", "code"), [("unknown", "room_not_found"), ("inactive", "room_not_found"), ("banned", "banned")]
)
def test_nobody_knocks_on_a_room_that_keeps_them_out(world: World, room_id: str, case: str, code: str) -> None:
    if case == "banned":
        ban(world, room_id)
    if case == "inactive":
        world.store.update(ROOMS, room_id, [ROOMS.status.set("inactive")])
    assert refusal(knock, world, NOWHERE if case == "unknown" else room_id) == code


def test_a_member_is_in_already(world: World, room_id: str) -> None:
    world.fanout.acts.clear()
    assert knock(world, room_id, "mem").state == "admitted"
    assert world.fanout.acts == []


@pytest.mark.parametrize(
    ("case", "code"),
    [
        ("nobody knocked", "knock_not_found"),
        ("expired", "knock_not_found"),
        ("banned", "knock_not_found"),
        ("full", "room_full"),
        ("closed", "room_inactive"),
        ("by a member", "forbidden"),
        ("by a stranger", "room_not_found"),
    ],
)
def test_an_answer_that_is_refused_changes_nothing(world: World, room_id: str, case: str, code: str) -> None:
    if case != "nobody knocked":
        knock(world, room_id)
    if case == "banned":
        ban(world, room_id)
    if case == "full":
        world.join(OWNER, room_id)
    if case == "closed":
        world.store.update(ROOMS, room_id, [ROOMS.status.set("inactive")])
    numbers, now = world.last_number(room_id), NOW + KNOCK_MS * (case == "expired")
    by = {"by a member": "mem", "by a stranger": "bob"}.get(case, "mod")
    assert refusal(answer, world, room_id, by=by, now=now) == code
    assert get_standing(world.store, room_id, "eve").role is None
    assert (world.last_number(room_id), world.room(room_id).reserved) == (numbers, None)


def test_a_seat_whose_lease_has_ended_is_free(world: World, room_id: str) -> None:
    world.join(OWNER, room_id)
    later = NOW + world.backend.settings.http_lease_minutes * MINUTE
    knock(world, room_id, now=later)
    assert answer(world, room_id, by=OWNER, now=later) == "admitted"


def test_a_member_without_a_role_is_made_one_in_the_seat(world: World) -> None:
    """The room turned private while the user sat in it. A knock from before is answered."""
    room_id = open_room(world, "public")
    knock(world, room_id)
    world.join("eve", room_id)
    world.store.update(ROOMS, room_id, [ROOMS.visibility.set("private"), ROOMS.status.set("hidden")])
    assert answer(world, room_id) == "admitted"
    assert world.member("eve", room_id).role == "member"
    assert world.room(room_id).reserved is None


def test_the_state_of_no_knock(world: World, room_id: str) -> None:
    assert refusal(state, world, room_id) == "room_not_found"
    assert state(world, open_room(world, "public")) == "expired"
    assert KnockState.of(None, NOW).until is None


def test_the_list_shows_fifty_knocks(world: World, room_id: str) -> None:
    for number in range(MAX_SHOWN + 1):
        assert store_knock(world.store, make_knock(room_id, Profile(f"u{number}", "N", None), NOW))
    assert len(knocking.show_waiting(world.context("mod", room_id)).knocks) == MAX_SHOWN
