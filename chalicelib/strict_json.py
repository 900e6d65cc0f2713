"""JSON as its standard has it, and no deeper than anybody needs."""

import json
import re
from typing import Any

MAX_DEPTH = 32

# An unfinished string counts as one, and nothing is tried twice: the time is that of one pass.
_STRING_OR_BRACKET = re.compile(r'"(?:[^"\\]|\\.)*+"?|[\[\]{}]', re.DOTALL)


class TooDeepError(ValueError):
    """Arrays and objects within one another, more than `MAX_DEPTH` of them."""


def parse(text: str) -> Any:
    """What the text says.

    Raises:
        TooDeepError: it is too deep, whatever else it is.
        ValueError: it is not JSON; `NaN` and the like, which Python would take, aren't either.
    """
    _check_depth(text)
    return json.loads(text, parse_constant=_refuse_constant)


def _check_depth(text: str) -> None:
    """Count brackets outside strings: the parser would recurse as deep as the text asks for, or Python lets it."""
    depth = 0
    for mark in _STRING_OR_BRACKET.findall(text):
        if mark in "[{":
            depth += 1
        elif mark in "]}":
            depth -= 1
        if depth > MAX_DEPTH:
            raise TooDeepError


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")
