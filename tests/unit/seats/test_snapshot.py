"""The snapshot that answers `sync`: the missed messages, within the size of one frame."""

import pytest

from chalicelib import log
from chalicelib.contract import Context
from chalicelib.kernel.settings import Settings
from chalicelib.kernel.times import iso
from chalicelib.log import Draft, LogPosition
from chalicelib.log.table import MESSAGES, POSITIONS
from chalicelib.rooms.schemas import RoomSummary
from chalicelib.seats.schemas import ParticipantView, Snapshot, SnapshotData, SnapshotRoom, You
from chalicelib.seats.snapshot import MAX_SNAPSHOT_BYTES, trim_to_limit
from chalicelib.seats.table import PARTICIPANTS
from tests.fakes.backend import DAY, MINUTE, NOW, World
from tests.fakes.changes import edit, tell
from tests.fakes.fanout import Frame
from tests.fakes.records import make_message, make_room


def fill(world: World, room_id: str, first: int, last: int, text: str = "said") -> None:
    """Put messages into the log, as if they had been sent."""
    world.store.put(POSITIONS, LogPosition(room_id, 0, last, NOW))
    for seq in range(first, last + 1):
        world.store.put(MESSAGES, make_message(room_id, seq, text=text))


def sync(world: World, connection_id: str, last_seq: int | None, now: int = NOW) -> Frame:
    (snapshot,) = [f for f in world.send(connection_id, "sync", now, last_seq=last_seq) if f["type"] == "snapshot"]
    data: Frame = snapshot["data"]
    return data


def recovery(data: Frame) -> tuple[list[int], bool, int]:
    """The numbers of the messages, `recovered`, and `last_seq`."""
    return [message["seq"] for message in data["messages"]], data["recovered"], data["last_seq"]


def test_up_to_300_missed_messages_come_back_else_the_last_50(world: World, room_id: str, ada: str) -> None:
    fill(world, room_id, 2, 310)
    for missed in (0, 1, 299, 300):
        assert recovery(sync(world, ada, 310 - missed)) == ([*range(311 - missed, 311)], True, 310)
    for last_seq in (None, 0, 9):
        assert recovery(sync(world, ada, last_seq)) == ([*range(261, 311)], False, 310)


def test_missed_events_come_as_entries(world: World, room_id: str, ada: str) -> None:
    """An edit shows the text as it is now. It is left out if its message is sent, or gone."""
    for text in ("known", "deleted"):
        world.send(ada, "message", text=text)
    told = tell(world, room_id, "first")
    world.send(ada, "message", text="missed")
    edits = [edit(world, room_id, seq, f"edit {n}") for n, seq in enumerate((2, 3, 5, 2))]
    world.store.delete(MESSAGES, (room_id, 3))

    missed = sync(world, ada, 3, NOW + MINUTE)

    assert recovery(missed) == ([5], True, edits[-1])
    assert missed["messages"][0]["text"] == "edit 2"
    assert [(one["seq"], one["type"], one["from"], one["data"]) for one in missed["entries"]] == [
        (told, "told", "ada", {"what": "first", "text": None}),
        (edits[0], "edited", "ada", {"what": "", "text": "edit 3", "mentions": []}),
        (edits[3], "edited", "ada", {"what": "", "text": "edit 3", "mentions": []}),
    ]
    assert sync(world, ada, edits[-1], NOW + MINUTE)["entries"] == []
    for last_seq in (None, 1000):
        fresh = sync(world, ada, last_seq, NOW + MINUTE)
        assert (fresh["entries"], *recovery(fresh)) == ([], [1, 2, 5], False, edits[-1])


def test_an_event_that_its_message_does_not_show_yet_is_sent(world: World, room_id: str, ada: str) -> None:
    """A query may read the message before a transaction, and the event after it."""
    world.send(ada, "message", text="hello")
    seq = edit(world, room_id, 2, "better")
    world.store.update(MESSAGES, (room_id, 2), [MESSAGES.edited_seq.set(seq - 1)])

    assert [one["seq"] for one in sync(world, ada, 1)["entries"]] == [seq]


def test_private_data_is_for_its_user_and_moderators(world: World, room_id: str, ada: str, ben: str) -> None:
    tell(world, room_id, "muted", about="ben")
    for connection_id, is_told in ((ada, False), (ben, True)):
        (event,) = sync(world, connection_id, 2)["entries"]
        assert event["data"] == {"what": "muted", "text": None} | ({"reason": "secret"} if is_told else {})

    world.store.update(PARTICIPANTS, (room_id, "ada"), [PARTICIPANTS.role.set("moderator")])
    (event,) = sync(world, ada, 2)["entries"]
    assert event["data"]["reason"] == "secret"


