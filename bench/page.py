"""How soon the page can be used, in a real browser on the local stack.

    python -m bench.page

Times are the page's own (`performance.now()`, from the start of the navigation), taken in the frame in which what is
waited for first appears; Playwright's round trips are not in them. A first visit has nothing in its cache and asks for
a name; a later one has everything and shows the rooms. Joining is from the click on a room until the page says that it
is connected: a seat, a ticket, a WebSocket, and the first snapshot. Everything, browser, gateway, functions and engine,
shares the cores of this machine.
"""

import statistics
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, BrowserContext, Page, Response

from bench.report import describe_run, format_table, percentile, verdict, write_results
from infra.local.stack import LocalStack
from tests.fakes.chromium import MISSING, find_chromium, launch
from tests.fakes.visitors import House

VISITS = 15
TARGET_MS = 1000
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
    """Milliseconds from the start of the navigation until this could be seen."""
    page.wait_for_function("selector => selector in seen", arg=selector)
    found: float = page.evaluate("selector => seen[selector]", selector)
    return found


def visit(context: BrowserContext, url: str) -> dict[str, float]:
    """Come for the first time, come again, go into a room, and leave the seat to the next."""
    page = context.new_page()
    page.add_init_script(WATCH % [NAME, ROOM, LIVE])
    page.goto(url)
    taken = {"first visit": when(page, NAME)}
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


def weigh(browser: Browser, url: str) -> dict[str, int]:
    """How many files the page and the library have, and how many bytes in all, as served."""
    context = browser.new_context()
    page = context.new_page()
    served: list[Response] = []
    page.on("response", lambda response: served.append(response))
    page.goto(url)
    page.get_by_label("Your name").wait_for()
    sizes = [len(response.body()) for response in served]
    context.close()
    return {"files": len(sizes), "bytes": sum(sizes)}


def measure(browser: Browser, url: str) -> list[dict[str, float]]:
    """Visits one after the other, each with a browser that knows nothing; the first one warms up the stack."""
    visits = []
    for _ in range(VISITS + 1):
        context = browser.new_context()
        visits.append(visit(context, url))
        context.close()
    return visits[1:]


def summarize(visits: Sequence[Mapping[str, float]]) -> dict[str, dict[str, float]]:
    """Median and worst of each time."""
    times = {name: [one[name] for one in visits] for name in visits[0]}
    return {name: {"median": statistics.median(ms), "p95": percentile(ms, 95)} for name, ms in times.items()}


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
            results = {
                **describe_run(),
                "visits": VISITS,
                **weigh(browser, url),
                "ms": summarize(measure(browser, url)),
            }
    write_results("page", results)
    print_results(results)


if __name__ == "__main__":
    main()
