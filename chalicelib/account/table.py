"""The places where the tables hold something about a user, and the rows of an erasure."""

from collections.abc import Sequence, Set
from dataclasses import dataclass
from functools import partial

from chalicelib.grants.table import DEPLOYMENT, STANDINGS, get_standing, replace_standing, standing_key, without_user
from chalicelib.identity.accounts import ACTOR, ERASURES, Erasure, get_erasure, new_erasure
from chalicelib.identity.profiles import PROFILES
from chalicelib.kernel.times import Moment
from chalicelib.rooms.table import list_owned, owner_of
from chalicelib.seats.table import list_seats
from chalicelib.store import Delete, Put, Store, Table, Update

_ROOM = "room#"
_MOST_KEYS = 1_000
"""Of a user with more rows, one round of an erasure finds these; the next round finds others."""


@dataclass(frozen=True, slots=True)
class PersonalKey:
    """The key of any row of a user in `personal`."""

    user_id: str
    kind_id: str


PERSONAL = Table("personal", PersonalKey)


@dataclass(frozen=True)
class Places:
    """What the tables hold about a user, without their profile: rooms, and keys of rows outside of rooms.

    In the rooms of `acted`, the user has used the rights of a role. The whole deployment counts as such a room.
    """

    rooms: Sequence[str]
    acted: Set[str]
    everywhere: Sequence[str]
    """In `grants`, under the whole deployment."""
    personal: Sequence[str]

    @property
    def is_empty(self) -> bool:
        return not (self.rooms or self.everywhere or self.personal)


def find_places(store: Store, user_id: str) -> Places:
    """The places where something about a user is stored, from indexes: a place of this moment may be missing.

    1 round trip. 2 read units for a user of some twenty rooms.
    """
    seats, granted, personal, owned = store.run_parallel(
        partial(list_seats, store, user_id),
        partial(_list_granted, store, user_id),
        partial(_list_personal, store, user_id),
        partial(list_owned, store, owner_of(user_id)),
    )
    rooms = {seat.room_id for seat in seats} | {room_id for room_id, _ in granted} | {room_id for _, room_id in owned}
    rooms |= {kind_id.removeprefix(_ROOM) for kind_id in personal if kind_id.startswith(_ROOM)}
    kept = {standing_key(DEPLOYMENT, user_id)[1], new_erasure(user_id, 0).kind_id}
    acted = {room_id for room_id, kind_id in granted if kind_id.startswith(ACTOR)}
    return Places(
        sorted(rooms - ({DEPLOYMENT} - acted)),
        acted,
        [kind_id for room_id, kind_id in granted if room_id == DEPLOYMENT and kind_id not in kept],
        [kind_id for kind_id in personal if not kind_id.startswith(_ROOM)],
    )


def forget_room(store: Store, user_id: str, room_id: str) -> None:
    """Remove the note that a user was in a room. Do this last: then nothing tells any more that the user was there."""
    store.delete(PERSONAL, (user_id, f"{_ROOM}{room_id}"))


def delete_personal(store: Store, user_id: str, kind_ids: Sequence[str]) -> None:
    """Remove rows of a user in `personal`."""
    store.delete_all(PERSONAL, [PERSONAL.write(PersonalKey(user_id, kind_id)) for kind_id in kind_ids])


def begin(store: Store, user_id: str, now: Moment) -> tuple[Erasure, bool]:
    """The erasure of a user's data, and whether it begins now. From then on, the user can't take a seat.

    2 round trips, and 4 write units if it begins.
    """
    while (found := get_erasure(store, user_id)) is None:
        erasure = new_erasure(user_id, now)
        mark = [STANDINGS.erasing_since.set(now), STANDINGS.user_id.set(user_id), STANDINGS.expires_at.remove()]
        put = Put(ERASURES, erasure, ERASURES.kind_id.does_not_exist())
        if store.transact([put, Update(STANDINGS, standing_key(DEPLOYMENT, user_id), mark)]):
            return erasure, True
    return found, False


def finish(store: Store, erasure: Erasure, now: Moment) -> bool:
    """Remove the last rows together: the profile, the standing in the whole deployment, and the erasure.

    A ban stays, without the user's id. False if the standing has changed since it was read: the next sweep does it.
    """
    standing = get_standing(store, DEPLOYMENT, erasure.user_id)
    ended = replace_standing(standing, without_user(standing, erasure.user_id, now))
    return store.transact([Delete(PROFILES, erasure.user_id), ended, Delete(ERASURES, erasure.key)])


def _list_granted(store: Store, user_id: str) -> list[tuple[str, str]]:
    pages = store.pages(STANDINGS, user_id, index="by_user", limit=_MOST_KEYS)
    return [(item["room_id"]["S"], item["kind_id"]["S"]) for page in pages for item in page]


def _list_personal(store: Store, user_id: str) -> list[str]:
    pages = store.pages(PERSONAL, user_id, limit=_MOST_KEYS, consistent=True, attributes=["kind_id"])
    return [item["kind_id"]["S"] for page in pages for item in page]
