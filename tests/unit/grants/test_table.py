"""Standings: what a room has noted about a user."""

from typing import Any

import pytest

from chalicelib.grants.table import (
    DEPLOYMENT,
    Standing,
    get_standing,
    get_standings,
    list_rooms_with_standing,
    list_standings,
    require_standing,
    standing_key,
    write_standing,
)
from tests.fakes.backend import MINUTE, NOW, World

ROOM, OTHER = "6f1c2f0e-3f4e-4a55-9b0b-0f5f5b1c9a77", "7a1c2f0e-3f4e-4a55-9b0b-0f5f5b1c9a77"


def note(world: World, user_id: str, *, room_id: str = ROOM, **values: Any) -> None:
    standing = get_standing(world.store, room_id, user_id)
    assert world.store.transact([write_standing(standing, user_id, NOW, **values)])


def test_a_user_without_a_note_has_an_empty_standing(store: World) -> None:
    assert get_standing(store.store, ROOM, "ada") == Standing(*standing_key(ROOM, "ada"))
    assert "ada" not in standing_key(ROOM, "ada")[1], "the key holds only a fingerprint"
    assert list(list_standings(store.store, ROOM)) == []


def test_a_note_is_found_by_room_and_by_user(store: World) -> None:
    note(store, "ada", role="moderator")
    note(store, "ada", room_id=OTHER, muted_by="bob")
    note(store, "ada", room_id=DEPLOYMENT, banned_until=NOW)

    own, everywhere = get_standings(store.store, ROOM, "ada")

    assert (own.role, own.user_id, everywhere.banned_until) == ("moderator", "ada", NOW)
    assert list(list_standings(store.store, ROOM)) == [own]
    assert set(list_rooms_with_standing(store.store, "ada")) == {ROOM, OTHER, DEPLOYMENT}


@pytest.mark.parametrize("change", [{"role": "member"}, {"muted_by": "cyd"}, {"banned_until": NOW + 1}, {}])
@pytest.mark.parametrize("before", [{}, {"role": "moderator", "muted_by": "bob", "banned_until": NOW}])
def test_a_write_holds_only_for_the_standing_as_read(
    store: World, before: dict[str, Any], change: dict[str, Any]
) -> None:
    note(store, "ada", **before)
    read = get_standing(store.store, ROOM, "ada")
    note(store, "ada", **change)

    for write in (require_standing(read), write_standing(read, "ada", NOW, role="member")):
        assert store.store.transact([write]) is (change == {})


def test_a_ban_holds_before_its_end() -> None:
    standing = Standing(*standing_key(ROOM, "ada"), banned_until=NOW)
    assert [standing.is_banned_at(moment) for moment in (NOW - 1, NOW, NOW + MINUTE)] == [True, False, False]
