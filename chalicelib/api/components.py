"""JSON Schemas of the wire types, as named components that refer to one another. Both documents use them."""

from collections.abc import Iterable
from typing import Any

from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaMode, JsonSchemaValue
from pydantic_core import core_schema

Schema = dict[str, Any]
REFERENCE = "#/components/schemas/{model}"


class SchemaGenerator(GenerateJsonSchema):
    """Schemas of what we send: a field with a default is always present; a field that may be absent is never null."""

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002
        """A title would only repeat the name."""
        return False

    def field_is_required(self, field: Any, total: bool) -> bool:
        if self.mode == "serialization":
            return field.get("serialization_exclude_if") is None
        return super().field_is_required(field, total)

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        if self.mode == "serialization":
            return self.generate_inner(schema["schema"])
        return super().default_schema(schema)

    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        """One form, `{"type": ["string", "null"], ...}`: generators make a type of each form that has limits."""
        found = super().nullable_schema(schema)
        kind, *others = found.get("anyOf", [{}])
        is_flat = others == [{"type": "null"}] and isinstance(kind.get("type"), str) and "enum" not in kind
        return kind | {"type": [kind["type"], "null"]} if is_flat else found

    def model_field_schema(self, schema: core_schema.ModelField) -> JsonSchemaValue:
        inner = schema["schema"]
        if self.mode == "serialization" and schema.get("serialization_exclude_if") and inner["type"] == "default":
            inner = inner["schema"]
            return self.generate_inner(inner["schema"] if inner["type"] == "nullable" else inner)
        return super().model_field_schema(schema)


def describe(wanted: Iterable[tuple[Any, JsonSchemaMode]]) -> tuple[dict[Any, Schema], dict[str, Schema]]:
    """The schema of each type, and the components that these schemas refer to.

    The mode is `validation` for what clients send, and `serialization` for what we send.
    """
    inputs = [(kind, mode, TypeAdapter(kind)) for kind, mode in dict(wanted).items()]
    schemas, definitions = TypeAdapter.json_schemas(
        inputs, ref_template=REFERENCE, union_format="primitive_type_array", schema_generator=SchemaGenerator
    )
    components = {name: {"title": name} | schema for name, schema in definitions.get("$defs", {}).items()}
    return {kind: schema for (kind, _), schema in schemas.items()}, components
