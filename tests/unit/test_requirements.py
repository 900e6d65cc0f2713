"""What the functions import is what their package holds, and what is installed is what was chosen."""

import ast
import re
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from infra.artefacts import normalize, read_pins
from infra.locks import NAMES

ROOT = Path(__file__).parent.parent.parent
OWN = {"app", "chalicelib"}
PACKAGED_BY_CHALICE = {"chalice"}
LAYERS = ("requirements", "requirements-local", "requirements-dev", "requirements-bench")


def read(name: str) -> str:
    return (ROOT / f"{name}.txt").read_text("utf-8")


def imported_packages(file: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
    return {name.partition(".")[0] for name in found}


def test_every_library_that_the_functions_import_is_pinned() -> None:
    pinned = read_pins(read("requirements"))
    sources = [ROOT / "app.py", *(ROOT / "chalicelib").rglob("*.py")]
    imported = set[str]().union(*(imported_packages(file) for file in sources))
    libraries = imported - OWN - PACKAGED_BY_CHALICE - sys.stdlib_module_names
    distributions = packages_distributions()
    assert len(libraries) > 3
    for library in libraries:
        assert {normalize(name) for name in distributions[library]} & pinned.keys(), f"{library} is in no package"


@pytest.mark.parametrize("name", NAMES)
def test_everything_is_pinned_with_its_hashes_and_nothing_says_where_from(name: str) -> None:
    text = read(name)
    for pin in read_pins(text).values():
        assert re.match(r"\S+==\S+( ;[^\n]*)? \\\n    --hash=sha256:", pin)
    assert "://" not in text


@pytest.mark.parametrize("name", NAMES)
def test_everything_that_was_asked_for_is_pinned(name: str) -> None:
    asked = (ROOT / f"{name}.in").read_text("utf-8").splitlines()
    names = {normalize(re.split(r"[\[~=<>; ]", line)[0]) for line in asked if line and line[0] not in "#-"}
    assert names
    assert names <= read_pins(read(name)).keys()


def test_what_stands_in_several_files_is_the_same_in_all() -> None:
    seen: dict[str, str] = {}
    for name in LAYERS:
        versions = {one: pin.partition("==")[2].split()[0] for one, pin in read_pins(read(name)).items()}
        assert versions.items() >= seen.items(), f"{name} and what it builds on differ"
        seen = versions
