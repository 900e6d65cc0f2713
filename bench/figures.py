"""Computed tables and sentences in Markdown pages.

A page says `<!-- figures: NAME -->` and `<!-- end -->`; the text between them comes from a benchmark, so that no
figure is typed by hand.
"""

import re
from collections.abc import Mapping, Sequence

_BLOCK = re.compile(r"(<!-- figures: (?P<name>[\w-]+) -->\n).*?(<!-- end -->)", re.DOTALL)
_FIGURE = re.compile(r"[$\d]")


def fill_page(text: str, blocks: Mapping[str, str]) -> str:
    """The page with new text in all its blocks.

    Raises:
        ValueError: the page has other blocks than these.
    """
    names = {match["name"] for match in _BLOCK.finditer(text)}
    if names != set(blocks):
        raise ValueError(f"the page has {sorted(names)}, the figures are {sorted(blocks)}")
    return _BLOCK.sub(lambda match: f"{match[1]}{blocks[match['name']].strip()}\n{match[3]}", text)


def markdown_table(head: Sequence[object], rows: Sequence[Sequence[object]]) -> str:
    """A Markdown table; columns of figures are aligned to the right."""
    columns = zip(*rows, strict=True)
    rule = ["--:" if all(_FIGURE.match(str(cell)) for cell in column) else "---" for column in columns]
    return "\n".join("| " + " | ".join(str(cell) for cell in row) + " |" for row in (head, rule, *rows))


def dollars(amount: float) -> str:
    """An amount with two significant digits, at least cents; whole dollars from 100 on."""
    if amount >= 100:
        return f"${amount:,.0f}"
    digits = 2 if amount >= 1 or not amount else min(6, 2 + next(n for n in range(9) if amount * 10 ** (n + 1) >= 1))
    return f"${amount:.{digits}f}"
