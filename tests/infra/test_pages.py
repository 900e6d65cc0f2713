"""What a browser gets outside the API."""

from collections.abc import Callable
from pathlib import Path

import anyio
import httpx
import pytest
from starlette.applications import Starlette
from starlette.routing import Route

from infra.local.pages import Pages
from tests.infra.conftest import Platform

Get = Callable[[str], httpx.Response]


@pytest.fixture
def get(tmp_path: Path) -> Get:
    """Gets a path from a directory with a page."""
    (tmp_path / "secret").write_text("hush")
    web = tmp_path / "web"
    (web / "css").mkdir(parents=True)
    (web / "index.html").write_text("<h1>Rooms</h1>")
    (web / "css" / "style.css").write_text("h1 {}")
    app = Starlette(routes=[Route("/{path:path}", Pages(web, 8123).serve)])

    async def ask(path: str) -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
            return await client.get(path)

    return lambda path: anyio.run(ask, path)


@pytest.mark.parametrize(
    ("path", "kind", "text"), [("/", "text/html", "<h1>Rooms</h1>"), ("/css/style.css", "text/css", "h1 {}")]
)
def test_files_are_served(get: Get, path: str, kind: str, text: str) -> None:
    answer = get(path)
    assert (answer.status_code, answer.text) == (200, text)
    assert answer.headers["content-type"].startswith(kind)


@pytest.mark.parametrize("path", ["/nothing.js", "/../secret", "/%2e%2e/secret", "/..%2fsecret"])
def test_nothing_else_is(get: Get, path: str) -> None:
    assert get(path).status_code == 404


def test_without_a_page_the_addresses_are_listed(platform: Platform) -> None:
    answer = httpx.get(f"{platform.stack.url}/")
    port = httpx.URL(platform.stack.url).port
    assert answer.headers["content-type"].startswith("text/plain")
    assert f"http://localhost:{port}/api/docs" in answer.text
    assert f"ws://localhost:{port}/ws" in answer.text
