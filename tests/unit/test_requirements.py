"""What the functions import is what their package holds."""

import ast
import re
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
OWN = {"app", "chalicelib"}
PACKAGED_BY_CHALICE = {"chalice"}


def imported_packages(file: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
    return {name.partition(".")[0] for name in found}


def normalize(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def test_every_library_that_the_functions_import_is_pinned() -> None:
    lines = (ROOT / "requirements.txt").read_text("utf-8").splitlines()
    pinned = {normalize(re.split(r"[\[=]", line)[0]) for line in lines if "==" in line}
    sources = [ROOT / "app.py", *(ROOT / "chalicelib").rglob("*.py")]
    imported = set[str]().union(*(imported_packages(file) for file in sources))
    libraries = imported - OWN - PACKAGED_BY_CHALICE - sys.stdlib_module_names
    distributions = packages_distributions()
    assert len(libraries) > 3
    for library in libraries:
        assert {normalize(name) for name in distributions[library]} & pinned, f"{library} is in no package"
