"""The app as Lambda imports it: it needs no environment, and opens no connection."""

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

ROOT = Path(__file__).parent.parent.parent
ON_LAMBDA = {
    "AWS_LAMBDA_RUNTIME_API": "127.0.0.1:9001",
    "AWS_REGION": "eu-west-1",
    "AWS_DEFAULT_REGION": "eu-west-1",
    "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "a-secret-of-the-tests",
}
READ_TOKENS = ["app.app", "app.websocket_connect"]
HANDLERS = [*READ_TOKENS, "app.websocket_message", "app.websocket_disconnect", "app.sweep"]
DOCUMENTS = {f"chalicelib.api.{name}" for name in ("openapi", "asyncapi", "docs", "components")}

# The interpreter itself reports every socket, so no library can open one unnoticed.
_IMPORT = """
import json, sys
def forbid(event, arguments):
    if event.startswith("socket.") and event != "socket.gethostname":
        raise RuntimeError(f"{event}{arguments}")
sys.addaudithook(forbid)
sys.path.insert(0, sys.argv[1])
import app
import gc
garbage = {"enabled": gc.isenabled(), "frozen": gc.get_freeze_count()}
print(json.dumps({"modules": sorted(sys.modules), "routes": len(app.app.routes), "garbage": garbage}))
"""


def start(**environment: str) -> subprocess.CompletedProcess[str]:
    """A new process that imports the app with only this environment, and prints its state."""
    command = [sys.executable, "-I", "-W", "error", "-c", _IMPORT, str(ROOT)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


@cache
def run_import(**environment: str) -> dict[str, Any]:
    done = start(**environment)
    assert (done.returncode, done.stderr) == (0, "")
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_the_app_serves_all_routes_and_no_others() -> None:
    served = [(method, path) for path, methods in app.routes.items() for method in methods]
    assert sorted(served) == sorted((route.method, route.path) for route in ROUTES)


def test_there_are_three_socket_handlers_and_one_schedule() -> None:
    assert set(app.websocket_handlers) == {"$connect", "$default", "$disconnect"}
    assert [source.name for source in app.event_sources] == ["sweep"]


@pytest.mark.parametrize("environment", [{}, *({"_HANDLER": name} for name in ("", *HANDLERS, "app.unheard_of"))])
def test_importing_loads_neither_documents_nor_tokens_nor_logger(environment: dict[str, str]) -> None:
    modules = set(run_import(**environment)["modules"])
    assert {"chalicelib.api.http", "chalicelib.api.sockets", "chalicelib.api.schedule"} <= modules
    assert not DOCUMENTS & modules
    assert not {name for name in modules if re.match(r"(jwt|cryptography|boto3|moto|aws_lambda_powertools)\b", name)}


@pytest.mark.parametrize("handler", HANDLERS)
def test_a_function_on_lambda_preloads_what_its_events_need(handler: str) -> None:
    found = run_import(_HANDLER=handler, **ON_LAMBDA)
    modules = set(found["modules"])
    assert {"aws_lambda_powertools", "pynamodb", "botocore.client"} <= modules
    assert ("jwt" in modules) == (handler in READ_TOKENS)
    assert modules <= set(run_import(_HANDLER="app.app", **ON_LAMBDA)["modules"]), (
        "infra.bytecode looks at app.app only"
    )
    assert not DOCUMENTS & modules
    assert found["garbage"]["enabled"], "garbage collection is on"
    assert found["garbage"]["frozen"] > 50_000, "garbage collection skips the modules"


def test_an_invalid_setting_stops_the_import() -> None:
    done = start(ROOMS_LIMIT="many")
    assert done.returncode == 1
    assert "ROOMS_LIMIT='many' is not understood" in done.stderr
