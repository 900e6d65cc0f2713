"""How a user is shown to others: the name and avatar they chose, else those of their token."""

from dataclasses import dataclass

from chalicelib.identity.tokens import User
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


def display_profile(user: User, chosen: Profile | None) -> Profile:
    """The profile that others see."""
    return chosen or Profile(user.id, user.name, user.avatar)
