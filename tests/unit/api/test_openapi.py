"""The OpenAPI document is valid and complete, and agrees with the types that validate requests."""

from contextlib import nullcontext
from functools import cache
from typing import Any, NamedTuple

import jsonschema_rs
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator
from pydantic import BaseModel, ValidationError

from chalicelib.api import routes
from chalicelib.api.openapi import FRAME_ERRORS, document
from chalicelib.chat.schemas import SendMessageRequest
from chalicelib.kernel import errors
from chalicelib.kernel.errors import CoworkingError
from tests.fakes.documents import references

API = "https://rooms.example/api"

Json = dict[str, Any]

USER = (401, 429, 500, 503)
ROOM = (*USER, 404)
MEMBER = (*ROOM, 403)
BODY = (400, 413, 415, 422)


class Expected(NamedTuple):
    """A route of the contract: the statuses of its errors, and the names of its types."""

    errors: set[int]
    answer: str | None = None
    body: str | None = None
    status: int = 200


ROUTES = {
    "GET /healthz": Expected({500, 503}, "Health"),
    "GET /openapi.json": Expected({500}),
    "GET /asyncapi.json": Expected({500}),
    "GET /docs": Expected({500}),
    "GET /coworking/me": Expected({*USER}, "Me"),
    "PUT /coworking/me": Expected({*USER, *BODY, 403, 409}, "Me", "ProfileUpdate"),
    "GET /coworking/me/export": Expected({*USER, 400, 422}, "Export"),
    "DELETE /coworking/me": Expected({*USER}, "ErasureState", status=202),
    "GET /coworking/me/rooms": Expected({*USER}),
    "GET /coworking/rooms": Expected({*USER, 400, 422}),
    "POST /coworking/rooms": Expected({*USER, *BODY, 403, 404, 409}, "RoomSummary", "RoomCreate", 201),
    "GET /coworking/rooms/{room_id}": Expected({*ROOM}, "RoomDetail"),
    "PATCH /coworking/rooms/{room_id}": Expected({*ROOM, *BODY, 403}, "RoomSummary", "RoomPatch"),
    "DELETE /coworking/rooms/{room_id}": Expected({*ROOM, 403}, "Success"),
    "POST /coworking/rooms/{room_id}/join": Expected({*ROOM, 403, 409, 413, 422}, "JoinRoomResponse", "JoinRequest"),
    "POST /coworking/rooms/{room_id}/leave": Expected({*ROOM}, "Success"),
    "POST /coworking/rooms/{room_id}/ticket": Expected({*MEMBER}, "WebsocketAccess"),
    "POST /coworking/rooms/{room_id}/invites": Expected({*MEMBER, *BODY, 409}, "NewInvite", "InviteCreate", 201),
    "GET /coworking/rooms/{room_id}/invites": Expected({*MEMBER}, "InviteList"),
    "DELETE /coworking/rooms/{room_id}/invites/{invite_id}": Expected({*MEMBER}, status=204),
    "POST /coworking/rooms/{room_id}/knock": Expected({*MEMBER, 409}, "KnockAnswer"),
    "GET /coworking/rooms/{room_id}/knock": Expected({*MEMBER, 409}, "KnockState"),
    "GET /coworking/rooms/{room_id}/knocks": Expected({*MEMBER}, "KnockList"),
    "POST /coworking/rooms/{room_id}/knocks/{user_id}": Expected({*MEMBER, *BODY, 409}, "KnockState", "Admission"),
    "GET /coworking/invites/{token}": Expected({*USER, 403, 404, 409}, "InvitePreview"),
    "GET /coworking/rooms/{room_id}/messages": Expected({*MEMBER, 422}, "History"),
    "GET /coworking/rooms/{room_id}/entries": Expected({*MEMBER, 422}, "EntryList"),
    "POST /coworking/rooms/{room_id}/messages": Expected({*MEMBER, *BODY}, "RoomMessage", "SendMessageRequest"),
    "PATCH /coworking/rooms/{room_id}/messages/{seq}": Expected(
        {*MEMBER, *BODY, 409}, "RoomMessage", "EditMessageRequest"
    ),
    "DELETE /coworking/rooms/{room_id}/messages/{seq}": Expected({*MEMBER}, status=204),
    "PUT /coworking/rooms/{room_id}/messages/{seq}/reactions/{emoji}": Expected(
        {*MEMBER, 409, 422}, "MessageReactions"
    ),
    "DELETE /coworking/rooms/{room_id}/messages/{seq}/reactions/{emoji}": Expected(
        {*MEMBER, 409, 422}, "MessageReactions"
    ),
    "POST /coworking/rooms/{room_id}/emoji": Expected({*MEMBER, *BODY}, "RoomMessage", "EmojiReactionRequest"),
    "PUT /coworking/rooms/{room_id}/mic-toggle": Expected(
        {*MEMBER, *BODY, 409}, "MicToggleResponse", "MicToggleRequest"
    ),
    "PUT /coworking/rooms/{room_id}/speaking": Expected(
        {*MEMBER, *BODY, 409}, "SpeakingStatusResponse", "SpeakingStatusRequest"
    ),
    "POST /coworking/rooms/{room_id}/moderation": Expected({*MEMBER, *BODY}, "Moderated", "ModerationRequest"),
    "GET /coworking/rooms/{room_id}/bans": Expected({*MEMBER, 422}, "BanList"),
    "GET /coworking/rooms/{room_id}/audit": Expected({*MEMBER, 422}, "Audit"),
    "GET /coworking/rooms/{room_id}/roles": Expected({*MEMBER, 422}, "RoleList"),
    "PUT /coworking/rooms/{room_id}/roles/{user_id}": Expected({*MEMBER, *BODY}, "RoleGrant", "RoleRequest"),
    "DELETE /coworking/rooms/{room_id}/roles/{user_id}": Expected({*MEMBER, 422}, status=204),
    "POST /coworking/rooms/{room_id}/owner": Expected({*MEMBER, *BODY}, "OwnershipOffer", "OwnershipRequest", 201),
    "POST /coworking/rooms/{room_id}/owner/accept": Expected({*MEMBER, 409}, "RoleGrant"),
    "GET /coworking/admin/bans": Expected({*USER, 403, 422}, "BanList"),
    "PUT /coworking/admin/bans/{user_id}": Expected({*USER, *BODY, 403}, "Ban", "BanRequest"),
    "DELETE /coworking/admin/bans/{user_id}": Expected({*USER, 403, 422}, status=204),
    "POST /coworking/rooms/{room_id}/messages/{seq}/report": Expected(
        {*MEMBER, *BODY, 409}, "Success", "ReportRequest", 202
    ),
    "GET /coworking/admin/reports": Expected({*USER, 403, 422}, "ReportList"),
    "POST /coworking/admin/reports/{report_id}": Expected(
        {*USER, *BODY, 403, 404, 409}, "ReportView", "ReportDecision"
    ),
    "PUT /coworking/admin/rooms/{room_id}": Expected({*ROOM, *BODY, 403}, "RoomSummary", "RoomUpdate"),
    "PATCH /coworking/admin/rooms/{room_id}/status": Expected({*ROOM, 403}, "StatusToggled"),
    "DELETE /coworking/admin/rooms/{room_id}": Expected({*ROOM, 403}, status=204),
}
OPEN = {"GET /healthz", "GET /openapi.json", "GET /asyncapi.json", "GET /docs"}
IDEMPOTENT = {
    "POST /coworking/rooms",
    "POST /coworking/rooms/{room_id}/messages",
    "PATCH /coworking/rooms/{room_id}/messages/{seq}",
    "POST /coworking/rooms/{room_id}/emoji",
    "POST /coworking/rooms/{room_id}/messages/{seq}/report",
}
MODELS = {route.body.__name__: route.body for route in routes.ROUTES if route.body}


