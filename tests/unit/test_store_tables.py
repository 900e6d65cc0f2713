"""Six tables over one connection."""

from collections.abc import Iterator
from unittest.mock import patch

import pytest
from pynamodb.connection import Connection

from chalicelib.store import rooms, tables
from chalicelib.store.client import RetryingConnection
from chalicelib.store.tables import TABLES, RoomRow, bind, bound_connection, unreachable
from infra.local.engine import REGION
from infra.local.tables import TEMPLATE, Template
from tests.fakes.backend import World
from tests.fakes.faults import Faults, Refused
from tests.fakes.records import make_room


@pytest.fixture
def unbound() -> Iterator[None]:
    with patch.object(RoomRow, "_connection", None):
        yield


@pytest.mark.usefixtures("unbound")
def test_tables_that_are_not_bound_yet_say_so() -> None:
    with pytest.raises(RuntimeError, match="bind"):
        rooms.get("room")


def test_all_tables_share_one_connection_and_a_prefix(world: World) -> None:
    connection = bound_connection()

    assert {table._get_connection().connection for table in TABLES} == {connection}
    names = {table._get_connection().table_name for table in TABLES}
    assert names == {world.backend.settings.table_prefix + table.base_name for table in TABLES}


def test_the_tables_are_those_that_the_template_declares() -> None:
    declared = {table["TableName"]: table for table in Template(TEMPLATE.read_text("utf-8"), {"Prefix": ""}).tables()}

    assert {table.base_name for table in TABLES} == set(declared)
    for table in TABLES:
        indexes = declared[table.base_name].get("GlobalSecondaryIndexes", [])
        assert {index["IndexName"] for index in indexes} == set(table._indexes)
        keys = [key["AttributeName"] for key in declared[table.base_name]["KeySchema"]]
        assert keys == [name for name in (table._hash_keyname, table._range_keyname) if name]


def test_tables_can_be_bound_again_under_another_prefix(world: World) -> None:
    kept = make_room()
    rooms.create(kept, None, kept.created_at)
    connection, prefix = bound_connection(), world.backend.settings.table_prefix

    bind(connection, "elsewhere-")
    assert unreachable() == [f"elsewhere-{table.base_name}" for table in TABLES]

    bind(connection, prefix)
    assert rooms.get(kept.id) == kept


def test_another_kind_of_connection_is_not_taken_for_one_that_retries(world: World) -> None:
    with patch.object(tables.GuardRow._get_connection(), "connection", Connection(REGION)):
        with pytest.raises(TypeError):
            bound_connection()


def test_tables_that_answer_are_reachable(store: World) -> None:
    assert unreachable() == []


def test_a_table_that_does_not_answer_is_named_after_one_try(world: World) -> None:
    with Faults(bound_connection()) as faults:
        faults.plan("GetItem", Refused("ThrottlingException"))

        [name] = unreachable()

    assert name in {f"{world.backend.settings.table_prefix}{table.base_name}" for table in TABLES}
    assert len(faults.asked("GetItem")) == len(TABLES)
    assert not faults.clock.pauses


def test_nothing_is_opened_by_binding(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("botocore.session.Session.create_client", lambda *_, **__: pytest.fail("a client was built"))
    before = [(table, table.Meta.table_name, table._connection) for table in TABLES]
    try:
        bind(RetryingConnection(REGION), "later-")
    finally:
        for table, name, connection in before:
            table.Meta.table_name, table._connection = name, connection
