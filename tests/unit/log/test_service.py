"""Committing entries, and recovery: a client gets all messages it missed, or is told that some are missing."""

import json
from collections.abc import Sequence
from typing import Any

import pytest

from chalicelib.log import Draft, Event, EventDraft, LogPosition, Message, Numbered, Void, allocate, commit, commit_all
from chalicelib.log.reading import READ_BYTES
from chalicelib.log.service import Recovery, has_retention_gap, recover, stable_seq
from chalicelib.log.table import MESSAGES, POSITIONS, get_position
from chalicelib.store import Put, Store
from chalicelib.store.tables import item_bytes
from tests.fakes.backend import DAY, MINUTE, NOW, World, read_log
from tests.fakes.changes import Change
from tests.fakes.records import make_message
from tests.unit.store.samples import COUNTED, IS_NEW, ONE

OLD = NOW - 100 * DAY
FRESH = NOW - 80 * DAY
DUE = NOW - 90 * DAY
EMOJI = "\N{GRINNING FACE}"


@pytest.fixture
def tables(world: World) -> Store:
    return world.store


def fill(tables: Store, seqs: Sequence[int], created_at: int) -> None:
    for seq in seqs:
        tables.put(MESSAGES, make_message("room", seq, created_at=created_at))


def test_an_entry_is_committed_with_the_next_number(world: World) -> None:
    context = world.context("ada", "room")

    made = [commit(context, Draft("hello", "text", "ada", "Ada"), []), commit(context, Draft("closed"), [])]

    assert read_log(world.store, "room") == made
    assert [(one.seq, one.user, one.user_id, one.type, one.created_at) for one in made if isinstance(one, Message)] == [
        (1, "Ada", "ada", "text", NOW),
        (2, "System", None, "system", NOW),
    ]


def test_an_entry_and_its_writes_are_committed_together(world: World) -> None:
    context, writes = world.context("ada", "room"), [Put(COUNTED, ONE, IS_NEW)]

    entries = [commit(context, Draft("joined"), writes) for _ in range(2)]

    assert [type(one) for one in entries] == [Message, Void]
    assert read_log(world.store, "room") == entries, "the number of a refused entry is filled"
    assert world.store.get(COUNTED, ONE.key) == ONE
    assert get_position(world.store, "room").last_seq == 2


def test_entries_of_one_commit_are_stored_or_refused_together(world: World) -> None:
    context, writes = world.context("ada", "room"), [Put(COUNTED, ONE, IS_NEW)]
    drafts: list[Numbered[Any]] = [
        Draft("hello", "text", "ada", "Ada"),
        EventDraft("told", Change(what="all"), about_id="ben"),
    ]

    entries = [entry for _ in range(2) for entry in commit_all(context, drafts, writes)]

    assert [(one.seq, type(one)) for one in entries] == [(1, Message), (2, Event), (3, Void), (4, Void)]
    assert read_log(world.store, "room") == entries
    event = entries[1]
    assert isinstance(event, Event)
    assert (event.kind, event.user_id, event.about_id) == ("told", "ada", "ben")
    assert json.loads(event.data) == {"what": "all", "text": None}


def test_messages_are_counted_with_their_numbers(world: World) -> None:
    """Events know the last message before them, and all entries the number of text messages."""
    context = world.context("ada", "room")
    text, emoji = Draft("hi", "text", "ada", "Ada"), Draft("!", "emoji", "ada", "Ada")
    event: Numbered[Any] = EventDraft("told", Change())

    entries = [*commit_all(context, [event, text, event], []), commit(context, emoji, []), commit(context, event, [])]

    assert [one.chat_n for one in entries if not isinstance(one, Void)] == [0, 1, 1, 1, 1]
    assert [one.message_seq for one in entries if isinstance(one, Event)] == [None, 2, 4]
    assert get_position(world.store, "room").chat_n == 1


