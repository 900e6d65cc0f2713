"""The OpenAPI document is valid, lists what the contract lists, and agrees with the types that validate."""

from functools import cache
from typing import Any

import jsonschema_rs
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator
from pydantic import BaseModel, ValidationError

from chalicelib.api import routes
from chalicelib.api.openapi import FRAME_ERRORS, document
from chalicelib.kernel import errors
from chalicelib.kernel.errors import CoworkingError
from tests.fakes.documents import references

API = "https://rooms.example/api"

Json = dict[str, Any]

USER = (401, 500, 503)
ROOM = (*USER, 404)
MEMBER = (*ROOM, 403)
BODY = (400, 413, 415, 422)

ROUTES = {
    "GET /healthz": (200, {500, 503}),
    "GET /openapi.json": (200, {500}),
    "GET /asyncapi.json": (200, {500}),
    "GET /docs": (200, {500}),
    "GET /coworking/me": (200, {*USER}),
    "PUT /coworking/me": (200, {*USER, *BODY}),
    "GET /coworking/rooms": (200, {*USER, 400, 422}),
    "POST /coworking/rooms": (201, {*USER, *BODY, 404, 429}),
    "GET /coworking/rooms/{room_id}": (200, {*ROOM}),
    "DELETE /coworking/rooms/{room_id}": (200, {*ROOM, 403}),
    "POST /coworking/rooms/{room_id}/join": (200, {*ROOM, 409, 429}),
    "POST /coworking/rooms/{room_id}/leave": (200, {*ROOM}),
    "POST /coworking/rooms/{room_id}/ticket": (200, {*MEMBER}),
    "GET /coworking/rooms/{room_id}/messages": (200, {*MEMBER, 422}),
    "POST /coworking/rooms/{room_id}/messages": (200, {*MEMBER, *BODY, 429}),
    "POST /coworking/rooms/{room_id}/emoji": (200, {*MEMBER, *BODY, 429}),
    "PUT /coworking/rooms/{room_id}/mic-toggle": (200, {*MEMBER, *BODY}),
    "PUT /coworking/rooms/{room_id}/speaking": (200, {*MEMBER, *BODY, 409}),
    "PUT /coworking/admin/rooms/{room_id}": (200, {*ROOM, *BODY, 403}),
    "PATCH /coworking/admin/rooms/{room_id}/status": (200, {*ROOM, 403}),
    "DELETE /coworking/admin/rooms/{room_id}": (204, {*ROOM, 403}),
}
OPEN = {"GET /healthz", "GET /openapi.json", "GET /asyncapi.json", "GET /docs"}
IDEMPOTENT = {
    "POST /coworking/rooms",
    "POST /coworking/rooms/{room_id}/messages",
    "POST /coworking/rooms/{room_id}/emoji",
}
ANSWERS = {
    "GET /healthz": "Health",
    "GET /coworking/me": "Me",
    "PUT /coworking/me": "Me",
    "POST /coworking/rooms": "RoomSummary",
    "GET /coworking/rooms/{room_id}": "RoomDetail",
    "DELETE /coworking/rooms/{room_id}": "Success",
    "POST /coworking/rooms/{room_id}/join": "JoinRoomResponse",
    "POST /coworking/rooms/{room_id}/leave": "Success",
    "POST /coworking/rooms/{room_id}/ticket": "WebsocketAccess",
    "GET /coworking/rooms/{room_id}/messages": "History",
    "POST /coworking/rooms/{room_id}/messages": "RoomMessage",
    "POST /coworking/rooms/{room_id}/emoji": "RoomMessage",
    "PUT /coworking/rooms/{room_id}/mic-toggle": "MicToggleResponse",
    "PUT /coworking/rooms/{room_id}/speaking": "SpeakingStatusResponse",
    "PUT /coworking/admin/rooms/{room_id}": "RoomSummary",
    "PATCH /coworking/admin/rooms/{room_id}/status": "StatusToggled",
}
BODIES = {
    "PUT /coworking/me": "ProfileUpdate",
    "POST /coworking/rooms": "RoomCreate",
    "POST /coworking/rooms/{room_id}/messages": "SendMessageRequest",
    "POST /coworking/rooms/{room_id}/emoji": "EmojiReactionRequest",
    "PUT /coworking/rooms/{room_id}/mic-toggle": "MicToggleRequest",
    "PUT /coworking/rooms/{room_id}/speaking": "SpeakingStatusRequest",
    "PUT /coworking/admin/rooms/{room_id}": "RoomUpdate",
}
MODELS = {route.body.__name__: route.body for route in routes.ROUTES if route.body}


def operations() -> dict[str, Json]:
    return {
        f"{method.upper()} {path}": operation
        for path, item in document(API)["paths"].items()
        for method, operation in item.items()
    }


