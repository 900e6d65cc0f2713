"""How a user is shown to others: with the chosen name and avatar, or with those of the token."""

from collections.abc import Iterable
from dataclasses import dataclass

from chalicelib.identity.avatars import AvatarHosts
from chalicelib.identity.tokens import User
from chalicelib.kernel.limits import Cache
from chalicelib.kernel.names import clean_name
from chalicelib.kernel.settings import Settings
from chalicelib.kernel.times import Moment
from chalicelib.store import Store, Table


@dataclass(frozen=True)
class Profile:
    """The name and avatar of a user."""

    user_id: str
    name: str
    avatar: str | None


PROFILES = Table("profiles", Profile)


def get_profile(store: Store, user_id: str) -> Profile | None:
    """The profile that the user chose, or None."""
    return store.get(PROFILES, user_id)


def display_profile(settings: Settings, user: User, chosen: Profile | None) -> Profile:
    """The profile that others see. A stored name or avatar that is no longer allowed is left out."""
    hosts = AvatarHosts(settings)
    if chosen is None or settings.names_from_token:
        return Profile(user.id, user.name, hosts.show(user.avatar))
    return Profile(user.id, clean_name(chosen.name) or user.name, hosts.show(chosen.avatar))


class Avatars:
    """The avatars that users chose in their profiles, kept for five minutes.

    A profile has up to 3 KB. One read takes as many as fit into 30 KB if all have this size. Reads end when 30 KB are
    read. The other authors have no avatar in this answer.
    """

    _KEPT_MS = 5 * 60_000
    _READ_BYTES, _PROFILE_BYTES = 30_000, 3_000

    def __init__(self, store: Store) -> None:
        self._store = store
        self._cache: Cache[str, tuple[Moment, str | None]] = Cache()

    def find(self, user_ids: Iterable[str], now: Moment) -> dict[str, str | None]:
        """The avatars of users, as far as they are known or can be read."""
        known = {user_id: self._cache.get(user_id) for user_id in user_ids}
        found = {user_id: one[1] for user_id, one in known.items() if one and now - one[0] < self._KEPT_MS}
        missing, left = sorted(known.keys() - found.keys()), self._READ_BYTES
        while missing and (size := left // self._PROFILE_BYTES):
            batch, missing = missing[:size], missing[size:]
            avatars = {one.user_id: one.avatar for one in self._store.get_many(PROFILES, batch)}
            for user_id in batch:
                found[user_id] = avatars.get(user_id)
                self._cache.put(user_id, (now, found[user_id]))
            left -= sum(len((avatar or "").encode()) + 600 for avatar in avatars.values())
        return found
