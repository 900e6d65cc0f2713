"""The OpenAPI document as a page: plain HTML without scripts. It is small, and needs no other host."""

import base64
import hashlib
import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from html import escape
from typing import Any

from chalicelib.api.openapi import document
from chalicelib.contract import Page

Json = dict[str, Any]

_STYLE = """
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { margin: 0 auto; max-width: 60rem; padding: 1rem; }
h2 { margin-top: 3rem; border-bottom: 1px solid; }
h3 { margin-top: 2rem; font-size: 1rem; }
table { border-collapse: collapse; }
th, td { border: 1px solid #8888; padding: .2rem .6rem; text-align: left; vertical-align: top; }
code { font-size: .9em; overflow-wrap: anywhere; }
"""
_LIMITS = {"minimum": "≥ {}", "maximum": "≤ {}", "minLength": "≥ {} characters", "maxLength": "≤ {} characters"}
_INLINE = (
    (r"`([^`]+)`", r"<code>\1</code>"),
    (r"\*\*([^*]+)\*\*", r"<strong>\1</strong>"),
    (r"\[([^]]+)\]\(([^)\s]+)\)", r'<a href="\2">\1</a>'),
)


@lru_cache(maxsize=8)
def render(base_url: str) -> Page:
    """The page for an API at this address."""
    openapi = document(base_url)
    title = f"{escape(openapi['info']['title'])} API"
    head = f'<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{title}</title>'
    head += f'<link rel="icon" href="data:,"><style>{_STYLE}</style>'
    links = "".join(f'<li><a href="{name}">{name}</a></li>' for name in ("openapi.json", "asyncapi.json"))
    body = "\n".join([f"<h1>{title}</h1><ul>{links}</ul>", _text(openapi["info"]["description"]), *_sections(openapi)])
    return Page(f'<!doctype html>\n<html lang="en"><head>{head}</head>\n<body>{body}</body></html>\n', _headers())


def _headers() -> dict[str, str]:
    style = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
    closed = "; ".join(f"{name} 'none'" for name in ("default-src", "base-uri", "form-action", "frame-ancestors"))
    return {
        "Content-Security-Policy": f"{closed}; style-src 'sha256-{style}'; img-src data:",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
    }


def _sections(openapi: Json) -> Iterator[str]:
    for tag in openapi["tags"]:
        yield f"<h2>{escape(tag['name'])}</h2>{_text(tag['description'])}"
        for path, item in openapi["paths"].items():
            for method, operation in item.items():
                if tag["name"] in operation["tags"]:
                    yield _operation(openapi, f"{method.upper()} {path}", operation)
    yield "<h2>types</h2>"
    for name, schema in openapi["components"]["schemas"].items():
        yield f'<h3 id="{name}">{name}</h3>{_text(schema.get("description", ""))}{_fields(schema) or _type(schema)}'


def _operation(openapi: Json, name: str, operation: Json) -> str:
    about = _text(f"{operation['summary']}. {operation.get('description', '')}")
    parameters = [_resolve(openapi, one) for one in operation["parameters"]]
    rows = [(f"<code>{one['name']}</code>", one["in"], *_about(one["schema"] | one)) for one in parameters]
    body = operation.get("requestBody", {}).get("content", {})
    rows += [("body", "", _type(content["schema"]), "") for content in body.values()]
    rows += [(status, "", *_answer(_resolve(openapi, one))) for status, one in operation["responses"].items()]
    access = "<p>Needs no token.</p>" if operation.get("security") == [] else ""
    return f'<h3 id="{operation["operationId"]}"><code>{escape(name)}</code></h3>{about}{access}{_table(rows)}'


def _answer(response: Json) -> tuple[str, str]:
    """The type of an answer, and its error codes."""
    contents = response.get("content", {}).values()
    codes = [f"<code>{code}</code>" for content in contents for code in content.get("examples", ())]
    return "".join(_type(content["schema"]) for content in contents), ", ".join(codes) or escape(
        response["description"]
    )


def _fields(schema: Json) -> str:
    required = schema.get("required", ())
    return _table(
        (f"<code>{escape(name)}</code>", "" if name in required else "optional", *_about(field))
        for name, field in schema.get("properties", {}).items()
    )


def _about(field: Json) -> tuple[str, str]:
    """The type of a field, and its description."""
    default = f" Default: <code>{escape(repr(field['default']))}</code>." if "default" in field else ""
    return _type(field), _inline(field.get("description", "")) + default


def _type(schema: Json) -> str:
    """A schema as a short text, with links to other types."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f'<a href="#{name}">{name}</a>'
    if "enum" in schema or "const" in schema:
        return " | ".join(f"<code>{escape(str(value))}</code>" for value in schema.get("enum", [schema.get("const")]))
    for key, separator in (("anyOf", " | "), ("allOf", " & ")):
        if key in schema:
            return separator.join(map(_type, schema[key]))
    if schema.get("type") == "array":
        return f"array of {_type(schema['items'])}"
    kinds = schema.get("type", "any")
    name = " | ".join([kinds] if isinstance(kinds, str) else kinds)
    return ", ".join([name, *(text.format(schema[key]) for key, text in _LIMITS.items() if key in schema)])


def _table(rows: Iterable[Iterable[str]]) -> str:
    written = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table>{written}</table>" if written else ""


def _text(markdown: str) -> str:
    """Paragraphs and tables."""
    return "".join(map(_paragraph, markdown.split("\n\n")))


def _paragraph(markdown: str) -> str:
    if not markdown.startswith("|"):
        return f"<p>{_inline(markdown)}</p>" if markdown.strip() else ""
    rows = [map(_inline, line.strip("| ").split(" | ")) for line in markdown.splitlines() if "---" not in line]
    return _table(rows)


def _inline(markdown: str) -> str:
    text = escape(markdown, quote=False)
    for pattern, replacement in _INLINE:
        text = re.sub(pattern, replacement, text)
    return text


def _resolve(openapi: Json, part: Json) -> Json:
    """The part, or the component that it refers to."""
    if "$ref" not in part:
        return part
    kind, name = part["$ref"].removeprefix("#/components/").split("/")
    found: Json = openapi["components"][kind][name]
    return found
