"""The operators' tool and commands of the runbook, on a real engine."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from typing import Any
from unittest.mock import patch

import pytest

from chalicelib.identity.tickets import issue_ticket, verify_ticket
from chalicelib.kernel.errors import InvalidCursorError, UnauthorizedError
from chalicelib.lifecycle.service import delete_room
from chalicelib.rooms.listing import list_rooms
from chalicelib.rooms.schemas import RoomsQuery
from chalicelib.rooms.table import ROOMS
from chalicelib.seats.table import PARTICIPANTS
from infra import ops
from infra.local.engine import CREDENTIALS, REGION, Engine
from tests.fakes.backend import MINUTE, NOW, SECOND, World
from tests.fakes.commands import aws_commands
from tests.fakes.counting import refuse_scan
from tests.fakes.documents import ROOT, Document

RUNBOOK = Document("docs/runbook.md")
A_ROOM = "11111111-2222-3333-4444-555555555555"
LATER = NOW + 100 * SECOND


@pytest.fixture
def room_id(engine_world: World) -> str:
    """A room with Ada, who has two connections, and Grace, who has one."""
    room_id = engine_world.open_room(name="Study Hall")
    engine_world.enter("ada", room_id)
    engine_world.connect("ada", room_id)
    engine_world.enter("grace", room_id)
    return room_id


def run(world: World, *arguments: str, now: int = NOW) -> list[str]:
    return list(ops.run(ops.parse(["prod", *arguments]), world.backend, now))


def from_runbook(operation: str) -> dict[str, str]:
    """The options of an AWS command in the runbook."""
    blocks = re.findall(r"^ *```bash\n(.*?)^ *```$", RUNBOOK.text, re.M | re.S)
    (words,) = (words for block in blocks for words in aws_commands(block) if words[1] == operation)
    return dict(zip(words[2::2], words[3::2], strict=False))


def test_occupied_rooms_are_listed_the_fullest_first(engine_world: World, room_id: str) -> None:
    quiet = engine_world.open_room(name="Focus Zone")
    engine_world.enter("linus", quiet)
    engine_world.open_room(name="Empty")

    first, second = run(engine_world, "rooms")

    assert first == f"{room_id}   2 people    3 connections  Study Hall"
    assert second.startswith(quiet)


def test_a_room_is_shown_with_seats_leases_and_connections(engine_world: World, room_id: str) -> None:
    lines = run(engine_world, "room", room_id)

    assert lines[0] == "Study Hall, active, 2 of 15 seats"
    assert [line for line in lines if line.startswith("  ada  online, http lease until ")]
    assert len([line for line in lines if line.startswith("    ")]) == 3
    assert not [line for line in lines if "ODD" in line]


def test_an_unknown_room_is_reported(engine_world: World) -> None:
    for command in ("room", "empty"):
        with pytest.raises(SystemExit, match="There is no room"):
            run(engine_world, command, A_ROOM)


def test_an_expired_lease_is_odd(engine_world: World, room_id: str) -> None:
    lines = run(engine_world, "room", room_id, now=NOW + 70 * MINUTE)

    assert len([line for line in lines if re.search(r"ODD: (ada|grace): lease over since", line)]) == 2
    (listed,) = run(engine_world, "rooms", now=NOW + 70 * MINUTE)
    assert listed.endswith("(2 odd)")


def test_a_connection_without_a_seat_or_too_old_is_odd(engine_world: World, room_id: str) -> None:
    engine_world.store.delete(PARTICIPANTS, (room_id, "grace"))

    lines = run(engine_world, "room", room_id, now=NOW + 126 * MINUTE)

    assert [line for line in lines if line.endswith("grace has no seat")]
    assert len([line for line in lines if re.search(r"ODD: connection ada-\d+: open since", line)]) == 2
    assert "  ODD: count is 2, members are 1" in lines


def test_a_connection_missing_from_the_roster_is_odd(engine_world: World, room_id: str) -> None:
    engine_world.store.update(PARTICIPANTS, (room_id, "grace"), [PARTICIPANTS.connections.set({"lost"})])

    assert "  ODD: grace: holds lost, which the roster lacks" in run(engine_world, "room", room_id)


def test_a_sweep_by_hand_ends_expired_memberships(engine_world: World, room_id: str) -> None:
    import app

    payload = json.loads(from_runbook("invoke")["--payload"])
    with (
        patch("chalicelib.backend._process_backend", engine_world.backend),
        patch("chalicelib.api.schedule.now_ms", lambda: NOW + 70 * MINUTE),
    ):
        app.sweep(payload, None)

    assert engine_world.members(room_id) == []
    assert engine_world.room(room_id).participant_count == 0


def test_a_wrong_count_is_corrected_once(engine_world: World, room_id: str) -> None:
    store, wrong = engine_world.store, [ROOMS.participant_count.set(4), ROOMS.occupied.remove()]
    store.update(ROOMS, room_id, wrong)
    engine_world.enter("linus", room_id)
    store.update(ROOMS, room_id, wrong)
    options = from_runbook("update-item")

    def correct() -> None:
        store.connection.client.update_item(
            TableName=store.prefix + "rooms",
            Key=json.loads(options["--key"].replace(A_ROOM, room_id)),
            UpdateExpression=options["--update-expression"],
            ConditionExpression=options["--condition-expression"],
            ExpressionAttributeValues=json.loads(options["--expression-attribute-values"]),
        )

    correct()

    assert engine_world.room(room_id).participant_count == len(engine_world.members(room_id)) == 3
    assert [line for line in run(engine_world, "rooms") if line.startswith(room_id)]
    with pytest.raises(store.connection.client.exceptions.ConditionalCheckFailedException):
        correct()


def test_an_emptied_room_is_open_and_can_be_joined_again(engine_world: World, room_id: str) -> None:
    assert run(engine_world, "empty", room_id) == ["2 people and 3 connections were removed from Study Hall"]
    assert (engine_world.members(room_id), engine_world.roster(room_id)) == ([], [])
    assert engine_world.room(room_id).status == "active"

    said = engine_world.said(room_id)
    run(engine_world, "empty", room_id)
    assert engine_world.said(room_id) == said

    engine_world.enter("ada", room_id)
    assert engine_world.room(room_id).participant_count == 1


def test_new_processes_refuse_signatures_of_the_old_secret(engine_world: World, room_id: str) -> None:
    engine_world.open_room()
    old = engine_world.backend
    signed, _ = issue_ticket("ada", room_id, old.secret, NOW)
    cursor = list_rooms(engine_world.request("ada"), RoomsQuery(limit=1)).next_cursor

    run(engine_world, "rotate-secret")
    engine_world.restart()
    new = engine_world.backend

    assert new.secret != old.secret
    with pytest.raises(UnauthorizedError):
        verify_ticket(signed, new.secret, NOW)
    with pytest.raises(InvalidCursorError):
        list_rooms(engine_world.request("ada"), RoomsQuery(limit=1, cursor=cursor))
    assert verify_ticket(signed, old.secret, NOW).user_id == "ada"
    engine_world.restart()
    assert engine_world.backend.secret == new.secret


@pytest.fixture
def client(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A client of the tool, which may scan."""
    with patch.dict(os.environ, {**CREDENTIALS, "AWS_DEFAULT_REGION": REGION, "AWS_ENDPOINT_URL_DYNAMODB": engine.url}):
        made = ops.make_client()
    made.meta.events.unregister("before-call.dynamodb.Scan", refuse_scan)
    monkeypatch.setattr(ops, "make_client", lambda: made)
    return made