def operations() -> dict[str, Json]:
    return {
        f"{method.upper()} {path}": operation
        for path, item in document(API)["paths"].items()
        for method, operation in item.items()
    }


def resolve(part: Json) -> Json:
    """The part, or the component that it refers to."""
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


def test_the_document_is_made_once_for_each_address() -> None:
    other = "https://other.example/api"
    assert document(API) is document(API)
    assert (document(API)["servers"], document(other)["servers"]) == ([{"url": API}], [{"url": other}])


def test_every_route_has_the_statuses_of_the_contract() -> None:
    found = {name: set(map(int, operation["responses"])) for name, operation in operations().items()}
    assert found == {name: {route.status} | route.errors for name, route in ROUTES.items()}


def test_every_answer_has_the_type_of_the_contract() -> None:
    found = {
        name: operation["responses"][str(ROUTES[name].status)].get("content")
        for name, operation in operations().items()
    }
    kinds = {name: route.answer for name, route in ROUTES.items()}
    expected: Json = {name: kind and {"application/json": {"schema": component(kind)}} for name, kind in kinds.items()}
    documents = {"schema": {"type": "object", "additionalProperties": True}}
    expected["GET /openapi.json"] = expected["GET /asyncapi.json"] = {"application/json": documents}
    expected["GET /docs"] = {"text/html": {"schema": {"type": "string"}}}
    for name, item in (("GET /coworking/rooms", "RoomSummary"), ("GET /coworking/me/rooms", "MyRoom")):
        expected[name] = {"application/json": {"schema": {"type": "array", "items": component(item)}}}
    assert found == expected


