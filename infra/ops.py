"""The operators' command, on a machine with AWS credentials: `python -m infra.ops STAGE COMMAND`.

    rooms                   list the occupied rooms, those with the most connections first
    room ROOM               show a room's members, leases, connections and inconsistencies
    empty ROOM              remove everybody from a room; the room stays open
    rotate-secret           replace the secret that signs tickets and cursors; deploy afterwards
    refill FROM TO [ROOM]   copy the items that a table lacks from another one, such as a restored backup

It runs the service's own code on the stage's tables. docs/runbook.md says when to use which command.
"""

import argparse
import json
import os
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError
from botocore.session import Session

from chalicelib.backend import Backend, get_backend
from chalicelib.contract import Context
from chalicelib.delivery import Connection
from chalicelib.identity.secrets import forget_secret, get_secret
from chalicelib.kernel.times import Moment, iso, now_ms
from chalicelib.lifecycle.service import close_room
from chalicelib.rooms.table import Room, get_room, list_occupied
from chalicelib.seats.connections import get_roster
from chalicelib.seats.table import Participant, list_participants
from chalicelib.store import Store

CONFIG = Path(__file__).parent.parent / ".chalice" / "config.json"
REFILLABLE = ("rooms", "messages", "profiles", "grants", "personal")
"""The other tables hold who is present now; a backup can't know that."""
LONGEST_CONNECTION_MS = 125 * 60_000
"""API Gateway closes connections after two hours."""


@dataclass(frozen=True)
class Stay:
    """A room with its members and connections, as they are now."""

    room: Room
    members: Sequence[Participant]
    roster: Sequence[Connection]

    @classmethod
    def of(cls, store: Store, room_id: str) -> "Stay | None":
        room, members, roster = store.run_parallel(
            partial(get_room, store, room_id),
            partial(list_participants, store, room_id),
            partial(get_roster, store, room_id),
        )
        return cls(room, members, roster) if room else None

    def oddities(self, now: Moment) -> Iterator[str]:
        """The inconsistencies, one line each. Some resolve themselves a moment later."""
        if self.room.participant_count != len(self.members):
            yield f"count is {self.room.participant_count}, members are {len(self.members)}"
        users = {member.user_id for member in self.members}
        listed = {connection.connection_id for connection in self.roster}
        for member in self.members:
            if not member.holds_at(now):
                yield f"{member.user_id}: lease over since {iso(member.lease_expires_at)}"
            if missing := member.connections - listed:
                yield f"{member.user_id}: holds {', '.join(sorted(missing))}, which the roster lacks"
        for connection in self.roster:
            if connection.user_id not in users:
                yield f"connection {connection.connection_id}: {connection.user_id} has no seat"
            elif now - connection.connected_at > LONGEST_CONNECTION_MS:
                yield f"connection {connection.connection_id}: open since {iso(connection.connected_at)}"


def list_rooms(store: Store, now: Moment) -> Iterator[str]:
    """One line for each occupied room."""
    found = [stay for room_id in list_occupied(store) if (stay := Stay.of(store, room_id))]
    for stay in sorted(found, key=lambda stay: -len(stay.roster)):
        odd = sum(1 for _ in stay.oddities(now))
        line = f"{stay.room.room_id}  {len(stay.members):2} people  {len(stay.roster):3} connections  {stay.room.name}"
        yield line + (f"  ({odd} odd)" if odd else "")


def describe_room(store: Store, room_id: str, now: Moment) -> Iterator[str]:
    """Show a room and its members; exits if there is no such room."""
    stay = Stay.of(store, room_id)
    if stay is None:
        raise SystemExit(f"There is no room {room_id}")
    yield f"{stay.room.name}, {stay.room.status}, {stay.room.participant_count} of {stay.room.max_participants} seats"
    for member in stay.members:
        state = "online" if member.is_online else "offline"
        yield f"  {member.user_id}  {state}, {member.lease_kind} lease until {iso(member.lease_expires_at)}"
        for connection in stay.roster:
            if connection.user_id == member.user_id:
                yield f"    {connection.connection_id}  since {iso(connection.connected_at)}"
    yield from (f"  ODD: {line}" for line in stay.oddities(now))


def empty_room(backend: Backend, room_id: str, now: Moment) -> Iterator[str]:
    """Remove everybody from a room, as closing it does; exits if there is no such room. They may join again."""
    before = Stay.of(backend.store, room_id)
    if before is None:
        raise SystemExit(f"There is no room {room_id}")
    close_room(Context(backend, room_id, "", now), "deactivated")
    yield f"{len(before.members)} people and {len(before.roster)} connections were removed from {before.room.name}"


