"""What text looks like to people."""

import unicodedata

# Letters and symbols to Unicode, and yet nothing to see: the Hangul fillers and the empty Braille cell.
_EMPTY = frozenset("\u115f\u1160\u2800\u3164\uffa0")


def is_blank(text: str) -> bool:
    """Whether nobody would see anything of it: spaces, zero-width characters, accents on nothing."""
    return not any(_is_visible(character) for character in text)


def _is_visible(character: str) -> bool:
    if character.isspace() or character in _EMPTY:
        return False
    return unicodedata.category(character) not in {"Cf", "Mn"}
