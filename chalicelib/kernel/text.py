"""Whether people can see a text."""

import unicodedata

# Unicode calls these letters and symbols, but they show nothing: the Hangul fillers and the empty Braille cell.
_EMPTY = frozenset("\u115f\u1160\u2800\u3164\uffa0")


def is_blank(text: str) -> bool:
    """True if nothing of the text is visible: only spaces, zero-width characters, or accents without a letter."""
    return not any(_is_visible(character) for character in text)


def _is_visible(character: str) -> bool:
    if character.isspace() or character in _EMPTY:
        return False
    return unicodedata.category(character) not in {"Cf", "Mn"}
