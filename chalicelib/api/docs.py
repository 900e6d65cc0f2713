"""The OpenAPI document as a page: Swagger UI with everything inline, so it needs no other host.

The two assets come with Powertools, which the functions need anyway. The Content-Security-Policy allows scripts and
styles by their hashes, so an injected script does not run.
"""

import base64
import hashlib
import json
import re
from functools import cache, lru_cache
from importlib.resources import files
from string import Template

from chalicelib.api.openapi import document
from chalicelib.contract import Page

_PAGE = Template("""\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>$title</title>
<link rel="icon" href="data:,">
<style>$style</style>
</head>
<body>
<div id="docs"><noscript>This page needs JavaScript. The document that it shows is openapi.json.</noscript></div>
<script type="application/json" id="openapi">$openapi</script>
<script>$renderer</script>
<script>$start</script>
</body>
</html>
""")

# The page calls the API that it came from. The policy allows no other.
_START = """
const spec = JSON.parse(document.getElementById("openapi").textContent);
spec.servers = [{ url: new URL(".", location.href).href.replace(/\\/$/, "") }];
SwaggerUIBundle({
  spec,
  dom_id: "#docs",
  deepLinking: true,
  displayRequestDuration: true,
  defaultModelsExpandDepth: 0,
  validatorUrl: null,
});
"""


@lru_cache(maxsize=8)
def render(base_url: str) -> Page:
    """The page for an API at this address."""
    openapi = document(base_url)
    text = _PAGE.substitute(
        title=f"{openapi['info']['title']} API",
        style=_asset("swagger-ui.min.css"),
        openapi=json.dumps(openapi, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c"),
        renderer=_renderer(),
        start=_START,
    )
    return Page(text, "text/html; charset=utf-8", _headers())


def _headers() -> dict[str, str]:
    policy = {
        "default-src": "'none'",
        "script-src": f"{_hash(_renderer())} {_hash(_START)}",
        "style-src": _hash(_asset("swagger-ui.min.css")),
        "img-src": "data:",
        "connect-src": "'self'",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
    }
    return {
        "Content-Security-Policy": "; ".join(f"{name} {value}" for name, value in policy.items()),
        "Cache-Control": "public, max-age=300",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
    }


@cache
def _renderer() -> str:
    # These three would end or open a tag inside an inline script. They occur in strings and patterns only.
    return re.sub(r"<(?=!--|/?script)", r"\\x3C", _asset("swagger-ui-bundle.min.js"), flags=re.IGNORECASE)


@cache
def _asset(name: str) -> str:
    return (files("aws_lambda_powertools") / "event_handler/openapi/swagger_ui" / name).read_text("utf-8")


def _hash(text: str) -> str:
    """The hash that a browser computes of an inline script or style, and compares with the policy."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
