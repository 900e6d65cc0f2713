"""The knocks on a room, in the table `grants`: users who ask to be let in."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Literal

from chalicelib.identity.profiles import Profile
from chalicelib.kernel.fingerprints import fingerprint
from chalicelib.kernel.times import Moment
from chalicelib.store import Store, Table, Update

PREFIX = "knock#"
KNOCK_MS = 10 * 60_000
SEAT_MS = 2 * 60_000
"""How long a seat is kept for a user who was let in."""
MAX_SHOWN = 50
_MAX_READ = 500
_LATER_SECONDS = 60

Answered = Literal["waiting", "admitted", "refused"]


@dataclass(frozen=True, slots=True)
class Knock:
    """A user who asks to be let in, and the answer so far. After `until`, it has expired."""

    room_id: str
    kind_id: str
    user_id: str
    name: str
    avatar: str | None
    knocked_at: Moment
    until: Moment
    state: Answered = "waiting"

    def is_valid_at(self, now: Moment) -> bool:
        """True if it has not expired."""
        return self.until > now


KNOCKS = Table("grants", Knock, also={"expires_at": int})


def make_knock(room_id: str, profile: Profile, now: Moment) -> Knock:
    """A knock that begins now."""
    key = _key(room_id, profile.user_id)
    return Knock(*key, profile.user_id, profile.name, profile.avatar, knocked_at=now, until=now + KNOCK_MS)


def get_knock(store: Store, room_id: str, user_id: str) -> Knock | None:
    """The last knock of a user. 1 read unit."""
    return store.get(KNOCKS, _key(room_id, user_id))


def list_waiting(store: Store, room_id: str, now: Moment) -> list[Knock]:
    """Knocks without an answer, oldest first: up to 50 of the first 500 rows."""
    waiting = (one for one in _read(store, room_id) if one.state == "waiting" and one.is_valid_at(now))
    return sorted(islice(waiting, MAX_SHOWN), key=lambda one: (one.knocked_at, one.user_id))


def store_knock(store: Store, knock: Knock) -> bool:
    """Store a knock. False if an earlier one has an answer that is still valid."""
    is_free = KNOCKS.kind_id.does_not_exist() | (KNOCKS.until <= knock.knocked_at) | (KNOCKS.state == "waiting")
    return store.put(KNOCKS, knock, is_free, expires_at=_expires_at(knock.until))


def answer_knock(before: Knock, after: Knock, now: Moment) -> Update:
    """The write that answers a knock. It is refused if the knock has expired, or the user was let in already."""
    actions = [KNOCKS.state.set(after.state), KNOCKS.until.set(after.until)]
    actions.append(KNOCKS.expires_at.set(_expires_at(after.until)))
    condition = (KNOCKS.until > now) & (KNOCKS.state != "admitted")
    return Update(KNOCKS, (before.room_id, before.kind_id), actions, condition)


def _read(store: Store, room_id: str) -> Iterator[Knock]:
    yield from store.query(KNOCKS, room_id, KNOCKS.kind_id.startswith(PREFIX), consistent=True, limit=_MAX_READ)


def _expires_at(until: Moment) -> int:
    return until // 1000 + _LATER_SECONDS


def _key(room_id: str, user_id: str) -> tuple[str, str]:
    return room_id, f"{PREFIX}{fingerprint(room_id, user_id)}"
