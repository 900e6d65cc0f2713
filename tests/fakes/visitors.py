"""People in front of the page, each with a browser of their own.

with House(browser, stack) as house:
    ada, ben = house.guest("Ada", room_id), house.guest("Ben", room_id)
    ada.say("Tea?")
    expect(ben.texts).to_have_text(["Tea?"])
assert house.complaints == []
"""

import re
from contextlib import ExitStack
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Locator, Page, expect

from infra.local.stack import LocalStack

DEAD_LINE = (r"WebSocket connection to .* failed", r"net::ERR_")
"""What a console says when the network or the server goes."""


class Visitor:
    """Somebody with a browser that knows nothing yet, and one tab.

    `complaints` has what went wrong on the pages: errors, requests that fail, what their policy forbids.
    """

    def __init__(self, context: BrowserContext, url: str) -> None:
        self.context = context
        self.url = url
        self.complaints: list[str] = []
        self.expected: list[str] = []
        context.on("console", self._hear)
        context.on(
            "weberror", lambda error: self.complaints.append(f"Uncaught {error.error.name}: {error.error.message}")
        )
        self.page: Page = context.new_page()

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.complaints.append(f"{message.text} ({message.location['url']})")

    def expects(self, *complaints: str) -> None:
        """What this test does to the page makes its console complain, in words that these patterns find."""
        self.expected += complaints

    def open(self, room_id: str | None = None) -> None:
        """Go to the lobby, or follow a link to a room."""
        self.page.goto(self.url + (f"#/rooms/{room_id}" if room_id else ""))

    def introduce(self, name: str) -> None:
        """Say one's name, where the page asks for it."""
        self.page.get_by_label("Your name").fill(name)
        self.page.get_by_role("button", name="Come in").click()

    def heading(self, text: str) -> Locator:
        """The heading of the screen with this text."""
        return self.page.get_by_role("heading", level=1, name=text)

    # In a room

    @property
    def line(self) -> Locator:
        """What the page says of its connection."""
        return self.page.locator("cr-room .line")

    @property
    def people(self) -> Locator:
        """The names of those who have a seat."""
        return self.page.locator("cr-people .name")

    def person(self, name: str) -> Locator:
        """Somebody who has a seat."""
        return self.page.locator("cr-people li").filter(has_text=name)

    @property
    def texts(self) -> Locator:
        """What people said."""
        return self.page.get_by_role("log").locator(".text")

    @property
    def lines(self) -> Locator:
        """What people and the room itself said."""
        return self.page.get_by_role("log").locator(".text, .event bdi")

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
    """Lets visitors in, and shows them out at the end; a context manager."""

    def __init__(self, browser: Browser, stack: LocalStack) -> None:
        super().__init__()
        self._browser = browser
        self._visitors: list[Visitor] = []
        self.stack = stack
        self.url = f"http://localhost:{urlsplit(stack.url).port}/"

    def visitor(self, *, script: str = "", **options: Any) -> Visitor:
        """Somebody new who may use the microphone; `script` runs before the page's own code.

        `options` are those of Playwright's `new_context`.
        """
        context = self._browser.new_context(**{"permissions": ["microphone"]} | options)
        self.callback(context.close)
        visitor = Visitor(context, self.url)
        visitor.page.add_init_script(script)
        self._visitors.append(visitor)
        return visitor

    def guest(self, name: str, room_id: str | None = None, **options: Any) -> Visitor:
        """Somebody new who has told their name and, where a room is given, sits in it."""
        visitor = self.visitor(**options)
        visitor.open(room_id)
        visitor.introduce(name)
        if room_id:
            expect(visitor.line).to_have_text("Connected")
        return visitor

    @property
    def complaints(self) -> list[str]:
        """What went wrong on any page and wasn't expected to."""
        return [
            complaint
            for visitor in self._visitors
            for complaint in visitor.complaints
            if not any(re.search(pattern, complaint) for pattern in visitor.expected)
        ]
