"""Reading a part of a log: both ways, in order, and within a limit of bytes."""

from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from chalicelib import log
from chalicelib.log import Draft, EventDraft, LogPosition, Message, Numbered, Void, list_following, list_newest, table
from chalicelib.log.reading import ENTRY_BYTES, READ_BYTES, Page, read_messages
from chalicelib.log.table import put_entry, put_void
from chalicelib.store import Store
from chalicelib.store.tables import item_bytes
from tests.fakes.backend import NOW, World
from tests.fakes.changes import Change
from tests.fakes.counting import Counter
from tests.fakes.records import make_message

LONG = "\N{GRINNING FACE}" * 4000
UNCOUNTED = LogPosition("room", 0, 5, NOW)
COUNTED = replace(UNCOUNTED, counted=5, size=5 * 400)
PARTLY = replace(UNCOUNTED, counted=2, size=2 * 400)


def write(tables: Store, *seqs: int, text: str = "hello") -> list[Message]:
    messages = [make_message("room", seq, text=text) for seq in seqs]
    for message in messages:
        assert tables.transact([put_entry(message, 90)])
    return messages


def say(tables: Store, *texts: str) -> None:
    """Write messages as the service does: with a count of bytes."""
    for text in texts:
        position = table.allocate(tables, "room", NOW, len(text.encode()) + 300)
        write(tables, position.last_seq, text=text)


def numbers(page: Page) -> list[int]:
    return [one.seq for one in page.entries]


@pytest.mark.parametrize("position", [UNCOUNTED, PARTLY, COUNTED], ids=["uncounted", "partly", "counted"])
def test_a_range_lies_between_two_numbers(tables: Store, position: LogPosition) -> None:
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
        for read in (list_newest, list_following):
            page = read(tables, position, 10, after=after, before=before)
            assert (numbers(page), page.is_complete) == (found, True)


def test_a_limit_takes_the_end_or_the_start_of_a_range(tables: Store) -> None:
    write(tables, 1, 2, 4, 5)

    newest, following = list_newest(tables, COUNTED, 2), list_following(tables, COUNTED, 2, after=0, before=5)

    assert (numbers(newest), numbers(following)) == ([4, 5], [1, 2])
    assert not newest.is_complete
    assert not following.is_complete


def test_void_entries_do_not_count_as_messages(tables: Store) -> None:
    write(tables, 1, 2, 5)
    for seq in (3, 4):
        put_void(tables, Void("room", seq, NOW), 90)

    page = list_newest(tables, COUNTED, 2)

    assert (numbers(page), [one.seq for one in page.messages]) == ([2, 3, 4, 5], [2, 5])


@pytest.mark.parametrize("is_counted", [True, False], ids=["counted", "uncounted"])
@pytest.mark.parametrize("sizes", ["LLLLLLLL", "ssssssss", "Lsssssss", "sssssssL"])
def test_pages_of_limited_size_reach_everything(world: World, sizes: str, is_counted: bool) -> None:
    tables = world.store
    say(tables, *(LONG if size == "L" else "short" for size in sizes * 4))
    position = table.get_position(tables, "room")
    position = position if is_counted else LogPosition("room", 0, position.last_seq, NOW)
    backward: list[int] = []
    forward: list[int] = []
    while not backward or backward[0] > 1:
        page = list_newest(tables, position, 100, before=backward[0] if backward else None)
        assert size_of(page) <= READ_BYTES
        backward = [*numbers(page), *backward]
    while not forward or forward[-1] < position.last_seq:
        page = list_following(tables, position, 100, after=forward[-1] if forward else 0)
        assert size_of(page) <= READ_BYTES
        forward += numbers(page)
    assert backward == forward == [*range(1, 33)]


def fill(world: World, *kinds: str) -> LogPosition:
    """Write texts (`m`) and events (`e`)."""
    context = world.context("ada", "room")
    for kind in kinds:
        draft: Numbered[Any] = Draft("hello", "text") if kind == "m" else EventDraft("told", Change())
        log.commit(context, draft, [])
    return table.get_position(world.store, "room")


