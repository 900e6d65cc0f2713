"""What the edge makes of requests: the function in the template runs as it stands, in node."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from infra.local.pages import HEADERS
from infra.local.tables import TemplateLoader

ROOT = Path(__file__).parents[2]
TEMPLATE = ROOT / "infra" / "edge.yaml"
NODE = shutil.which("node", path=f"{Path(sys.executable).parent}") or "node"
ROOM = "0190b6f2-6d2c-7c3e-a3a5-0c4d51a6a7b1"
CALL = "process.stdout.write(JSON.stringify(handler(JSON.parse(require('fs').readFileSync(0, 'utf8')))))"


def read_resources() -> dict[str, Any]:
    # TemplateLoader is a SafeLoader.
    resources: dict[str, Any] = yaml.load(TEMPLATE.read_text("utf-8"), Loader=TemplateLoader)["Resources"]
    return resources


def rewrite(uri: str, query: dict[str, str] | None = None) -> dict[str, Any]:
    """What the function returns for a viewer's request."""
    code = read_resources()["SocketPaths"]["Properties"]["FunctionCode"]
    request = {
        "method": "GET",
        "uri": uri,
        "querystring": {name: {"value": value} for name, value in (query or {}).items()},
        "headers": {"sec-websocket-protocol": {"value": "coworking.v1"}},
        "cookies": {},
    }
    event = {"version": "1.0", "context": {"eventType": "viewer-request"}, "request": request}
    run = subprocess.run(
        [NODE, "--use-strict", "-e", f"{code}\n{CALL}"],
        input=json.dumps(event),
        capture_output=True,
        text=True,
        check=True,
    )
    answer: dict[str, Any] = json.loads(run.stdout)
    return answer


@pytest.mark.parametrize("path", ["/ws/room/{}", "/api/ws/rooms/{}", "/ws/room/{}/"])
def test_a_room_in_the_path_becomes_part_of_the_query(path: str) -> None:
    request = rewrite(path.format(ROOM), {"token": "a.b.c"})

    assert request["uri"] == "/api"
    assert request["querystring"] == {"token": {"value": "a.b.c"}, "room_id": {"value": ROOM}}


def test_the_room_in_the_path_counts_more_than_one_in_the_query() -> None:
    assert rewrite(f"/ws/room/{ROOM}", {"room_id": "another"})["querystring"] == {"room_id": {"value": ROOM}}


@pytest.mark.parametrize("path", ["/ws", "/ws/"])
def test_a_query_alone_is_left_as_it_is(path: str) -> None:
    request = rewrite(path, {"ticket": "eyJ0.sig"})

    assert (request["uri"], request["querystring"]) == ("/api", {"ticket": {"value": "eyJ0.sig"}})


def test_headers_pass() -> None:
    assert rewrite("/ws")["headers"] == {"sec-websocket-protocol": {"value": "coworking.v1"}}


@pytest.mark.parametrize(
    "path",
    [
        "/wsx",
        "/ws/room",
        "/ws/room/",
        f"/ws/rooms/{ROOM}",
        f"/ws/room/{ROOM}/more",
        "/ws/room/a%2Fb",
        "/ws/room/a&token=b",
        "/api/ws/rooms/",
        f"/api/ws/room/{ROOM}",
    ],
)
def test_what_leads_to_no_room_is_answered_at_once(path: str) -> None:
    assert rewrite(path) == {"statusCode": 404, "statusDescription": "Not Found"}


def page_headers() -> dict[str, str]:
    """The headers that the template gives the page's files, bar what only makes sense with TLS."""
    config = read_resources()["PageHeaders"]["Properties"]["ResponseHeadersPolicyConfig"]
    security = config["SecurityHeadersConfig"]
    assert all(header["Override"] for header in [*security.values(), *config["CustomHeadersConfig"]["Items"]])
    return {header["Header"]: header["Value"] for header in config["CustomHeadersConfig"]["Items"]} | {
        "Content-Security-Policy": security["ContentSecurityPolicy"]["ContentSecurityPolicy"],
        "Referrer-Policy": security["ReferrerPolicy"]["ReferrerPolicy"],
        "X-Content-Type-Options": "nosniff" if security["ContentTypeOptions"] else "",
    }


def test_the_page_has_the_headers_that_it_has_locally() -> None:
    headers, locally = page_headers(), dict(HEADERS)
    assert headers.pop("Content-Security-Policy").endswith(locally.pop("Content-Security-Policy"))
    assert headers == locally


def test_the_policy_in_the_header_is_that_of_the_page_itself() -> None:
    page = (ROOT / "web" / "index.html").read_text("utf-8")
    (own,) = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]*)"', page)
    without_this_machine = re.sub(r" ws://(localhost|127\.0\.0\.1):\*", "", own)
    assert page_headers()["Content-Security-Policy"] == f"{without_this_machine}; frame-ancestors 'none'"