def resolve(part: Json) -> Json:
    """What a part is, or refers to."""
    if "$ref" not in part:
        return part
    kind, name = part["$ref"].removeprefix("#/components/").split("/")
    found: Json = document(API)["components"][kind][name]
    return found


def parameters(operation: Json) -> dict[str, Json]:
    return {parameter["name"]: parameter for parameter in map(resolve, operation["parameters"])}


def component(name: str) -> Json:
    return {"$ref": f"#/components/schemas/{name}"}


@cache
def component_validator(name: str) -> jsonschema_rs.Draft202012Validator:
    return validator(component(name))


def validator(schema: Json) -> jsonschema_rs.Draft202012Validator:
    return jsonschema_rs.Draft202012Validator(
        schema | {"components": document(API)["components"]}, validate_formats=True
    )


def accepts(model: type[BaseModel], value: object) -> bool:
    try:
        model.model_validate(value)
    except ValidationError:
        return False
    return True


def test_it_is_a_valid_openapi_document() -> None:
    assert document(API)["openapi"] == "3.1.0"
    assert list(OpenAPIV31SpecValidator(document(API)).iter_errors()) == []


def test_it_is_made_once_for_each_address() -> None:
    other = "https://other.example/api"
    assert document(API) is document(API)
    assert (document(API)["servers"], document(other)["servers"]) == ([{"url": API}], [{"url": other}])


def test_every_route_has_the_statuses_of_the_contract() -> None:
    found = {
        name: (
            next(int(status) for status in operation["responses"] if status < "300"),
            {int(status) for status in operation["responses"] if status >= "300"},
        )
        for name, operation in operations().items()
    }
    assert found == ROUTES


def test_every_answer_has_the_type_of_the_contract() -> None:
    found = {
        name: operation["responses"][str(ROUTES[name][0])].get("content") for name, operation in operations().items()
    }
    expected: Json = {name: {"application/json": {"schema": component(kind)}} for name, kind in ANSWERS.items()}
    documents = {"schema": {"type": "object", "additionalProperties": True}}
    expected["GET /openapi.json"] = expected["GET /asyncapi.json"] = {"application/json": documents}
    expected["GET /docs"] = {"text/html": {"schema": {"type": "string"}}}
    summaries = {"type": "array", "items": component("RoomSummary")}
    expected["GET /coworking/rooms"] = {"application/json": {"schema": summaries}}
    expected["DELETE /coworking/admin/rooms/{room_id}"] = None
    assert found == expected


def test_every_body_has_the_type_that_validates_it() -> None:
    found = {name: operation["requestBody"] for name, operation in operations().items() if "requestBody" in operation}
    assert found == {
        name: {"required": True, "content": {"application/json": {"schema": component(kind)}}}
        for name, kind in BODIES.items()
    }


def test_all_routes_but_the_open_ones_need_a_token() -> None:
    assert document(API)["security"] == [{"bearer": []}]
    assert document(API)["components"]["securitySchemes"]["bearer"]["scheme"] == "bearer"
    assert {name for name, operation in operations().items() if operation.get("security") == []} == OPEN
    assert all(operation.get("security") in (None, []) for operation in operations().values())


def test_idempotent_routes_take_a_key() -> None:
    found = {name for name, operation in operations().items() if "Idempotency-Key" in parameters(operation)}
    assert found == IDEMPOTENT
    key = parameters(operations()["POST /coworking/rooms"])["Idempotency-Key"]
    assert (key["in"], key["schema"]) == ("header", {"type": "string", "minLength": 1, "maxLength": 64})


def test_a_room_in_a_path_is_a_uuid() -> None:
    for name, operation in operations().items():
        found = parameters(operation).get("room_id")
        assert (found is not None) == ("{room_id}" in name)
        if found:
            assert (found["in"], found["required"], found["schema"]["format"]) == ("path", True, "uuid")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (
            "GET /coworking/rooms",
            {
                "limit": {"type": "integer", "minimum": 1, "maximum": 100, "default": 50},
                "cursor": {"type": "string", "maxLength": 2048},
            },
        ),
        (
            "GET /coworking/rooms/{room_id}/messages",
            {
                "before_seq": {"type": "integer", "minimum": 0, "maximum": 2**53 - 1},
                "after_seq": {"type": "integer", "minimum": 0, "maximum": 2**53 - 1},
                "limit": {"type": "integer", "minimum": 1, "maximum": 100, "default": 50},
            },
        ),
    ],
)
def test_a_query_is_described_parameter_by_parameter(name: str, expected: Json) -> None:
    found = {key: one for key, one in parameters(operations()[name]).items() if one["in"] == "query"}
    assert {key: one["schema"] for key, one in found.items()} == expected
    assert not any(one.get("required") for one in found.values())


