"""The documents in `docs/` agree with the code."""

import json
from typing import Any

import pytest
from pydantic import TypeAdapter

from chalicelib.api.frames import parse, read
from chalicelib.api.problems import InvalidRequestProblem, Problem, RateLimitedProblem
from chalicelib.api.routes import ROUTES
from chalicelib.contract import Reply, Route, ServerFrame
from chalicelib.contract.frames import Ack
from chalicelib.features import EVENTS, FRAMES
from chalicelib.kernel.errors import CoworkingError
from chalicelib.kernel.settings import Limit, Settings
from chalicelib.log.schemas import RoomMessage
from tests.fakes.documents import PAGES, ROOT, Document

HTTP = Document("docs/http.md")
WEBSOCKET = Document("docs/websocket.md")
FROM_THE_PLATFORM = {*("aws_region", "aws_ca_bundle", "lambda_handler", "aws_lambda_runtime_api")}
"""Settings from variables of AWS and Powertools, which their own documents describe."""
OVER_WEBSOCKET_ONLY = {"too_large", "invalid_frame", "reserved_type", "peer_unavailable"}


def name(route: Route) -> str:
    return f"{route.method} {route.path}"


def every_error(of: type[CoworkingError] = CoworkingError) -> list[type[CoworkingError]]:
    return [error for child in of.__subclasses__() for error in (child, *every_error(child))]


def serialize(kind: Any, example: Any) -> Any:
    """An example as the service sends it."""
    adapter = TypeAdapter(kind)
    return adapter.dump_python(adapter.validate_python(example), mode="json", by_alias=True, exclude_unset=True)


@pytest.mark.parametrize("page", PAGES)
def test_every_link_has_a_target(page: str) -> None:
    here = Document(page)
    for link in here.links:
        if link.startswith(("https://", "http://")):
            continue
        path, _, anchor = link.partition("#")
        target = (here.path.parent / path).resolve() if path else here.path
        assert target.exists(), f"{link} has no target"
        if anchor:
            assert anchor in Document(str(target.relative_to(ROOT))).anchors, f"{link} has no such heading"


def test_the_map_in_the_readme_has_every_folder() -> None:
    (tree,) = [block for block in Document("README.md").blocks("") if "app.py" in block]
    named = {line.split()[0] for line in tree.splitlines()}
    assert {path for path in named if not (ROOT / path).exists()} == set()
    service = [path for path in (ROOT / "chalicelib").iterdir() if not path.name.startswith("__")]
    assert {path for path in named if path.startswith("chalicelib/")} == {
        f"chalicelib/{path.name}/" if path.is_dir() else f"chalicelib/{path.name}" for path in service
    }


def test_every_route_is_described_and_no_other() -> None:
    described = [
        heading for heading in HTTP.headings if heading.split()[0] in {"GET", "POST", "PUT", "PATCH", "DELETE"}
    ]
    assert sorted(described) == sorted(name(route) for route in ROUTES)


@pytest.mark.parametrize("route", ROUTES, ids=name)
def test_examples_of_a_route_have_its_types(route: Route) -> None:
    requests = HTTP.blocks("json request", name(route))
    assert bool(requests) == (route.body is not None)
    for request in requests:
        assert route.body
        route.body.model_validate_json(request, extra="forbid")
    answer = route.types["return"]
    if getattr(answer, "__origin__", None) is Reply:
        (answer,) = answer.__args__
    for example in map(json.loads, HTTP.blocks("json answer", name(route))):
        assert serialize(answer, example) == example


@pytest.mark.parametrize(
    ("code", "shape"),
    [("room_full", Problem), ("invalid_request", InvalidRequestProblem), ("rate_limited", RateLimitedProblem)],
)
def test_examples_of_problems_have_their_shape(code: str, shape: type[Problem]) -> None:
    examples = [json.loads(block) for block in HTTP.blocks("json problem")]
    (example,) = [example for example in examples if example["code"] == code]
    assert serialize(shape, example) == example


@pytest.mark.parametrize("error", every_error(), ids=lambda error: error.__name__)
def test_every_error_is_in_the_tables(error: type[CoworkingError]) -> None:
    if error.code in OVER_WEBSOCKET_ONLY:
        assert f"| `{error.code}` |" in WEBSOCKET.section("error")
    elif error.__name__ == "NothingToLeaveError":
        assert "404 `not_in_room`" in HTTP.text
    else:
        assert f"| {error.status} | `{error.code}` |" in HTTP.section("Errors")


def test_every_client_frame_is_shown() -> None:
    rows = [row.split(" | ") for row in WEBSOCKET.section("What you send").splitlines() if row.startswith("| `")]
    examples = {row[0].strip("| `"): row[1].strip("`") for row in rows}
    assert set(examples) == set(FRAMES)
    for kind, example in examples.items():
        assert type(read(FRAMES[kind], parse(example))) is FRAMES[kind].model
        assert json.loads(example)["type"] == kind


@pytest.mark.parametrize("frame", EVENTS, ids=lambda frame: frame.type_name())
def test_every_server_frame_is_shown(frame: type[ServerFrame]) -> None:
    examples = [json.loads(block) for block in WEBSOCKET.blocks("json frame", frame.type_name())]
    assert examples
    for example in examples:
        assert serialize(MessageAck if frame is Ack else frame, example) == example


class MessageAck(Ack):
    """An ack with a message."""

    data: RoomMessage | None = None


def test_every_setting_is_in_the_table_with_its_default() -> None:
    rows = [row for row in Document("docs/operations.md").text.splitlines() if row.startswith("| `")]
    fields = Settings.__dataclass_fields__
    assert set(fields) >= FROM_THE_PLATFORM
    for field, default in ((name, fields[name].default) for name in fields if name not in FROM_THE_PLATFORM):
        (row,) = [row for row in rows if f"`{field.upper()}`" in row.split(" | ")[0]]
        if default != "" and not field.startswith("auth_"):
            assert f"| `{written(default)}` |" in row


def written(default: object) -> str:
    """A default as an environment variable."""
    if isinstance(default, Limit):
        return f"{default.count}/{default.seconds}"
    return str(default).lower() if isinstance(default, bool) else str(default)
