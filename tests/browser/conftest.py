"""Browsers for people to sit at, in front of the real stack.

Playwright's synchronous API occupies its thread with an event loop of its own. So the browser lives as long as tests of
this package run, and no longer: `asyncio.run` in a test elsewhere finds the thread free again. Here, nobody calls it.
"""

import os
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from infra.local.stack import LocalStack
from tests.fakes.chromium import MISSING, find_chromium, launch
from tests.fakes.visitors import House

PATIENCE_MS = 30_000
"""How long an expectation may take to come true. The machine may be busy; none is ever meant to take that long."""


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """One Chromium for all tests that run side by side; each visitor gets a context, as a browser of their own."""
    executable = find_chromium()
    if executable is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(MISSING)
    expect.set_options(timeout=PATIENCE_MS)
    with launch(executable) as running:
        yield running


@pytest.fixture
def house(browser: Browser, stack: LocalStack) -> Iterator[House]:
    """Where people come from: `house.visitor()` has a browser and looks at the page.

    A test in which a page complains of anything unexpected fails.
    """
    with House(browser, stack) as open_house:
        yield open_house
    assert open_house.unexpected_errors == []
