"""Offers of ownership, in the table `grants`."""

from dataclasses import dataclass

from chalicelib.kernel.fingerprints import fingerprint
from chalicelib.kernel.times import Moment
from chalicelib.rooms.table import Room
from chalicelib.store import Delete, Put, Store, Table

OFFER_MS = 24 * 3_600_000
PREFIX = "offer#"
_KEPT_SECONDS = 3600


@dataclass(frozen=True, slots=True)
class Offer:
    """The offer of a room to a user. It is void when the room has another owner."""

    room_id: str
    kind_id: str
    user_id: str
    offered_by: str
    until: Moment
    owner: str | None = None
    """The room's attribute `owner` at the time."""

    def is_valid(self, room: Room, now: Moment) -> bool:
        """True if the user can accept it."""
        return self.until > now and self.owner == room.owner and self.user_id != room.owner_id


OFFERS = Table("grants", Offer, also={"expires_at": int})


def make_offer(room: Room, user_id: str, offered_by: str, now: Moment) -> Offer:
    """The offer of a room as it was read."""
    return Offer(*_key(room.room_id, user_id), user_id, offered_by, now + OFFER_MS, room.owner)


def put_offer(offer: Offer) -> Put:
    """The write that stores an offer. It replaces an earlier one to the same user."""
    return Put(OFFERS, offer, also={"expires_at": offer.until // 1000 + _KEPT_SECONDS})


def get_offer(store: Store, room_id: str, user_id: str) -> Offer | None:
    """The offer of a room to a user, valid or not. 1 read unit."""
    return store.get(OFFERS, _key(room_id, user_id))


def use_offer(offer: Offer) -> Delete:
    """The write that uses up an offer. It is refused if it was used or replaced since it was read."""
    return Delete(OFFERS, (offer.room_id, offer.kind_id), OFFERS.until == offer.until)


def _key(room_id: str, user_id: str) -> tuple[str, str]:
    return room_id, f"{PREFIX}{fingerprint(room_id, user_id)}"