def test_every_operation_has_a_unique_id_and_a_summary() -> None:
    names = [operation["operationId"] for operation in operations().values()]
    assert len(set(names)) == len(names) == len(ROUTES)
    tags = {tag["name"]: tag["description"] for tag in document(API)["tags"]}
    for operation in operations().values():
        assert operation["summary"]
        assert tags[operation["tags"][0]]


def test_a_docstring_makes_a_summary_and_a_description() -> None:
    join = operations()["POST /coworking/rooms/{room_id}/join"]
    assert join["summary"] == "Take a seat"
    assert join["description"] == "If you have one already, nothing changes, and you get a new ticket."


def test_references_and_components_match() -> None:
    components = document(API)["components"]
    there = {
        f"#/components/{kind}/{name}"
        for kind, named in components.items()
        if kind != "securitySchemes"
        for name in named
    }
    assert set(references(document(API))) == there


HTTP_ERRORS = [
    error
    for error in vars(errors).values()
    if isinstance(error, type) and issubclass(error, CoworkingError) and error is not CoworkingError
]


@pytest.mark.parametrize("error", HTTP_ERRORS)
def test_every_http_error_is_listed_and_no_error_of_frames(error: type[CoworkingError]) -> None:
    is_listed = error not in FRAME_ERRORS
    description = document(API)["info"]["description"]
    assert (f"| {error.status} | `{error.code}` | {error.__doc__} |" in description) is is_listed
    assert (f"`{error.code}`" in description) is is_listed
    codes = document(API)["components"]["schemas"]["Problem"]["properties"]["code"]["enum"]
    assert (error.code in codes) is is_listed
    answers = [
        resolve(response)["content"]["application/problem+json"]["examples"]
        for operation in operations().values()
        for status, response in operation["responses"].items()
        if status == str(error.status)
    ]
    # Chalice itself answers 405, before any route.
    is_answered = is_listed and error is not errors.MethodNotAllowedError
    assert any(error.code in examples for examples in answers) is is_answered


def test_examples_of_errors_match_their_schemas() -> None:
    for name, operation in operations().items():
        for status, reference in operation["responses"].items():
            if status < "300":
                continue
            content = resolve(reference)["content"]
            assert list(content) == ["application/problem+json"], (name, status)
            problem = content["application/problem+json"]
            for code, example in problem["examples"].items():
                assert (example["value"]["status"], example["value"]["code"]) == (int(status), code)
                validator(problem["schema"]).validate(example["value"])
                assert not validator(problem["schema"]).is_valid(example["value"] | {"code": "another"})
                assert not validator(problem["schema"]).is_valid(example["value"] | {"status": 418})


@pytest.mark.parametrize(
    ("name", "status", "codes"),
    [
        ("POST /coworking/rooms/{room_id}/join", 409, {"room_full", "room_inactive"}),
        ("POST /coworking/rooms/{room_id}/leave", 404, {"room_not_found", "not_in_room"}),
        ("PUT /coworking/rooms/{room_id}/speaking", 409, {"muted"}),
        ("GET /coworking/rooms", 400, {"invalid_cursor"}),
        ("POST /coworking/rooms", 400, {"invalid_json"}),
        ("GET /coworking/me", 503, {"unavailable", "auth_unavailable"}),
        ("GET /healthz", 503, {"unavailable"}),
    ],
)
def test_a_status_lists_its_error_codes(name: str, status: int, codes: set[str]) -> None:
    problem = resolve(operations()[name]["responses"][str(status)])["content"]["application/problem+json"]
    assert set(problem["schema"]["properties"]["code"]["enum"]) == set(problem["examples"]) == codes


def test_answers_list_their_headers() -> None:
    listed = operations()["GET /coworking/rooms"]["responses"]
    assert "headers" in listed["200"]
    assert not resolve(listed["200"]["headers"]["Link"]).get("required")
    assert resolve(resolve(listed["401"])["headers"]["WWW-Authenticate"])["required"]
    limited = resolve(operations()["POST /coworking/rooms"]["responses"]["429"])
    assert resolve(limited["headers"]["Retry-After"])["schema"]["type"] == "integer"


@pytest.mark.parametrize("kind", sorted({*BODIES.values()}))
def test_the_examples_of_a_request_are_accepted(kind: str) -> None:
    schema = component_schema(kind)
    fields = schema["properties"] | next(iter(schema.get("anyOf", [{}]))).get("properties", {})
    value = {}
    for name, field in fields.items():
        shown = next((one for one in field.get("anyOf", []) if "examples" in one), field)
        if "examples" in shown:
            value[name] = shown["examples"][0]
        elif field.get("type") == "boolean":
            value[name] = True
    assert value
    component_validator(kind).validate(value)
    assert accepts(MODELS[kind], value)


