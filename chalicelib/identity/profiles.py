"""How a user is shown to others: the name and avatar they chose, else those of their token."""

from dataclasses import dataclass

from chalicelib.identity.avatars import AvatarHosts
from chalicelib.identity.tokens import User
from chalicelib.kernel.names import clean_name
from chalicelib.kernel.settings import Settings
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
    """The profile that others see. A stored name or avatar that is not allowed any more is not shown."""
    hosts = AvatarHosts(settings)
    if chosen is None or settings.names_from_token:
        return Profile(user.id, user.name, hosts.show(user.avatar))
    return Profile(user.id, clean_name(chosen.name) or user.name, hosts.show(chosen.avatar))
