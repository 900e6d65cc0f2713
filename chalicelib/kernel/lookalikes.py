"""Letters that look alike: two names with the same skeleton read alike."""

import unicodedata

# From Unicode's confusables.txt (UTS 39, version 15.1), by way of the package confusable-homoglyphs 3.3.1: the letters,
# digits and symbols that look like a Latin letter. The small capitals are added, and white letters in black circles and
# squares. Letters that NFKD turns into Latin ones are left out. An l stands for I and 1, too.
_LOOKALIKES = {
    "a": "ɑΑαАаᎪᗅᴀꓮ𐊠𖽀⍺",
    "b": "ƄʙΒВЬᏏᏴᑲᖯᗷꓐꞴ𐊂𐊡𐌁",
    "c": "ΣςСсᏟᴄⲤⲥꓚꮯ𐊢𐌂𐐕𐐽𐔜𑣩𑣲🝌",
    "d": "ԁᎠᏧᑯᗞᗪᴅꓒꓓ",
    "e": "ΕЕеҽᎬᴇⴹꓰꬲ𐊆𑢦𑢮℮⋿",
    "f": "ϜքᖴẝꓝꜰꞘꞙꬵ𐊇𐊥𐔥𑢢𑣂𝈓",
    "g": "ƍɡɢԌցᏀᏳᶃꓖ",
    "h": "ʜΗНһհᎻᏂᕼⲎꓧ𐋏",
    "j": "ͿϳЈјᎫᒍᴊꓙꞲ",
    "k": "ΚКᏦᛕᴋⲔꓗ𐔘",
    "l": "ıƖǀɩɪʟΙιІіӀӏ۱ᎥᏞᒪᛁⲒⳐⵏꓡꓲꙇꭵ𐊊𐌉𐌠𐐛𐔦𑢣𑢲𑣃𖼖𖼨⍳",
    "m": "ΜϺМᎷᗰᛖᴍⲘꓟ𐊰𐌑",
    "n": "ɴΝոռⲚꓠ𐔓",
    "o": "ΟοσОоՕօ۵०০੦૦ଠ୦௦౦೦ഠ൦๐໐ဝ၀ჿዐᴏᴑⲞⲟⵔ〇ꓳꬽ𐊒𐊫𐐄𐐬𐓂𐓪𐔖𑓐𑢵𑣈𑣗𑣠ంಂംං",
    "p": "ΡρРрᏢᑭᴘⲢⲣꓑ𐊕⍴",
    "q": "ԛգզⵕꞯ",
    "r": "ƦʀгᎡᏒᖇᴦⲅꓣꭇꭈꮁ𐒴𖼵𝈖",
    "s": "ƽЅѕՏᏕᏚꓢꜱꮪ𐊖𐐠𐑈𑣁𖼺",
    "t": "ΤТᎢᴛⲦꓔ𐊗𐊱𐌕𑢼𖼊🝨",
    "u": "ʋυՍսሀᑌᴜꓴꞟꭎꭒ𐓎𐓶𑢸𑣘𖽂",
    "v": "νѴѵ۷Ꮩᐯᴠⴸꓦꛟꮩ𐔝𑜆𑢠𑣀𖼈",
    "w": "ɯѡԜԝաᎳᏔᴡꓪꮃ𑜊𑜎𑜏𑣦𑣯",
    "x": "ΧХхᕁᕽᚷⲬⵝꓫꞳ𐊐𐊴𐌗𐌢𐔧𑣬",
    "y": "ɣʏΥγУуҮүყᎩᎽᶌỿⲨꓬꭚ𐊲𑢤𑣜𖽃",
    "z": "ΖᏃᴢꓜꮓ𐋵𑢩𑣄𑣥",
}
_LATIN = {lookalike: letter for letter, lookalikes in _LOOKALIKES.items() for lookalike in lookalikes}
_LATIN |= {"I": "l", "i": "l", "1": "l", "0": "o"}
_ALPHABET = "abcdefghljklmnopqrstuvwxyz"
_LATIN |= {chr(first + place): letter for first in (0x1F150, 0x1F170) for place, letter in enumerate(_ALPHABET)}
_SIGNS = str.maketrans("|∣⏽￨𝈪│❘⊤⟙∪⋃∨⋁𝈍", "lllllllttuuvvv")
_SIGNS |= {0x1F1E6 + place: ord(letter) for place, letter in enumerate(_ALPHABET)}
"""Signs that also look like a letter. Flags are made of the last ones."""


def skeletons(name: str) -> set[str]:
    """What a name looks like: Latin letters for their lookalikes, in small letters, without marks, spaces and signs.

    There are two, if the name has a sign that also looks like a letter. Names that look alike share one.

    Example: `skeletons("Focus Zоne") == skeletons("FOCUS-ZONE")`, although the first has a Cyrillic letter.
    """
    return {_skeleton(name), _skeleton(name.translate(_SIGNS))}


def _skeleton(name: str) -> str:
    shown = unicodedata.normalize("NFKD", name)
    letters = "".join(_latin(character) for character in shown if character.isalnum() or character in _LATIN)
    return letters.replace("rn", "m")


def _latin(character: str) -> str:
    """A small letter of some alphabets looks like a small capital: `т` like `T`."""
    return _LATIN.get(character) or _LATIN.get(character.upper()) or character.casefold()
