"""The wire types of profiles."""

import re
from typing import Annotated, Self

from pydantic import AfterValidator, Field

from chalicelib.contract import Answer, Body
from chalicelib.contract.fields import CONTROLS, NotBlank, Text
from chalicelib.identity.profiles import Profile

_ADDRESS = rf"^(?:[Hh][Tt][Tt][Pp][Ss]?://[^/\s\\{CONTROLS}]|/(?!/))[^\s\\{CONTROLS}]*$"


def _web_address(text: str) -> str:
    if not re.match(r"(?:https?://[^/\s]|/(?!/))", text, re.IGNORECASE) or re.search(r"[\s\\]", text):
        raise ValueError("must be an http(s) URL or an absolute path")
    return text


DisplayName = Annotated[
    str,
    Text(1, 80, is_trimmed=True),
    Field(description="Trimmed, and not blank.", examples=["Ada"]),
    NotBlank,
]
Avatar = Annotated[
    str,
    Text(1, 2048, pattern=_ADDRESS),
    Field(description="An http(s) URL or an absolute path.", examples=["/ada.png"]),
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
