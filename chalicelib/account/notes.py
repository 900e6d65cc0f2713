"""Remove a user from the rows of `grants`: what a room, or the whole deployment, has noted."""

from chalicelib.account.work import Work
from chalicelib.grants import audit
from chalicelib.grants.audit import AUDIT
from chalicelib.grants.invites import PREFIX as INVITE
from chalicelib.grants.table import PREFIX, STANDINGS, replace_standing, without_user
from chalicelib.kernel.times import Moment
from chalicelib.roles import table as offers
from chalicelib.roles.table import OFFERS, use_offer
from chalicelib.store import Delete, Store, Write
from chalicelib.store.tables import Item

_PAGE = 100
DELETED_KINDS = (INVITE,)
"""Rows that are deleted with their `user_id`: an invitation ends when the user who made it deletes the account."""


def erase_notes(work: Work, room_id: str) -> bool:
    """Rewrite the rows of a room that name the user, page by page. True if that is done."""
    while work.take_page():
        after = work.erasure.at_kind
        condition = STANDINGS.kind_id > after if after else None
        items, next_key = work.store.page(STANDINGS, room_id, condition, limit=_PAGE, consistent_read=True)
        for item in items:
            _erase(work.store, item, work.user_id, work.now)
        if next_key is None:
            return True
        work.note(at_kind=items[-1]["kind_id"]["S"])
    return False


def _erase(store: Store, item: Item, user_id: str, now: Moment) -> None:
    """Write a row without the user. If the row changes at the same moment, the next round does it."""
    if write := _plan(item, user_id, now):
        store.transact([write])


def _plan(item: Item, user_id: str, now: Moment) -> Write | None:
    kind_id, owner = item["kind_id"]["S"], item.get("user_id", {}).get("S")
    if kind_id.startswith(DELETED_KINDS):
        return Delete(STANDINGS, (item["room_id"]["S"], kind_id)) if owner == user_id else None
    if kind_id.startswith(audit.PREFIX):
        return audit.remove_user(AUDIT.read(item), user_id)
    if kind_id.startswith(offers.PREFIX):
        offer = OFFERS.read(item)
        return use_offer(offer) if user_id in (offer.user_id, offer.offered_by) else None
    if not kind_id.startswith(PREFIX):
        return None
    standing = STANDINGS.read(item)
    after = without_user(standing, user_id, now)
    return None if after == standing else replace_standing(standing, after)
