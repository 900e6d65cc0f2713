"""Texts from people: whether anybody can see them, and how long they are."""

import unicodedata
from itertools import groupby

# Unicode calls these letters and symbols, but they show nothing: the Hangul fillers, the empty Braille cell, and the
# null notehead.
_EMPTY = frozenset("\u115f\u1160\u2800\u3164\uffa0\U0001d159")

# The canonical decomposition of a character has four characters at most, and at most three of them are marks.
_MOST_PARTS = 4
_MOST_MARKS = 3


def is_blank(text: str) -> bool:
    """True if nothing of the text is visible: only spaces, zero-width characters, or accents without a letter."""
    return not any(_is_visible(character) for character in text)


def is_surely_longer(text: str, most: int) -> bool:
    """True if the NFC of the text is known to have more than `most` characters. This takes linear time.

    NFC itself sorts each run of marks in quadratic time. After a False, a run has at most a few more than `most` marks.
    """
    if len(text) <= most:
        return False
    runs = (sum(1 for _ in run) for is_mark, run in groupby(text, _is_mark) if is_mark)
    return len(text) > _MOST_PARTS * most or sum(max(0, run - _MOST_MARKS) for run in runs) > most


def _is_mark(character: str) -> bool:
    return unicodedata.combining(character) > 0


def _is_visible(character: str) -> bool:
    if character.isspace() or character in _EMPTY:
        return False
    return unicodedata.category(character) not in {"Cf", "Mn"}
