"""Reads and writes of records."""

from dataclasses import dataclass, replace
from typing import Any
from unittest.mock import patch

import pytest

from chalicelib.kernel.errors import UnavailableError
from chalicelib.store import Check, Delete, Put, Store, Table, Update
from chalicelib.store.client import DEADLINE_SECONDS
from chalicelib.store.tables import TABLES
from tests.fakes.backend import World
from tests.fakes.faults import Faults, Refused
from tests.unit.store.samples import COUNTED, IS_NEW, ONE, THREE, TWO


@dataclass(frozen=True)
class Line:
    room_id: str
    seq: int
    text: str | None = None


LINES = Table("messages", Line, also={"expires_at": int})


@pytest.fixture
def lines(tables: Store) -> list[Line]:
    """Lines 1, 2, 9, 10 and 11 of a room, written in another order, and one of another room."""
    made = [Line("room", seq, f"line {seq}") for seq in (1, 2, 9, 10, 11)]
    for line in (*reversed(made), Line("another", 1)):
        tables.put(LINES, line)
    return made


def test_a_put_replaces_the_whole_item_if_its_condition_is_met(tables: Store) -> None:
    assert tables.put(COUNTED, replace(ONE, holders=frozenset({"ada"})), IS_NEW)
    assert tables.put(COUNTED, ONE)
    assert not tables.put(COUNTED, replace(ONE, number=5), IS_NEW)

    assert tables.get(COUNTED, ONE.key) == ONE


@pytest.mark.parametrize(("returns", "number"), [("ALL_OLD", 1), ("ALL_NEW", 3)])
def test_an_update_returns_the_record_before_or_after(tables: Store, returns: Any, number: int) -> None:
    tables.put(COUNTED, ONE)
    changes = [COUNTED.number.add(2), COUNTED.holders.add({"ada"})]

    before_or_after = tables.update(COUNTED, ONE.key, changes, COUNTED.number == 1, returns=returns)

    assert before_or_after is not None
    assert before_or_after.number == number
    assert tables.get(COUNTED, ONE.key) == replace(ONE, number=3, holders=frozenset({"ada"}))


def test_only_an_update_without_a_condition_makes_the_item(tables: Store) -> None:
    assert tables.update(COUNTED, ONE.key, [COUNTED.number.add(1)]) is None

    for record in (ONE, TWO):
        assert tables.update(COUNTED, record.key, [COUNTED.number.set(9)], COUNTED.number == 2) is None

    assert [tables.get(COUNTED, record.key) for record in (ONE, TWO)] == [ONE, None]


def test_an_item_is_deleted_once_and_again(tables: Store) -> None:
    tables.put(COUNTED, ONE)

    for _ in range(2):
        tables.delete(COUNTED, ONE.key)

    assert tables.get(COUNTED, ONE.key) is None


def test_a_transaction_writes_puts_updates_and_deletes(tables: Store) -> None:
    tables.put(COUNTED, TWO)
    tables.put(COUNTED, THREE)

    assert tables.transact(
        [
            Delete(COUNTED, THREE.key, COUNTED.number == 3),
            Update(COUNTED, TWO.key, [COUNTED.number.add(5)], COUNTED.number == 2),
            Put(LINES, Line("room", 1, "hello"), also={"expires_at": 7}),
            Check(COUNTED, ONE.key, COUNTED.number.does_not_exist()),
        ]
    )

    assert tables.get(COUNTED, THREE.key) is None
    assert tables.get(COUNTED, TWO.key) == replace(TWO, number=7)
    assert tables.get(LINES, ("room", 1)) == Line("room", 1, "hello")
    assert expiry(tables) == "7"


def expiry(tables: Store) -> str:
    items, _ = tables.page(LINES, "room")
    return str(items[0]["expires_at"]["N"])


@pytest.mark.parametrize(
    "refused",
    [
        Put(COUNTED, ONE, IS_NEW),
        Update(COUNTED, ONE.key, [COUNTED.number.set(9)], COUNTED.number == 2),
        Delete(COUNTED, ONE.key, COUNTED.number == 2),
        Check(COUNTED, ONE.key, COUNTED.number == 2),
    ],
    ids=["put", "update", "delete", "check"],
)
def test_one_refused_write_refuses_the_transaction(tables: Store, refused: Any) -> None:
    tables.put(COUNTED, ONE)

    assert not tables.transact([Put(COUNTED, TWO), refused])

    assert tables.get(COUNTED, ONE.key) == ONE
    assert tables.get(COUNTED, TWO.key) is None


def test_a_query_has_one_hash_key_in_the_order_of_numbers(tables: Store, lines: list[Line]) -> None:
    assert list(tables.query(LINES, "room")) == lines
    assert list(tables.query(LINES, "room", forward=False)) == lines[::-1]
    assert list(tables.query(LINES, "nowhere")) == []


def test_a_query_stops_at_its_limit(tables: Store, lines: list[Line]) -> None:
    for limit in (1, 3, 5, 9):
        assert list(tables.query(LINES, "room", limit=limit)) == lines[:limit]
        assert list(tables.query(LINES, "room", LINES.seq > 2, limit=limit)) == lines[2 : 2 + limit]


def test_a_query_reads_page_after_page(tables: Store, lines: list[Line]) -> None:
    query = tables.connection.query

    def two_at_a_time(*args: Any, **options: Any) -> Any:
        return query(*args, **options | {"limit": 2})

    with patch.object(tables.connection, "query", two_at_a_time):
        assert list(tables.query(LINES, "room")) == lines
        assert [len(page) for page in tables.pages(LINES, "room")] == [2, 2, 1]


