"""The caller."""

from chalicelib import profiles
from chalicelib.api.operation import Call, operation
from chalicelib.schemas import Me, ProfileUpdate


@operation()
def show(call: Call) -> Me:
    """Who you are, as others see you."""
    return profiles.me(call.user)


@operation()
def update(call: Call, body: ProfileUpdate) -> Me:
    """Choose your name and avatar; they show from your next join on."""
    return profiles.update_me(call.user, body)
