"""The declared tables are those of the template, and every record survives its table."""

import sys
from dataclasses import FrozenInstanceError, dataclass, fields
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

import chalicelib.features  # noqa: F401  # imports every table
from chalicelib.store import Table
from chalicelib.store.tables import TABLES, IsoMoment, describe
from infra.local.tables import TEMPLATE, Template
from tests.fakes.backend import World
from tests.unit.store.samples import COUNTED, Counted

DECLARED = {table["TableName"]: table for table in Template(TEMPLATE.read_text("utf-8"), {"Prefix": ""}).tables()}
MODULES = [module for name, module in sys.modules.items() if name.startswith("chalicelib.")]
ROWS = {
    f"{one.base_name}-{one.record.__name__}": one
    for module in MODULES
    for one in vars(module).values()
    if isinstance(one, Table)
}
"""Every table that the service declares."""
EACH_TABLE = pytest.mark.parametrize("table", [ROWS[name] for name in sorted(ROWS)], ids=sorted(ROWS))


def values(hint: Any) -> st.SearchStrategy[Any]:
    """Values of a field."""
    if get_origin(hint) is Annotated:
        kind, attribute = get_args(hint)
        return st.integers(0, 4_102_444_799_999) if attribute is IsoMoment else st.from_type(kind)
    return st.text(min_size=1) if hint is str else st.from_type(hint)


def records(table: Table[Any]) -> st.SearchStrategy[Any]:
    hints = get_type_hints(table.record, include_extras=True)
    return st.builds(table.record, **{name: values(hint) for name, hint in hints.items()})


def pair(schema: list[dict[str, str]]) -> tuple[str, str | None]:
    names = {one["KeyType"]: one["AttributeName"] for one in schema}
    return names["HASH"], names.get("RANGE")


def test_every_kind_of_row_is_found() -> None:
    assert {table.base_name for table in ROWS.values()} == set(TABLES)
    assert {"messages-LogPosition", "guards-RateWindow", "guards-UsedTicket", "guards-Secret"} < set(ROWS)


def test_tables_and_keys_are_those_of_the_template() -> None:
    assert set(TABLES) == set(DECLARED)
    for name, keys in TABLES.items():
        declared = DECLARED[name]
        assert (keys.hash, keys.range) == pair(declared["KeySchema"])
        indexes = {one["IndexName"]: pair(one["KeySchema"]) for one in declared.get("GlobalSecondaryIndexes", [])}
        assert keys.indexes == indexes


@pytest.mark.parametrize("name", TABLES)
def test_pynamodb_is_told_what_the_template_says(name: str) -> None:
    told, declared = describe(name, f"some-{name}").data, DECLARED[name]

    assert told["TableName"] == f"some-{name}"
    assert told["KeySchema"] == declared["KeySchema"]
    by_name = sorted(declared["AttributeDefinitions"], key=lambda one: str(one["AttributeName"]))
    assert told["AttributeDefinitions"] == by_name


@EACH_TABLE
@hypothesis_settings(max_examples=40)
@given(data=st.data())
def test_a_record_survives_its_table_and_does_not_change(table: Table[Any], data: st.DataObject) -> None:
    record = data.draw(records(table))

    assert table.read(table.write(record)) == record
    assert record in {record}
    with pytest.raises(FrozenInstanceError):
        setattr(record, fields(record)[0].name, "another")


def test_every_kind_of_record_comes_back_from_dynamodb(store: World) -> None:
    for table in ROWS.values():
        hints = get_type_hints(table.record, include_extras=True)
        record = table.record(**{name: example(hint) for name, hint in hints.items()})

        assert store.store.put(table, record)
        assert store.store.get(table, table.key_of(record)) == record


def example(hint: Any) -> Any:
    """A value of a field, the same each time."""
    values = {bool: True, bytes: b"\x00\xff", frozenset[str]: frozenset({"c1", "c2"}), int: 1_798_761_600_007}
    if get_origin(hint) is Literal:
        return get_args(hint)[0]
    kind = get_args(hint)[0] if get_args(hint) and hint != frozenset[str] else hint  # Annotated, or with None
    return values.get(kind, "naïve – 静か\n\t🎉")


@EACH_TABLE
def test_a_row_has_the_keys_of_its_table(table: Table[Any]) -> None:
    names = {field.name for field in fields(table.record)}

    assert {table.keys.hash, table.keys.range or table.keys.hash} <= names


def test_an_attribute_without_a_value_is_left_out() -> None:
    @dataclass(frozen=True)
    class Sparse:
        key: str
        note: str | None
        holders: frozenset[str]

    table = Table("guards", Sparse)

    assert table.write(Sparse("x", None, frozenset())) == {"key": {"S": "x"}}
    assert table.read({"key": {"S": "x"}}) == Sparse("x", None, frozenset())


def test_more_attributes_are_stored_than_read() -> None:
    table = Table("guards", Counted, also={"expires_at": int})
    item = table.write(Counted("x", 1), expires_at=7)

    assert item == {"key": {"S": "x"}, "number": {"N": "1"}, "expires_at": {"N": "7"}}
    assert table.read(item) == Counted("x", 1)


def test_a_table_has_only_the_attributes_of_its_record() -> None:
    with pytest.raises(AttributeError, match="guards has no attribute expires_at"):
        _ = COUNTED.expires_at


def test_a_field_type_that_no_attribute_holds_is_refused() -> None:
    @dataclass(frozen=True)
    class Wrong:
        key: str
        share: float

    with pytest.raises(TypeError, match="share: no attribute holds"):
        Table("guards", Wrong)
