"""The CDN's template: its function (which node runs), its headers, its cache of errors, its log."""

import json
import re
import shutil
import subprocess
import sys
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest
import yaml

from chalicelib.api.routes import ROUTES
from infra.local.pages import HEADERS
from infra.local.tables import TemplateLoader

ROOT = Path(__file__).parents[2]
TEMPLATE = ROOT / "infra" / "edge.yaml"
CACHING_DISABLED = "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"
"""The id of a policy of AWS's own."""
NODE = shutil.which("node", path=f"{Path(sys.executable).parent}") or "node"
ROOM = "0190b6f2-6d2c-7c3e-a3a5-0c4d51a6a7b1"
Query = dict[str, str]
CALL = "process.stdout.write(JSON.stringify(handler(JSON.parse(require('fs').readFileSync(0, 'utf8')))))"


def read_resources() -> dict[str, Any]:
    # TemplateLoader is a SafeLoader.
    resources: dict[str, Any] = yaml.load(TEMPLATE.read_text("utf-8"), Loader=TemplateLoader)["Resources"]
    return resources


def rewrite(uri: str, query: Query) -> dict[str, Any]:
    """The result of the function for a viewer's request."""
    code = read_resources()["SocketPaths"]["Properties"]["FunctionCode"]
    request = {
        "method": "GET",
        "uri": uri,
        "querystring": {name: {"value": value} for name, value in query.items()},
        "headers": {"sec-websocket-protocol": {"value": "coworking.v1"}},
        "cookies": {},
    }
    event = {"version": "1.0", "context": {"eventType": "viewer-request"}, "request": request}
    command = [NODE, "--use-strict", "-e", f"{code}\n{CALL}"]
    run = subprocess.run(command, input=json.dumps(event), capture_output=True, text=True, check=True)
    answer: dict[str, Any] = json.loads(run.stdout)
    return answer


@pytest.mark.parametrize(
    ("path", "query", "expected"),
    [
        ("/ws/room/{}", {"token": "a.b.c"}, {"token": "a.b.c", "room_id": ROOM}),
        ("/ws/room/{}/", {"token": "a.b.c"}, {"token": "a.b.c", "room_id": ROOM}),
        ("/api/ws/rooms/{}", {"token": "a.b.c"}, {"token": "a.b.c", "room_id": ROOM}),
        ("/ws/room/{}", {"room_id": "another"}, {"room_id": ROOM}),
        ("/ws", {"ticket": "eyJ0.sig"}, {"ticket": "eyJ0.sig"}),
        ("/ws/", {"ticket": "eyJ0.sig"}, {"ticket": "eyJ0.sig"}),
    ],
)
def test_a_room_in_the_path_becomes_a_query_parameter(path: str, query: Query, expected: Query) -> None:
    request = rewrite(path.format(ROOM), query)

    assert request["uri"] == "/api"
    assert request["querystring"] == {name: {"value": value} for name, value in expected.items()}
    assert request["headers"] == {"sec-websocket-protocol": {"value": "coworking.v1"}}


@pytest.mark.parametrize(
    "path",
    [
        *("/wsx", "/ws/room", "/ws/room/", f"/ws/rooms/{ROOM}", f"/ws/room/{ROOM}/more", "/ws/room/a%2Fb"),
        *("/ws/room/a&token=b", "/api/ws/rooms/", f"/api/ws/room/{ROOM}"),
    ],
)
def test_other_paths_are_answered_404(path: str) -> None:
    assert rewrite(path, {}) == {"statusCode": 404, "statusDescription": "Not Found"}


def page_headers() -> dict[str, str]:
    """The headers of the page's files in the template, without those that need TLS."""
    config = read_resources()["PageHeaders"]["Properties"]["ResponseHeadersPolicyConfig"]
    security = config["SecurityHeadersConfig"]
    assert all(header["Override"] for header in [*security.values(), *config["CustomHeadersConfig"]["Items"]])
    return {header["Header"]: header["Value"] for header in config["CustomHeadersConfig"]["Items"]} | {
        "Content-Security-Policy": security["ContentSecurityPolicy"]["ContentSecurityPolicy"],
        "Referrer-Policy": security["ReferrerPolicy"]["ReferrerPolicy"],
        "X-Content-Type-Options": "nosniff" if security["ContentTypeOptions"] else "",
    }


def test_the_page_has_the_same_headers_as_locally() -> None:
    headers, locally = page_headers(), dict(HEADERS)
    assert headers.pop("Content-Security-Policy").endswith(locally.pop("Content-Security-Policy"))
    assert headers == locally


def test_the_policy_in_the_header_is_that_of_the_page() -> None:
    page = (ROOT / "web" / "index.html").read_text("utf-8")
    (own,) = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]*)"', page)
    without_this_machine = re.sub(r" ws://(localhost|127\.0\.0\.1):\*", "", own)
    assert page_headers()["Content-Security-Policy"] == f"{without_this_machine}; frame-ancestors 'none'"


ALWAYS_CACHED = {404, 414, 500, 501, 502, 503, 504}
HEEDS_NO_STORE = {404, 410, 414, 501}


def seconds_cached(status: int, *, no_store: bool, config: dict[str, Any]) -> int:
    """How long CloudFront answers everybody with an error, by its documentation (HTTPStatusCodes, and
    custom-error-pages-expiration): it always caches these. The cache policy changes nothing."""
    if status not in ALWAYS_CACHED or (no_store and status in HEEDS_NO_STORE):
        return 0
    declared = {one["ErrorCode"]: one["ErrorCachingMinTTL"] for one in config.get("CustomErrorResponses", ())}
    return int(declared.get(status, 10))


@pytest.mark.parametrize("no_store", [True, False])
def test_the_error_of_one_user_is_not_shown_to_another(no_store: bool) -> None:
    config = read_resources()["Distribution"]["Properties"]["DistributionConfig"]
    assert seconds_cached(503, no_store=True, config={}) == 10, "the default"
    assert {
        one: kept for one in range(400, 600) if (kept := seconds_cached(one, no_store=no_store, config=config))
    } == {}


def test_only_the_documents_of_the_api_are_cached() -> None:
    behaviors = read_resources()["Distribution"]["Properties"]["DistributionConfig"]["CacheBehaviors"]
    cached = set()
    for route in ROUTES:
        path = f"/api{route.path}"
        first = next(one for one in behaviors if fnmatchcase(path, one["PathPattern"]))
        assert route.method in first["AllowedMethods"]
        if first["CachePolicyId"] != CACHING_DISABLED:
            cached.add(path)
            assert "OriginRequestPolicyId" not in first, "nothing of one viewer's request is in another's answer"
    assert cached == {"/api/openapi.json", "/api/asyncapi.json", "/api/docs"}


def test_the_log_has_no_queries() -> None:
    resources = read_resources()
    fields = set(resources["LogDelivery"]["Properties"]["RecordFields"])
    assert {"c-ip", "cs-uri-stem", "sc-status"} <= fields
    assert not {"cs-uri-query", "cs(Referer)", "cs(Cookie)"} & fields
    assert "Logging" not in resources["Distribution"]["Properties"]["DistributionConfig"]


def test_names_shared_by_all_regions_contain_the_region() -> None:
    names = re.findall(r"\bName: (.+)", TEMPLATE.read_text("utf-8"))
    shared = [name for name in names if name != "rate"]
    assert len(shared) > 5
    assert [name for name in shared if "${ApiRegion}" not in name] == []