@pytest.fixture
def restored(engine_world: World, room_id: str, client: Any) -> Iterator[str]:
    """The prefix of tables with an earlier state, in which the room has members and a message."""
    live = engine_world.store.prefix
    prefix = live + "restored-"
    engine_world.send(engine_world.roster(room_id)[0], "message", text="Hello")
    for base in ("rooms", "messages"):
        table = client.describe_table(TableName=live + base)["Table"]
        keys = {key["AttributeName"] for key in table["KeySchema"]}
        client.create_table(
            TableName=prefix + base,
            KeySchema=table["KeySchema"],
            AttributeDefinitions=[one for one in table["AttributeDefinitions"] if one["AttributeName"] in keys],
            BillingMode="PAY_PER_REQUEST",
        )
        for item in client.scan(TableName=live + base)["Items"]:
            client.put_item(TableName=prefix + base, Item=item)
    yield prefix
    for base in ("rooms", "messages"):
        client.delete_table(TableName=prefix + base)


def test_a_deleted_room_is_restored_with_its_log_and_no_member(
    engine_world: World, room_id: str, restored: str
) -> None:
    said = engine_world.said(room_id)
    delete_room(engine_world.context("admin", room_id))
    assert engine_world.said(room_id) == []

    for base in ("messages", "rooms"):
        run(engine_world, "refill", restored + base, engine_world.store.prefix + base, room_id)

    assert engine_world.said(room_id) == said
    assert engine_world.room(room_id).participant_count == 0
    engine_world.join("ada", room_id, LATER)
    assert engine_world.room(room_id).participant_count == 1
    assert engine_world.said(room_id)[-1] == "Ada joined the room"


def test_a_refill_changes_no_existing_item(engine_world: World, room_id: str, restored: str) -> None:
    prefix = engine_world.store.prefix
    engine_world.leave("grace", room_id)
    said = engine_world.said(room_id)

    (outcome,) = run(engine_world, "refill", restored + "messages", prefix + "messages")
    run(engine_world, "refill", restored + "rooms", prefix + "rooms")

    assert outcome.startswith("0 items copied, ")
    assert engine_world.said(room_id) == said
    assert engine_world.room(room_id).participant_count == 1


@pytest.mark.usefixtures("client")
def test_tables_of_present_state_are_never_refilled(engine_world: World) -> None:
    for base in ("participants", "connections", "guards"):
        with pytest.raises(SystemExit, match="Only tables named rooms, messages, profiles"):
            run(engine_world, "refill", f"coworking-restored-{base}", f"coworking-prod-{base}")


def test_the_tool_uses_the_environment_of_the_stage() -> None:
    with patch.dict(os.environ, {"AWS_DEFAULT_REGION": "eu-north-1"}):
        for name in ("TABLE_PREFIX", "AWS_REGION"):
            os.environ.pop(name, None)
        ops.use_stage_env("prod")

        assert os.environ["TABLE_PREFIX"] == "coworking-prod-"
        assert os.environ["AWS_REGION"] == "eu-north-1"


def test_an_unknown_stage_is_refused() -> None:
    with pytest.raises(SystemExit, match=r"no stage 'staging'\. It has dev and prod"):
        ops.use_stage_env("staging")


def test_the_command_uses_the_tables_of_the_environment(engine_world: World, engine: Engine, room_id: str) -> None:
    environment = CREDENTIALS | {"AWS_DEFAULT_REGION": REGION, "AWS_ENDPOINT_URL_DYNAMODB": engine.url}
    environment |= {"TABLE_PREFIX": engine_world.store.prefix}
    command = [sys.executable, "-m", "infra.ops", "prod", "room", room_id]

    shown = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, check=True)

    assert shown.stdout.startswith("Study Hall, active, 2 of 15 seats\n")
    assert shown.stderr == ""
