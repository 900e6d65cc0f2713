"""The files of the page that the local stack serves."""

import re
from collections.abc import Callable
from pathlib import Path

import anyio
import httpx
import pytest
from starlette.applications import Starlette
from starlette.routing import Route

from infra.local.pages import Pages
from tests.infra.conftest import Platform

Get = Callable[..., httpx.Response]
WEB = Path(__file__).parent.parent.parent / "web"


@pytest.fixture
def get(tmp_path: Path) -> Get:
    """Get a path from a directory with a page."""
    (tmp_path / "secret").write_text("hush")
    web = tmp_path / "web"
    (web / "css").mkdir(parents=True)
    (web / "index.html").write_text("<h1>Rooms</h1>")
    (web / "css" / "style.css").write_text("h1 { color: red }")
    (web / "page.js").write_text("/** Why. */\nexport const answer = 1;\n")
    (web / "config.json").write_text('{ "a": 1 }')
    app = Starlette(routes=[Route("/{path:path}", Pages(web, 8123).serve)])

    async def ask(path: str, headers: dict[str, str]) -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
            return await client.get(path, headers=headers)

    return lambda path, **headers: anyio.run(ask, path, headers)


@pytest.mark.parametrize(
    ("path", "kind", "text"),
    [
        ("/", "text/html", "<h1>Rooms</h1>"),
        ("/css/style.css", "text/css", "h1{color:red}"),
        ("/page.js", "text/javascript", "export const answer=1"),
        ("/config.json", "application/json", '{ "a": 1 }'),
        *((path, None, None) for path in ("/nothing.js", "/../secret", "/%2e%2e/secret", "/..%2fsecret")),
    ],
)
def test_only_files_of_the_page_are_served(get: Get, path: str, kind: str | None, text: str | None) -> None:
    """The files are minified. Headers forbid framing and type sniffing."""
    answer = get(path)
    if kind:
        assert (answer.status_code, answer.text) == (200, text)
        assert answer.headers["content-type"].startswith(kind)
    else:
        assert answer.status_code == 404
    assert answer.headers["content-security-policy"] == "frame-ancestors 'none'"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "microphone=(self)" in answer.headers["permissions-policy"]


def test_a_file_is_sent_again_only_when_it_has_changed(get: Get, tmp_path: Path) -> None:
    first = get("/page.js")
    assert first.headers["cache-control"] == "no-cache"
    same = get("/page.js", **{"If-None-Match": first.headers["etag"]})
    assert (same.status_code, same.content, same.headers["cache-control"]) == (304, b"", "no-cache")
    (tmp_path / "web" / "page.js").write_text("22")
    assert get("/page.js", **{"If-None-Match": first.headers["etag"]}).text == "22"


def test_the_page_allows_only_its_own_scripts_and_styles() -> None:
    text = (WEB / "index.html").read_text("utf-8")
    (policy,) = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]*)"', text)
    directives = dict(directive.split(" ", 1) for directive in policy.split("; "))
    own = {"default-src": "'none'", "script-src": "'self'", "style-src": "'self'"}
    assert directives.items() >= (own | {"require-trusted-types-for": "'script'", "trusted-types": "'none'"}).items()
    assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?! type=\"module\" src=\"app/main.js\">)", text)


def test_the_page_parses_no_html() -> None:
    parsers = r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|DOMParser|setHTML"
    assert [script.name for script in (WEB / "app").glob("*.js") if re.search(parsers, script.read_text())] == []


def test_without_a_page_the_addresses_are_listed(platform: Platform) -> None:
    answer = httpx.get(f"{platform.stack.url}/")
    port = httpx.URL(platform.stack.url).port
    assert answer.headers["content-type"].startswith("text/plain")
    assert f"http://localhost:{port}/api/docs" in answer.text
    assert f"ws://localhost:{port}/ws" in answer.text
