"""A real Chromium, the one of the system, and an eye on what its pages complain about."""

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, WebError, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome")
MISSING = (
    "No Chromium found: install one (on Debian and Ubuntu `apt-get install chromium`), or say where it is with "
    "CHROMIUM=/path/to/chromium"
)
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--use-fake-device-for-media-stream",
]
"""The microphone beeps once a second. Who may use it is up to the `permissions` of each context."""


def find_chromium() -> Path | None:
    """The Chromium that CHROMIUM names, or the first in the path."""
    if chosen := os.environ.get("CHROMIUM"):
        return Path(chosen)
    return next((Path(found) for name in NAMES if (found := shutil.which(name))), None)


@contextmanager
def launch(executable: Path) -> Iterator[Browser]:
    """A browser without windows. Until it is closed, nothing in this thread can start an event loop of its own."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=FLAGS)
        yield browser
        browser.close()


class Watch:
    """Notes what the pages of a context complain about: errors, requests that fail, what their policy forbids."""

    def __init__(self, context: BrowserContext) -> None:
        self._complaints: list[str] = []
        self._expected: list[str] = []
        context.on("console", self._hear)
        context.on("weberror", self._catch)

    def expect(self, pattern: str) -> None:
        """Whoever makes something fail says which complaints are right to come of it."""
        self._expected.append(pattern)

    @property
    def unexpected(self) -> list[str]:
        """Complaints that nobody said would come."""
        return [text for text in self._complaints if not any(re.search(pattern, text) for pattern in self._expected)]

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self._complaints.append(f"{message.text} ({message.location['url']})")

    def _catch(self, error: WebError) -> None:
        self._complaints.append(f"Uncaught {error.error.name}: {error.error.message}")