def test_every_body_has_the_type_that_validates_it() -> None:
    found = {name: operation["requestBody"] for name, operation in operations().items() if "requestBody" in operation}
    assert found == {
        name: {
            "required": not name.endswith("/join"),
            "content": {"application/json": {"schema": component(route.body)}},
        }
        for name, route in ROUTES.items()
        if route.body
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


LIMIT = {"type": "integer", "minimum": 1, "maximum": 100}
NUMBER = {"type": "integer", "minimum": 0, "maximum": 2**53 - 1}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("GET /coworking/rooms", {"limit": LIMIT | {"default": 100}, "cursor": {"type": "string", "maxLength": 2048}}),
        (
            "GET /coworking/rooms/{room_id}/messages",
            {"before_seq": NUMBER, "after_seq": NUMBER, "limit": LIMIT | {"default": 50}},
        ),
        (
            "GET /coworking/rooms/{room_id}/entries",
            {"after_seq": NUMBER | {"default": 0}, "limit": LIMIT | {"default": 100}},
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
    assert join["description"].startswith("If you have one already, nothing changes, and you get a new ticket.")


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
        ("PUT /coworking/me", 409, {"account_closing"}),
        (
            "POST /coworking/rooms/{room_id}/join",
            409,
            {"account_closing", "room_full", "room_inactive", "room_locked", "too_many_rooms"},
        ),
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
    assert resolve(resolve(listed["401"])["headers"]["x-amzn-Remapped-WWW-Authenticate"])["required"]
    limited = resolve(operations()["POST /coworking/rooms"]["responses"]["429"])
    assert resolve(limited["headers"]["Retry-After"])["schema"]["type"] == "integer"


@pytest.mark.parametrize("kind", sorted(MODELS))
def test_the_examples_of_a_request_are_accepted(kind: str) -> None:
    schema = component_schema(kind)
    value = {}
    for name, field in schema["properties"].items():
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


ADA, FOCUS, HI = {"name": "Ada"}, {"name": "Focus"}, {"message_text": "hi"}


@pytest.mark.parametrize(
    ("kind", "rest", "field", "accepted", "refused"),
    [
        ("SendMessageRequest", {}, "message_text", ["hi", "one\ntwo\tthree"], ["bell\x07", "line\r\n", "c1\x85"]),
        ("SendMessageRequest", {}, "message_text", ["x" * 4000], ["", "x" * 4001, None]),
        ("SendMessageRequest", {"message_text": "🎉"}, "message_type", ["emoji"], []),
        ("SendMessageRequest", HI, "message", [5], []),
        ("SendMessageRequest", HI, "message_type", ["text"], ["system"]),
        ("SendMessageRequest", HI, "other", [1], []),
        ("SendMessageRequest", {}, "other", [], [1]),
        ("EmojiReactionRequest", {}, "emoji", ["🎉"], ["", "🎉" * 11]),
        ("MicToggleRequest", {}, "is_muted", [True], ["true", 1]),
        ("SpeakingStatusRequest", {}, "is_speaking", [True], [None]),
        ("RoomCreate", {}, "name", ["Focus"], ["", "x" * 256]),
        ("RoomCreate", FOCUS, "max_participants", [5, 5.0], [51, "5", 5.5, 1e400, True]),
        ("RoomCreate", FOCUS, "color", ["bg-purple", "bg-[#fff]", None], ["bg purple", "bg-purple\n"]),
        ("RoomCreate", FOCUS, "description", ["", None], [5]),
        ("RoomCreate", FOCUS, "retention_days", [1, 365, None], [0, 366, "5", 5.5]),
        ("RoomPatch", {}, "visibility", ["private", None], ["hidden", 1]),
        ("RoomUpdate", {}, "other", [1], []),
        ("RoomUpdate", {"status": "inactive"}, "name", [None], []),
        ("RoomUpdate", {}, "status", ["inactive"], ["closed"]),
        ("ProfileUpdate", ADA, "avatar", [None, "/", "/ada.png", "HTTPS://example.com/a?b=c#d"], ["/ada.png\n"]),
        ("ProfileUpdate", ADA, "avatar", [], ["//example.com/ada.png", "https:///ada.png", "https://example.com/a b"]),
        ("ProfileUpdate", ADA, "avatar", [], ["/\\example.com", "javascript:alert(1)"]),
        ("ProfileUpdate", {}, "avatar", [], ["/ada.png"]),
    ],
)
def test_the_document_and_the_service_agree_on_requests(
    kind: str, rest: Json, field: str, accepted: list[object], refused: list[object]
) -> None:
    for values, is_accepted in ((accepted, True), (refused, False)):
        for body in (rest | {field: value} for value in values):
            assert accepts(MODELS[kind], body) == component_validator(kind).is_valid(body) == is_accepted, body


@pytest.mark.parametrize(
    ("body", "text"),
    [({"message": "hi"}, "hi"), ({"message": "hi", "message_text": "hey"}, "hey"), ({"message": ""}, None)],
)
def test_the_other_name_of_a_text_is_read_but_not_described(body: Json, text: str | None) -> None:
    """With both names in the schema, generators would make two types of one."""
    names = {"message_text", "message_type", "reply_to", "mentions"}
    assert set(component_schema("SendMessageRequest")["properties"]) == names
    with nullcontext() if text else pytest.raises(ValidationError):
        assert SendMessageRequest.model_validate(body).message_text == text


def test_every_type_has_a_title_of_its_own_and_one_form() -> None:
    for name, schema in document(API)["components"]["schemas"].items():
        assert schema["title"] == name
        assert not schema.keys() & {"anyOf", "allOf", "oneOf"}, name


def test_fields_that_are_always_sent_are_required() -> None:
    detail = component_schema("RoomDetail")
    assert set(detail["required"]) == set(detail["properties"])
    assert component_schema("MicToggleResponse")["required"] == ["success", "is_muted"]
