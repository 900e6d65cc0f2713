"""Authors and people with a higher role delete messages: at once, once, and with all that quotes them."""

from collections.abc import Callable
from typing import Any

import pytest

from chalicelib.chat.edits import edit_message
from chalicelib.chat.history import get_entries, get_history
from chalicelib.chat.schemas import EntriesQuery, HistoryQuery
from chalicelib.chat.service import send_message
from chalicelib.contract import Context
from chalicelib.grants.table import DEPLOYMENT, FOREVER, STANDINGS, get_standing, standing_key, write_standing
from chalicelib.identity.accounts import ACTOR, ACTORS
from chalicelib.kernel.errors import BannedError, CoworkingError, RoomNotFoundError
from chalicelib.lifecycle.service import delete_room
from chalicelib.log import service as log_service
from chalicelib.log.table import MESSAGES, get_message
from chalicelib.reactions.service import react
from chalicelib.seats.deletions import delete_message
from tests.fakes.backend import HTTP_LEASE, NOW, Interrupt, World
from tests.fakes.rooms import change_room

SECRET = "xyzzy"
SAID = {"ada": 8, "mod": 9, "second": 10, "maker": 11, "former": 12}
"""The number of the message that each user has sent."""


@pytest.fixture
def room_id(world: World) -> str:
    """The maker's room with members and moderators. Most have sent a message. One has left, and one is absent."""
    made = world.open_room(made_by="maker")
    for user_id in ("mod", "second", "absent"):
        world.grant(user_id, made, "moderator")
    for user_id in ("ada", "bob", "mod", "second", "maker", "former"):
        world.join(user_id, made)
    send_message(world.context("bob", made), "\U0001f389", "emoji", None)
    for user_id in SAID:
        send_message(world.context(user_id, made), SECRET, "text", None, mentions=["bob"])
    world.leave("former", made)
    return made


def context_of(world: World, user_id: str, room_id: str) -> Context:
    return Context(world.backend, room_id, user_id, NOW, is_admin=user_id == "admin")


MAY = ""
RIGHTS: list[tuple[str, str, str]] = [
    *(("ada", author, MAY if author == "ada" else "forbidden") for author in SAID),
    *(("mod", author, "forbidden" if author in ("second", "maker") else MAY) for author in SAID),
    *(("absent", author, "forbidden" if author in ("mod", "second", "maker") else MAY) for author in SAID),
    *(("maker", author, MAY) for author in SAID),
    *(("admin", author, MAY) for author in SAID),
    *(("former", author, MAY if author == "former" else "not_in_room") for author in SAID),
    *(("stranger", author, "not_in_room") for author in SAID),
]


@pytest.mark.parametrize(("by", "author", "code"), RIGHTS)
def test_a_role_decides_whose_messages_a_user_deletes(
    world: World, room_id: str, by: str, author: str, code: str
) -> None:
    context, seq = context_of(world, by, room_id), SAID[author]
    bob = world.connect("bob", room_id)

    for _ in range(2):
        if code:
            with pytest.raises(CoworkingError) as refused:
                delete_message(context, seq)
            assert refused.value.code == code
        else:
            delete_message(context, seq)

    assert world.has_all_numbers(room_id)
    told = [frame for frame in world.fanout.frames(bob) if frame["type"] != "seq_unused"]
    expected = [] if code else [{"target_seq": seq, "by": by, "reason": None}]
    assert [frame["data"] for frame in told] == expected, "the second time tells nobody"
    found = get_message(world.store, room_id, seq)
    assert found
    assert (found.text, found.deleted_at) == ((SECRET, None) if code else ("", NOW))


@pytest.mark.parametrize(
    ("by", "seq", "code"),
    [
        ("maker", 1, "forbidden"),
        ("bob", 7, MAY),
        ("maker", 7, MAY),
        ("maker", 0, "message_not_found"),
        ("ada", 99, "message_not_found"),
        ("stranger", 99, "not_in_room"),
    ],
)
def test_only_messages_of_users_are_deleted(world: World, room_id: str, by: str, seq: int, code: str) -> None:
    last = world.last_number(room_id)
    try:
        delete_message(context_of(world, by, room_id), seq)
        found = MAY
    except CoworkingError as error:
        found = error.code

    assert found == code
    assert world.last_number(room_id) == last + (code == MAY)


@pytest.mark.parametrize("everywhere", [False, True])
def test_a_banned_moderator_deletes_only_their_own(world: World, room_id: str, everywhere: bool) -> None:
    standing = get_standing(world.store, DEPLOYMENT if everywhere else room_id, "mod")
    assert world.store.transact([write_standing(standing, "mod", NOW, banned_until=FOREVER)])

    with pytest.raises(BannedError):
        delete_message(context_of(world, "mod", room_id), SAID["ada"])
    delete_message(context_of(world, "mod", room_id), SAID["mod"])

    assert [message.seq for message in world.log(room_id) if message.deleted_at] == [SAID["mod"]]


