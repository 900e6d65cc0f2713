"""The ranks of roles, and the acts that each role allows."""

from typing import Literal, get_args

Role = Literal["owner", "moderator", "member"]
Act = Literal[
    "kick",
    "ban",
    "unban",
    "mute",
    "unmute",
    "mute_all",
    "lock",
    "unlock",
    "slow",
    "delete_messages",
    "invite",
    "admit",
    "grant_members",
    "grant_moderators",
    "offer_ownership",
    "edit_room",
    "delete_room",
    "change_status",
]
"""What a front end may offer to the caller."""

_ACTS: tuple[Act, ...] = get_args(Act)
_OF_OWNERS: frozenset[Act] = frozenset(("grant_moderators", "offer_ownership", "edit_room", "delete_room"))
_OF_ADMINS: frozenset[Act] = frozenset(("change_status",))
_RANKS: dict[Role | None, int] = {None: 0, "member": 1, "moderator": 2, "owner": 3}
_ADMIN_RANK = 4


def rank_of(role: Role | None, *, is_admin: bool = False) -> int:
    """A number that is higher for a higher role. Administrators stand above all roles."""
    return _ADMIN_RANK if is_admin else _RANKS[role]


def list_acts(role: Role | None, *, is_admin: bool = False) -> list[Act]:
    """What this role allows beyond the acts of every member, in a fixed order."""
    if is_admin:
        return list(_ACTS)
    if role == "owner":
        return [act for act in _ACTS if act not in _OF_ADMINS]
    if role == "moderator":
        return [act for act in _ACTS if act not in _OF_ADMINS | _OF_OWNERS]
    return []
