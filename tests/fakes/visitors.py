"""Users of the page, each in their own browser.

with House(browser, stack) as house:
    ada, ben = house.guest("Ada", room_id), house.guest("Ben", room_id)
    ada.say("Tea?")
    expect(ben.texts).to_have_text(["Tea?"])
assert house.unexpected_errors == []
"""

import re
from contextlib import ExitStack
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Locator, Page, expect

from infra.local.stack import LocalStack

CONNECTION_ERRORS = (r"WebSocket connection to .* failed", r"net::ERR_")
"""The errors in the console when the network or the server is down."""


class Visitor:
    """A user with a new browser and one tab.

    `errors` has the errors on the pages: exceptions, failed requests, violations of the content security policy.
    """

    def __init__(self, context: BrowserContext, url: str) -> None:
        self.context = context
        self.url = url
        self.errors: list[str] = []
        self.expected: list[str] = []
        context.on("console", self._note_error)
        context.on("weberror", lambda error: self.errors.append(f"Uncaught {error.error.name}: {error.error.message}"))
        self.page: Page = context.new_page()

    def _note_error(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.errors.append(f"{message.text} ({message.location['url']})")

    def expects(self, *patterns: str) -> None:
        """Expect errors that match these patterns, because the test causes them."""
        self.expected += patterns

    def open(self, room_id: str | None = None) -> None:
        """Open the lobby, or the link to a room."""
        self.page.goto(self.url + (f"#/rooms/{room_id}" if room_id else ""))

    def introduce(self, name: str) -> None:
        """Enter a name when the page asks for it."""
        self.page.get_by_label("Your name").fill(name)
        self.page.get_by_role("button", name="Come in").click()

    def heading(self, text: str) -> Locator:
        """The heading of the screen, with this text."""
        return self.page.get_by_role("heading", level=1, name=text)

    # In a room

    @property
    def connection(self) -> Locator:
        """The text with the state of the connection."""
        return self.page.locator("cr-room .line")

    @property
    def people(self) -> Locator:
        """The names of the users with a seat."""
        return self.page.locator("cr-people .name")

    def person(self, name: str) -> Locator:
        """A user with a seat."""
        return self.page.locator("cr-people li").filter(has_text=name)

    @property
    def texts(self) -> Locator:
        """The messages and emoji of users."""
        return self.page.get_by_role("log").locator(".text")

    @property
    def lines(self) -> Locator:
        """The messages and emoji of users, and the sentences of the room itself."""
        return self.page.get_by_role("log").locator(".text, .event > span")

    @property
    def composer(self) -> Locator:
        return self.page.get_by_role("textbox", name="Message")

    def unmute(self) -> None:
        self.page.get_by_role("button", name="Unmute").click()
        expect(self.page.get_by_role("button", name="Mute", exact=True)).to_be_visible()

    def say(self, text: str) -> None:
        self.composer.fill(text)
        self.composer.press("Enter")

    def leave(self) -> None:
        self.page.get_by_role("link", name="Leave").click()


class House(ExitStack):
    """Opens browsers for visitors, and closes them at the end; a context manager."""

    def __init__(self, browser: Browser, stack: LocalStack) -> None:
        super().__init__()
        self._browser = browser
        self._visitors: list[Visitor] = []
        self.stack = stack
        self.url = f"http://localhost:{urlsplit(stack.url).port}/"

    def visitor(self, *, script: str = "", **options: Any) -> Visitor:
        """A new visitor who may use the microphone. `script` runs before the code of the page.

        `options` go to Playwright's `new_context`.
        """
        context = self._browser.new_context(**{"permissions": ["microphone"]} | options)
        self.callback(context.close)
        visitor = Visitor(context, self.url)
        visitor.page.add_init_script(script)
        self._visitors.append(visitor)
        return visitor

    def guest(self, name: str, room_id: str | None = None, **options: Any) -> Visitor:
        """A new visitor with a name, and with a seat if there is a room id."""
        visitor = self.visitor(**options)
        visitor.open(room_id)
        visitor.introduce(name)
        if room_id:
            expect(visitor.connection).to_have_text("Connected")
        return visitor

    @property
    def unexpected_errors(self) -> list[str]:
        """The errors on all pages that no test expected."""
        return [
            error
            for visitor in self._visitors
            for error in visitor.errors
            if not any(re.search(pattern, error) for pattern in visitor.expected)
        ]
