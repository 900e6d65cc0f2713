"""The `messages` table: a log that is numbered before it is written."""

from typing import Any

import pytest

from chalicelib.log import LogPosition, Message, table
from chalicelib.log.table import MESSAGES, put_entry
from chalicelib.store import Store
from tests.fakes.backend import NOW, World, read_log
from tests.fakes.faults import Faults
from tests.fakes.records import make_message


def write(tables: Store, *seqs: int, room_id: str = "room", **detail: Any) -> list[Message]:
    messages = [make_message(room_id, seq, **detail) for seq in seqs]
    for message in messages:
        assert tables.transact([put_entry(message, 90)])
    return messages


def test_numbers_begin_at_one_and_never_repeat(tables: Store) -> None:
    assert table.get_position(tables, "room") == LogPosition("room", 0, 0, 0)

    assert [table.allocate(tables, "room", NOW + after, 100).last_seq for after in range(3)] == [1, 2, 3]
    assert table.allocate(tables, "another", NOW, 100).last_seq == 1

    assert table.get_position(tables, "room") == LogPosition("room", 0, 3, NOW + 2, counted=3, size=300, chat_n=0)


def test_messages_expire_but_the_position_does_not(tables: Store) -> None:
    table.allocate(tables, "room", NOW, 100)
    assert tables.transact([put_entry(make_message("room", 1), 30)])

    position, message = (item for page in tables.pages(MESSAGES, "room") for item in page)
    assert int(message["expires_at"]["N"]) == NOW // 1000 + 30 * 86_400
    assert "expires_at" not in position, "otherwise numbers would repeat"


@pytest.mark.parametrize("count", [0, 60])
def test_a_log_is_deleted_with_its_position(tables: Store, count: int) -> None:
    others = write(tables, 1, room_id="another")
    table.allocate(tables, "room", NOW, 100)
    write(tables, *range(1, count + 1))

    assert not table.delete_page(tables, "room"), "nothing is left"

    assert read_log(tables, "room") == []
    assert table.get_position(tables, "room").last_seq == 0
    assert read_log(tables, "another") == others


def test_a_log_is_deleted_page_by_page(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chalicelib.store.store._DELETE_PAGE", 10)
    table.allocate(world.store, "room", NOW, 100)
    write(world.store, *range(1, 15))

    with Faults(world.store.connection) as faults:
        assert table.delete_page(world.store, "room")
    assert faults.asked("Query")[0]["ConsistentRead"], "otherwise the last message might remain"

    assert len(read_log(world.store, "room")) == 5
    assert not table.delete_page(world.store, "room")
    assert read_log(world.store, "room") == []
