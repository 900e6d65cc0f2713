"""Writes the TypeScript declarations of the client library: `python -m tests.web.declarations`, or `make web-types`.

`web/sdk/wire.d.ts` has the wire types, from the OpenAPI and AsyncAPI documents of the service.
`web/sdk/types/` has the modules that applications import. TypeScript makes them from the code.
"""

import json
import re
import tempfile
import textwrap
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from chalicelib.api import asyncapi, openapi
from chalicelib.kernel.errors import CoworkingError
from tests.fakes.node import WEB, run_node

SDK = WEB.parent.parent / "web" / "sdk"
TSC = Path("node_modules/typescript/bin/tsc")
MODULES = ("errors", "index", "microphone", "voice")
"""The modules that applications import, and those with their classes."""
TYPES = 'export type * from "../public.js";\n'
"""JavaScript can't export types, so the declarations do."""

HEADER = (
    "/** The types on the wire. `make web-types` writes this file from the service's OpenAPI and AsyncAPI documents. */"
)
WIDTH = 80
"""Longer types are written on several lines."""
REFERENCE = r'"#/components/schemas/(\w+)"'
SENDERS = {
    "client": "What a client sends.",
    "server": "What the server sends.",
    "relayed": "What the server relays from another client.",
}
NAMES = {"integer": "number", "null": "null", "object": "object"}

Schema = Mapping[str, Any]


class TypesError(Exception):
    """TypeScript reports errors in the code of the page or the library."""


def declare_wire(http: Schema, websocket: Schema) -> str:
    """Declare the types of HTTP and WebSocket.

    The names of frames end with `Frame`, because HTTP uses some of the same names.
    """
    messages = {
        key: find_references(message["payload"]) for key, message in websocket["components"]["messages"].items()
    }
    schemas = websocket["components"]["schemas"]
    frames = {name for names in messages.values() for name in names if "type" in schemas[name]["properties"]}

    def rename(name: str) -> str:
        return f"{name}Frame" if name in frames else name

    renamed = re.sub(REFERENCE, lambda found: f'"#/components/schemas/{rename(found[1])}"', json.dumps(schemas))
    declared = http["components"]["schemas"] | {rename(name): schema for name, schema in json.loads(renamed).items()}
    parts = [HEADER, *(declare(name, declared[name]) for name in sorted(declared))]
    for sender, description in SENDERS.items():
        sent = [" & ".join(map(rename, names)) for key, names in messages.items() if key.startswith(f"{sender}-")]
        parts.append(f"/** {description} */\nexport type {sender.title()}Frame = {join(sent)};")
    return "\n".join([*parts, ""]).replace(" \n", "\n")


def find_references(schema: Schema) -> list[str]:
    """The names of the schemas that a schema refers to."""
    return re.findall(REFERENCE, json.dumps(schema))


def declare(name: str, schema: Schema) -> str:
    """Declare a schema under a name, with its description."""
    lines = schema.get("description", "").splitlines()
    comment = "/**" + "".join(f"\n * {line}".rstrip() for line in lines) + "\n */\n" if len(lines) > 1 else ""
    comment = comment or "".join(f"/** {line} */\n" for line in lines)
    return f"{comment}export type {name} = {write_type(schema)};"


def write_type(schema: Schema) -> str:
    """Write a schema as a TypeScript type. `pattern`, `not` and limits are left out: types cannot express them."""
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    if "const" in schema:
        return json.dumps(schema["const"])
    if "enum" in schema:
        return join([json.dumps(value) for value in schema["enum"]])
    parts = [write_type(part) for part in schema.get("allOf", ())]
    parts += [f"({join([write_type(part) for part in schema[key]])})" for key in ("anyOf", "oneOf") if key in schema]
    if schema.get("properties") or schema.get("additionalProperties"):
        parts.append(write_object(schema))
    if parts:
        return " & ".join(parts) if len(parts) > 1 else parts[0].removeprefix("(").removesuffix(")")
    kinds = schema.get("type", "unknown")
    names = [kinds] if isinstance(kinds, str) else kinds
    return join([write_list(schema) if kind == "array" else NAMES.get(kind, kind) for kind in names])


def write_list(schema: Schema) -> str:
    """Write the type of a list."""
    item = write_type(schema["items"])
    return f"({item})[]" if " " in item else f"{item}[]"


def write_object(schema: Schema) -> str:
    """Write the fields of an object, each with its description."""
    fields = []
    for name, field in schema.get("properties", {}).items():
        comment = f"/** {field['description']} */\n" if "description" in field else ""
        mark = "" if name in schema.get("required", ()) else "?"
        fields.append(f"{comment}{name}{mark}: {write_type(field)}")
    if schema.get("additionalProperties"):
        fields.append("[field: string]: unknown")
    line = f"{{ {'; '.join(fields)} }}"
    return line if fits(line) else "{\n" + textwrap.indent(";\n".join([*fields, ""]), "  ") + "}"


def join(types: list[str]) -> str:
    """Write a union."""
    line = " | ".join(dict.fromkeys(types))
    return line if fits(line) else textwrap.indent("".join(f"\n| {one}" for one in dict.fromkeys(types)), "  ")


def fits(text: str) -> bool:
    return "\n" not in text and len(text) < WIDTH


def make_wire() -> str:
    """The text of `web/sdk/wire.d.ts`."""
    return declare_wire(openapi.document("https://HOST/api"), asyncapi.document("wss://HOST")) + declare_codes()


def declare_codes() -> str:
    """Declare the codes of all errors of the service."""
    rows = {
        error.code: f"| `{error.code}` | {error.__doc__} |" for error in reversed(list(list_errors(CoworkingError)))
    }
    description = "\n".join(
        ["The codes of the service's errors.", "", "| code | meaning |", "|---|---|", *sorted(rows.values())]
    )
    return declare("ErrorCode", {"description": description, "enum": sorted(rows)}).replace(" \n", "\n") + "\n"


def list_errors(kind: type[CoworkingError]) -> Iterator[type[CoworkingError]]:
    for child in kind.__subclasses__():
        yield child
        yield from list_errors(child)


def check_and_declare() -> Iterator[tuple[str, str]]:
    """Check the types of the page and the library, and declare the modules that applications import.

    Yields: the names and texts of the files in `web/sdk/types/`.

    Raises:
        TypesError: TypeScript reports errors. It is raised after the last file.
    """
    with tempfile.TemporaryDirectory() as directory:
        run = run_node(TSC, "-p", ".", "--noEmit", "false", "--outDir", directory)
        for name in MODULES:
            text = (Path(directory) / "sdk" / f"{name}.d.ts").read_text("utf-8")
            types = TYPES if name in {"index", "voice"} else ""
            yield f"{name}.d.ts", re.sub(rf'"\./(?!{"|".join(MODULES)})(\w+\.js")', r'"../\1', text) + types
        if run.returncode:
            raise TypesError(run.stdout)


def declare_all() -> None:
    for name, text in check_and_declare():
        (SDK / "types" / name).write_text(text, "utf-8")


def main() -> None:
    (SDK / "wire.d.ts").write_text(make_wire(), "utf-8")
    with suppress(TypesError):
        declare_all()  # `public.d.ts` needs the new declarations of the errors
    declare_all()


if __name__ == "__main__":
    main()
