"""The docs page is one small file without scripts, and its policy allows nothing but its own style."""

import base64
import hashlib
import re
from collections import Counter
from html.parser import HTMLParser
from typing import Any

import pytest

from chalicelib.api.docs import render
from chalicelib.api.openapi import document

API = "https://rooms.example/api"
NEVER_CLOSED = {"meta", "link"}


class Reader(HTMLParser):
    """The elements of a page with their attributes; fails if one is closed in the wrong place."""

    def __init__(self) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.texts: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self.open += [tag] * (tag not in NEVER_CLOSED)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


@pytest.fixture(scope="module")
def page() -> Reader:
    reader = Reader()
    reader.feed(render(API).text)
    reader.close()
    assert reader.open == []
    return reader


def test_the_page_is_small_and_made_once_for_each_address() -> None:
    found = render(API)
    assert found is render(API)
    assert found.text.startswith("<!doctype html>")
    assert len(found.text.encode()) < 128_000
    assert found.headers.items() >= {"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer"}.items()


def test_the_policy_allows_only_the_pages_own_style() -> None:
    (style,) = re.findall(r"<style>(.*?)</style>", render(API).text, re.DOTALL)
    own = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    closed = [f"{name} 'none'" for name in ("default-src", "base-uri", "form-action", "frame-ancestors")]
    policy = render(API).headers["Content-Security-Policy"].split("; ")
    assert policy == [*closed, f"style-src 'sha256-{own}'", "img-src data:"]


def test_the_page_has_no_script_and_loads_nothing(page: Reader) -> None:
    counts = Counter(tag for tag, _ in page.elements)
    assert not counts.keys() & {"script", "img", "iframe", "object", "form"}
    loaded: list[Any] = [attributes["href"] for tag, attributes in page.elements if tag == "link"]
    assert loaded == ["data:,"]
    assert not any(name in attributes for _, attributes in page.elements for name in ("src", "style", "onload"))


def test_every_link_leads_to_a_type_or_a_document(page: Reader) -> None:
    targets = {attributes["id"] for _, attributes in page.elements if "id" in attributes}
    links = {str(attributes["href"]) for tag, attributes in page.elements if tag == "a"}
    assert {link for link in links if link[:1] != "#"} == {"openapi.json", "asyncapi.json"}
    assert {link[1:] for link in links if link[:1] == "#"} <= targets
    assert set(document(API)["components"]["schemas"]) <= targets


def test_the_page_shows_every_operation_field_and_code(page: Reader) -> None:
    shown = set(page.texts)
    paths, schemas = document(API)["paths"], document(API)["components"]["schemas"]
    assert {f"{method.upper()} {path}" for path, item in paths.items() for method in item} <= shown
    assert {field for schema in schemas.values() for field in schema.get("properties", {})} <= shown
    assert set(schemas["Problem"]["properties"]["code"]["enum"]) <= shown
    assert "Authorization: Bearer <JWT>" in shown