def rotate_secret(store: Store) -> Iterator[str]:
    """Create a new secret. Running processes keep the old one until the next deployment."""
    forget_secret(store, "signing")
    get_secret(store, "signing")
    yield "There is a new secret. Deploy now: until then, new processes refuse the tickets of old ones"


def refill(client: Any, source: str, target: str, room_id: str | None) -> Iterator[str]:
    """Copy the items that the target lacks, and leave its own as they are.

    Copied rooms are empty. Exits if the target isn't a table that can be refilled.
    """
    if not target.endswith(REFILLABLE):
        raise SystemExit(f"Only tables named {', '.join(REFILLABLE)} can be refilled")
    key = client.describe_table(TableName=target)["Table"]["KeySchema"][0]["AttributeName"]
    outcomes = Counter(add_item(client, target, key, emptied(item)) for item in read_items(client, source, room_id))
    yield f"{outcomes[True]} items copied, {outcomes[False]} were there"


def make_client() -> Any:
    """A separate client: the functions' own is not made for reading whole tables."""
    return Session().create_client("dynamodb")


def read_items(client: Any, table: str, room_id: str | None) -> Iterator[dict[str, Any]]:
    """All items of a table, or those of one room."""
    asked: dict[str, Any] = {"TableName": table, "ConsistentRead": True}
    if room_id:
        asked["KeyConditionExpression"] = "room_id = :room"
        asked["ExpressionAttributeValues"] = {":room": {"S": room_id}}
    for page in client.get_paginator("query" if room_id else "scan").paginate(**asked):
        yield from page["Items"]


def emptied(item: dict[str, Any]) -> dict[str, Any]:
    """A room without its participants; any other item unchanged."""
    if "participant_count" not in item:
        return item
    return {name: value for name, value in item.items() if name != "occupied"} | {"participant_count": {"N": "0"}}


def add_item(client: Any, table: str, key: str, item: dict[str, Any]) -> bool:
    """Put an item if its key is free; return whether it was."""
    condition = {"ConditionExpression": "attribute_not_exists(#key)", "ExpressionAttributeNames": {"#key": key}}
    try:
        client.put_item(TableName=table, Item=item, **condition)
    except ClientError as error:
        if error.response["Error"]["Code"] == "ConditionalCheckFailedException":
            return False
        raise
    return True


def use_stage_env(stage: str) -> None:
    """Set the environment of the stage's functions; exits without such a stage, or without a region."""
    stages = json.loads(CONFIG.read_text())["stages"]
    if stage not in stages:
        raise SystemExit(f".chalice/config.json has no stage {stage!r}. It has {' and '.join(stages)}")
    region = Session().get_config_variable("region")
    if not region:
        raise SystemExit("There is no region: set AWS_DEFAULT_REGION")
    for name, value in {**stages[stage].get("environment_variables", {}), "AWS_REGION": region}.items():
        os.environ.setdefault(name, value)


def run(options: argparse.Namespace, backend: Backend, now: Moment) -> Iterator[str]:
    """The lines that the command prints."""
    match options.command:
        case "rooms":
            return list_rooms(backend.store, now)
        case "room":
            return describe_room(backend.store, options.room, now)
        case "empty":
            return empty_room(backend, options.room, now)
        case "rotate-secret":
            return rotate_secret(backend.store)
        case _:
            return refill(make_client(), options.source, options.target, options.room)


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(prog="python -m infra.ops", description="Commands for operators of a stage.")
    parser.add_argument("stage", help="a stage of .chalice/config.json")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("rooms", help="list the occupied rooms")
    for name, text in {"room": "show a room's members", "empty": "remove everybody from a room"}.items():
        commands.add_parser(name, help=text).add_argument("room", help="the room's id")
    commands.add_parser("rotate-secret", help="replace the secret that signs tickets and cursors")
    copying = commands.add_parser("refill", help="copy the items that a table lacks from another")
    copying.add_argument("source", help="the full name of the table to copy from")
    copying.add_argument("target", help="the full name of the table to fill")
    copying.add_argument("room", nargs="?", help="only the items of this room")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command, and return the exit code."""
    options = parse(arguments)
    use_stage_env(options.stage)
    for line in run(options, get_backend(), now_ms()):
        print(line)
    return 0


if __name__ == "__main__":
    sys.exit(main())
