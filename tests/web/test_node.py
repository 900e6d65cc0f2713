"""The page and the client library: their own tests, their types, and the declarations made from both."""

import re

import pytest

from chalicelib.api.routes import ROUTES
from tests.fakes.node import WEB, run_node
from tests.web.declarations import SDK, TSC, check_and_declare, make_wire

PAGES = {"/openapi.json", "/asyncapi.json", "/docs"}
OUTDATED = "run `make web-types`"


@pytest.mark.parametrize("name", sorted(path.name for path in WEB.glob("*.test.js")))
def test_its_own_tests_pass(name: str) -> None:
    run = run_node("--test", "--test-reporter=dot", name)
    assert run.returncode == 0, run.stdout + run.stderr


def test_the_library_calls_every_route_in_a_test() -> None:
    tested = set(re.findall(r'"([A-Z]+ /[^"?]*)', (WEB / "http.test.js").read_text("utf-8")))
    tested = {re.sub(r"rooms/(?!room)[^/]+", "rooms/{room_id}", request) for request in tested}
    assert tested == {f"{route.method} {route.path}" for route in ROUTES if route.path not in PAGES}


def test_the_types_on_the_wire_are_those_of_the_service() -> None:
    assert (SDK / "wire.d.ts").read_text("utf-8") == make_wire(), OUTDATED


def test_the_types_hold_and_the_declarations_are_those_of_the_code() -> None:
    assert (WEB / TSC).exists(), "tests/web/node_modules is missing: run `make setup-dev`"
    kept = {path.name: path.read_text("utf-8") for path in (SDK / "types").iterdir()}
    assert kept == dict(check_and_declare()), OUTDATED
