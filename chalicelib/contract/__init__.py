"""The words that features are declared with: routes, frames, access, contexts, and the base types of the wire."""

from chalicelib.contract.access import Access
from chalicelib.contract.context import Context, FrameContext
from chalicelib.contract.frames import ClientFrame, Data, Frame, FrameSpec, ServerFrame
from chalicelib.contract.routes import Answer, Body, Page, Reply, Request, Route, Success

__all__ = [
    "Access",
    "Answer",
    "Body",
    "ClientFrame",
    "Context",
    "Data",
    "Frame",
    "FrameContext",
    "FrameSpec",
    "Page",
    "Reply",
    "Request",
    "Route",
    "ServerFrame",
    "Success",
]