def component_schema(name: str) -> Json:
    schema: Json = document(API)["components"]["schemas"][name]
    return schema


@pytest.mark.parametrize(
    ("kind", "value", "accepted"),
    [
        ("SendMessageRequest", {"message_text": "hi"}, True),
        ("SendMessageRequest", {"message": "hi"}, True),
        ("SendMessageRequest", {"message": "hi", "message_type": "emoji"}, True),
        ("SendMessageRequest", {"message_text": "hi", "message": 5}, True),
        ("SendMessageRequest", {"message_text": "", "message": "hi"}, False),
        ("SendMessageRequest", {"message_text": None, "message": "hi"}, False),
        ("SendMessageRequest", {"message": ""}, False),
        ("SendMessageRequest", {"message": "x" * 4001}, False),
        ("SendMessageRequest", {"message": "x" * 4000}, True),
        ("SendMessageRequest", {}, False),
        ("SendMessageRequest", {"message_text": "hi", "message_type": "system"}, False),
        ("SendMessageRequest", {"message_text": "one\ntwo\tthree", "other": 1}, True),
        ("SendMessageRequest", {"message_text": "bell\x07"}, False),
        ("SendMessageRequest", {"message_text": "line\r\n"}, False),
        ("SendMessageRequest", {"message_text": "c1\x85"}, False),
        ("EmojiReactionRequest", {"emoji": "🎉"}, True),
        ("EmojiReactionRequest", {"emoji": ""}, False),
        ("EmojiReactionRequest", {"emoji": "🎉" * 11}, False),
        ("MicToggleRequest", {"is_muted": True}, True),
        ("MicToggleRequest", {"is_muted": "true"}, False),
        ("MicToggleRequest", {"is_muted": 1}, False),
        ("SpeakingStatusRequest", {"is_speaking": None}, False),
        ("RoomCreate", {"name": "Focus"}, True),
        ("RoomCreate", {"name": ""}, False),
        ("RoomCreate", {"name": "x" * 256}, False),
        ("RoomCreate", {"name": "Focus", "max_participants": 51}, False),
        ("RoomCreate", {"name": "Focus", "max_participants": "5"}, False),
        ("RoomCreate", {"name": "Focus", "max_participants": 5.0}, True),
        ("RoomCreate", {"name": "Focus", "max_participants": 5.5}, False),
        ("RoomCreate", {"name": "Focus", "max_participants": 1e400}, False),
        ("RoomCreate", {"name": "Focus", "max_participants": True}, False),
        ("RoomCreate", {"name": "Focus", "color": "bg purple"}, False),
        ("RoomCreate", {"name": "Focus", "color": "bg-purple\n"}, False),
        ("RoomCreate", {"name": "Focus", "description": None}, False),
        ("RoomUpdate", {}, True),
        ("RoomUpdate", {"name": None, "status": "inactive"}, True),
        ("RoomUpdate", {"status": "closed"}, False),
        ("ProfileUpdate", {"name": "Ada", "avatar": None}, True),
        ("ProfileUpdate", {"name": "Ada", "avatar": "/ada.png"}, True),
        ("ProfileUpdate", {"name": "Ada", "avatar": "/"}, True),
        ("ProfileUpdate", {"name": "Ada", "avatar": "HTTPS://example.com/a?b=c#d"}, True),
        ("ProfileUpdate", {"name": "Ada", "avatar": "//example.com/ada.png"}, False),
        ("ProfileUpdate", {"name": "Ada", "avatar": "https:///ada.png"}, False),
        ("ProfileUpdate", {"name": "Ada", "avatar": "https://example.com/a b"}, False),
        ("ProfileUpdate", {"name": "Ada", "avatar": "/\\example.com"}, False),
        ("ProfileUpdate", {"name": "Ada", "avatar": "/ada.png\n"}, False),
        ("ProfileUpdate", {"name": "Ada", "avatar": "javascript:alert(1)"}, False),
        ("ProfileUpdate", {"avatar": "/ada.png"}, False),
    ],
)
def test_the_document_and_the_service_agree_on_requests(kind: str, value: object, accepted: bool) -> None:
    assert accepts(MODELS[kind], value) == accepted
    assert component_validator(kind).is_valid(value) == accepted


def test_fields_that_are_always_sent_are_required() -> None:
    detail = component_schema("RoomDetail")
    assert set(detail["required"]) == set(detail["properties"])
    assert component_schema("MicToggleResponse")["required"] == ["success", "is_muted"]
