"""Tests of the check for unexpected errors: it finds each kind of error on a page."""

import pytest
from playwright.sync_api import Route

from tests.fakes.visitors import House

pytestmark = pytest.mark.proof

POLICY = {"Content-Type": "text/html", "Content-Security-Policy": "default-src 'self'; img-src 'self' data:"}


@pytest.mark.parametrize(
    ("body", "script", "error"),
    [
        ("<script>0</script>", "0", "Content Security Policy"),
        ("<img src='data:,' onerror='0'>", "0", "Content Security Policy"),
        ("<p style='color: red'>", "0", "Content Security Policy"),
        ("", "fetch('https://elsewhere.example/').catch(() => 0)", "Content Security Policy|Fetch API cannot load"),
        ("", "fetch('/nothing')", "status of 404"),
        ("", "setTimeout(() => { throw new TypeError('oops') })", "TypeError: oops"),
        ("", "void Promise.reject(new TypeError('oops'))", "TypeError: oops"),
        ("", "console.error('oops')", "oops"),
    ],
)
def test_an_error_on_a_page_is_found_unless_it_is_expected(house: House, body: str, script: str, error: str) -> None:
    def answer(route: Route) -> None:
        route.fulfill(headers=POLICY, body=f"<!doctype html><link rel='icon' href='data:,'>{body}")

    visitor = house.visitor()
    visitor.page.route(house.url, answer)
    with visitor.context.expect_event("weberror" if "TypeError" in script else "console"):
        visitor.page.goto(house.url)
        visitor.page.evaluate(script)
    assert house.unexpected_errors
    visitor.expects(error)
    assert house.unexpected_errors == []
