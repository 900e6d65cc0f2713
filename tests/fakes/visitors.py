"""People in front of the page, each with a browser of their own.

with House(browser, stack) as house:
    ada = house.visitor()
    ada.page.goto(house.url)
assert house.complaints == []
"""

from contextlib import ExitStack
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

from playwright.sync_api import Browser, BrowserContext, Page

from infra.local.stack import LocalStack
from tests.fakes.chromium import Watch


class Visitor:
    """Somebody with a browser that knows nothing yet, and one tab."""

    def __init__(self, context: BrowserContext, url: str) -> None:
        self.context = context
        self.url = url
        self.watch = Watch(context)
        self.page: Page = context.new_page()

    def expects(self, *complaints: str) -> None:
        """What this test does to the page makes its console complain, in words that these patterns find."""
        for pattern in complaints:
            self.watch.expect(pattern)


class House:
    """Lets visitors in, and shows them out at the end; a context manager."""

    def __init__(self, browser: Browser, stack: LocalStack) -> None:
        self._browser = browser
        self._visitors: list[Visitor] = []
        self._open = ExitStack()
        self.stack = stack
        self.url = f"http://localhost:{urlsplit(stack.url).port}/"

    def visitor(self, **options: Any) -> Visitor:
        """Somebody new who may use the microphone; `options` are those of Playwright's `new_context`."""
        context = self._browser.new_context(**{"permissions": ["microphone"]} | options)
        self._open.callback(context.close)
        visitor = Visitor(context, self.url)
        self._visitors.append(visitor)
        return visitor

    @property
    def complaints(self) -> list[str]:
        """What went wrong on any page and wasn't expected to."""
        return [complaint for visitor in self._visitors for complaint in visitor.watch.unexpected]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.close()