def test_a_page_starts_where_the_last_one_ended(tables: Store, lines: list[Line]) -> None:
    first, key = tables.page(LINES, "room", limit=3)
    second, end = tables.page(LINES, "room", limit=3, start=key)

    assert [LINES.read(item) for item in (*first, *second)] == lines
    assert key is not None
    assert end is None


def test_pages_can_hold_some_attributes_alone(tables: Store, lines: list[Line]) -> None:
    (page,) = tables.pages(LINES, "room", attributes=["room_id", "seq"])

    assert page == [{"room_id": {"S": "room"}, "seq": {"N": str(line.seq)}} for line in lines]


@pytest.mark.parametrize("consistent", [True, False])
def test_a_read_is_as_consistent_as_the_caller_asks(world: World, consistent: bool) -> None:
    with Faults(world.store.connection) as faults:
        world.store.get(COUNTED, ONE.key, consistent=consistent)
        list(world.store.query(LINES, "room", consistent=consistent))

    assert [asked.get("ConsistentRead", False) for _, asked in faults.tries] == [consistent, consistent]


@pytest.mark.parametrize("count", [0, 25, 51])
def test_many_items_are_deleted_by_their_keys(tables: Store, count: int) -> None:
    keys = [Line("room", seq) for seq in range(1, count + 1)]
    for line in (*keys, Line("another", 1)):
        tables.put(LINES, line)

    tables.delete_all(LINES, [LINES.write(line) for line in keys])

    assert list(tables.query(LINES, "room")) == []
    assert list(tables.query(LINES, "another")) == [Line("another", 1)]


def test_items_that_dynamodb_left_unprocessed_are_sent_again(world: World) -> None:
    tables = world.store
    keys = [LINES.write(Line("room", seq)) for seq in (1, 2, 3)]
    sent, batch = [], tables.connection.batch_write_item

    def leave_the_last(name: str, delete_items: Any) -> Any:
        sent.append(len(delete_items))
        for key in keys:
            tables.put(LINES, LINES.read(key))
        batch(name, delete_items=delete_items)
        left = [{"DeleteRequest": {"Key": key}} for key in delete_items[1:]]
        return {"UnprocessedItems": {name: left} if left else {}}

    with Faults(tables.connection) as faults, patch.object(tables.connection, "batch_write_item", leave_the_last):
        tables.delete_all(LINES, keys)

    assert sent == [3, 2, 1]
    assert len(faults.clock.pauses) == 2, "DynamoDB is busy, so a pause comes first"


def test_items_that_stay_unprocessed_fail_after_the_deadline(world: World) -> None:
    tables = world.store
    keys = [LINES.write(Line("room", 1))]

    def leave_all(name: str, delete_items: Any) -> Any:
        return {"UnprocessedItems": {name: [{"DeleteRequest": {"Key": key}} for key in delete_items]}}

    with (
        Faults(tables.connection) as faults,
        patch.object(tables.connection, "batch_write_item", leave_all),
        pytest.raises(UnavailableError),
    ):
        tables.delete_all(LINES, keys)

    assert sum(faults.clock.pauses) == pytest.approx(DEADLINE_SECONDS, abs=0.2)


@pytest.mark.parametrize("left_out", [0, 1, 100])
def test_many_records_are_read_by_their_keys(world: World, left_out: int) -> None:
    """DynamoDB may leave keys unprocessed. They are sent again, until the deadline."""
    tables, batch = world.store, world.store.connection.batch_get_item
    busy = [True] * left_out
    for record in (ONE, TWO):
        tables.put(COUNTED, record)

    def leave_some(name: str, keys: Any, **options: Any) -> Any:
        if not busy:
            return batch(name, keys, **options)
        busy.pop()
        return batch(name, keys[:1], **options) | {"UnprocessedKeys": {name: {"Keys": keys[1:] or keys}}}

    with Faults(tables.connection), patch.object(tables.connection, "batch_get_item", leave_some):
        if left_out == 100:
            with pytest.raises(UnavailableError):
                tables.get_many(COUNTED, [ONE.key, TWO.key, "nowhere"])
        else:
            found = tables.get_many(COUNTED, [ONE.key, TWO.key, "nowhere"])
            assert sorted(one.key for one in found) == sorted([ONE.key, TWO.key])


@pytest.mark.parametrize("consistent", [False, True])
def test_any_number_of_records_is_read_in_batches(tables: Store, lines: list[Line], consistent: bool) -> None:
    """A range key may be a number. A key that is asked for twice is read once."""
    keys = [("room", seq) for seq in range(1, 251)]

    with Faults(tables.connection) as faults:
        found = tables.get_many(LINES, [*keys, *keys], consistent=consistent)
        assert tables.get_many(LINES, []) == []

    assert sorted(found, key=lambda one: one.seq) == lines
    asked = [one["RequestItems"][f"{tables.prefix}messages"] for one in faults.asked("BatchGetItem")]
    assert [len(one["Keys"]) for one in asked] == [100, 100, 50]
    assert asked[0]["Keys"][4] == {"room_id": {"S": "room"}, "seq": {"N": "5"}}
    assert {one.get("ConsistentRead", False) for one in asked} == {consistent}


def test_tables_of_another_prefix_are_other_tables(tables: Store) -> None:
    tables.put(COUNTED, ONE)
    elsewhere = Store(tables.connection, "elsewhere-")

    assert not elsewhere.is_reachable()
    assert tables.is_reachable()
    assert tables.get(COUNTED, ONE.key) == ONE


def test_all_tables_are_asked_together_and_once(world: World) -> None:
    with Faults(world.store.connection) as faults:
        faults.plan("BatchGetItem", Refused("ThrottlingException"))

        assert not world.store.is_reachable()

    (asked,) = faults.asked("BatchGetItem")
    assert set(asked["RequestItems"]) == {f"{world.store.prefix}{base_name}" for base_name in TABLES}
    assert not faults.clock.pauses
