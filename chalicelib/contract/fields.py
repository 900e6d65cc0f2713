"""Field types of the wire: texts, ids, times and numbers, validated here for HTTP and frames alike."""

import re
import unicodedata
import uuid
from dataclasses import dataclass
from typing import Annotated, Any, TypeGuard

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    PlainSerializer,
    SerializationInfo,
)
from pydantic_core import CoreSchema, PydanticKnownError, core_schema

from chalicelib.identity.avatars import AvatarHosts
from chalicelib.kernel.names import has_hidden
from chalicelib.kernel.text import is_blank, is_surely_longer

# Control characters except newline and tab, and surrogates, which no UTF-8 text can hold.
_UNWANTED = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
MAX_INTEGER = 2**53 - 1

# The same rules as patterns, for readers of the documents. A JSON text can hold no surrogate.
CONTROLS = r"\u0000-\u0008\u000b-\u001f\u007f-\u009f"
_TEXT = rf"^[^{CONTROLS}]*$"


@dataclass(frozen=True)
class Text:
    """A text in NFC, so that equal texts are equal bytes. Control characters are refused; nothing is escaped.

    `least` and `most` count characters of the NFC. A longer text is refused before anything costly reads it.

    Example: `Annotated[str, Text(1, 4000)]`
    """

    least: int
    most: int
    is_trimmed: bool = False
    pattern: str = _TEXT

    def read(self, text: str) -> str:
        """The text in its normal form."""
        if _UNWANTED.search(text):
            raise ValueError("must not contain control characters")
        text = text.strip() if self.is_trimmed else text
        if is_surely_longer(text, self.most):
            raise self._too_long()
        text = unicodedata.normalize("NFC", text)
        if len(text) < self.least:
            raise PydanticKnownError("string_too_short", {"min_length": self.least})
        if len(text) > self.most:
            raise self._too_long()
        return text

    def _too_long(self) -> PydanticKnownError:
        return PydanticKnownError("string_too_long", {"max_length": self.most})

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self.read, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        least = {"minLength": self.least} if self.least else {}
        return handler(schema) | least | {"maxLength": self.most, "pattern": self.pattern}


def _not_blank(text: str) -> str:
    if is_blank(text):
        raise ValueError("must not be blank")
    return text


def _one_line(name: str) -> str:
    if has_hidden(name):
        raise ValueError("must be one line without invisible characters")
    return name


def _whole(value: object) -> object:
    """JSON has one type of number: 15.0 is 15."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _show_avatar(avatar: str | None, info: SerializationInfo) -> str | None:
    """Rows may hold an avatar from before the present setting: the encoder passes the hosts that are allowed now."""
    hosts: AvatarHosts | None = info.context
    return hosts.show(avatar) if hosts else avatar


NotBlank = AfterValidator(_not_blank)
OneLine = AfterValidator(_one_line)
Whole = BeforeValidator(_whole)
ShownAvatar = Annotated[str | None, PlainSerializer(_show_avatar, return_type=str | None)]
"""An avatar as others see it: null if its host is not allowed."""
Timestamp = Annotated[str, Field(json_schema_extra={"format": "date-time"}, examples=["2026-11-22T20:53:15.042Z"])]
Uuid = Annotated[str, Field(json_schema_extra={"format": "uuid"}, examples=["1f0e7c0a-5c7e-4b8e-9d5e-0a4b8f1c2d3e"])]
NO_CONTROLS = r"^[^\u0000-\u001f\u007f-\u009f]*$"
_NO_ID = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


def _user_id(text: str) -> str:
    """As in tokens: an opaque text without control characters. It is compared as it is, so it is not normalized."""
    if _NO_ID.search(text):
        raise ValueError("must not contain control characters")
    return text


UserId = Annotated[
    str,
    Field(min_length=1, max_length=128, examples=["ada"]),
    Field(json_schema_extra={"pattern": NO_CONTROLS}),
    AfterValidator(_user_id),
]
"""The id of a user, with or without a seat. Nobody knows whether such a user exists."""
LastSeq = Annotated[int, Field(ge=0, le=MAX_INTEGER)] | None
MessageSeq = Annotated[int, Field(ge=1, le=MAX_INTEGER, strict=True), Whole]
"""The number of a message."""
_UUID_LENGTH = 36


def is_uuid(value: object) -> TypeGuard[str]:
    """True if the value is an id in the spelling of this service."""
    try:
        return isinstance(value, str) and len(value) == _UUID_LENGTH and str(uuid.UUID(value)) == value
    except ValueError:
        return False
