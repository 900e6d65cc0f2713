"""Roles are granted, revoked and handed over as the contract says, each change with its event."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from chalicelib.grants.audit import AuditLine, page_lines
from chalicelib.grants.rules import Role
from chalicelib.grants.table import PAGE, STANDINGS, get_standing
from chalicelib.log import Event
from chalicelib.log import service as log_service
from chalicelib.roles.schemas import GrantedRole, RolesQuery
from chalicelib.roles.service import accept_ownership, grant_role, list_roles, offer_ownership, revoke_role
from chalicelib.rooms.table import ROOMS, list_owned, owner_of
from tests.fakes.backend import DAY, NOW, NOWHERE, Interrupt, World, code_of, read_log

PEOPLE = ("owner", "mod", "mod2", "mem", "guest", "away")


@pytest.fixture
def room_id(world: World) -> str:
    """A room with its owner, moderators, a member by grant and a guest, all with seats."""
    made = world.open_room(made_by="owner")
    world.grant("mod", made, "moderator")
    world.grant("mod2", made, "moderator")
    world.grant("mem", made, "member")
    for user_id in ("owner", "mod", "mod2", "mem", "guest"):
        world.join(user_id, made)
    return made


def act_as(world: World, user_id: str, room_id: str, now: int = NOW) -> Any:
    context = world.context(user_id, room_id, now)
    context.is_admin = user_id == "root"
    return context


def roles(world: World, room_id: str) -> dict[str, tuple[Role | None, Role | None]]:
    """The role in the standing and in the seat of each person with one of them."""
    seats = {user_id: world.member(user_id, room_id).role for user_id in world.members(room_id)}
    noted = {user_id: get_standing(world.store, room_id, user_id).role for user_id in PEOPLE}
    return {name: (noted[name], seats.get(name)) for name in PEOPLE if noted[name] or seats.get(name)}


def events(world: World, room_id: str) -> list[dict[str, Any]]:
    found = [entry for entry in read_log(world.store, room_id) if isinstance(entry, Event)]
    assert {event.kind for event in found} <= {"role_changed"}
    return [json.loads(event.data) for event in found]


def audit(world: World, room_id: str) -> list[AuditLine]:
    return page_lines(world.store, room_id, 100)[0]


# Who may give which role to whom. Everything else is forbidden.
ALLOWED: set[tuple[str, str, str | None]] = {
    *(("mod", user_id, role) for user_id in ("mem", "guest", "away") for role in ("member", None)),
    *(
        (by, user_id, role)
        for by in ("owner", "root")
        for user_id in ("mod", "mod2", "mem", "guest", "away")
        for role in ("moderator", "member", None)
    ),
}


@pytest.mark.parametrize("by", ["owner", "mod", "mem", "guest", "away", "root"])
@pytest.mark.parametrize("role", ["moderator", "member", None])
def test_a_role_is_changed_by_people_above_it(world: World, room_id: str, by: str, role: GrantedRole | None) -> None:
    for user_id in PEOPLE:
        before, told = roles(world, room_id), events(world, room_id)
        context = act_as(world, by, room_id)
        code = code_of(grant_role, context, user_id, role) if role else code_of(revoke_role, context, user_id)
        is_allowed = (by, user_id, role) in ALLOWED and by != user_id
        assert code == ("" if is_allowed else "forbidden"), (by, user_id)
        if not is_allowed or before.get(user_id, (None, None))[0] == role:
            assert (roles(world, room_id), events(world, room_id)) == (before, told), "nothing is written"
            continue
        is_seated = user_id in world.members(room_id)
        after = {user_id: (role, role if is_seated else None)} if role else {}
        assert roles(world, room_id) == {name: one for name, one in before.items() if name != user_id} | after
        assert events(world, room_id) == [*told, {"user_id": user_id, "role": role, "by": by}]
        lines = [(line.action, line.by, line.user_id, line.role) for line in audit(world, room_id)]
        assert lines.count(("role", by, user_id, role)) == 1
    assert world.has_all_numbers(room_id)


def test_the_room_hears_of_a_change_once(world: World, room_id: str) -> None:
    there = world.connect("guest", room_id)
    for _ in range(2):
        grant_role(act_as(world, "owner", room_id), "mem", "moderator")
    (frame,) = world.fanout.frames(there)
    assert (frame["type"], frame["from"], frame["seq"]) == ("role_changed", "owner", world.last_number(room_id))
    assert frame["data"] == {"user_id": "mem", "role": "moderator", "by": "owner"}
    assert get_standing(world.store, room_id, "mem").name == "Mem"


@pytest.mark.parametrize("visibility", ["public", "unlisted", "private"])
def test_losing_a_role_ends_the_seat_in_a_private_room(world: World, room_id: str, visibility: str) -> None:
    world.store.update(ROOMS, room_id, [ROOMS.visibility.set(visibility)])
    mine, there = world.connect("mem", room_id), world.connect("owner", room_id)
    world.fanout.forget()

    revoke_role(act_as(world, "mod", room_id), "mem")

    is_ended = visibility == "private"
    assert ("mem" in world.members(room_id)) is not is_ended
    assert world.fanout.types(there) == ["role_changed", *(["user_left", "user-left"] if is_ended else [])]
    assert world.fanout.types(mine) == ["role_changed", *(["bye", "CLOSED"] if is_ended else [])]
    if is_ended:
        assert world.fanout.frames(mine)[-1]["data"] == {
            "code": "removed",
            "reason": "You were removed from the room",
            "action": "stop",
        }
        assert world.fanout.closed() == [mine]
        assert world.log(room_id)[-1].reason == "removed"
        assert code_of(world.join, "mem", room_id) == "room_not_found"
    assert world.has_all_numbers(room_id)


def test_a_list_shows_the_owner_and_each_role_in_pages(world: World, room_id: str) -> None:
    for number in range(2 * PAGE):
        world.grant(f"user{number}", room_id, "member")
    shown, cursor = [], None
    while (page := list_roles(act_as(world, "mod", room_id), RolesQuery(cursor=cursor))).cursor:
        shown += page.roles
        cursor = page.cursor
    shown += page.roles
    assert [(one.user_id, one.name, one.role) for one in shown[:1]] == [("owner", "Owner", "owner")]
    assert {one.user_id: one.role for one in shown} == {
        **{f"user{number}": "member" for number in range(2 * PAGE)},
        "owner": "owner",
        "mod": "moderator",
        "mod2": "moderator",
        "mem": "member",
    }
    assert code_of(list_roles, act_as(world, "mem", room_id), RolesQuery()) == "forbidden"
    assert code_of(list_roles, act_as(world, "root", NOWHERE), RolesQuery()) == "room_not_found"


@pytest.mark.parametrize("heir", ["mod", "guest", "away"])
def test_an_accepted_offer_changes_both_roles_at_once(world: World, room_id: str, heir: str) -> None:
    theirs, there = (world.connect(name, room_id) if heir != "away" else "" for name in (heir, "owner"))
    world.fanout.forget()
    assert code_of(accept_ownership, act_as(world, heir, room_id)) == "forbidden"

    offer_ownership(act_as(world, "owner", room_id), heir)
    assert events(world, room_id) == []
    answer = accept_ownership(act_as(world, heir, room_id, NOW + DAY - 1))

    assert (answer.user_id, answer.role) == (heir, "owner")
    room, found = world.room(room_id), roles(world, room_id)
    assert (room.owner_id, room.created_by) == (heir, "owner")
    assert [key[1] for key in list_owned(world.store, owner_of(heir))] == [room_id]
    assert found["owner"] == ("moderator", "moderator")
    assert found.get(heir, (None, None)) == (None, None if heir == "away" else "owner")
    assert events(world, room_id) == [
        {"user_id": heir, "role": "owner", "by": heir},
        {"user_id": "owner", "role": "moderator", "by": heir},
    ]
    if heir != "away":
        assert world.fanout.types(theirs) == ["ownership_offered", "role_changed", "role_changed"]
        assert world.fanout.types(there) == ["role_changed", "role_changed"]
    assert code_of(accept_ownership, act_as(world, heir, room_id)) == "forbidden", "an offer is used once"
    assert code_of(offer_ownership, act_as(world, "owner", room_id), "mod2") == "forbidden"


@pytest.mark.parametrize("cause", ["late", "stolen", "banned", "rich", "gone"])
def test_an_offer_that_does_not_hold_changes_nothing(world: World, room_id: str, cause: str) -> None:
    offer_ownership(act_as(world, "owner", room_id), "guest")
    now, code = NOW, "forbidden"
    if cause == "late":
        now = NOW + DAY
    elif cause == "stolen":
        offer_ownership(act_as(world, "owner", room_id), "mod")
        accept_ownership(act_as(world, "mod", room_id))
    elif cause == "banned":
        key = (room_id, get_standing(world.store, room_id, "guest").kind_id)
        world.store.update(STANDINGS, key, [STANDINGS.banned_until.set(NOW + 1)])
        code = "banned"
    elif cause == "rich":
        for _ in range(world.backend.settings.owned_rooms_limit):
            world.open_room(made_by="guest")
        code = "too_many_rooms"
    else:
        world.store.delete(ROOMS, room_id)
        code = "room_not_found"
    told = events(world, room_id)
    assert code_of(accept_ownership, act_as(world, "guest", room_id, now)) == code
    assert events(world, room_id) == told
    if cause != "gone":
        assert world.room(room_id).owner_id == ("mod" if cause == "stolen" else "owner")


@pytest.mark.parametrize("user_id", ["owner", "root", "mod"])
def test_only_others_can_be_offered_a_room(world: World, room_id: str, user_id: str) -> None:
    for by in ("owner", "root"):
        is_refused = user_id in (by, "owner")
        assert code_of(offer_ownership, act_as(world, by, room_id), user_id) == ("forbidden" if is_refused else "")


def test_an_administrator_gives_away_a_room_of_the_service(world: World) -> None:
    made = world.open_room(made_by="owner")
    world.store.update(ROOMS, made, [ROOMS.owner.set("service")])
    offer_ownership(act_as(world, "root", made), "guest")
    accept_ownership(act_as(world, "guest", made))
    assert world.room(made).owner_id == "guest"
    assert events(world, made) == [{"user_id": "guest", "role": "owner", "by": "guest"}]


@pytest.mark.parametrize("meanwhile", ["join", "leave", "demotion", "there and back"])
def test_a_change_starts_again_if_something_has_changed(
    world: World, room_id: str, just_before: Interrupt, meanwhile: str
) -> None:
    owner = act_as(world, "owner", room_id)

    def there_and_back() -> None:
        grant_role(owner, "guest", "member")
        revoke_role(owner, "guest")

    acts: dict[str, Callable[[], object]] = {
        "join": lambda: world.join("away", room_id),
        "leave": lambda: world.leave("guest", room_id),
        "demotion": lambda: revoke_role(owner, "mod"),
        "there and back": there_and_back,
    }
    user_id = {"join": "away"}.get(meanwhile, "guest")
    just_before(log_service, "put_entry", acts[meanwhile])
    code = code_of(grant_role, act_as(world, "mod", room_id), user_id, "member")
    assert code == ("forbidden" if meanwhile == "demotion" else "")
    expected = {"leave": ("member", None), "demotion": (None, None)}.get(meanwhile, ("member", "member"))
    assert roles(world, room_id).get(user_id, (None, None)) == expected
    told = [event["role"] for event in events(world, room_id) if event["user_id"] == user_id]
    assert [None, *told][-1] == expected[0], "the log and the table agree"
    assert world.has_all_numbers(room_id)
