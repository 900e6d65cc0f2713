"""Validate what clients send, and say what is wrong in words for people who do not know Python."""

from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from chalicelib.kernel.errors import InvalidRequestError

M = TypeVar("M", bound=BaseModel)

_PLAIN = {
    "bool_type": "must be true or false",
    "greater_than_equal": "must be at least {ge}",
    "int_from_float": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_parsing_size": "must be a whole number",
    "int_type": "must be a whole number",
    "less_than_equal": "must be at most {le}",
    "list_type": "must be a list",
    "literal_error": "must be {expected}",
    "missing": "is required",
    "model_type": "must be a JSON object",
    "string_pattern_mismatch": "must have the form {pattern}",
    "string_too_long": "must have at most {max_length} characters",
    "string_too_short": "must not be blank",
    "string_type": "must be text",
    "string_unicode": "must be text",
    "value_error": "{error}",
}
"""Sentences that follow the name of a field, by pydantic's error type."""
_ALIASES = {"too_long": "string_too_long", "too_short": "string_too_short"}


def validate(model: type[M], sent: object) -> M:
    """The data that a client sent, as this model.

    Raises:
        InvalidRequestError: a field breaks the contract.
    """
    try:
        return model.model_validate(sent)
    except ValidationError as error:
        raise InvalidRequestError(field_errors(error)) from error


def field_errors(error: ValidationError) -> list[dict[str, Any]]:
    """The errors and their places, without the values that the client sent."""
    return [_field_error(one) for one in error.errors(include_url=False, include_input=False)]


def _field_error(found: Any) -> dict[str, Any]:
    kind = _ALIASES.get(found["type"], found["type"])
    msg = _PLAIN[kind].format_map(found.get("ctx", {})) if kind in _PLAIN else found["msg"]
    return {"loc": list(found["loc"]), "msg": msg, "type": kind}
