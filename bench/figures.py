"""Figures on their way into pages: tables and sentences between markers, and charts as SVG.

A page says `<!-- figures: NAME -->` and `<!-- end -->`; what stands between them comes from a benchmark, so that no
figure is typed by hand. The charts bring their own ground, light or dark as the reader's system is.
"""

import re
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path

IMAGES = Path(__file__).parent.parent / "docs" / "img"
_BLOCK = re.compile(r"(<!-- figures: (?P<name>[\w-]+) -->\n).*?(<!-- end -->)", re.DOTALL)

_FIGURE = re.compile(r"[$\d]")

WIDTH, LEFT, RIGHT, TOP, PLOT, BOTTOM = 760, 70, 20, 76, 250, 48
COLORS = ("#3b82c4", "#e08a2e", "#4c9f70", "#a269b8", "#c9544f", "#8a8f98")
STYLE = """
  rect.ground { fill: #ffffff } text { font: 13px system-ui, sans-serif; fill: #24292f }
  .title { font-weight: 600; font-size: 15px } .small { font-size: 12px } .grid { stroke: #d0d7de }
  @media (prefers-color-scheme: dark) {
    rect.ground { fill: #0d1117 } text { fill: #e6edf3 } .grid { stroke: #30363d }
  }
"""

Points = Sequence[tuple[float, float]]


def fill_page(text: str, blocks: Mapping[str, str]) -> str:
    """The page with every block as it should be.

    Raises:
        ValueError: the page has other blocks than these.
    """
    names = {match["name"] for match in _BLOCK.finditer(text)}
    if names != set(blocks):
        raise ValueError(f"the page has {sorted(names)}, the figures are {sorted(blocks)}")
    return _BLOCK.sub(lambda match: f"{match[1]}{blocks[match['name']].strip()}\n{match[3]}", text)


def markdown_table(head: Sequence[object], rows: Sequence[Sequence[object]]) -> str:
    """A table; columns of figures stand to the right."""
    columns = zip(*rows, strict=True)
    rule = ["--:" if all(_FIGURE.match(str(cell)) for cell in column) else "---" for column in columns]
    return "\n".join("| " + " | ".join(str(cell) for cell in row) + " |" for row in (head, rule, *rows))


def dollars(amount: float) -> str:
    """To three digits that say something, cents at least."""
    if amount >= 100:
        return f"${amount:,.0f}"
    digits = 2 if amount >= 1 or not amount else min(6, 2 + next(n for n in range(9) if amount * 10 ** (n + 1) >= 1))
    return f"${amount:.{digits}f}"


def draw_bars(title: str, unit: str, bars: Mapping[str, Mapping[str, float]]) -> str:
    """Stacked bars: for each label its parts, in the same order for all."""
    top = nice_ceiling(max(sum(parts.values()) for parts in bars.values()))
    names = list(dict.fromkeys(name for parts in bars.values() for name in parts))
    step = (WIDTH - LEFT - RIGHT) / len(bars)
    shapes = []
    for place, (label, parts) in enumerate(bars.items()):
        x, level = LEFT + step * (place + 0.2), 0.0
        for name, value in parts.items():
            height = value / top * PLOT
            y = TOP + PLOT - level - height
            color = COLORS[names.index(name) % len(COLORS)]
            shapes.append(
                f'<rect x="{x:.1f}" y="{y:.1f}" width="{step * 0.6:.1f}" height="{height:.1f}" fill="{color}"/>'
            )
            level += height
        middle = x + step * 0.3
        shapes.append(_text(middle, TOP + PLOT - level - 6, dollars(sum(parts.values())), "small", "middle"))
        shapes.append(_text(middle, TOP + PLOT + 20, label, "", "middle"))
    return _picture(title, unit, top, names, shapes)


def draw_lines(title: str, unit: str, x_unit: str, lines: Mapping[str, Points]) -> str:
    """One line for each name, over a common axis that starts at zero."""
    top = nice_ceiling(max(y for points in lines.values() for _, y in points))
    right = max(x for points in lines.values() for x, _ in points)
    across = WIDTH - LEFT - RIGHT
    shapes = []
    for color, points in zip(COLORS, lines.values(), strict=False):
        place = " ".join(f"{LEFT + x / right * across:.1f},{TOP + PLOT - y / top * PLOT:.1f}" for x, y in points)
        shapes.append(f'<polyline points="{place}" fill="none" stroke="{color}" stroke-width="2.5"/>')
    for mark in range(5):
        x = right * mark / 4
        shapes.append(_text(LEFT + across * mark / 4, TOP + PLOT + 20, f"{x:g}", "small", "middle"))
    shapes.append(_text(LEFT + across / 2, TOP + PLOT + 40, x_unit, "small", "middle"))
    return _picture(title, unit, top, list(lines), shapes)


def nice_ceiling(value: float) -> float:
    """The next of 1, 2, 4, 6 and 8, times a power of ten: a quarter of it is a figure that can be read."""
    power = 10.0
    while power > value:
        power /= 10
    while power * 10 <= value:
        power *= 10
    return next(power * step for step in (1, 2, 4, 6, 8, 10) if power * step >= value)


def _picture(title: str, unit: str, top: float, names: Sequence[str], shapes: Sequence[str]) -> str:
    height = TOP + PLOT + BOTTOM
    grid = []
    for mark in range(5):
        y = TOP + PLOT - PLOT * mark / 4
        grid.append(f'<path class="grid" d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}"/>')
        grid.append(_text(LEFT - 8, y + 4, f"{top * mark / 4:g}", "small", "end"))
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" '
        'role="img">',
        f"<title>{escape(title)}</title>",
        f"<style>{STYLE}</style>",
        f'<rect class="ground" width="{WIDTH}" height="{height}" rx="8"/>',
        _text(16, 26, title, "title"),
        _text(WIDTH - RIGHT, 26, unit, "small", "end"),
        *_legend(names),
        *grid,
        *shapes,
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def _legend(names: Sequence[str]) -> list[str]:
    """A mark and a name for each, set from the right."""
    marks, x = [], float(WIDTH - RIGHT)
    for color, name in reversed(list(zip(COLORS, names, strict=False))):
        x -= 7.8 * len(name) + 26
        marks.append(f'<rect x="{x:.1f}" y="40" width="11" height="11" rx="2" fill="{color}"/>')
        marks.append(_text(x + 16, 50, name, "small"))
    return marks


def _text(x: float, y: float, text: str, kind: str = "", anchor: str = "start") -> str:
    named = f' class="{kind}"' if kind else ""
    placed = f' text-anchor="{anchor}"' if anchor != "start" else ""
    return f'<text{named} x="{x:.1f}" y="{y:.1f}"{placed}>{escape(text)}</text>'
