"""Text is read as the JSON standard has it, and only so deep."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from chalicelib.strict_json import MAX_DEPTH, TooDeepError, parse

untimed = hypothesis_settings(deadline=None)
scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
values = st.recursive(scalars, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20)


@untimed
@given(value=values, ascii_only=st.booleans())
def test_what_is_json_is_read_as_it_is(value: Any, ascii_only: bool) -> None:
    assert parse(json.dumps(value, ensure_ascii=ascii_only)) == value


@pytest.mark.parametrize(
    "text", ["", " ", "x", "NaN", "[Infinity]", '{"a": -Infinity}', "{'a': 1}", "[1,]", "[", "]", '"']
)
def test_what_is_no_json_is_refused(text: str) -> None:
    with pytest.raises(ValueError) as caught:
        parse(text)
    assert not isinstance(caught.value, TooDeepError)


@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}"), ('[{"a":', "}]")])
def test_json_may_be_32_deep_and_no_deeper(opening: str, closing: str) -> None:
    levels = MAX_DEPTH // len(opening.replace('"a":', ""))
    assert parse(opening * levels + "1" + closing * levels)
    for depth in (levels + 1, 100_000):
        with pytest.raises(TooDeepError):
            parse(opening * depth + "1" + closing * depth)
        with pytest.raises(TooDeepError):
            parse(opening * depth)


@pytest.mark.parametrize("text", ["[" * 100, "{" * 100, '\\"' + "[" * 100, "\\" * 8 + "[" * 100])
def test_brackets_in_strings_do_not_count(text: str) -> None:
    assert parse(json.dumps([text, {text: text}])) == [text, {text: text}]


def test_what_was_closed_does_not_count() -> None:
    assert parse("[" + ",".join(["[[]]"] * 1000) + "]") == [[[]]] * 1000
