"""The JavaScript tests of the page and the client library, their types, and the generated declarations."""

import re

import pytest

from chalicelib.api.routes import ROUTES
from tests.fakes.node import WEB, run_node
from tests.web.declarations import SDK, TSC, check_and_declare, make_wire

PAGES = {"/openapi.json", "/asyncapi.json", "/docs"}
OUTDATED = "run `make web-types`"


@pytest.mark.parametrize("name", sorted(path.name for path in WEB.glob("*.test.js")))
def test_the_javascript_tests_pass(name: str) -> None:
    run = run_node("--test", "--test-reporter=dot", name)
    assert run.returncode == 0, run.stdout + run.stderr


def test_every_route_has_a_test_of_the_library() -> None:
    tested = set(re.findall(r'"([A-Z]+ /[^"?]*)', (WEB / "http.test.js").read_text("utf-8")))
    routes = {f"{route.method} {route.path}" for route in ROUTES if route.path not in PAGES}
    found = {
        request: [one for one in routes if re.fullmatch(re.sub(r"{\w+}", "[^/]+", one), request)] for request in tested
    }
    assert {request for request, matches in found.items() if len(matches) != 1} == set()
    assert {one for matches in found.values() for one in matches} == routes


def test_the_wire_types_are_up_to_date() -> None:
    assert (SDK / "wire.d.ts").read_text("utf-8") == make_wire(), OUTDATED


def test_types_are_valid_and_declarations_are_up_to_date() -> None:
    assert (WEB / TSC).exists(), "tests/web/node_modules is missing: run `make setup-dev`"
    kept = {path.name: path.read_text("utf-8") for path in (SDK / "types").iterdir()}
    assert kept == dict(check_and_declare()), OUTDATED
