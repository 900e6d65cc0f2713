"""The lock files: every dependency is pinned with hashes, and the functions' package has what they import."""

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from infra.artefacts import read_pins
from infra.locks import LOCKS

ROOT = Path(__file__).parent.parent.parent
OWN = {"app", "chalicelib"}
PACKAGED_BY_CHALICE = {"chalice"}


def read(name: str) -> str:
    return (ROOT / name).read_text("utf-8")


def version(pin: str) -> str:
    return pin.partition("==")[2].split()[0]


def imported_packages(file: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
    return {name.partition(".")[0] for name in found}


def test_every_library_that_the_functions_import_is_pinned() -> None:
    pinned = read_pins(read("requirements.txt"))
    sources = [ROOT / "app.py", *(ROOT / "chalicelib").rglob("*.py")]
    imported = set[str]().union(*(imported_packages(file) for file in sources))
    libraries = imported - OWN - PACKAGED_BY_CHALICE - sys.stdlib_module_names
    distributions = packages_distributions()
    assert len(libraries) > 3
    for library in libraries:
        assert {canonicalize_name(name) for name in distributions[library]} & pinned.keys(), (
            f"{library} is in no package"
        )


@pytest.mark.parametrize("name", LOCKS)
def test_each_pin_has_a_hash_and_names_no_package_index(name: str) -> None:
    text = read(name)
    for pin in read_pins(text).values():
        assert re.match(r"\S+==\S+( ;[^\n]*)? \\\n    --hash=sha256:", pin)
    assert "://" not in text


@pytest.mark.parametrize(
    ("lock", "groups"),
    [
        ("requirements.txt", ()),
        ("requirements/lock.txt", ("local", "deploy", "dev")),
        ("requirements/engine.txt", ("engine",)),
        ("requirements/checks.txt", ("checks",)),
        ("requirements/uv.txt", ("uv",)),
    ],
)
def test_each_dependency_is_pinned(lock: str, groups: tuple[str, ...]) -> None:
    project = tomllib.loads(read("pyproject.toml"))
    asked = [one for group in groups for one in project["dependency-groups"][group] if isinstance(one, str)]
    names = {canonicalize_name(Requirement(one).name) for one in asked or project["project"]["dependencies"]}
    assert names
    assert names <= read_pins(read(lock)).keys()


def test_the_functions_use_the_versions_that_the_tests_use() -> None:
    packaged, tested = read_pins(read("requirements.txt")), read_pins(read("requirements/lock.txt"))
    assert {name: version(pin) for name, pin in packaged.items()}.items() <= {
        name: version(pin) for name, pin in tested.items()
    }.items()


def test_profiles_of_aws_login_find_their_library() -> None:
    assert "awscrt" in read_pins(read("requirements/lock.txt"))
