"""The Chromium of the system."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome")
MISSING = (
    "No Chromium found: install it (on Debian and Ubuntu: `apt-get install chromium`), or set "
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
"""The fake microphone beeps once a second. The `permissions` of a context allow its use."""


def find_chromium() -> Path | None:
    """The path in CHROMIUM, or else the first Chromium in PATH."""
    if chosen := os.environ.get("CHROMIUM"):
        return Path(chosen)
    return next((Path(found) for name in NAMES if (found := shutil.which(name))), None)


@contextmanager
def launch(executable: Path) -> Iterator[Browser]:
    """Start a browser without windows. While it runs, this thread cannot start another event loop."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=FLAGS)
        yield browser
        browser.close()
