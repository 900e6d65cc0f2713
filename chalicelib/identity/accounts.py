"""Accounts that are being deleted. Each has one item in the table `grants` until the last of its data is gone."""

from collections.abc import Iterator
from dataclasses import dataclass

from chalicelib.kernel.errors import AccountClosingError
from chalicelib.kernel.fingerprints import fingerprint
from chalicelib.kernel.times import Moment
from chalicelib.store import Put, Store, Table

_EVERYWHERE = "*"
_PREFIX = "erase#"


@dataclass(frozen=True, slots=True)
class Erasure:
    """The work of deleting an account, and how far it is. `at_room` is the room whose rows are being read.

    `at_seq`: the log is done up to this number. `at_kind`: so are the other rows of the room, up to this key.
    """

    room_id: str
    kind_id: str
    user_id: str
    started_at: Moment
    at_room: str | None = None
    at_seq: int = 0
    at_kind: str | None = None

    @property
    def key(self) -> tuple[str, str]:
        return self.room_id, self.kind_id


ERASURES = Table("grants", Erasure)


def new_erasure(user_id: str, now: Moment) -> Erasure:
    """An erasure that starts now."""
    return Erasure(*erasure_key(user_id), user_id, now)


def erasure_key(user_id: str) -> tuple[str, str]:
    """The key of the erasure of a user."""
    return _EVERYWHERE, f"{_PREFIX}{fingerprint(_EVERYWHERE, user_id)}"


def get_erasure(store: Store, user_id: str) -> Erasure | None:
    """The erasure of a user's data, if one is under way. 1 read unit."""
    return store.get(ERASURES, erasure_key(user_id))


def list_erasures(store: Store) -> Iterator[Erasure]:
    """All erasures that are under way, page by page. 0.5 read units if there are none."""
    yield from store.query(ERASURES, _EVERYWHERE, ERASURES.kind_id.startswith(_PREFIX))


def require_open_account(store: Store, user_id: str) -> None:
    """Refuse a user who is deleting the account: what is stored now would be left behind.

    Raises:
        AccountClosingError: an erasure is under way.
    """
    if get_erasure(store, user_id):
        raise AccountClosingError


@dataclass(frozen=True, slots=True)
class Actor:
    """The note that a user has used the rights of a role in a room. It stays as long as the room.

    Rows and entries of the room may name this user. Without the note, an erasure would not find those of users who
    have no seat and no role, such as administrators.
    """

    room_id: str
    kind_id: str
    user_id: str


ACTOR = "actor#"
ACTORS = Table("grants", Actor)


def note_actor(room_id: str, user_id: str) -> Put:
    """The write that notes that a user acts in a room. The same user has one note. 2 write units."""
    return Put(ACTORS, Actor(room_id, f"{ACTOR}{fingerprint(room_id, user_id)}", user_id))
