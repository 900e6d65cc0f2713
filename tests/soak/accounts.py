"""Checks after a soak: what was acknowledged, the seats and the copies of clients agree with the log of each room."""

from collections import Counter
from collections.abc import Iterable
from typing import Any

from chalicelib.log.schemas import RoomMessage
from infra.local.engine import Engine
from infra.local.environment import DEFAULTS
from tests.soak.callers import Caller
from tests.soak.people import Person
from tests.soak.view import FOLDED, Frame, identity, key_of, read_entry

Log = dict[int, RoomMessage | Frame]
"""The entries of a log as HTTP shows them, by number."""


class Tables:
    """The tables, read without the service."""

    def __init__(self, engine: Engine) -> None:
        self._client = engine.client()

    def show_only(self, living: Iterable[Person]) -> bool:
        """True if exactly these people have seats in their room, and exactly their connections are on its roster."""
        people = list(living)
        room_id = people[0].room_id
        members = {row["user_id"]["S"] for row in self._query("participants", room_id)}
        roster = {row["connection_id"]["S"] for row in self._query("connections", room_id)}
        key = {"room_id": {"S": room_id}}
        room = self._client.get_item(TableName=_name("rooms"), Key=key, ConsistentRead=True)["Item"]
        count = int(room["participant_count"]["N"])
        assert count >= 0
        found = (members, roster, count)
        return found == ({one.user_id for one in people}, {one.connection_id for one in people}, len(people))

    def _query(self, table: str, room_id: str) -> list[dict[str, Any]]:
        condition = {":room": {"S": room_id}}
        answer = self._client.query(
            TableName=_name(table),
            KeyConditionExpression="room_id = :room",
            ExpressionAttributeValues=condition,
            ConsistentRead=True,
        )
        rows: list[dict[str, Any]] = answer["Items"]
        return rows


async def check_room(everybody: list[Person], living: list[Person], moderator: Caller) -> None:
    """Check one room: `everybody` has been in it, `living` are in it at the end."""
    for person in living:
        log = check_log(await person.read_entries())
        check_copy(log, person)
    messages = [one for one in log.values() if isinstance(one, RoomMessage)]
    check_messages(messages, everybody)
    check_joins_and_leaves(messages, everybody, living)
    check_events(log, [*everybody, moderator])
    room = await living[0].see()
    assert {one["id"] for one in room["participants"]} == {person.user_id for person in living}
    assert room["participant_count"] == len(room["participants"]) == len(living)
    assert room["last_seq"] == max(log)


def check_log(entries: list[Frame]) -> Log:
    """Numbers rise, and no entry is there twice."""
    numbers = [one["seq"] for one in entries]
    assert numbers == sorted(set(numbers))
    log = {one["seq"]: read_entry(one) for one in entries}
    messages = [one for one in log.values() if isinstance(one, RoomMessage)]
    assert len({one.id for one in messages}) == len(messages)
    return log


def check_messages(log: list[RoomMessage], everybody: list[Person]) -> None:
    """The log has each acknowledged message once, with the text of its last edit, and no other message."""
    acknowledged = [message for person in everybody for message in person.acknowledged]
    said = [line for line in log if line.type != "system"]
    assert Counter(line.text for line in said) == Counter(message.text for message in acknowledged)
    assert [(one.seq, one.id) for one in said] == sorted((one.seq, one.id) for one in acknowledged)


def check_events(log: Log, everybody: list[Caller]) -> None:
    """The log has each act of the people once, and no other event."""
    told = Counter(key_of(one["type"], one["from"], one["data"]) for one in log.values() if isinstance(one, dict))
    done = Counter(act for person in everybody for act in person.acts)
    assert told == done, (told - done, done - told)


def check_joins_and_leaves(log: list[RoomMessage], everybody: list[Person], living: list[Person]) -> None:
    """Joins and leaves of a person alternate. At the end, exactly the living are in the room."""
    for person in everybody:
        joined, left = f"{person.name} joined the room", f"{person.name} left the room"
        acts = [line.text for line in log if line.text in (joined, left)]
        assert acts == ([joined, left] * len(acts))[: len(acts)], acts
        assert len(acts) % 2 == (person in living), acts


def check_copy(log: Log, person: Person) -> None:
    """The client has all entries of the log since its first one, each as it is now, and waits for none."""
    view = person.view
    assert view.contiguous >= max(log), f"{person.name} waits for {view.contiguous + 1}"
    folded, start = view.fold(), min(view.kept)
    for seq, entry in log.items():
        if isinstance(entry, RoomMessage):
            assert seq < start or folded.get(seq) == entry, (person.name, folded.get(seq), entry)
        elif seq in view.kept:
            assert identity(view.kept[seq]) == identity(entry), (person.name, view.kept[seq], entry)
        else:
            assert seq <= (view.start or 0) or entry["type"] in FOLDED, f"{person.name} lacks {entry}"
    surplus = (folded.keys() | view.list_events().keys()) - log.keys()
    assert not surplus, f"{person.name} has {[view.kept[seq] for seq in sorted(surplus)[:5]]}"


def _name(table: str) -> str:
    return DEFAULTS["TABLE_PREFIX"] + table