@pytest.mark.parametrize("is_counted", [True, False], ids=["counted", "uncounted"])
def test_a_long_series_of_events_does_not_hide_messages(world: World, is_counted: bool) -> None:
    position = fill(world, "m", *"e" * 60, "m", "m", "e")
    position = position if is_counted else LogPosition("room", 0, position.last_seq, NOW)

    with Counter(world.store) as counter:
        page = list_newest(world.store, position, 4)
        assert ([one.seq for one in page.messages], page.is_complete) == ([1, 62, 63], True)
    assert len(counter.calls) <= 4
    whole = list_newest(world.store, position, 4, skips_events=False)
    assert (numbers(whole), whole.is_complete) == ([*range(1, 65)], True)


def test_queries_grow_where_few_entries_are_messages(world: World) -> None:
    position = fill(world, *"meeeeeeeee" * 12)

    for read, expected in (
        (list_newest, [*range(21, 121, 10)]),
        (partial(list_following, after=0), [*range(1, 92, 10)]),
    ):
        with Counter(world.store) as counter:
            page = read(world.store, position, 10)
        assert [one.seq for one in page.messages] == expected
        assert len(counter.calls) <= 6, "and not one for each message"
        assert not page.is_complete


def test_messages_are_looked_up_within_a_limit_of_bytes(world: World) -> None:
    say(world.store, *[LONG] * 9)

    with Counter(world.store) as counter:
        found, left = read_messages(world.store, "room", [9, 20, 2, 2, 5, 6, 7], 90_000)

    assert {seq: one and one.seq for seq, one in found.items()} == {9: 9, 20: None, 2: 2, 5: 5, 6: 6}
    assert counter.read_units * 4_096 == 90_000 - left


def size_of(page: Page) -> int:
    return sum(item_bytes(table.MESSAGES.write(one)) for one in page.messages)


def test_the_window_follows_the_newest_entries(world: World) -> None:
    tables = world.store
    window = None
    for _ in range(30):
        say(tables, LONG, "short")
        position = table.get_position(tables, "room")
        window = position.find_window(READ_BYTES)
        assert window is not None
        assert size_of(list_newest(tables, position, 1000, after=window.start)) <= window.size <= READ_BYTES
    assert window is not None
    assert window.size >= 54_000
    assert numbers(list_newest(tables, position, 2)) == [59, 60]


@pytest.mark.parametrize(("most_bytes", "found", "queries"), [(READ_BYTES, 8, 1), (80_000, 8, 1), (47_000, 8, 4)])
def test_a_lower_limit_of_bytes_has_a_smaller_window(world: World, most_bytes: int, found: int, queries: int) -> None:
    """Below the size of the newest part, each query counts as 4 KB at least: that is what DynamoDB bills."""
    tables = world.store
    say(tables, *["a word " * 150] * 165)
    position = table.get_position(tables, "room")

    with Counter(tables) as counter:
        page = list_newest(tables, position, 8, most_bytes=most_bytes)
    whole = list_newest(tables, position, 1000, most_bytes=most_bytes)

    assert (numbers(page), len(counter.calls)) == ([*range(166 - found, 166)], queries)
    assert size_of(whole) <= most_bytes
    assert not whole.is_complete


def test_the_largest_entry_has_the_assumed_size() -> None:
    ids = "\N{GRINNING FACE}" * 128
    more = {
        "mentions": frozenset(f"{n:0130}" for n in range(20)),
        "reactions": frozenset(f"{n:015}" for n in range(200)),
    }
    times = dict.fromkeys(("reply_to", "reacted_seq", "edited_at", "edited_seq", "chat_n"), 2**53)
    message = make_message("room" * 9, 2**53, text=LONG, user="\N{GRINNING FACE}" * 80, user_id=ids, **more, **times)
    assert item_bytes(table.MESSAGES.write(message, expires_at=NOW)) <= ENTRY_BYTES


@pytest.mark.parametrize("seq", [0, 1, 2, 9])
def test_the_entry_before_a_number_is_found(tables: Store, seq: int) -> None:
    write(tables, 1, 4)
    found = table.find_before(tables, "room", seq)
    assert (found and found.seq) == {0: None, 1: None, 2: 1, 9: 4}[seq]
