"""The service itself."""

from typing import Any

from chalicelib import health as service_health
from chalicelib.api.operation import Call, Page, operation
from chalicelib.errors import UnavailableError
from chalicelib.schemas import Health


@operation(UnavailableError)
def health(_call: Call) -> Health:
    """Whether the service and its tables answer."""
    return service_health.check()


@operation()
def openapi(call: Call) -> dict[str, Any]:
    """This document."""
    from chalicelib.api.openapi import document

    return document(call.base_url)


@operation()
def asyncapi(call: Call) -> dict[str, Any]:
    """The WebSocket protocol as an AsyncAPI document."""
    from chalicelib.api.asyncapi import document

    return document(call.backend.settings.websocket_url)


@operation()
def docs(call: Call) -> Page:
    """The OpenAPI document as a page."""
    from chalicelib.api.docs import render

    return render(call.base_url)
