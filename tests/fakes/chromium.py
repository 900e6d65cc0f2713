"""A real Chromium, the one of the system."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

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
