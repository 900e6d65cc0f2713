"""HTTP: the service itself. Health, its description, and a page to read it."""

from typing import Any

from chalicelib import __version__
from chalicelib.api.problems import Health
from chalicelib.contract import Access, Page, Request, Route
from chalicelib.kernel.errors import UnavailableError


def get_health(request: Request) -> Health:
    """Check that the service and its tables answer."""
    if request.backend.store.find_unreachable():
        raise UnavailableError("The tables can't be reached")
    return Health(version=__version__)


def get_openapi(request: Request) -> dict[str, Any]:
    """Get this document."""
    from chalicelib.api.openapi import document

    return document(request.base_url)


def get_asyncapi(request: Request) -> dict[str, Any]:
    """Get the description of the WebSocket as an AsyncAPI document."""
    from chalicelib.api.asyncapi import document

    return document(request.backend.settings.websocket_url)


def get_docs(request: Request) -> Page:
    """Read the OpenAPI document as a page."""
    from chalicelib.api.docs import render

    return render(request.base_url)


ROUTES = (
    Route("GET", "/healthz", get_health, access=Access.OPEN, errors=(UnavailableError,)),
    Route("GET", "/openapi.json", get_openapi, access=Access.OPEN),
    Route("GET", "/asyncapi.json", get_asyncapi, access=Access.OPEN),
    Route("GET", "/docs", get_docs, access=Access.OPEN),
)
