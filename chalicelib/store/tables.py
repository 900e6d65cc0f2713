"""The eight tables with their keys and indexes, as in `infra/tables.yaml`, and `Table`, which declares rows.

A record is a frozen dataclass. Each of its fields is one attribute of the item, named and typed once:

    @dataclass(frozen=True)
    class Profile:
        user_id: str
        name: str
        avatar: str | None

    PROFILES = Table("profiles", Profile)
    store.get(PROFILES, "user-1")          # -> Profile | None
    PROFILES.name == "Ada"                 # a condition, for writes
"""

from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, field, fields
from types import NoneType, UnionType
from typing import Annotated, Any, Generic, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from pynamodb.attributes import (
    Attribute,
    BinaryAttribute,
    BooleanAttribute,
    NumberAttribute,
    UnicodeAttribute,
    UnicodeSetAttribute,
)
from pynamodb.connection.base import MetaTable
from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action

from chalicelib.kernel.times import from_iso, iso

__all__ = ["TABLES", "Condition", "IsoMoment", "Key", "Keys", "Table"]

R = TypeVar("R")
Item = dict[str, dict[str, Any]]
Key = str | tuple[str, str | int]
"""The hash key of an item, or its hash key and range key."""


@dataclass(frozen=True)
class Keys:
    """The names of a table's hash key and range key, and of those of its indexes."""

    hash: str
    range: str | None = None
    indexes: Mapping[str, tuple[str, str | None]] = field(default_factory=dict)


TABLES = {
    "rooms": Keys(
        "room_id",
        indexes={
            "by_status": ("status", "created_at"),
            "by_occupied": ("occupied", "room_id"),
            "by_owner": ("owner", "created_at"),
        },
    ),
    "participants": Keys("room_id", "user_id", indexes={"by_user": ("user_id", "joined_at")}),
    "messages": Keys("room_id", "seq"),
    "connections": Keys("room_id", "connection_id", indexes={"by_connection": ("connection_id", None)}),
    "profiles": Keys("user_id"),
    "guards": Keys("key"),
    "grants": Keys("room_id", "kind_id", indexes={"by_user": ("user_id", "kind_id")}),
    "personal": Keys("user_id", "kind_id"),
}
_NUMBERS = {"seq", "joined_at"}


class WholeAttribute(NumberAttribute):
    """A whole number. PynamoDB's own attribute returns a float if the text has a point."""

    def deserialize(self, value: str) -> Any:
        return int(value)


class SetAttribute(UnicodeSetAttribute):
    """A set of texts. DynamoDB has no empty set: an absent attribute means empty."""

    def deserialize(self, value: Any) -> Any:
        return frozenset(value)


class IsoMoment(UnicodeAttribute):
    """A moment stored as ISO 8601 text: `created_at: Annotated[Moment, IsoMoment]`."""

    def serialize(self, value: Any) -> Any:
        return iso(value)

    def deserialize(self, value: Any) -> Any:
        return from_iso(value)


