"""Browsers for the tests of the page on the real stack.

Playwright's synchronous API runs an event loop in its thread. So the browser closes after the tests of this package:
tests of other packages call `asyncio.run` in the same thread.
"""

import os
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from infra.local.stack import LocalStack
from tests.fakes.chromium import MISSING, find_chromium, launch
from tests.fakes.visitors import House

PATIENCE_MS = 30_000
"""The time limit of an expectation, for a busy machine. On other machines, expectations are met much sooner."""


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """One Chromium for all tests of a process. Each visitor has a separate context in it."""
    executable = find_chromium()
    if executable is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(MISSING)
    expect.set_options(timeout=PATIENCE_MS)
    with launch(executable) as running:
        yield running


@pytest.fixture
def house(browser: Browser, stack: LocalStack) -> Iterator[House]:
    """The visitors of the page: `house.visitor()` is a user with a browser.

    The test fails if a page has an error that the test did not expect.
    """
    with House(browser, stack) as open_house:
        yield open_house
    assert open_house.unexpected_errors == []
