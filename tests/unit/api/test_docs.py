"""The page is one file that needs no other host, and its policy lets nothing run but what belongs there."""

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


def test_it_is_a_page_in_utf8_that_fits_an_answer_of_a_function() -> None:
    page = render(API)
    assert page.content_type == "text/html; charset=utf-8"
    assert page.text.startswith("<!doctype html>")
    assert len(json.dumps({"body": page.text}).encode()) < LAMBDA_ANSWER / 2


def test_the_policy_allows_the_scripts_of_the_page_and_no_others(elements: Any) -> None:
    scripts = [text for tag, attributes, text in elements if tag == "script" and "type" not in attributes]
    assert len(scripts) == 2
    assert policy()["script-src"] == [hashed(text) for text in scripts]


def test_the_policy_allows_the_style_of_the_page_and_no_other(elements: Any) -> None:
    styles = [text for tag, _, text in elements if tag == "style"]
    assert len(styles) == 1
    assert policy()["style-src"] == [hashed(text) for text in styles]


def test_the_policy_allows_calls_to_the_own_api_and_nothing_else() -> None:
    found = policy()
    for name in ("default-src", "base-uri", "form-action", "frame-ancestors"):
        assert found.pop(name) == ["'none'"]
    assert found.pop("connect-src") == ["'self'"]
    assert found.pop("img-src") == ["data:"]
    assert set(found) == {"script-src", "style-src"}


def test_a_browser_computes_the_same_hashes() -> None:
    assert "\r" not in render(API).text, "browsers turn it into a newline before they hash"


def test_nothing_is_loaded_from_elsewhere(elements: Any) -> None:
    for tag, attributes, text in elements:
        for name in ("src", "href", "action", "data", "style", "onload", "onclick"):
            assert attributes.get(name) in (None, "data:,"), tag
        if tag == "style":
            assert "@import" not in text
            assert all(target.startswith("data:") for target in re.findall(r"url\([\"']?([^\"')]*)", text))


def test_no_script_ends_before_its_end_or_swallows_the_page(elements: Any) -> None:
    assert [tag for tag, _, _ in elements] == [
        *("html", "head", "meta", "meta", "title", "link", "style", "body", "div", "noscript"),
        *("script", "script", "script"),
    ]
    for tag, _, text in elements:
        if tag == "script":
            assert not re.search(r"<!--|</?script", text, re.IGNORECASE)


def test_it_shows_the_document(elements: Any) -> None:
    texts = [text for tag, attributes, text in elements if attributes.get("id") == "openapi"]
    assert [json.loads(text) for text in texts] == [document(API)]


def test_what_the_document_says_cannot_end_the_script_that_it_stands_in(elements: Any) -> None:
    (text,) = (text for _, attributes, text in elements if attributes.get("id") == "openapi")
    assert "<JWT>" in json.loads(text)["info"]["description"]
    assert "<" not in text


def test_its_other_headers_keep_it_to_itself() -> None:
    headers = render(API).headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"


def test_it_is_made_once_for_each_address() -> None:
    assert render(API) is render(API)
