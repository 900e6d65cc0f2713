"""Names of people and rooms: one visible line that does not look like the service or another room."""

import re
import unicodedata

from chalicelib.kernel.lookalikes import skeletons
from chalicelib.kernel.text import is_blank

MAX_NAME = 80

# Control characters, line ends, surrogates, Unicode's Default_Ignorable_Code_Point (bidi controls and tags are among
# them), interlinear annotations, format controls of hieroglyphs, and letters and symbols that show nothing.
_HIDDEN = (
    "\x00-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e\u2060-\u206f"
    "\u2800\u3164\ud800-\udfff\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U00013430-\U0001343f\U00016fe4"
    "\U0001bca0-\U0001bca3\U0001d159\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
_VISIBLE = rf"[^\x00-\x7f\s{_HIDDEN}]"
_VARIANT = "[\u180b-\u180d\u180f\ufe00-\ufe0f\U000e0100-\U000e01ef]"
_JOINER = "[\u200c\u200d]"

# Hidden characters that shape what is seen: variants of a character, joiners between two letters of a script or between
# two emoji, the variant within a keycap, and the tags of a flag.
_SHAPING = (
    rf"(?<={_VISIBLE}){_VARIANT}(?:{_JOINER}(?={_VISIBLE}))?|(?<={_VISIBLE}){_JOINER}(?={_VISIBLE})"
    "|\ufe0f(?=\u20e3)|\U0001f3f4[\U000e0030-\U000e007a]{3,6}\U000e007f"
)
_FOUND = re.compile(f"({_SHAPING})|[{_HIDDEN}]")
_LINE_BREAKS = re.compile("[\t-\r\x85\u2028\u2029]")

_SYSTEM = skeletons("System")
_PHRASES = ("joined the room", "left the room", "was removed", "was banned", "by an administrator", "by a moderator")
_SYSTEM_PHRASES = frozenset().union(*map(skeletons, _PHRASES))


def has_hidden(name: str) -> bool:
    """True if the name has a line break, or an invisible character that does not shape a visible one."""
    return any(found[1] is None for found in _FOUND.finditer(name))


def speaks_as_system(name: str) -> bool:
    """True if the name reads like "System", or contains words with which the service itself speaks."""
    read = skeletons(name)
    return bool(read & _SYSTEM) or any(phrase in said for said in read for phrase in _SYSTEM_PHRASES)


def clean_name(text: str) -> str:
    """The name of a person as it may be shown; empty if nothing may. For names that nobody can be asked to change.

    Hidden characters are removed. A line break becomes a space.
    """
    visible = _without_hidden(_LINE_BREAKS.sub(" ", text)).strip()
    # NFC takes long for a long text, so cut first. It joins at most four characters into one.
    name = unicodedata.normalize("NFC", visible[: 4 * MAX_NAME])[:MAX_NAME]
    name = _without_hidden(name).rstrip()  # the cut may have left half of an emoji
    return "" if is_blank(name) or speaks_as_system(name) else name


def _without_hidden(text: str) -> str:
    return _FOUND.sub(r"\1", text)
