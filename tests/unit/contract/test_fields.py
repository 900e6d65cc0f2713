"""Texts are measured before anything costly reads them."""

import unicodedata
from collections.abc import Callable, Iterator
from itertools import groupby
from typing import Any
from unittest.mock import patch

import emoji
import jwt
import pytest

from chalicelib.api.validation import validate
from chalicelib.chat.schemas import EmojiReactionRequest, SendEmoji, SendMessage, SendMessageRequest
from chalicelib.identity.tokens import Authenticator
from chalicelib.kernel.errors import InvalidRequestError
from chalicelib.kernel.settings import Settings
from chalicelib.lifecycle.schemas import RoomUpdate
from chalicelib.profiles.schemas import ProfileUpdate
from chalicelib.rooms.schemas import RoomCreate
from tests.fakes.backend import NOW, SECOND

FIELDS: list[tuple[type[Any], dict[str, Any], str, int]] = [
    (ProfileUpdate, {}, "name", 80),
    (ProfileUpdate, {"name": "x"}, "avatar", 2048),
    (RoomCreate, {}, "name", 255),
    (RoomCreate, {"name": "x"}, "description", 2000),
    (RoomUpdate, {}, "name", 255),
    (SendMessageRequest, {}, "message_text", 4000),
    (SendMessageRequest, {}, "message", 4000),
    (SendMessage, {"type": "message"}, "text", 4000),
    (EmojiReactionRequest, {}, "emoji", 10),
    (SendEmoji, {"type": "emoji"}, "emoji", 10),
]
MARKS = "\u0301\u0316"
HUGE = [
    "a" + "\u0301" * 16_000 + "\u0316" * 16_000,
    ("a" + MARKS * 4_100) * 3,
    "a" + MARKS * 7_900,
    *(part * 64_000 for part in ("x", "\u1112", "\U0001d160", "👍")),
    " " * 60_000 + MARKS * 1_000,
]


@pytest.fixture
def normalized() -> Iterator[list[str]]:
    """The texts that were brought to NFC."""
    texts: list[str] = []
    normalize: Callable[[Any, str], str] = unicodedata.normalize

    def count(form: Any, text: str) -> str:
        texts.append(text)
        return normalize(form, text)

    with (
        patch.object(unicodedata, "normalize", count),
        patch.object(emoji, "replace_emoji", side_effect=AssertionError),
    ):
        yield texts


def steps(text: str) -> int:
    """How long NFC takes at worst: it sorts each run of marks by insertion."""
    runs = groupby(text, lambda character: unicodedata.combining(character) > 0)
    return sum(length**2 if is_mark else length for is_mark, length in ((key, len(list(run))) for key, run in runs))


@pytest.mark.parametrize(("model", "others", "name", "most"), FIELDS)
def test_a_huge_text_is_refused_cheaply(
    model: type[Any], others: dict[str, Any], name: str, most: int, normalized: list[str]
) -> None:
    for text in HUGE:
        with pytest.raises(InvalidRequestError, match=f"{name} must have at most {most} characters"):
            validate(model, others | {name: text})
    assert max(map(steps, normalized), default=0) <= 2 * most**2


def test_a_huge_name_in_a_token_is_cut_cheaply(normalized: list[str]) -> None:
    secret = "a secret that only this test of tokens knows"
    claims = {"sub": "ada", "exp": NOW // SECOND + 60, "name": "a" + "\u0301" * 1_400 + "\u0316" * 1_400}
    token = jwt.PyJWS().encode(str(claims).replace("'", '"').encode(), secret, "HS256")
    name = Authenticator(Settings(auth_secret=secret)).verify(token, NOW).name
    assert len(name) == 80
    assert max(map(steps, normalized)) <= (4 * 80) ** 2
