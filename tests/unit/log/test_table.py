"""The `messages` table: a log, numbered before it is written."""

from dataclasses import replace
from typing import Any

import pytest
from chalicelib.store.guards import ClaimedError

from chalicelib.log import LogPosition, Message
from chalicelib.store import guards, messages
from chalicelib.store.idempotency import IdempotencyKey, IdempotencyRecord
from chalicelib.store.tables import MessageRow, bound_connection
from tests.fakes.backend import NOW, World
from tests.fakes.faults import Faults
from tests.fakes.records import make_message

RECEIPT = IdempotencyKey("room", "ada", "key")


def write(*seqs: int) -> list[Message]:
    stored = [make_message("room", seq) for seq in seqs]
    for message in stored:
        messages.put(message, 90)
    return stored


def test_numbers_begin_at_one_and_never_repeat(store: World) -> None:
    assert [messages.allocate("room", NOW) for _ in range(3)] == [1, 2, 3]
    assert messages.allocate("another", NOW) == 1


def test_the_head_says_how_far_and_when(store: World) -> None:
    assert messages.head("room") == LogPosition(0, 0)

    messages.allocate("room", NOW)
    messages.allocate("room", NOW + 5)

    assert messages.head("room") == LogPosition(2, NOW + 5)


@pytest.mark.parametrize(
    "detail",
    [
        {"text": "naïve – 静か\n\t🎉", "avatar": "/ada.png"},
        {"type": "emoji", "text": "🎉"},
        {"type": "system", "user_id": None, "user": "System"},
    ],
)
def test_a_message_comes_back_as_stored(store: World, detail: dict[str, Any]) -> None:
    message = make_message("room", 7, **detail)

    messages.put(message, 90)

    assert messages.get("room", 7) == message


def test_a_message_that_is_not_there_is_none(store: World) -> None:
    assert messages.get("room", 1) is None


def test_messages_are_kept_as_long_as_the_deployment_says(store: World) -> None:
    messages.put(make_message("room", 1), 30)

    assert MessageRow.get("room", 1).expires_at == NOW // 1000 + 30 * 86_400


def test_the_head_of_a_log_is_kept_for_ever_so_that_numbers_never_repeat(store: World) -> None:
    messages.allocate("room", NOW)

    assert MessageRow.get("room", 0).expires_at is None


def test_the_newest_come_oldest_first_without_the_head(store: World) -> None:
    messages.allocate("room", NOW)
    log = write(1, 2, 4, 5)

    assert messages.newest("room", 10) == log
    assert messages.newest("room", 2) == log[-2:]


@pytest.mark.parametrize(
    ("after", "before", "found"),
    [
        (0, None, [1, 2, 4, 5]),
        (2, None, [4, 5]),
        (5, None, []),
        (0, 4, [1, 2]),
        (1, 5, [2, 4]),
        (2, 4, []),
        (4, 5, []),
        (0, 0, []),
        (9, 2, []),
    ],
)
def test_a_stretch_lies_between_two_numbers(store: World, after: int, before: int | None, found: list[int]) -> None:
    write(1, 2, 4, 5)

    assert [message.seq for message in messages.newest("room", 10, after=after, before=before)] == found
    assert [message.seq for message in messages.following("room", 10, after=after, before=before)] == found


def test_a_limit_takes_the_end_or_the_beginning_of_a_stretch(store: World) -> None:
    write(1, 2, 4, 5)

    assert [message.seq for message in messages.newest("room", 2, after=1, before=5)] == [2, 4]
    assert [message.seq for message in messages.following("room", 2, after=0, before=5)] == [1, 2]


def test_a_message_and_its_receipt_are_stored_together_once(store: World) -> None:
    first, second = make_message("room", 1), make_message("room", 2)

    messages.put_once(first, 90, RECEIPT)
    with pytest.raises(ClaimedError):
        messages.put_once(second, 90, RECEIPT)

    assert messages.newest("room", 10) == [first]
    assert guards.find_claim(RECEIPT, NOW) == IdempotencyRecord("room", 1)


def test_a_receipt_is_good_for_a_day(store: World) -> None:
    tomorrow = NOW + 86_400_000
    first, second = make_message("room", 1), make_message("room", 2, created_at=tomorrow)

    messages.put_once(first, 90, RECEIPT)
    messages.put_once(second, 90, RECEIPT)

    assert messages.newest("room", 10) == [first, second]


@pytest.mark.parametrize("count", [0, 1, 60])
def test_a_log_is_erased_with_its_head_and_no_other(store: World, count: int) -> None:
    other = replace(make_message("another", 1))
    messages.put(other, 90)
    messages.allocate("room", NOW)
    write(*range(1, count + 1))

    while messages.erase_some("room"):
        pass

    assert messages.newest("room", 100) == []
    assert messages.head("room") == LogPosition(0, 0)
    assert messages.newest("another", 10) == [other]


def test_a_log_is_erased_as_it_is_this_moment(world: World) -> None:
    with Faults(bound_connection()) as faults:
        messages.erase_some("room")

    assert faults.asked("Query")[0]["ConsistentRead"], "or the last message could be overlooked and stay"


def test_a_log_is_erased_page_by_page(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(messages, "_ERASE_PAGE", 10)
    messages.allocate("room", NOW)
    write(*range(1, 15))

    assert messages.erase_some("room")
    assert len(messages.newest("room", 100)) == 5
    assert not messages.erase_some("room")
    assert messages.newest("room", 100) == []
