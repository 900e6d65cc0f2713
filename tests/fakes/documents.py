"""The documentation, as tests read it: sections, and the blocks of code in them.

page = Document("docs/http.md")
page.blocks("json answer", "PUT /coworking/me")
"""

import re
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
PAGES = sorted(str(path.relative_to(ROOT)) for path in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
_BLOCK = re.compile(r"^```([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_HEADING = re.compile(r"^#{1,6} (.+)$", re.MULTILINE)
_LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")


class Document:
    """One page in Markdown."""

    def __init__(self, path: str) -> None:
        self.path = ROOT / path
        self.text = self.path.read_text("utf-8")

    @cached_property
    def headings(self) -> list[str]:
        return _HEADING.findall(self.prose)

    @property
    def prose(self) -> str:
        """The text without the blocks of code."""
        return _BLOCK.sub("", self.text)

    @cached_property
    def anchors(self) -> set[str]:
        """The targets for links that GitHub makes from the headings."""
        return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in self.headings}

    @property
    def links(self) -> list[str]:
        """The targets of the links and pictures."""
        return _LINK.findall(self.prose)

    def section(self, heading: str) -> str:
        """The text under a heading, up to the next heading of any level."""
        found = re.search(rf"^#+ {re.escape(heading)}\n(.*?)(?=^#+ |\Z)", self._marked, re.MULTILINE | re.DOTALL)
        assert found, f"{self.path.name} has no section {heading!r}"
        return found[1].replace(_HASH, "#")

    def blocks(self, info: str, heading: str | None = None) -> list[str]:
        """The blocks of code of a kind (`json answer`), in one section or on the whole page."""
        text = self.text if heading is None else self.section(heading)
        return [code for kind, code in _BLOCK.findall(text) if kind == info]

    @cached_property
    def _marked(self) -> str:
        """The text with all `#` in blocks replaced, because they do not begin a heading."""
        return _BLOCK.sub(lambda block: block[0].replace("#", _HASH), self.text)


_HASH = "\x00"


def references(part: object) -> Iterator[str]:
    """All values of `$ref` in a JSON document."""
    if isinstance(part, dict):
        if isinstance(part.get("$ref"), str):
            yield part["$ref"]
        for value in part.values():
            yield from references(value)
    elif isinstance(part, list):
        for value in part:
            yield from references(value)
