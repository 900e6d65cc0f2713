"""HTTP: the service itself. Health, its description, and a page to read it."""

import json
from functools import lru_cache

from chalicelib import __version__
from chalicelib.api.problems import Health
from chalicelib.contract import Access, Page, Request, Route
from chalicelib.kernel.errors import UnavailableError

HEALTHY_FOR_MS = 5_000


def get_health(request: Request) -> Health:
    """Check that the service and its tables answer. A good result is valid for 5 seconds."""
    backend = request.backend
    if request.now - backend.healthy_at >= HEALTHY_FOR_MS:
        if not backend.store.is_reachable():
            raise UnavailableError("The tables can't be reached")
        backend.healthy_at = request.now
    return Health(version=__version__)


def get_openapi(request: Request) -> Page:
    """Get this document. Generators make clients from it."""
    return _write_openapi(request.base_url)


def get_asyncapi(request: Request) -> Page:
    """Get the description of the WebSocket as an AsyncAPI document. It lists all frames."""
    return _write_asyncapi(request.backend.settings.websocket_url)


def get_docs(request: Request) -> Page:
    """Read the OpenAPI document as a page. It has no scripts, and loads nothing from other hosts."""
    from chalicelib.api.docs import render

    return render(request.base_url)


@lru_cache(maxsize=8)
def _write_openapi(base_url: str) -> Page:
    from chalicelib.api.openapi import document

    return _write_json(document(base_url))


@lru_cache(maxsize=8)
def _write_asyncapi(websocket_url: str) -> Page:
    from chalicelib.api.asyncapi import document

    return _write_json(document(websocket_url))


def _write_json(document: object) -> Page:
    return Page(json.dumps(document, ensure_ascii=False, separators=(",", ":")))


ROUTES = (
    Route("GET", "/healthz", get_health, access=Access.OPEN, errors=(UnavailableError,)),
    Route("GET", "/openapi.json", get_openapi, access=Access.OPEN),
    Route("GET", "/asyncapi.json", get_asyncapi, access=Access.OPEN),
    Route("GET", "/docs", get_docs, access=Access.OPEN, content_type="text/html; charset=utf-8"),
)
