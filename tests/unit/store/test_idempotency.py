"""Idempotency records: the result of an act under a client's key."""

from chalicelib.store import Put, Store
from chalicelib.store.idempotency import IdempotencyKey, find_record, record_once
from tests.fakes.backend import DAY, NOW, SECOND
from tests.unit.store.samples import COUNTED, ONE, TWO

KEY = IdempotencyKey("room", "ada", "key")


def do_once(tables: Store, now: int = NOW, seq: int = 1) -> bool:
    """Store a counter, unless the key has been used."""
    record = (ONE, TWO)[seq - 1]
    return tables.transact([Put(COUNTED, record), record_once(KEY, now, room_id="room", seq=seq)])


def found(tables: Store, now: int) -> tuple[str, int] | None:
    record = find_record(tables, KEY, now)
    return (record.room_id, record.seq) if record else None


def test_a_record_is_found_for_a_day(tables: Store) -> None:
    assert found(tables, NOW) is None
    assert do_once(tables)

    assert [found(tables, NOW + after) for after in (0, DAY - SECOND, DAY)] == [("room", 1), ("room", 1), None]


def test_a_key_refuses_the_transaction_for_a_day(tables: Store) -> None:
    assert do_once(tables)
    assert not do_once(tables, NOW + DAY - SECOND, seq=2)
    assert tables.get(COUNTED, TWO.key) is None

    assert do_once(tables, NOW + DAY, seq=2)
    assert tables.get(COUNTED, TWO.key) == TWO
    assert found(tables, NOW + DAY) == ("room", 2)


def test_different_users_rooms_and_keys_have_different_records() -> None:
    keys = [
        KEY,
        IdempotencyKey("room", "bob", "key"),
        IdempotencyKey("room", "ada", "another"),
        IdempotencyKey("another", "ada", "key"),
        IdempotencyKey("room", "bob#ada", "key"),
        IdempotencyKey("room", "bob", "ada#key"),
        IdempotencyKey("room", "ada", "key#bob"),
        IdempotencyKey("room", "", "key#bob#ada"),
    ]
    assert len({one.key for one in keys}) == len(keys)
