"""The docs page is one file that needs no other host, and its policy allows only its own scripts."""

import base64
import hashlib
import json
import re
from html.parser import HTMLParser
from typing import Any

import pytest

from chalicelib.api.docs import render
from chalicelib.api.openapi import document

API = "https://rooms.example/api"
LAMBDA_ANSWER = 6 * 1024 * 1024


class Reader(HTMLParser):
    """The elements of a page with their attributes, and the text that they begin with."""

    def __init__(self) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None], str]] = []
        self.is_inside = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs), ""))
        self.is_inside = True

    def handle_endtag(self, _tag: str) -> None:
        self.is_inside = False

    def handle_data(self, data: str) -> None:
        if self.is_inside:
            tag, attributes, text = self.elements[-1]
            self.elements[-1] = (tag, attributes, text + data)


@pytest.fixture(scope="module")
def elements() -> list[tuple[str, dict[str, str | None], str]]:
    reader = Reader()
    reader.feed(render(API).text)
    reader.close()
    return reader.elements


def policy() -> dict[str, list[str]]:
    directives = render(API).headers["Content-Security-Policy"].split("; ")
    return {name: values for name, *values in (directive.split(" ") for directive in directives)}


def hashed(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def test_the_page_is_utf_8_and_fits_into_a_lambda_answer() -> None:
    page = render(API)
    assert page is render(API), "it is made once for each address"
    assert page.content_type == "text/html; charset=utf-8"
    assert page.headers.items() >= {"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer"}.items()
    assert page.text.startswith("<!doctype html>")
    assert "\r" not in page.text, "browsers turn it into a newline before they hash"
    assert len(json.dumps({"body": page.text}).encode()) < LAMBDA_ANSWER / 2


@pytest.mark.parametrize(("tag", "directive", "count"), [("script", "script-src", 2), ("style", "style-src", 1)])
def test_the_policy_allows_the_pages_own_scripts_and_style(elements: Any, tag: str, directive: str, count: int) -> None:
    own = [text for name, attributes, text in elements if name == tag and "type" not in attributes]
    assert len(own) == count
    assert policy()[directive] == [hashed(text) for text in own]


def test_the_policy_allows_only_calls_to_its_own_api() -> None:
    closed = {name: ["'none'"] for name in ("default-src", "base-uri", "form-action", "frame-ancestors")}
    expected = closed | {"connect-src": ["'self'"], "img-src": ["data:"]}
    assert {name: values for name, values in policy().items() if name not in ("script-src", "style-src")} == expected


def test_the_page_loads_nothing_from_other_hosts(elements: Any) -> None:
    for tag, attributes, text in elements:
        for name in ("src", "href", "action", "data", "style", "onload", "onclick"):
            assert attributes.get(name) in (None, "data:,"), tag
        if tag == "style":
            assert "@import" not in text
            assert all(target.startswith("data:") for target in re.findall(r"url\([\"']?([^\"')]*)", text))


def test_no_script_ends_early_or_includes_the_rest(elements: Any) -> None:
    assert [tag for tag, _, _ in elements] == [
        *("html", "head", "meta", "meta", "title", "link", "style", "body", "div", "noscript"),
        *("script", "script", "script"),
    ]
    for tag, _, text in elements:
        if tag == "script":
            assert not re.search(r"<!--|</?script", text, re.IGNORECASE)


def test_it_shows_the_document_which_cannot_end_its_script(elements: Any) -> None:
    (text,) = (text for _, attributes, text in elements if attributes.get("id") == "openapi")
    assert json.loads(text) == document(API)
    assert "<JWT>" in json.loads(text)["info"]["description"]
    assert "<" not in text
