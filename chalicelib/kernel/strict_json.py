"""JSON as RFC 8259 defines it, with a limit on depth and on numbers."""

import math
from collections.abc import Iterable
from typing import Any

from pydantic_core import from_json

MAX_DEPTH = 32


class TooDeepError(ValueError):
    """More than `MAX_DEPTH` arrays and objects are nested."""


def parse(text: str) -> Any:
    """The value that the text describes.

    Raises:
        TooDeepError: more than 32 levels are nested.
        ValueError: the text is not JSON (`NaN` and `Infinity` are not), or a number in it is out of range.
    """
    try:
        value = from_json(text, allow_inf_nan=False)
    except TypeError as error:  # a lone surrogate, which no UTF-8 text can hold
        raise ValueError("not UTF-8") from error
    except ValueError as error:
        if "recursion limit" in str(error):
            raise TooDeepError from error
        raise
    _check(value, 0)
    return value


def _check(value: Any, depth: int) -> None:
    children: Iterable[Any]
    if isinstance(value, dict):
        children = value.values()
    elif isinstance(value, list):
        children = value
    elif isinstance(value, float) and not math.isfinite(value):  # pydantic-core reads 1e999 as infinity
        raise ValueError("a number is out of range")
    else:
        return
    if depth == MAX_DEPTH:
        raise TooDeepError
    for child in children:
        _check(child, depth + 1)