@pytest.mark.parametrize("days", [None, 7])
def test_an_entry_expires_after_the_retention_time(world: World, days: int | None) -> None:
    world.store.put(POSITIONS, LogPosition("room", 0, 5, NOW, retention_days=days))
    drafts: list[Numbered[Any]] = [Draft("hello"), EventDraft("told", Change()), Draft("refused")]
    for number, draft in enumerate(drafts):
        commit(world.context("ada", "room"), draft, [Put(COUNTED, ONE, COUNTED.number == 1)] * (number == 2))

    days = days or world.backend.settings.message_retention_days
    items = [item for page in world.store.pages(MESSAGES, "room", MESSAGES.seq > 0) for item in page]
    assert [item["expires_at"]["N"] for item in items] == [str(NOW // 1000 + days * DAY // 1000)] * 3


@pytest.mark.parametrize(
    "draft",
    [
        Draft(EMOJI * 4000, "text", "ada", EMOJI * 80, mentions=frozenset(f"{n:0130}" for n in range(20))),
        Draft("joined", event="user_joined", about_id=EMOJI * 128, about_name=EMOJI * 80),
        EventDraft("k" * 64, Change(what=EMOJI * 4000), private={"reason": EMOJI * 500}, about_id=EMOJI * 128),
    ],
    ids=["message", "system message", "event"],
)
def test_an_item_has_at_most_the_size_that_is_counted(world: World, draft: Numbered[Any]) -> None:
    position = allocate(world.context(EMOJI * 128, "room"), draft)
    commit(world.context(EMOJI * 128, "room"), draft, [], position=position)

    (item,) = (item for page in world.store.pages(MESSAGES, "room", MESSAGES.seq > 0) for item in page)
    assert position.size is not None
    assert item_bytes(item) <= position.size


def test_an_empty_log_is_complete(tables: Store) -> None:
    assert recover(tables, get_position(tables, "room"), 0, NOW) == Recovery([], True, 0, READ_BYTES)
    assert recover(tables, get_position(tables, "room"), None, NOW) == Recovery([], False, 0, READ_BYTES)


@pytest.mark.parametrize(
    ("after", "present", "last_seq", "allocated_at", "stable"),
    [
        pytest.param(0, [], 0, 0, 0, id="an empty log"),
        pytest.param(0, [1, 2, 3], 3, NOW, 3, id="complete"),
        pytest.param(0, [1, 3], 3, NOW, 1, id="one message is being written"),
        pytest.param(2, [4], 4, NOW, 2, id="the first one is being written"),
        pytest.param(2, [], 5, NOW, 2, id="all are being written"),
        pytest.param(2, [], 5, NOW - MINUTE, 5, id="unused for a minute"),
        pytest.param(2, [], 5, NOW - MINUTE + 1, 2, id="unused for almost a minute"),
        pytest.param(0, [1, 2], 5, NOW - MINUTE, 5, id="unused at the end"),
    ],
)
def test_the_log_is_final_below_numbers_that_may_be_in_use(
    after: int, present: list[int], last_seq: int, allocated_at: int, stable: int
) -> None:
    found = [make_message("room", seq) for seq in present]

    assert stable_seq(after, found, LogPosition("room", 0, last_seq, allocated_at), NOW) == stable


def test_a_gap_below_a_message_a_minute_old_is_final() -> None:
    found = [make_message("room", 3, created_at=NOW - MINUTE), make_message("room", 5)]

    assert stable_seq(0, found, LogPosition("room", 0, 5, NOW), NOW) == 3


@pytest.mark.parametrize(
    ("last_seq", "old", "fresh", "has_gap"),
    [
        pytest.param(None, [], [4, 5], False, id="a new client"),
        pytest.param(3, [], [4, 5], False, id="continues"),
        pytest.param(2, [], [4, 5], True, id="one is missing"),
        pytest.param(0, [], [4, 5], True, id="the start is missing"),
        pytest.param(0, [1, 2], [3, 4], False, id="not yet deleted, from the start"),
        pytest.param(1, [1, 2], [3, 4], False, id="not yet deleted"),
        pytest.param(1, [1, 3], [4, 5], True, id="one was deleted before another"),
        pytest.param(1, [1], [3, 4], True, id="the message after the last seen was deleted"),
        pytest.param(1, [1, 2], [4, 5], True, id="the last of the old ones was deleted"),
        pytest.param(3, [1], [3, 5], False, id="an unused number after a message that is kept"),
        pytest.param(4, [1], [3, 5], False, id="the last seen is an unused number"),
        pytest.param(5, [1], [3, 5], False, id="nothing follows"),
        pytest.param(2, [1, 2], [], True, id="the rest is due for deletion"),
    ],
)
def test_messages_that_retention_may_have_deleted_are_a_gap(
    tables: Store, last_seq: int | None, old: list[int], fresh: list[int], has_gap: bool
) -> None:
    fill(tables, old, OLD)
    fill(tables, fresh, FRESH)
    tables.put(POSITIONS, LogPosition("room", 0, 5, NOW))
    missed = recover(tables, get_position(tables, "room"), last_seq, NOW)

    assert has_retention_gap(tables, "room", OLD, last_seq, missed, DUE) is has_gap


def test_a_room_younger_than_the_retention_time_has_no_gap(tables: Store) -> None:
    fill(tables, [4], NOW)

    assert not has_retention_gap(tables, "room", FRESH, 1, recover(tables, get_position(tables, "room"), 1, NOW), DUE)
