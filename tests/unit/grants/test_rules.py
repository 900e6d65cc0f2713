"""Roles: their ranks, and the acts that each allows."""

from typing import get_args

import pytest

from chalicelib.grants.rules import Act, Role, list_acts, rank_of

LADDER: tuple[tuple[Role | None, bool], ...] = (
    *((None, False), ("member", False), ("moderator", False), ("owner", False)),
    (None, True),
)


def test_each_role_ranks_above_the_one_below_it() -> None:
    ranks = [rank_of(role, is_admin=is_admin) for role, is_admin in LADDER]
    assert ranks == sorted(set(ranks))


@pytest.mark.parametrize(
    ("role", "is_admin", "missing"),
    [
        (None, True, set()),
        ("owner", False, {"change_status"}),
        (
            "moderator",
            False,
            {"change_status", "grant_moderators", "offer_ownership", "edit_room", "delete_room"},
        ),
        ("member", False, set(get_args(Act))),
        (None, False, set(get_args(Act))),
    ],
)
def test_each_role_allows_what_the_contract_says(role: Role | None, is_admin: bool, missing: set[Act]) -> None:
    allowed = list_acts(role, is_admin=is_admin)
    assert set(allowed) == set(get_args(Act)) - missing
    assert allowed == [act for act in get_args(Act) if act in allowed], "the order is fixed"
