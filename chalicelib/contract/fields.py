"""Field types of the wire: texts, ids, times and numbers, validated here for HTTP and frames alike."""

import re
import unicodedata
import uuid
from typing import Annotated, TypeGuard

from pydantic import AfterValidator, BeforeValidator, Field

from chalicelib.kernel.text import is_blank

# Control characters except newline and tab, and surrogates, which no UTF-8 text can hold.
_UNWANTED = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
MAX_INTEGER = 2**53 - 1

# The same rules as patterns, for readers of the documents. A JSON text can hold no surrogate.
CONTROLS = r"\u0000-\u0008\u000b-\u001f\u007f-\u009f"
_TEXT = rf"^[^{CONTROLS}]*$"


def _clean(text: str) -> str:
    """The text in NFC, so that equal texts are equal bytes. Control characters are refused; nothing is escaped."""
    if _UNWANTED.search(text):
        raise ValueError("must not contain control characters")
    return unicodedata.normalize("NFC", text)


def _not_blank(text: str) -> str:
    if is_blank(text):
        raise ValueError("must not be blank")
    return text


def _whole(value: object) -> object:
    """JSON has one type of number: 15.0 is 15."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


Text = Annotated[str, AfterValidator(_clean), Field(json_schema_extra={"pattern": _TEXT})]
Trimmed = Annotated[Text, AfterValidator(str.strip)]
NotBlank = AfterValidator(_not_blank)
Whole = BeforeValidator(_whole)
Timestamp = Annotated[str, Field(json_schema_extra={"format": "date-time"}, examples=["2026-11-22T20:53:15.042Z"])]
Uuid = Annotated[str, Field(json_schema_extra={"format": "uuid"}, examples=["1f0e7c0a-5c7e-4b8e-9d5e-0a4b8f1c2d3e"])]
LastSeq = Annotated[int, Field(ge=0, le=MAX_INTEGER)] | None


def is_uuid(value: object) -> TypeGuard[str]:
    """True if the value is an id in the spelling of this service."""
    try:
        return isinstance(value, str) and str(uuid.UUID(value)) == value
    except ValueError:
        return False
