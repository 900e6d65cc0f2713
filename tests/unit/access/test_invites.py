"""Invitations: who may make them, whom they let in, and what one use is."""

import json
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from chalicelib.access import service
from chalicelib.access.schemas import InviteCreate, NewInvite
from chalicelib.grants.invites import INVITES, invite_key, put_invite
from chalicelib.grants.rules import Role
from chalicelib.grants.table import FOREVER, get_standing, write_standing
from chalicelib.kernel.errors import CoworkingError, ForbiddenError, InviteNotFoundError, TooManyInvitesError
from chalicelib.lifecycle.service import delete_room
from chalicelib.log import Event
from chalicelib.rooms.table import ROOMS, Visibility, hand_over
from chalicelib.seats.service import join
from tests.fakes.backend import DAY, MINUTE, NOW, NOWHERE, World, read_log, user
from tests.fakes.faults import Faults
from tests.fakes.records import make_invite

OWNER = "olga"


def open_room(world: World, visibility: Visibility = "private", seats: int = 15) -> str:
    """Olga's room, with a moderator and a member by grant. Olga is in it."""
    room_id = world.open_room(made_by=OWNER, visibility=visibility, seats=seats)
    world.grant("mod", room_id, "moderator")
    world.grant("mem", room_id, "member")
    world.join(OWNER, room_id)
    return room_id


@pytest.fixture
def room_id(world: World) -> str:
    return open_room(world)


def invite(world: World, room_id: str, by: str = OWNER, **body: Any) -> NewInvite:
    return service.create_invite(world.context(by, room_id), InviteCreate(**body))


def uses_left(world: World, made: NewInvite, room_id: str) -> int:
    found = world.store.get(INVITES, invite_key(room_id, made.id))
    assert found
    return found.uses_left


def refusal(act: Any, *args: Any, **options: Any) -> str:
    """The code with which an act is refused."""
    with pytest.raises(CoworkingError) as refused:
        act(*args, **options)
    return refused.value.code


@pytest.mark.parametrize("visibility", ["public", "unlisted", "private"])
@pytest.mark.parametrize("role", ["member", "moderator"])
def test_an_invitation_gives_a_role_that_lasts(world: World, visibility: Visibility, role: Role) -> None:
    room_id = open_room(world, visibility)
    listening = world.connect(OWNER, room_id)
    made = invite(world, room_id, role=role)

    joined = world.join("eve", room_id, invite=made.token)

    assert joined.room.you.role == role
    assert world.member("eve", room_id).role == role
    standing = get_standing(world.store, room_id, "eve")
    assert (standing.role, standing.granted_by, standing.name) == (role, OWNER, "Eve")
    assert uses_left(world, made, room_id) == 24
    assert world.fanout.types(listening) == ["user_joined", "role_changed"]
    (event,) = [one for one in read_log(world.store, room_id) if isinstance(one, Event)]
    assert json.loads(event.data) == {"user_id": "eve", "role": role, "by": OWNER}
    assert world.has_all_numbers(room_id)
    world.leave("eve", room_id)
    assert world.join("eve", room_id).room.you.role == role, "the role stays without the invitation"


@pytest.mark.parametrize("lost", ["the role", "the seat", "nothing"])
@pytest.mark.parametrize("role", ["member", "moderator"])
def test_an_invitation_needs_a_maker_who_may_invite(world: World, lost: str, role: Role) -> None:
    maker = "mod" if role == "member" else OWNER
    room_id = open_room(world, "private")
    made = invite(world, room_id, maker, role=role)
    if role == "moderator" and lost != "nothing":
        assert world.store.transact([hand_over(world.room(room_id), "heir")])
    elif lost != "nothing":
        changes = {"role": None} if lost == "the role" else {"banned_until": FOREVER}
        standing = get_standing(world.store, room_id, maker)
        assert world.store.transact([write_standing(standing, maker, NOW, **changes)])

    expected = "" if lost == "nothing" else "invite_not_found"
    for act in (
        partial(service.preview, world.request("eve"), made.token),
        partial(world.join, "eve", room_id, invite=made.token),
    ):
        if expected:
            assert refusal(act) == expected
        else:
            act()


@pytest.mark.parametrize(
    ("user_id", "role", "uses"),
    [
        ("eve", "member", 1),
        ("mem", "moderator", 1),
        ("mem", "member", 0),
        ("mod", "moderator", 0),
        ("mod", "member", 0),
        (OWNER, "moderator", 0),
        ("seated", "moderator", 0),
        ("root", "member", 0),
    ],
)
def test_only_a_newcomer_who_gets_a_role_takes_a_use(
    world: World, room_id: str, user_id: str, role: Role, uses: int
) -> None:
    world.join("seated", room_id, invite=invite(world, room_id).token)
    made = invite(world, room_id, role=role, uses=1)
    is_admin = user_id == "root"
    join(world.context(user_id, room_id, is_admin=is_admin), user(user_id, is_admin=is_admin), invite=made.token)
    assert user_id in world.members(room_id)
    assert uses_left(world, made, room_id) == 1 - uses


