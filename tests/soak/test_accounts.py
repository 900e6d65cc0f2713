"""The checks after a soak find every kind of error."""

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Literal

import httpx
import pytest

from chalicelib.log.schemas import Original, Reaction, RoomMessage
from tests.soak.accounts import check_copy, check_events, check_joins_and_leaves, check_log, check_messages
from tests.soak.people import Person, Progress
from tests.soak.view import Frame, View, key_of, read_entry

Log = list[Frame]


def line(seq: int, text: str, kind: Literal["text", "system"] = "text") -> RoomMessage:
    return RoomMessage(
        id=f"00000000-0000-4000-8000-{seq:012}",
        seq=seq,
        type=kind,
        user_id="ada" if kind == "text" else None,
        user="Ada",
        avatar=None,
        text=text,
        time="00:00",
        created_at="2027-01-01T00:00:00.000Z",
    )


def entry(message: RoomMessage) -> Frame:
    """The frame of a message."""
    data = message.model_dump(mode="json")
    if message.type == "text":
        return {"type": "message_sent", "seq": message.seq, "data": data}
    return {"type": "user_joined", "seq": message.seq, "data": {"message": data}}


def edit(seq: int, text: str) -> Frame:
    """The frame of an edit of the first message."""
    data = {"target_seq": 2, "text": text, "edited_at": "2027-01-01T00:00:01.000Z", "mentions": []}
    return {"type": "message_edited", "seq": seq, "from": "ada", "data": data}


def reaction(seq: int, *, on: bool) -> Frame:
    """The frame of a reaction to the first message."""
    data = {"target_seq": 2, "emoji": "\U0001f375", "user_id": "ada", "on": on, "count": int(on)}
    return {"type": "reactions_changed", "seq": seq, "from": "ada", "data": data}


HELLO, AGAIN = line(2, "hello"), line(5, "hello again")
EDITED = {"text": "hello!", "edited_at": "2027-01-01T00:00:01.000Z"}
NOW = HELLO.model_copy(update=EDITED | {"reactions": [Reaction(emoji="\U0001f375", count=1, me=True)]})
ANSWER = AGAIN.model_copy(update={"reply_to": Original(seq=2, user="Ada", text="hello!")})
PUSHED = [
    entry(line(1, "Ada joined the room", "system")),
    entry(HELLO),
    entry(line(3, "Ada left the room", "system")),
    entry(line(4, "Ada joined the room", "system")),
    entry(AGAIN.model_copy(update={"reply_to": Original(seq=2, user="Ada", text="hello")})),
    reaction(6, on=True),
    edit(7, "hello!"),
]
LOG = [PUSHED[0], entry(NOW), *PUSHED[2:4], entry(ANSWER), *PUSHED[5:]]


@pytest.fixture
def ada() -> Person:
    """Ada is in the room, has sent both messages, has reacted to one, and was told all."""

    async def make() -> Person:
        async with httpx.AsyncClient(verify=False) as http:
            return Person(http, "token", "Ada", "room", Progress(Counter()))

    person = asyncio.run(make())
    person.acknowledged = [HELLO.model_copy(update={"text": "hello!"}), AGAIN]
    person.acts = [key_of(one["type"], one["from"], one["data"]) for one in PUSHED[5:]]
    for frame in PUSHED:
        person.view.keep(frame)
    return person


def check_all(entries: Log, person: Person) -> None:
    log = check_log(entries)
    messages = [one for one in log.values() if isinstance(one, RoomMessage)]
    check_messages(messages, [person])
    check_joins_and_leaves(messages, [person], [person])
    check_events(log, [person])
    check_copy(log, person)


def test_a_correct_result_passes(ada: Person) -> None:
    check_all(LOG, ada)


@pytest.mark.parametrize("after", range(8))
def test_a_snapshot_and_pushes_give_the_same(ada: Person, after: int) -> None:
    """The client was told the first entries, gets a snapshot of the rest, and hears of them once more."""
    ada.view = View(ada.user_id)
    for frame in PUSHED[:after]:
        ada.view.keep(frame)
    messages = [one["data"].get("message", one["data"]) for one in LOG[after:5]]
    events = [one for one in PUSHED[max(after, 5) :] if after >= 2]
    ada.view.take_snapshot(messages, events, 7)
    for frame in PUSHED:
        ada.view.keep(frame)
    check_all(LOG, ada)


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda log, ada: log.pop(4), id="an acknowledged message is not in the log"),
        pytest.param(lambda log, ada: log.append(entry(line(8, "hello"))), id="a message is in the log twice"),
        pytest.param(lambda log, ada: log.append(entry(line(8, "unsent"))), id="the log has an unsent message"),
        pytest.param(lambda log, ada: log.reverse(), id="the order of numbers is wrong"),
        pytest.param(lambda log, ada: log.append(log[-1]), id="a number is in the log twice"),
        pytest.param(lambda log, ada: log.pop(2), id="somebody joined twice"),
        pytest.param(
            lambda log, ada: log.append(entry(line(8, "Ada left the room", "system"))), id="a living person left"
        ),
        pytest.param(lambda log, ada: log.pop(5), id="an act is not in the log"),
        pytest.param(lambda log, ada: log.append(reaction(8, on=True)), id="an act is in the log twice"),
        pytest.param(lambda log, ada: ada.view.kept.pop(2), id="a client lacks a message"),
        pytest.param(lambda log, ada: ada.view.kept.pop(6), id="a client lacks a reaction"),
        pytest.param(lambda log, ada: ada.view.kept.update({8: line(8, "ghost")}), id="a client has an extra message"),
        pytest.param(lambda log, ada: ada.view.keep(reaction(8, on=False)), id="a client has an extra event"),
        pytest.param(lambda log, ada: ada.view.kept.update({5: line(5, "hallo")}), id="a client has another text"),
        pytest.param(
            lambda log, ada: ada.view.kept.update({7: read_entry(edit(7, "hallo"))}), id="a client has another edit"
        ),
        pytest.param(lambda log, ada: setattr(ada.view, "contiguous", 6), id="a client waits for an entry"),
        pytest.param(lambda log, ada: ada.acknowledged.append(line(8, "lost")), id="an acknowledged message is lost"),
    ],
)
def test_a_wrong_result_fails(ada: Person, spoil: Callable[[Log, Person], object]) -> None:
    log = list(LOG)
    spoil(log, ada)
    with pytest.raises(AssertionError):
        check_all(log, ada)
