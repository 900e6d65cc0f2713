"""The Chalice app: routes, the three WebSocket handlers and the schedule; nothing else.

What a function needs it imports on first use, or here at start-up where Lambda says which function this is:
starting up gets a full core, and a WebSocket function doesn't pay for what only REST needs.
"""

import gc
import os
from collections.abc import Callable
from importlib import import_module
from typing import Any, cast

from chalice.app import Chalice, CloudWatchEvent, CORSConfig, Rate, Request, Response, WebsocketEvent

from chalicelib.api.routes import ROUTES, Route
from chalicelib.settings import settings

app = Chalice(app_name="coworking-rooms", configure_logs=False)
app.experimental_feature_flags.add("WEBSOCKETS")

_CORS = CORSConfig(
    allow_origin=settings().cors_allow_origin,
    allow_headers=["Authorization", "Content-Type", "Idempotency-Key"],
    expose_headers=["Link", "Retry-After"],
    max_age=600,
)


def _view(route: Route) -> Callable[..., Response]:
    def view(**path_parameters: str) -> Response:
        from chalicelib.api import dispatch

        return dispatch.answer(route, cast(Request, app.current_request), path_parameters)

    return view


for _route in ROUTES:
    # No content types: Chalice would refuse a body that isn't there for want of one; the dispatcher looks itself.
    app.route(_route.path, methods=[_route.method], name=_route.view, cors=_CORS, content_types=[])(_view(_route))


@app.middleware("http")
def shape_errors(event: Any, get_response: Callable[[Any], Response]) -> Response:
    """Give what Chalice itself refuses the shape of every other error."""
    from chalicelib.api import dispatch

    return dispatch.shape(lambda: get_response(event))


@app.on_ws_connect()
def websocket_connect(event: WebsocketEvent) -> Response:
    """`$connect`: let a connection in, or refuse it with a status."""
    from chalicelib.api import sockets

    return sockets.connect(event.to_dict())


@app.on_ws_message()
def websocket_message(event: WebsocketEvent) -> None:
    """`$default`: a frame from a client."""
    from chalicelib.api import sockets

    sockets.receive(event.to_dict())


@app.on_ws_disconnect()
def websocket_disconnect(event: WebsocketEvent) -> None:
    """`$disconnect`: a connection is gone."""
    from chalicelib.api import sockets

    sockets.disconnect(event.to_dict())


@app.schedule(Rate(1, unit=Rate.MINUTES))
def sweep(_event: CloudWatchEvent) -> None:
    """End what nobody else ended: memberships whose lease ran out, rooms that were closed half-way."""
    from chalicelib.api import schedule

    schedule.sweep()


_SOCKETS = ("sockets",)
_NEEDED = {
    "app.app": ("dispatch", "admin", "chat", "me", "rooms", "seat", "voice"),
    "app.websocket_connect": _SOCKETS,
    "app.websocket_message": _SOCKETS,
    "app.websocket_disconnect": _SOCKETS,
    "app.sweep": ("schedule",),
}
_READ_TOKENS = {"app.app", "app.websocket_connect"}
_handler = os.environ.get("_HANDLER", "")
if _handler in _NEEDED:
    gc.disable()  # all of this stays: looking for garbage in it takes a sixth of the start, and later 50 ms at times
    for _module in _NEEDED[_handler]:
        import_module(f"chalicelib.api.{_module}")
    if "AWS_LAMBDA_RUNTIME_API" in os.environ:
        import_module("chalicelib.backend").prepare(reads_tokens=_handler in _READ_TOKENS)
    gc.freeze()
    gc.enable()