@pytest.mark.parametrize(("missed", "is_recovered"), [(300, True), (301, False)])
def test_300_messages_and_events_come_back(
    world: World, room_id: str, ada: str, missed: int, is_recovered: bool
) -> None:
    fill(world, room_id, 2, 1 + missed // 2)
    for _ in range(missed - missed // 2):
        tell(world, room_id)
    data = sync(world, ada, 1)
    found = len(data["messages"]), len(data["entries"])
    assert (found, data["recovered"]) == (((150, 150), True) if is_recovered else ((50, 0), False))
    assert data["last_seq"] == 1 + missed


@pytest.mark.parametrize("what", ["frame", "texts"])
def test_a_client_hears_if_not_all_events_fit(world: World, room_id: str, ada: str, what: str) -> None:
    """110 events of 1,150 bytes are read, and do not fit in a frame. The texts of 40 edits are not all read."""
    fill(world, room_id, 2, 41)
    for seq in range(2, 112 if what == "frame" else 42):
        tell(world, room_id, "x" * 1150) if what == "frame" else edit(world, room_id, seq, "new")
    if what == "texts":
        for seq in range(2, 42):
            world.store.update(MESSAGES, (room_id, seq), [MESSAGES.text.set("\u2603" * 4000)])

    data = sync(world, ada, 41)

    assert (data["recovered"], data["entries"]) == (False, [])
    assert len(world.fanout.acts[-1].data) <= MAX_SNAPSHOT_BYTES  # type: ignore[union-attr]


def test_a_client_ahead_of_the_log_gets_the_last_messages(world: World, room_id: str, ada: str) -> None:
    fill(world, room_id, 2, 5)
    assert recovery(sync(world, ada, 1000)) == ([1, 2, 3, 4, 5], False, 5)
    for last_seq in (None, 0, 3, 5, 1000):
        assert sync(world, ada, last_seq)["room"]["last_seq"] == 5


def test_an_outdated_position_makes_no_difference(
    world: World, room_id: str, ada: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    late = log.get_position(world.store, room_id)
    fill(world, room_id, 2, 5)
    monkeypatch.setattr("chalicelib.log.get_position", lambda *_, **__: late)
    assert recovery(sync(world, ada, 5)) == ([], True, 5)


@pytest.mark.parametrize(("after", "last_seq"), [(0, 1), (MINUTE, 3)])
def test_an_unused_number_is_skipped_after_a_minute(
    world: World, room_id: str, ada: str, after: int, last_seq: int
) -> None:
    log.allocate(world.context("ada", room_id), Draft("lost"))
    world.send(ada, "message", text="after the gap")
    assert recovery(sync(world, ada, 1, NOW + after)) == ([3], True, last_seq)


def test_a_gap_from_retention_is_reported(world: World, room_id: str) -> None:
    later = NOW + 91 * DAY
    fill(world, room_id, 1, 99)
    for seq in range(1, 20):
        world.store.delete(MESSAGES, (room_id, seq))
    ada = world.enter("ada", room_id, later)
    assert recovery(sync(world, ada, 10, later)) == ([*range(51, 101)], False, 100)
    assert recovery(sync(world, ada, 98, later)) == ([99, 100], True, 100)


def test_a_snapshot_fits_into_one_post(world: World, room_id: str, ada: str) -> None:
    fill(world, room_id, 2, 60, text="\u2603" * 4000)
    data = sync(world, ada, 1)
    assert len(world.fanout.acts[-1].data) <= MAX_SNAPSHOT_BYTES  # type: ignore[union-attr]
    seqs, recovered, _ = recovery(data)
    assert recovered is False
    assert seqs == [*range(61 - len(seqs), 61)]
    assert len(seqs) >= 5


@pytest.mark.parametrize("letter", ["a", "\u2603", "\U0001f600"])
@pytest.mark.parametrize("length", [400, 2048])
def test_a_full_room_fits_with_the_longest_names_and_avatars(world: World, letter: str, length: int) -> None:
    avatar = "/" + letter * (length - 1)
    shown = {"name": letter * 80, "avatar": avatar, "is_muted": True, "is_speaking": False, "is_online": True}
    ids = [f"{number:02}" + letter * 126 for number in range(50)]
    seated = [ParticipantView(id=one, joined_at=iso(NOW), **shown) for one in ids]  # type: ignore[arg-type]
    room = make_room(name=letter * 255, description=letter * 2000, color="c" * 40, created_by=ids[0])
    data = SnapshotData(
        room=SnapshotRoom(**RoomSummary.of(room, Settings()).model_dump(), participants=seated, last_seq=1),
        you=You(user_id=ids[0], connection_id="c" * 16),
        messages=[],
        recovered=True,
        last_seq=1,
    )

    fitted = trim_to_limit(Context(world.backend, room.room_id, ids[0], NOW).stamp(Snapshot, data=data))

    assert len(fitted.encode()) <= MAX_SNAPSHOT_BYTES
    assert [one.id for one in fitted.data.room.participants] == ids
    assert {one.avatar for one in fitted.data.room.participants} == {avatar if len(avatar.encode()) <= 400 else None}
