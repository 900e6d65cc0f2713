"""What the page and its library are made of: their own tests, their types, and the declarations made of these."""

from pathlib import Path

import pytest

from tests.fakes.node import WEB, run_node

SDK = WEB.parent.parent / "web" / "sdk"
TSC = Path("node_modules/typescript/bin/tsc")
MISSING = "tests/web/node_modules is missing: run `make setup-dev`"


@pytest.mark.parametrize("name", sorted(path.name for path in WEB.glob("*.test.js")))
def test_its_own_tests_pass(name: str) -> None:
    run = run_node("--test", "--test-reporter=dot", name)
    assert run.returncode == 0, run.stdout + run.stderr


def test_its_types_hold() -> None:
    assert (WEB / TSC).exists(), MISSING
    run = run_node(TSC, "-p", ".")
    assert run.returncode == 0, run.stdout


def test_the_declarations_are_those_of_the_code(tmp_path: Path) -> None:
    assert (WEB / TSC).exists(), MISSING
    run = run_node(TSC, "-p", "tsconfig.types.json", "--outDir", tmp_path)
    assert run.returncode == 0, run.stdout
    made = {path.name: path.read_text("utf-8") for path in tmp_path.iterdir()}
    kept = {path.name: path.read_text("utf-8") for path in (SDK / "types").iterdir()}
    assert kept == made, "run `make web-types`"