class Table(Generic[R]):
    """The rows of one record type in one table. Attributes of the instance build conditions and updates.

    `also` names attributes that are stored but are not fields of the record. `stored` returns what a row holds instead
    of the values of a record; None leaves an attribute out.
    """

    def __init__(
        self,
        base_name: str,
        record: type[R],
        *,
        also: Mapping[str, Any] | None = None,
        stored: Callable[[R], Mapping[str, Any]] = lambda _: {},
    ) -> None:
        self.base_name = base_name
        self.keys = TABLES[base_name]
        self.record = record
        hints = get_type_hints(record, include_extras=True)
        if taken := hints.keys() & {"base_name", "keys", "record", "read", "write", "key_of", "difference"}:
            raise TypeError(f"{record.__name__}: a table has no attributes named {', '.join(sorted(taken))}")
        self._fields = {name: _attribute(name, hint) for name, hint in hints.items()}
        declared = fields(record)  # type: ignore[arg-type]  # a record is a dataclass
        self._defaults = {one.name: one.default for one in declared if one.default is not MISSING}
        self._stored = stored
        self._attributes = self._fields | {name: _attribute(name, hint) for name, hint in (also or {}).items()}

    def __getattr__(self, name: str) -> Attribute[Any]:
        try:
            return self._attributes[name]
        except KeyError:
            raise AttributeError(f"{self.base_name} has no attribute {name}") from None

    def read(self, item: Item) -> R:
        """The record in an item of DynamoDB. An attribute that the item lacks has the default of its field."""
        values = {}
        for name, attribute in self._fields.items():
            if name in item:
                values[name] = attribute.deserialize(attribute.get_value(item[name]))
            else:
                absent = frozenset[str]() if isinstance(attribute, SetAttribute) else None
                values[name] = self._defaults.get(name, absent)
        return self.record(**values)

    def write(self, record: R, **also: Any) -> Item:
        """The item of a record. An attribute that is None or an empty set is left out."""
        values = {name: getattr(record, name) for name in self._fields} | dict(self._stored(record)) | also
        return {
            name: {self._attributes[name].attr_type: self._attributes[name].serialize(value)}
            for name, value in values.items()
            if value is not None and value != frozenset()
        }

    def difference(self, before: R, after: R) -> tuple[list[Action], Condition]:
        """The changes that make one record into another, and the condition that these fields are as in the first."""
        old, new = self.write(before), self.write(after)
        actions: list[Action] = []
        condition: Condition = self._attributes[self.keys.hash].exists()
        for name in sorted(name for name in old.keys() | new.keys() if old.get(name) != new.get(name)):
            attribute = self._attributes[name]
            actions.append(attribute.set(getattr(after, name)) if name in new else attribute.remove())
            condition &= attribute == getattr(before, name) if name in old else attribute.does_not_exist()
        return actions, condition

    def key_of(self, record: R) -> Key:
        """The key of a record."""
        hash_value: str = getattr(record, self.keys.hash)
        return (hash_value, getattr(record, self.keys.range)) if self.keys.range else hash_value


def describe(base_name: str, table_name: str) -> MetaTable:
    """The description of a table, from which PynamoDB's connection builds requests."""
    keys = TABLES[base_name]
    names = {name for pair in ((keys.hash, keys.range), *keys.indexes.values()) for name in pair if name}
    return MetaTable(
        {
            "TableName": table_name,
            "KeySchema": _key_schema(keys.hash, keys.range),
            "AttributeDefinitions": [
                {"AttributeName": name, "AttributeType": "N" if name in _NUMBERS else "S"} for name in sorted(names)
            ],
            "GlobalSecondaryIndexes": [
                {"IndexName": index, "KeySchema": _key_schema(*pair)} for index, pair in keys.indexes.items()
            ],
        }
    )


def item_bytes(item: Item) -> int:
    """The size of an item as DynamoDB counts it, or a little more."""
    return sum(len(name) + _value_bytes(next(iter(value.values()))) for name, value in item.items())


def _value_bytes(value: Any) -> int:
    if isinstance(value, list | tuple | set | frozenset):
        return sum(_value_bytes(one) + 1 for one in value) + 3
    return len(str(value).encode())


def _key_schema(hash_name: str, range_name: str | None) -> list[dict[str, str]]:
    schema = [{"AttributeName": hash_name, "KeyType": "HASH"}]
    return [*schema, {"AttributeName": range_name, "KeyType": "RANGE"}] if range_name else schema


def _attribute(name: str, hint: Any) -> Attribute[Any]:
    if get_origin(hint) is Annotated:
        _, kind = get_args(hint)
        attribute: Attribute[Any] = kind(attr_name=name)
        return attribute
    if get_origin(hint) in (Union, UnionType):
        (hint,) = (one for one in get_args(hint) if one is not NoneType)
    if get_origin(hint) is Literal or hint is str:
        return UnicodeAttribute(attr_name=name)
    if hint is bool:
        return BooleanAttribute(attr_name=name)
    if hint is int:
        return WholeAttribute(attr_name=name)
    if hint is bytes:
        return BinaryAttribute(legacy_encoding=False, attr_name=name)
    if hint == frozenset[str]:
        return SetAttribute(attr_name=name)
    raise TypeError(f"{name}: no attribute holds {hint}")