def test_all_invitations_that_are_not_valid_get_one_answer(world: World, room_id: str) -> None:
    other, deleted = open_room(world), open_room(world)
    used, over, revoked = invite(world, room_id, uses=1), invite(world, room_id, expires_in=60), invite(world, room_id)
    foreign, gone = invite(world, other), invite(world, deleted)
    world.join("first", room_id, invite=used.token)
    service.revoke(world.context("mod", room_id), revoked.id)
    delete_room(world.context("root", deleted))
    numbers = world.last_number(room_id)

    for token in ("x", "é" * 43, "A" * 43, used.token, over.token, revoked.token, used.token[:-1] + "-"):
        assert refusal(world.join, "eve", room_id, NOW + MINUTE, invite=token) == "invite_not_found"
        assert refusal(service.preview, world.request("eve", NOW + MINUTE), token) == "invite_not_found"
    for where, token in ((room_id, foreign.token), (NOWHERE, foreign.token), (deleted, gone.token)):
        assert refusal(world.join, "eve", where, invite=token) == "invite_not_found"
    assert refusal(service.preview, world.request("eve"), gone.token) == "invite_not_found"
    assert (world.last_number(room_id), set(world.members(room_id))) == (numbers, {OWNER, "first"})
    assert world.join("mem", room_id, invite=revoked.token).room.you.role == "member", "a role is enough"


@pytest.mark.parametrize("everywhere", [False, True])
def test_an_invitation_lifts_no_ban(world: World, room_id: str, everywhere: bool) -> None:
    made = invite(world, room_id)
    standing = get_standing(world.store, "*" if everywhere else room_id, "eve")
    assert world.store.transact([write_standing(standing, "eve", NOW, banned_until=FOREVER)])
    assert refusal(world.join, "eve", room_id, invite=made.token) == "banned"
    assert refusal(service.preview, world.request("eve"), made.token) == "banned"
    wrong = "invite_not_found"
    assert refusal(world.join, "eve", room_id, invite=made.token[:-4] + "AAAA") == wrong, "the room stays hidden"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (ROOMS.is_locked.set(True), "room_locked"),
        (ROOMS.max_participants.set(1), "room_full"),
        (ROOMS.status.set("inactive"), "room_inactive"),
    ],
)
def test_a_refused_join_takes_no_use(world: World, room_id: str, change: Any, code: str) -> None:
    made = invite(world, room_id)
    world.store.update(ROOMS, room_id, [change])
    assert refusal(world.join, "eve", room_id, invite=made.token) == code
    assert uses_left(world, made, room_id) == 25
    assert get_standing(world.store, room_id, "eve").role is None


def test_a_preview_shows_the_name_the_owner_and_the_count(world: World, room_id: str) -> None:
    made = invite(world, room_id, role="moderator")
    shown = service.preview(world.request("eve"), made.token).model_dump()
    room = {"id": room_id, "name": "Focus Zone", "owner": "Olga", "participant_count": 1, "max_participants": 15}
    assert shown == {"room": room, "role": "moderator", "expires_at": made.expires_at}


@pytest.mark.parametrize(
    ("by", "role", "is_allowed"),
    [
        (OWNER, "moderator", True),
        ("mod", "member", True),
        ("mod", "moderator", False),
        ("mem", "member", False),
    ],
)
def test_one_may_invite_people_to_lower_roles_only(
    world: World, room_id: str, by: str, role: Role, is_allowed: bool
) -> None:
    if is_allowed:
        made = invite(world, room_id, by, role=role)
        assert [one.id for one in service.show_invites(world.context("mod", room_id)).invites] == [made.id]
        assert made.url == f"#/i/{made.token}"
    else:
        with pytest.raises(ForbiddenError):
            invite(world, room_id, by, role=role)


def test_the_list_has_valid_invitations_and_no_token(world: World, room_id: str) -> None:
    first, second = invite(world, room_id), invite(world, room_id, expires_in=60)
    world.store.put(INVITES, make_invite(room_id, "used up", uses_left=0))
    context = world.context("mod", room_id, NOW + MINUTE)
    (shown,) = service.show_invites(context).invites
    assert shown.model_dump() == first.model_dump(exclude={"token", "url"})
    rows = json.dumps([item for page in world.store.pages(INVITES, room_id) for item in page])
    assert first.token not in rows
    assert second.token not in rows


@pytest.mark.parametrize("invite_id", ["x", "x" * 65])
def test_an_unknown_invitation_is_not_revoked(world: World, room_id: str, invite_id: str) -> None:
    with Faults(world.store.connection) as faults:
        with pytest.raises(InviteNotFoundError):
            service.revoke(world.context("mod", room_id), invite_id)
    assert len(faults.asked("TransactWriteItems")) == (len(invite_id) <= service.MAX_INVITE_ID)


def test_a_room_has_at_most_100_invitations(world: World, room_id: str) -> None:
    for number in range(service.MAX_INVITES):
        assert world.store.transact([put_invite(make_invite(room_id, str(number)))])
    with pytest.raises(TooManyInvitesError):
        invite(world, room_id)
    later = service.create_invite(world.context(OWNER, room_id, NOW + DAY), InviteCreate())
    assert later.uses_left == 25, "they have ended"


def test_the_link_is_on_the_host_of_the_page(world: World, room_id: str) -> None:
    world.backend.settings = replace(world.backend.settings, public_url="https://rooms.example/api")
    made = invite(world, room_id)
    assert made.url == f"https://rooms.example/#/i/{made.token}"
