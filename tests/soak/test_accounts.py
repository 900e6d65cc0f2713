"""The checks after a soak find every kind of error."""

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Literal

import httpx
import pytest

from chalicelib.log.schemas import RoomMessage
from tests.soak.accounts import check_copy, check_joins_and_leaves, check_log, check_messages
from tests.soak.people import Person, Progress

Log = list[RoomMessage]


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


HELLO, AGAIN = line(2, "hello"), line(5, "hello again")
LOG = [
    line(1, "Ada joined the room", "system"),
    HELLO,
    line(3, "Ada left the room", "system"),
    line(4, "Ada joined the room", "system"),
    AGAIN,
]


@pytest.fixture
def ada() -> Person:
    """Ada is in the room, has sent both messages, and has the whole log."""

    async def make() -> Person:
        async with httpx.AsyncClient(verify=False) as http:
            return Person(http, "token", "Ada", "room", Progress(Counter()))

    person = asyncio.run(make())
    person.acknowledged = [HELLO, AGAIN]
    person.kept = {one.seq: one for one in LOG}
    return person


def check_all(log: Log, person: Person) -> None:
    check_log(log)
    check_messages(log, [person])
    check_joins_and_leaves(log, [person], [person])
    check_copy(log, person)


def test_a_correct_result_passes(ada: Person) -> None:
    check_all(LOG, ada)


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda log, ada: log.remove(HELLO), id="an acknowledged message is not in the log"),
        pytest.param(lambda log, ada: log.append(line(6, "hello")), id="a message is in the log twice"),
        pytest.param(lambda log, ada: log.append(line(6, "unsent")), id="the log has an unsent message"),
        pytest.param(lambda log, ada: log.reverse(), id="the order of numbers is wrong"),
        pytest.param(lambda log, ada: log.append(log[-1]), id="a number is in the log twice"),
        pytest.param(lambda log, ada: log.pop(2), id="somebody joined twice"),
        pytest.param(lambda log, ada: log.append(line(6, "Ada left the room", "system")), id="a living person left"),
        pytest.param(lambda log, ada: ada.kept.pop(2), id="a client lacks a message"),
        pytest.param(lambda log, ada: ada.kept.update({7: line(7, "ghost")}), id="a client has an extra message"),
        pytest.param(lambda log, ada: ada.kept.update({2: line(2, "hallo")}), id="a client has another text"),
        pytest.param(lambda log, ada: ada.acknowledged.append(line(6, "lost")), id="an acknowledged message is lost"),
    ],
)
def test_a_wrong_result_fails(ada: Person, spoil: Callable[[Log, Person], object]) -> None:
    log = list(LOG)
    spoil(log, ada)
    with pytest.raises(AssertionError):
        check_all(log, ada)
