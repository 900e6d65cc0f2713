"""How soon the page can be used, in Chromium on the local stack.

    python -m bench.page

Times are the page's own (`performance.now()`, from the start of the navigation), taken in the frame in which an element
first appears. A first visit has an empty cache and asks for a name; a later visit has everything and shows the rooms.
Joining lasts from the click on a room until the page says that it is connected: a seat, a ticket, a WebSocket, a
snapshot. Browser, gateway, functions and engine share the cores of this machine.
"""

import statistics
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, BrowserContext, Page, Response

from bench.report import describe_run, format_table, verdict, write_results
from infra.local.stack import LocalStack
from tests.fakes.chromium import MISSING, find_chromium, launch
from tests.fakes.visitors import House

VISITS = 15
TARGET_MS = 1000
TIMES = ("first visit", "later visit", "joining")
NAME, ROOM, LIVE = "input[name=name]", "cr-lobby li a", "cr-room .line.live"
WATCH = """
    window.seen = {};
    const look = () => {
        for (const selector of %s)
            if (!(selector in seen) && document.querySelector(selector)?.checkVisibility())
                seen[selector] = performance.now();
        requestAnimationFrame(look);
    };
    look();
    addEventListener("click", () => (window.clicked = performance.now()), { capture: true });
"""


def when(page: Page, selector: str) -> float:
    """Milliseconds from the start of the navigation until the element appeared."""
    page.wait_for_function("selector => selector in seen", arg=selector)
    found: float = page.evaluate("selector => seen[selector]", selector)
    return found


def visit(context: BrowserContext, url: str) -> dict[str, float]:
    """A first visit, a later one, and joining a room; then the seat is left."""
    page = context.new_page()
    page.add_init_script(WATCH % [NAME, ROOM, LIVE])
    served: list[Response] = []
    page.on("response", lambda response: served.append(response))
    page.goto(url)
    taken = {"first visit": when(page, NAME), "files": len(served)}
    taken["bytes"] = sum(len(response.body()) for response in served)
    page.get_by_label("Your name").fill("Ada")
    page.get_by_role("button", name="Come in").click()
    page.locator(ROOM).first.wait_for()
    page.reload()
    taken["later visit"] = when(page, ROOM)
    page.locator(ROOM).first.click()
    taken["joining"] = when(page, LIVE) - page.evaluate("clicked")
    with page.expect_response("**/leave"):
        page.get_by_role("link", name="Leave").click()
    return taken


def measure(browser: Browser, url: str) -> list[dict[str, float]]:
    """Visits one after the other, each in a new browser context; the first one warms up the stack."""
    visits = []
    for _ in range(VISITS + 1):
        with browser.new_context() as context:
            visits.append(visit(context, url))
    return visits[1:]


def summarize(visits: Sequence[Mapping[str, float]]) -> dict[str, Any]:
    """The median and the 95th percentile of each time; files and bytes are the same in every visit."""
    times = {name: [one[name] for one in visits] for name in TIMES}
    return {
        "files": visits[0]["files"],
        "bytes": visits[0]["bytes"],
        "ms": {
            name: {"median": statistics.median(ms), "p95": statistics.quantiles(ms, n=20, method="inclusive")[-1]}
            for name, ms in times.items()
        },
    }


def print_results(results: Mapping[str, Any]) -> None:
    print(f"{VISITS} visits, one after the other; {results['files']} files, {results['bytes']:,} bytes uncompressed\n")
    rows = [[name, f"{one['median']:.0f} ms", f"{one['p95']:.0f} ms"] for name, one in results["ms"].items()]
    print(format_table(("until it can be used", "median", "p95"), rows))
    print(f"\nfirst visit: {verdict(results['ms']['first visit']['median'], TARGET_MS, ' ms')}")


def main() -> None:
    executable = find_chromium()
    if executable is None:
        print(MISSING)
        return
    with tempfile.TemporaryDirectory() as directory, LocalStack(data_dir=Path(directory)) as stack:
        with launch(executable) as browser:
            url = House(browser, stack).url
            results = {**describe_run(), "visits": VISITS, **summarize(measure(browser, url))}
    write_results("page", results)
    print_results(results)


if __name__ == "__main__":
    main()
