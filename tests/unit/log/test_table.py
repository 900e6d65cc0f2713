"""The `messages` table: a log that is numbered before it is written."""

from typing import Any

import pytest

from chalicelib.log import LogPosition, Message, table
from chalicelib.log.table import MESSAGES, put_message
from chalicelib.store import Store
from tests.fakes.backend import NOW, World
from tests.fakes.faults import Faults
from tests.fakes.records import make_message


def write(tables: Store, *seqs: int, room_id: str = "room", **detail: Any) -> list[Message]:
    messages = [make_message(room_id, seq, **detail) for seq in seqs]
    for message in messages:
        assert tables.transact([put_message(message, 90)])
    return messages


def test_numbers_begin_at_one_and_never_repeat(tables: Store) -> None:
    assert table.get_position(tables, "room") == LogPosition("room", 0, 0, 0)

    assert [table.allocate(tables, "room", NOW + after) for after in range(3)] == [1, 2, 3]
    assert table.allocate(tables, "another", NOW) == 1

    assert table.get_position(tables, "room") == LogPosition("room", 0, 3, NOW + 2)


def test_messages_expire_but_the_position_does_not(tables: Store) -> None:
    table.allocate(tables, "room", NOW)
    assert tables.transact([put_message(make_message("room", 1), 30)])

    position, message = (item for page in tables.pages(MESSAGES, "room") for item in page)
    assert int(message["expires_at"]["N"]) == NOW // 1000 + 30 * 86_400
    assert "expires_at" not in position, "otherwise numbers would repeat"


def test_a_limit_takes_the_end_or_the_start_of_a_range(tables: Store) -> None:
    table.allocate(tables, "room", NOW)
    log = write(tables, 1, 2, 4, 5)

    assert table.list_newest(tables, "room", 10) == log, "without the position"
    assert table.list_newest(tables, "room", 2) == log[-2:]
    assert table.list_newest(tables, "room", 2, after=1, before=5) == log[1:3]
    assert table.list_following(tables, "room", 2, after=0, before=5) == log[:2]


def test_a_range_lies_between_two_numbers(tables: Store) -> None:
    write(tables, 1, 2, 4, 5)
    ranges: dict[tuple[int, int | None], list[int]] = {
        (0, None): [1, 2, 4, 5],
        (2, None): [4, 5],
        (5, None): [],
        (0, 4): [1, 2],
        (1, 5): [2, 4],
        (2, 4): [],
        (4, 5): [],
        (0, 0): [],
        (9, 2): [],
    }
    for (after, before), found in ranges.items():
        for list_messages in (table.list_newest, table.list_following):
            assert [one.seq for one in list_messages(tables, "room", 10, after=after, before=before)] == found


@pytest.mark.parametrize("count", [0, 60])
def test_a_log_is_deleted_with_its_position(tables: Store, count: int) -> None:
    others = write(tables, 1, room_id="another")
    table.allocate(tables, "room", NOW)
    write(tables, *range(1, count + 1))

    assert not table.delete_page(tables, "room"), "nothing is left"

    assert table.list_newest(tables, "room", 100) == []
    assert table.get_position(tables, "room").last_seq == 0
    assert table.list_newest(tables, "another", 10) == others


def test_a_log_is_deleted_page_by_page(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table, "_DELETE_PAGE", 10)
    table.allocate(world.store, "room", NOW)
    write(world.store, *range(1, 15))

    with Faults(world.store.connection) as faults:
        assert table.delete_page(world.store, "room")
    assert faults.asked("Query")[0]["ConsistentRead"], "otherwise the last message might remain"

    assert len(table.list_newest(world.store, "room", 100)) == 5
    assert not table.delete_page(world.store, "room")
    assert table.list_newest(world.store, "room", 100) == []
