"""The page and the client library: their own tests, their types, and the declarations made from both."""

import pytest

from tests.fakes.node import WEB, run_node
from tests.web.declarations import SDK, TSC, check_and_declare, make_wire

OUTDATED = "run `make web-types`"


@pytest.mark.parametrize("name", sorted(path.name for path in WEB.glob("*.test.js")))
def test_its_own_tests_pass(name: str) -> None:
    run = run_node("--test", "--test-reporter=dot", name)
    assert run.returncode == 0, run.stdout + run.stderr


def test_the_types_on_the_wire_are_those_of_the_service() -> None:
    assert (SDK / "wire.d.ts").read_text("utf-8") == make_wire(), OUTDATED


def test_the_types_hold_and_the_declarations_are_those_of_the_code() -> None:
    assert (WEB / TSC).exists(), "tests/web/node_modules is missing: run `make setup-dev`"
    kept = {path.name: path.read_text("utf-8") for path in (SDK / "types").iterdir()}
    assert kept == dict(check_and_declare()), OUTDATED
