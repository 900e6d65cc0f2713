"""The client library calls every route of the service. `test_node.py` compares their types."""

import re

from chalicelib.api.routes import ROUTES
from tests.fakes.node import WEB

PAGES = {"/openapi.json", "/asyncapi.json", "/docs"}


def test_every_route_is_called_in_a_test() -> None:
    tested = set(re.findall(r'"([A-Z]+ /[^"?]*)', (WEB / "http.test.js").read_text("utf-8")))
    tested = {re.sub(r"rooms/(?!room)[^/]+", "rooms/{room_id}", request) for request in tested}
    routes = {f"{route.method} {route.path}" for route in ROUTES if route.path not in PAGES}
    assert tested == routes
