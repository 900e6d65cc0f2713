"""The Chalice app: HTTP routes, the three WebSocket handlers, and the schedule."""

import gc

gc.disable()  # until all is imported: the modules stay, and looking for garbage in them takes a sixth of the start

import os
from collections.abc import Callable
from typing import Any, cast

from chalice.app import Chalice, CloudWatchEvent, CORSConfig, Rate, Request, Response, WebsocketEvent

from chalicelib.api import http, schedule, sockets
from chalicelib.api.routes import ROUTES
from chalicelib.backend import get_backend
from chalicelib.contract import Route
from chalicelib.kernel.settings import Settings

_settings = Settings.from_environment(os.environ)

app = Chalice(app_name="coworking-rooms", configure_logs=False)
app.experimental_feature_flags.add("WEBSOCKETS")

_CORS = CORSConfig(
    allow_origin=_settings.cors_allow_origin,
    allow_headers=["Authorization", "Content-Type", "Idempotency-Key"],
    expose_headers=["Link", "Retry-After"],
    max_age=600,
)


def _view(route: Route) -> Callable[..., Response]:
    def view(**path_parameters: str) -> Response:
        return http.answer(get_backend(), route, cast(Request, app.current_request), path_parameters)

    return view


for _route in ROUTES:
    # The list is empty: with content types, Chalice refuses a request without a body. The dispatcher checks the type.
    app.route(_route.path, methods=[_route.method], name=_route.name, cors=_CORS, content_types=[])(_view(_route))


@app.middleware("http")
def shape_errors(event: Any, get_response: Callable[[Any], Response]) -> Response:
    """Turn Chalice's own errors into problem documents."""
    return http.shape(lambda: get_response(event))


@app.on_ws_connect()
def websocket_connect(event: WebsocketEvent) -> Response:
    """`$connect`: admit a connection, or refuse it with a status."""
    return sockets.on_connect(get_backend(), event.to_dict())


@app.on_ws_message()
def websocket_message(event: WebsocketEvent) -> None:
    """`$default`: a frame from a client."""
    sockets.on_message(get_backend(), event.to_dict())


@app.on_ws_disconnect()
def websocket_disconnect(event: WebsocketEvent) -> None:
    """`$disconnect`: a connection is gone."""
    sockets.on_disconnect(get_backend(), event.to_dict())


@app.schedule(Rate(1, unit=Rate.MINUTES))
def sweep(_event: CloudWatchEvent) -> None:
    """Once a minute: end expired memberships, and finish interrupted closings."""
    schedule.run_sweep(get_backend())


if _settings.aws_lambda_runtime_api:
    # Start-up has a full core, so build here what the first event would wait for. Nothing is connected.
    get_backend().prepare(reads_tokens=_settings.lambda_handler in ("app.app", "app.websocket_connect"))
    gc.freeze()
gc.enable()
