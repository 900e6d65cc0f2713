"""What people can see of a text, and how long it is."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.kernel.text import is_surely_longer

PARTS = ["x", "\u03b1", "\u0301", "\u0313", "\u0345", "\u0316", "\u1112", "\u1161", "\u11ab", "\u0958", "\U0001d160"]


@given(text=st.lists(st.sampled_from(PARTS), max_size=60).map("".join), most=st.integers(1, 20))
def test_only_a_text_that_is_too_long_is_surely_longer(text: str, most: int) -> None:
    if is_surely_longer(text, most):
        assert len(unicodedata.normalize("NFC", text)) > most


@pytest.mark.parametrize("part", ["x", "e\u0301", "\u03b1\u0313\u0301\u0345", "\u1112\u1161\u11ab"])
def test_a_text_is_measured_as_its_nfc(part: str) -> None:
    assert len(unicodedata.normalize("NFC", part)) == 1
    assert not is_surely_longer(part * 80, 80)
