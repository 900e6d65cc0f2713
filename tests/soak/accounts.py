"""Checks after a soak: compares the acknowledged messages and the seats with the state of each room."""

from collections import Counter
from collections.abc import Iterable
from typing import Any

from chalicelib.log.schemas import RoomMessage
from infra.local.engine import Engine
from infra.local.environment import DEFAULTS
from tests.soak.people import Person


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


async def check_room(everybody: list[Person], living: list[Person]) -> None:
    """Check one room: `everybody` has been in it, `living` are in it at the end."""
    log = await living[0].read_log()
    check_log(log)
    check_messages(log, everybody)
    check_joins_and_leaves(log, everybody, living)
    for person in living:
        check_copy(log, person)
    room = await living[0].see()
    assert {one["id"] for one in room["participants"]} == {person.user_id for person in living}
    assert room["participant_count"] == len(room["participants"]) == len(living)
    assert room["last_seq"] == log[-1].seq


def check_log(log: list[RoomMessage]) -> None:
    """Numbers rise, and no entry is there twice."""
    numbers = [line.seq for line in log]
    assert numbers == sorted(set(numbers))
    assert len({line.id for line in log}) == len(log)


def check_messages(log: list[RoomMessage], everybody: list[Person]) -> None:
    """The log has each acknowledged message once, unchanged, and no other message."""
    acknowledged = [message for person in everybody for message in person.acknowledged]
    said = [line for line in log if line.type != "system"]
    assert Counter(line.text for line in said) == Counter(message.text for message in acknowledged)
    assert said == sorted(acknowledged, key=lambda message: message.seq)


def check_joins_and_leaves(log: list[RoomMessage], everybody: list[Person], living: list[Person]) -> None:
    """Joins and leaves of a person alternate. At the end, exactly the living are in the room."""
    for person in everybody:
        joined, left = f"{person.name} joined the room", f"{person.name} left the room"
        acts = [line.text for line in log if line.text in (joined, left)]
        assert acts == ([joined, left] * len(acts))[: len(acts)], acts
        assert len(acts) % 2 == (person in living), acts


def check_copy(log: list[RoomMessage], person: Person) -> None:
    """The client has all entries of the log since its first one, and nothing else."""
    start = min(person.kept)
    expected = {line.seq: line for line in log if line.seq >= start}
    missing, surplus = expected.keys() - person.kept.keys(), person.kept.keys() - expected.keys()
    assert not missing, f"{person.name} lacks {[expected[seq] for seq in missing]}"
    assert not surplus, f"{person.name} has {[person.kept[seq] for seq in surplus]}"
    assert person.kept == expected


def _name(table: str) -> str:
    return DEFAULTS["TABLE_PREFIX"] + table
