"""The wire types of profiles."""

from typing import Annotated, Self

from pydantic import AfterValidator, Field

from chalicelib.contract import Answer, Body
from chalicelib.contract.fields import CONTROLS, NotBlank, OneLine, Text
from chalicelib.identity.avatars import MAX_AVATAR, is_address
from chalicelib.identity.profiles import Profile
from chalicelib.kernel.names import MAX_NAME, speaks_as_system

_ADDRESS = rf"^(?:[Hh][Tt][Tt][Pp][Ss]?://[^/\s\\{CONTROLS}]|/(?!/))[^\s\\{CONTROLS}]*$"


def _web_address(text: str) -> str:
    if not is_address(text):
        raise ValueError(f"must be an http(s) URL or an absolute path, of at most {MAX_AVATAR} bytes")
    return text


def _not_reserved(name: str) -> str:
    if speaks_as_system(name):
        raise ValueError("must not read like a message of the service")
    return name


DisplayName = Annotated[
    str,
    Text(1, MAX_NAME, is_trimmed=True),
    Field(description="Trimmed, not blank, and one line without invisible characters.", examples=["Ada"]),
    NotBlank,
    OneLine,
    AfterValidator(_not_reserved),
]
Avatar = Annotated[
    str,
    Text(1, MAX_AVATAR, pattern=_ADDRESS),
    Field(description="An absolute path, or an http(s) URL of an allowed host.", examples=["/ada.png"]),
    AfterValidator(_web_address),
]


class ProfileUpdate(Body):
    """The name and avatar to show."""

    name: DisplayName
    avatar: Avatar | None = None


class Me(Answer):
    """The caller, as others see them."""

    id: str
    name: str
    avatar: str | None

    @classmethod
    def of(cls, profile: Profile) -> Self:
        """The wire form of a profile."""
        return cls(id=profile.user_id, name=profile.name, avatar=profile.avatar)
