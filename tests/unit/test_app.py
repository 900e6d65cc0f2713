"""The app as the platform loads it: from nothing, touching nothing, and no more of it than a function needs."""

import json
import re
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from app import app
from chalicelib.api.routes import ROUTES
from chalicelib.contract import Route

ROOT = Path(__file__).parent.parent.parent
CONTRACT = """
GET    /healthz                                open
GET    /openapi.json                           open
GET    /asyncapi.json                          open
GET    /docs                                   open
GET    /coworking/me
PUT    /coworking/me
GET    /coworking/rooms
POST   /coworking/rooms
GET    /coworking/rooms/{room_id}
DELETE /coworking/rooms/{room_id}
POST   /coworking/rooms/{room_id}/join
POST   /coworking/rooms/{room_id}/leave
POST   /coworking/rooms/{room_id}/ticket
GET    /coworking/rooms/{room_id}/messages
POST   /coworking/rooms/{room_id}/messages
POST   /coworking/rooms/{room_id}/emoji
PUT    /coworking/rooms/{room_id}/mic-toggle
PUT    /coworking/rooms/{room_id}/speaking
PUT    /coworking/admin/rooms/{room_id}
PATCH  /coworking/admin/rooms/{room_id}/status
DELETE /coworking/admin/rooms/{room_id}
"""
ON_LAMBDA = {
    "AWS_LAMBDA_RUNTIME_API": "127.0.0.1:9001",
    "AWS_REGION": "eu-west-1",
    "AWS_DEFAULT_REGION": "eu-west-1",
    "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "a-secret-of-the-tests",
}
SOCKET_HANDLERS = ["app.websocket_connect", "app.websocket_message", "app.websocket_disconnect"]
REST_ONLY = ["dispatch", "operation", "admin", "chat", "me", "meta", "rooms", "seat", "voice", "openapi", "asyncapi"]

# Sockets are watched for by the interpreter itself, so that no library can open one another way.
_IMPORT = """
import json, sys
def forbid(event, arguments):
    if event.startswith("socket.") and event != "socket.gethostname":
        raise RuntimeError(f"{event}{arguments}")
sys.addaudithook(forbid)
sys.path.insert(0, sys.argv[1])
import app
import gc
garbage = {"looks": gc.isenabled(), "spared": gc.get_freeze_count()}
print(json.dumps({"modules": sorted(sys.modules), "routes": len(app.app.routes), "garbage": garbage}))
"""


@cache
def run_import(**environment: str) -> dict[str, Any]:
    """What there is after `import app` in a fresh process with this environment and no other."""
    command = [sys.executable, "-I", "-W", "error", "-c", _IMPORT, str(ROOT)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def import_app(**environment: str) -> set[str]:
    """The modules that `import app` brings."""
    return set(run_import(**environment)["modules"])


def test_the_routes_are_those_of_the_contract() -> None:
    declared = [(route.method, route.path, *(["open"] if route.is_open else [])) for route in ROUTES]
    assert declared == [tuple(line.split()) for line in CONTRACT.strip().splitlines()]
    assert {(method, path) for path, methods in app.routes.items() for method in methods} == {
        (route.method, route.path) for route in ROUTES
    }


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.path}")
def test_every_route_may_be_called_from_other_origins(route: Route) -> None:
    headers = app.routes[route.path][route.method].cors.get_access_control_headers()
    allowed = set(headers["Access-Control-Allow-Headers"].split(","))
    assert headers["Access-Control-Allow-Origin"] == "*"
    assert {"Authorization", "Content-Type", "Idempotency-Key"} <= allowed
    assert set(headers["Access-Control-Expose-Headers"].split(",")) == {"Link", "Retry-After"}


def test_there_are_three_socket_handlers_and_one_schedule() -> None:
    assert set(app.websocket_handlers) == {"$connect", "$default", "$disconnect"}
    assert [source.name for source in app.event_sources] == ["sweep"]


def test_importing_needs_no_environment_and_opens_no_connection() -> None:
    assert "chalicelib.settings" in import_app()


@pytest.mark.parametrize("handler", ["", "app.app", *SOCKET_HANDLERS, "app.sweep", "app.unheard_of"])
def test_importing_brings_no_token_library(handler: str) -> None:
    modules = import_app(_HANDLER=handler)
    assert not {name for name in modules if re.match(r"(jwt|cryptography|boto3|moto)\b", name)}


@pytest.mark.parametrize("handler", SOCKET_HANDLERS)
def test_a_socket_function_loads_nothing_that_only_rest_needs(handler: str) -> None:
    modules = import_app(_HANDLER=handler)
    assert "chalicelib.api.sockets" in modules
    assert not {f"chalicelib.api.{name}" for name in REST_ONLY} & modules


def test_the_rest_function_loads_what_calls_need_and_no_documents() -> None:
    modules = import_app(_HANDLER="app.app")
    assert {f"chalicelib.api.{name}" for name in REST_ONLY[:4]} <= modules
    assert not {"chalicelib.api.openapi", "chalicelib.api.asyncapi", "chalicelib.api.sockets"} & modules


@pytest.mark.parametrize("handler", ["app.app", *SOCKET_HANDLERS, "app.sweep"])
def test_on_lambda_a_function_starts_with_what_its_first_event_needs_and_connects_to_nothing(handler: str) -> None:
    modules = import_app(_HANDLER=handler, **ON_LAMBDA)
    assert "aws_lambda_powertools.metrics.metrics" in modules
    assert ("jwt" in modules) == (handler in {"app.app", "app.websocket_connect"})


@pytest.mark.parametrize("handler", ["app.app", *SOCKET_HANDLERS, "app.sweep"])
def test_what_a_function_starts_with_is_not_searched_for_garbage(handler: str) -> None:
    garbage = run_import(_HANDLER=handler, **ON_LAMBDA)["garbage"]
    assert garbage["looks"], "there will be other garbage"
    assert garbage["spared"] > 50_000


def test_a_plain_import_leaves_the_garbage_collector_alone() -> None:
    assert run_import()["garbage"] == {"looks": True, "spared": 0}


def test_a_plain_import_loads_neither_views_nor_the_database_client() -> None:
    modules = import_app()
    assert not {"pydantic", "pynamodb", "chalicelib.api.dispatch", "chalicelib.api.sockets"} & modules


def test_configuration_that_is_not_understood_stops_the_import() -> None:
    done = subprocess.run(
        [sys.executable, "-I", "-c", _IMPORT, str(ROOT)],
        env={"ROOMS_LIMIT": "many"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "ROOMS_LIMIT='many' is not understood" in done.stderr
