"""The authority of a user in a room, and the conditions that hold it in a transaction."""

import pytest

from chalicelib.contract import Access
from chalicelib.grants.bans import require_no_ban
from chalicelib.grants.rules import Role
from chalicelib.grants.table import FOREVER, Standing, get_standing, standing_key, write_standing
from chalicelib.kernel.errors import BannedError, CoworkingError, ForbiddenError
from chalicelib.kernel.times import iso
from chalicelib.rooms.authority import require_moderator, require_owner
from chalicelib.rooms.table import ROOMS, mark_deleted, owner_of
from chalicelib.seats.service import join
from chalicelib.store import Update
from tests.fakes.backend import MINUTE, NOW, NOWHERE, World, user


@pytest.fixture
def room_id(world: World) -> str:
    made = world.open_room(made_by="owner")
    world.grant("mod", made, "moderator")
    world.grant("mem", made, "member")
    return made


@pytest.mark.parametrize(
    ("user_id", "is_admin", "passes"),
    [
        ("owner", False, {Access.MODERATOR, Access.OWNER}),
        ("mod", False, {Access.MODERATOR}),
        ("mem", False, set()),
        ("eve", False, set()),
        ("root", True, {Access.MODERATOR, Access.OWNER}),
    ],
)
def test_a_role_proves_its_access(
    world: World, room_id: str, user_id: str, is_admin: bool, passes: set[Access]
) -> None:
    for access, require in ((Access.MODERATOR, require_moderator), (Access.OWNER, require_owner)):
        context = world.context(user_id, room_id)
        context.is_admin = is_admin
        if access in passes:
            require(context)
            context.require_proof(access)
        else:
            with pytest.raises(ForbiddenError):
                require(context)


@pytest.mark.parametrize("visibility", ["public", "private"])
def test_a_private_room_exists_for_people_with_a_role(world: World, room_id: str, visibility: str) -> None:
    world.store.update(ROOMS, room_id, [ROOMS.visibility.set(visibility)])
    codes = {}
    for user_id, where in (("mem", room_id), ("eve", room_id), ("mod", NOWHERE)):
        with pytest.raises(CoworkingError) as refused:
            require_moderator(world.context(user_id, where))
        codes[user_id] = refused.value.code
    hidden = "room_not_found" if visibility == "private" else "forbidden"
    assert codes == {"mem": "forbidden", "eve": hidden, "mod": "room_not_found"}


@pytest.mark.parametrize(("actor", "acts_on"), [("mod", ["member", None]), ("owner", ["moderator", "member", None])])
def test_one_acts_only_on_people_of_a_lower_role(
    world: World, room_id: str, actor: str, acts_on: list[Role | None]
) -> None:
    authority = require_moderator(world.context(actor, room_id))
    roles: tuple[Role | None, ...] = ("owner", "moderator", "member", None)
    for role in roles:
        if role in acts_on:
            authority.require_above(role)
        else:
            with pytest.raises(ForbiddenError):
                authority.require_above(role)


@pytest.mark.parametrize("loss", ["the role", "the room", "the owner"])
def test_a_transaction_of_a_moderator_needs_role_and_room(store: World, loss: str) -> None:
    made = store.open_room(made_by="owner")
    store.grant("mod", made, "moderator")
    authority = require_moderator(store.context("mod", made))
    change = Update(ROOMS, made, [ROOMS.name.set("x")], authority.room_condition)
    assert store.store.transact(authority.checks)
    assert store.store.transact([change, *authority.standing_checks])

    if loss == "the role":
        standing = get_standing(store.store, made, "mod")
        store.store.transact([write_standing(standing, "mod", NOW, role=None)])
    elif loss == "the room":
        mark_deleted(store.store, made)
    else:
        store.store.update(ROOMS, made, [ROOMS.owner.set(owner_of("heir"))])

    assert not store.store.transact(authority.checks)
    assert not store.store.transact([change, *authority.standing_checks])


@pytest.mark.parametrize(
    ("ends", "until"),
    [((None, NOW), None), ((NOW + MINUTE, None), NOW + MINUTE), ((NOW + MINUTE, FOREVER), FOREVER), ((None, 0), None)],
)
def test_the_longest_ban_counts(ends: tuple[int | None, int | None], until: int | None) -> None:
    standings = [Standing(*standing_key(NOWHERE, "ada"), banned_until=end) for end in ends]
    if until is None:
        require_no_ban(standings, NOW)
        return
    with pytest.raises(BannedError) as refused:
        require_no_ban(standings, NOW)
    assert refused.value.members() == {"until": iso(until) if until < FOREVER else None}


def test_a_seat_has_the_role_and_the_mute_of_its_user(world: World, room_id: str) -> None:
    standing = get_standing(world.store, room_id, "mod")
    world.store.transact([write_standing(standing, "mod", NOW, muted_by="owner")])

    for user_id in ("owner", "mod", "mem", "eve"):
        join(world.context(user_id, room_id), user(user_id))

    seats = {user_id: world.member(user_id, room_id) for user_id in world.members(room_id)}
    assert {name: (seat.role, seat.muted_by) for name, seat in seats.items()} == {
        "owner": ("owner", None),
        "mod": ("moderator", "owner"),
        "mem": ("member", None),
        "eve": (None, None),
    }
