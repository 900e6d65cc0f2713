"""Names have one line, hide nothing, and do not speak as the service."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from chalicelib.kernel.lookalikes import skeletons
from chalicelib.kernel.names import MAX_NAME, clean_name, has_hidden, speaks_as_system
from tests.fakes.bodies import HIDDEN, RESERVED

NAMES = [
    *("Ada", "J. R. R. Smith", "Dr. Grace Hopper", "Zoë", "O\u2019Neill", "System Analyst", "Administrator", "Rooms"),
    *("👩‍💻", "❤️‍🔥 Bob", "1️⃣", "🏳️‍🌈", "👩🏽‍💻", "🇩🇪", "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f"),
    *("\u0639\u0644\u06cc\u200c\u0631\u0636\u0627", "\u0dc1\u0dca\u200d\u0dbb\u0dd3", "\u845b\U000e0100\u98fe"),
]


@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_a_name_of_any_script_is_kept(name: str) -> None:
    assert not has_hidden(name)
    assert not speaks_as_system(name)
    assert clean_name(name) == name


@pytest.mark.parametrize("name", HIDDEN, ids=ascii)
def test_hidden_characters_are_found_and_removed(name: str) -> None:
    assert has_hidden(name)
    assert clean_name(name)
    assert not has_hidden(clean_name(name))


@pytest.mark.parametrize("end", ["\n", "\r\n", "\t", "\x0b", "\x85", "\u2028"], ids=ascii)
def test_a_line_break_becomes_a_space(end: str) -> None:
    assert clean_name(f"Ada{end}Lovelace").split() == ["Ada", "Lovelace"]


PARTS = [
    *"aB \u00e9\u4e2d1\u20e3",
    "\u200c",
    "\u200d",
    "\ufe0f",
    "\U000e0100",
    "\u0301",
    "\n",
    "\u200b",
    "\U0001f469",
    "\U0001f3f4",
]


@given(st.lists(st.sampled_from([*PARTS, "a" * 77, "\U000e0067\U000e0062\U000e007f"]), max_size=12).map("".join))
@example("a" * 78 + "\U0001f469\u200d\U0001f469")  # the cut is after the joiner
def test_a_cleaned_name_hides_nothing_and_stays_as_it_is(text: str) -> None:
    name = clean_name(text)
    assert not has_hidden(name)
    assert len(name) <= MAX_NAME
    assert clean_name(name) == name


@pytest.mark.parametrize("name", RESERVED, ids=ascii)
def test_a_name_in_the_voice_of_the_service_is_not_shown(name: str) -> None:
    assert speaks_as_system(name)
    assert clean_name(name) == clean_name(f"\u202e{name}\u200b") == ""


ALIKE = [
    "Focus Z\u043ene",
    "FOCUS  ZONE",
    "focus-zone",
    "F0cus Zone",
    "\uff26ocus Z\u00f3ne",
    "Foc∪s Zon℮",
    "|Focus Zone|",
]


@pytest.mark.parametrize("name", ALIKE, ids=ascii)
def test_names_that_look_alike_share_a_skeleton(name: str) -> None:
    assert skeletons(name) & skeletons("Focus Zone")
    assert not skeletons(name + " 2") & skeletons("Focus Zone")


def test_a_bar_looks_like_a_letter_or_like_a_sign() -> None:
    assert skeletons("Study Ha||") & skeletons("Study Hall")
    assert skeletons("| Study Hall |") & skeletons("Study Hall")
