"""The entries of a room's log: what was pushed, page by page, and never twice or not at all."""

from typing import Any

import pytest

from chalicelib import log
from chalicelib.chat import history
from chalicelib.chat.history import get_entries
from chalicelib.chat.schemas import EntriesQuery, EntryList
from chalicelib.log import Draft
from chalicelib.log.table import MESSAGES
from chalicelib.store import Check
from tests.fakes.backend import MINUTE, NOW, Interrupt, World
from tests.fakes.changes import edit, tell
from tests.fakes.counting import Counter
from tests.fakes.fanout import Frame

LONG = "\N{GRINNING FACE}" * 4000


def read(world: World, room_id: str, now: int = NOW, *, by: str = "ada", **query: int) -> EntryList:
    return get_entries(world.context(by, room_id, now), EntriesQuery(**query))


def numbers(page: EntryList) -> tuple[list[int], int, bool]:
    return [entry.seq for entry in page.entries], page.last_seq, page.has_more


def dump(world: World, page: EntryList) -> list[Frame]:
    dumped: Any = page.model_dump(mode="json", context=world.backend.avatar_hosts)
    return list(dumped["entries"])


def test_entries_are_the_frames_that_were_pushed(world: World, room_id: str, ada: str) -> None:
    world.grant("ben", room_id, "moderator")
    world.join("ben", room_id)
    world.send(ada, "message", text="hello")
    world.send(ada, "emoji", emoji="🍵")
    world.leave("ben", room_id)

    pushed = [frame for frame in world.fanout.frames(ada) if "seq" in frame]

    assert dump(world, read(world, room_id, after_seq=1)) == pushed
    assert [frame["type"] for frame in pushed] == ["user_joined", "message_sent", "emoji_reaction", "user_left"]


def test_entries_are_read_page_by_page(world: World, room_id: str, ada: str, ben: str) -> None:
    """The number 3 stays unused; 4 is an event, and 5 a message."""
    log.commit(world.context("eve", room_id), Draft("refused"), [Check(MESSAGES, (room_id, 1), MESSAGES.seq == 0)])
    tell(world, room_id)
    world.send(ada, "message", text="hello")

    pages = {(0, 2): ([1, 2], 2, True), (2, 1): ([4], 4, True), (2, 9): ([4, 5], 5, False), (5, 9): ([], 5, False)}
    for (after, limit), expected in pages.items():
        assert numbers(read(world, room_id, after_seq=after, limit=limit)) == expected
    assert numbers(read(world, room_id, after_seq=1000)) == ([], 5, False), "the table was restored"


def test_an_entry_that_is_being_stored_is_not_passed(world: World, room_id: str, ada: str) -> None:
    log.allocate(world.context("ada", room_id), Draft("late"))
    for _ in range(3):
        tell(world, room_id)

    assert numbers(read(world, room_id, limit=3)) == ([1], 1, True)
    assert numbers(read(world, room_id, after_seq=1, limit=1)) == ([], 1, False), "calling again at once is useless"
    assert numbers(read(world, room_id, NOW + MINUTE, after_seq=1, limit=1)) == ([3], 3, True)
    assert numbers(read(world, room_id, NOW + MINUTE, after_seq=1)) == ([3, 4, 5], 5, False)


def test_messages_and_edits_come_as_they_are_now(world: World, room_id: str, ada: str) -> None:
    for text in ("first", "second"):
        world.send(ada, "message", text=text)
    edit(world, room_id, 2, "better")
    edit(world, room_id, 2, "best")
    edit(world, room_id, 3, "gone")
    world.store.delete(MESSAGES, (room_id, 3))

    page = read(world, room_id, NOW + MINUTE, after_seq=1)
    entries = dump(world, page)

    assert [(one["seq"], one["type"], one["data"]["text"]) for one in entries] == [
        (2, "message_sent", "best"),
        (4, "edited", "best"),
        (5, "edited", "best"),
    ]
    assert entries[0]["data"]["edited_at"] == entries[1]["ts"]
    assert page.last_seq == 6, "the edit of a message that is gone is left out"
    assert [one["data"]["text"] for one in dump(world, read(world, room_id, after_seq=4))] == ["best"]


def test_an_edit_after_its_message_was_read_is_shown(
    world: World, room_id: str, ada: str, just_before: Interrupt
) -> None:
    world.send(ada, "message", text="old")
    seq = edit(world, room_id, 2, "better")
    edited = [MESSAGES.text.set("better"), MESSAGES.edited_seq.set(seq)]
    world.store.update(MESSAGES, (room_id, 2), [MESSAGES.text.set("old"), MESSAGES.edited_seq.remove()])
    just_before(history, "read_targets", lambda: world.store.update(MESSAGES, (room_id, 2), edited))

    entries = dump(world, read(world, room_id, after_seq=1))

    assert [one["data"]["text"] for one in entries] == ["old", "better"]


@pytest.mark.parametrize("after", [0, 31])
def test_texts_that_grew_stay_within_the_limit_of_bytes(world: World, room_id: str, ada: str, after: int) -> None:
    """The first edits counted short texts, and show long ones. From 31 on, their messages are not in the page."""
    for _ in range(30):
        log.commit(world.context("ada", room_id), Draft("a", "text", "ada", "Ada"), [])
    edits = [edit(world, room_id, seq, text) for text in ("short", LONG) for seq in range(2, 32)]
    seen: list[int] = []
    last_seq, has_more = after, True

    while has_more:
        with Counter(world.store) as counter:
            page = read(world, room_id, after_seq=last_seq)
        assert counter.read_units * 4_096 <= 256_000
        last_seq, has_more = page.last_seq, page.has_more
        seen += [entry.seq for entry in page.entries]

    assert seen == [*range(after + 1, edits[-1] + 1)]