def test_a_member_deletes_in_a_room_that_turned_private(world: World, room_id: str) -> None:
    change_room(world.store, room_id, {"visibility": "private"})

    delete_message(context_of(world, "ada", room_id), SAID["ada"])

    with pytest.raises(RoomNotFoundError):
        delete_message(context_of(world, "former", room_id), SAID["former"])
    assert [message.seq for message in world.log(room_id) if message.deleted_at] == [SAID["ada"]]


def test_nothing_of_a_deleted_message_is_left(world: World, room_id: str) -> None:
    seq, bob = SAID["ada"], world.context("bob", room_id)
    ada = world.context("ada", room_id)
    edit_message(ada, seq, f"{SECRET} again", ["bob", "eve"], "key")
    react(bob, seq, "\U0001f389", is_on=True)
    send_message(bob, "indeed", "text", None, reply_to=seq)
    for author in ("mod", "second", "maker", "former"):
        delete_message(context_of(world, "admin", room_id), SAID[author])

    delete_message(ada, seq)

    items = [item for page in world.store.pages(MESSAGES, room_id) for item in page]
    assert SECRET not in str(items)
    (item,) = [item for item in items if item["seq"]["N"] == str(seq)]
    assert item.keys().isdisjoint({"mentions", "reactions", "edit_keys"})
    shown = {message.seq: message for message in get_history(bob, HistoryQuery()).messages}
    assert (shown[seq].deleted, shown[seq].text, shown[seq].mentions, shown[seq].reactions) == (True, "", [], [])
    answer = shown[max(shown)]
    assert answer.reply_to
    assert (answer.text, answer.reply_to.seq, answer.reply_to.text) == ("indeed", seq, "")
    assert SECRET not in str(get_entries(bob, EntriesQuery()))


def test_an_administrator_without_a_role_is_noted(world: World, room_id: str) -> None:
    delete_message(context_of(world, "admin", room_id), SAID["ada"])
    delete_message(context_of(world, "maker", room_id), SAID["mod"])
    delete_message(context_of(world, "absent", room_id), 7)

    assert {actor.user_id for actor in world.store.query(ACTORS, room_id, ACTORS.kind_id.startswith(ACTOR))} == {
        "admin"
    }


def delete(world: World, room_id: str) -> None:
    delete_message(context_of(world, "admin", room_id), SAID["ada"])


def edit(world: World, room_id: str) -> None:
    edit_message(world.context("ada", room_id), SAID["ada"], "better", None, None)


def demote(world: World, room_id: str) -> None:
    world.store.update(STANDINGS, standing_key(room_id, "mod"), [STANDINGS.role.remove()])


def leave(world: World, room_id: str) -> None:
    world.leave("ada", room_id)


def close(world: World, room_id: str) -> None:
    delete_room(world.context("admin", room_id))


@pytest.mark.parametrize(
    ("by", "meanwhile", "code", "events"),
    [
        ("ada", delete, MAY, 1),
        ("mod", delete, MAY, 1),
        ("ada", edit, MAY, 1),
        ("mod", demote, "forbidden", 0),
        ("ada", leave, MAY, 1),
        ("ada", close, "room_not_found", 0),
    ],
)
def test_a_deletion_and_another_act_leave_one_state(
    world: World,
    room_id: str,
    just_before: Interrupt,
    by: str,
    meanwhile: Callable[[World, str], None],
    code: str,
    events: int,
) -> None:
    bob = world.connect("bob", room_id)
    just_before(log_service, "put_entry", lambda: meanwhile(world, room_id))

    try:
        delete_message(world.context(by, room_id), SAID["ada"])
        found = MAY
    except CoworkingError as error:
        found = error.code

    assert found == code
    assert world.fanout.types(bob).count("message_deleted") == events
    assert world.has_all_numbers(room_id)
    stored = get_message(world.store, room_id, SAID["ada"])
    assert (stored.deleted_at is not None if stored else events) == bool(events)


def test_a_frame_needs_a_seat(world: World, room_id: str) -> None:
    connection = world.connect("ada", room_id)
    late: dict[str, Any] = {"now": NOW + HTTP_LEASE}

    answers = world.send(connection, "delete", id="d", seq=SAID["ada"], **late)

    assert [frame["data"]["code"] for frame in answers] == ["not_in_room"]
    assert world.send(connection, "delete", id="d", seq=SAID["ada"])[0]["type"] == "ack"
