"""JSON is parsed as RFC 8259 defines it, with limits on depth and on numbers."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.kernel.strict_json import MAX_DEPTH, TooDeepError, parse

scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
values = st.recursive(scalars, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20)


@given(value=values, ascii_only=st.booleans())
def test_valid_json_is_parsed_to_its_value(value: Any, ascii_only: bool) -> None:
    assert parse(json.dumps(value, ensure_ascii=ascii_only)) == value


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", "x", "NaN", "[Infinity]", '{"a": -Infinity}', "{'a': 1}", "[1,]", "[", "]", '"'),
        *("[" * (MAX_DEPTH + 1), "1e999", '{"a": [-1e999]}', "9" * 5000, '"\ud800"', r'"\ud800"', '"a\nb"', '"a\tb"'),
        *("01", r'"\x"', r'{"\udfff": 1}', "{}}", "{} {}", "{} x", '{"a": 1,}', "\ufeff{}", '{"a": NaN}'),
    ],
    ids=lambda text: ascii(text)[:20],
)
def test_invalid_json_is_refused(text: str) -> None:
    with pytest.raises(ValueError) as caught:
        parse(text)
    assert not isinstance(caught.value, TooDeepError)


@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}"), ('[{"a":', "}]")])
def test_json_may_be_32_levels_deep(opening: str, closing: str) -> None:
    levels = MAX_DEPTH // len(opening.replace('"a":', ""))
    assert parse(opening * levels + "1" + closing * levels)
    for text in (opening * (levels + 1) + "1" + closing * (levels + 1), opening * 100_000):
        with pytest.raises(TooDeepError):
            parse(text)


@pytest.mark.parametrize("text", ["[" * 100, "{" * 100, '\\"' + "[" * 100, "\\" * 8 + "[" * 100])
def test_brackets_in_strings_are_no_levels(text: str) -> None:
    assert parse(json.dumps([text, {text: text}])) == [text, {text: text}]


def test_levels_side_by_side_do_not_add_up() -> None:
    assert parse("[" + ",".join(["[[]]"] * 1000) + "]") == [[[]]] * 1000
