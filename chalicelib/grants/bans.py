"""Refuse users who are kept out of a room, or of all rooms."""

from collections.abc import Iterable

from chalicelib.grants.table import DEPLOYMENT, FOREVER, Standing, get_standing
from chalicelib.kernel.errors import AccountClosingError, BannedError
from chalicelib.kernel.times import Moment, iso
from chalicelib.store import Store


def require_no_ban(standings: Iterable[Standing], now: Moment) -> None:
    """Refuse a user who is kept out of the room or of all rooms, or who deletes the account.

    Raises:
        BannedError: with the end of the ban, if it has one.
        AccountClosingError: the user's data is being deleted.
    """
    standings = list(standings)
    if any(one.erasing_since for one in standings):
        raise AccountClosingError
    ends = [(one.banned_until, one.room_id == DEPLOYMENT) for one in standings if one.is_banned_at(now)]
    if ends:
        until, is_everywhere = max((until or 0, is_everywhere) for until, is_everywhere in ends)
        raise BannedError(iso(until) if until < FOREVER else None, is_everywhere=is_everywhere)


def require_admission(store: Store, user_id: str, now: Moment) -> None:
    """Refuse a user who is kept out of all rooms, or who deletes the account. 1 read unit.

    Raises:
        BannedError, AccountClosingError.
    """
    require_no_ban([get_standing(store, DEPLOYMENT, user_id)], now)
