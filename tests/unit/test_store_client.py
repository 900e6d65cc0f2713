"""Retries, the one client, and calls side by side."""

import threading
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from functools import partial
from typing import Any

import pytest
from botocore.exceptions import (
    ClientError,
    ConnectionClosedError,
    ConnectTimeoutError,
    EndpointConnectionError,
    NoCredentialsError,
    ReadTimeoutError,
)
from botocore.session import Session
from pynamodb.exceptions import GetError, PynamoDBException, TransactWriteError

from chalicelib.errors import UnavailableError
from chalicelib.settings import Limit
from chalicelib.store import client, connections, guards, membership, messages, participants, profiles, rooms
from chalicelib.store.client import RetryingConnection, is_transient, together
from chalicelib.store.guards import Receipt
from chalicelib.store.tables import bound_connection
from infra.local.engine import REGION
from tests.fakes.backend import NOW, World
from tests.fakes.faults import Fault, Faults, Lost, Refused, Unsent, cancelled
from tests.fakes.records import make_message, make_participant, make_room

TRANSIENT = (
    "InternalServerError",
    "LimitExceededException",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "ServiceUnavailable",
    "ThrottlingException",
    "TransactionConflictException",
)
URL = "https://dynamodb.test"
NETWORK = (
    EndpointConnectionError(endpoint_url=URL),
    ConnectTimeoutError(endpoint_url=URL),
    ReadTimeoutError(endpoint_url=URL),
    ConnectionClosedError(endpoint_url=URL),
)
RECEIPT = Receipt("room", "ada", "key")


@pytest.fixture
def faults(world: World) -> Iterator[Faults]:
    with Faults(bound_connection()) as planned:
        yield planned


@pytest.mark.parametrize("code", TRANSIENT)
def test_load_and_faults_are_tried_again(world: World, faults: Faults, code: str) -> None:
    room_id = world.open_room()
    faults.plan("GetItem", Refused(code), Refused(code))

    assert rooms.get(room_id)

    assert len(faults.asked("GetItem")) == 3
    assert len(faults.clock.pauses) == 2


@pytest.mark.parametrize("error", NETWORK, ids=lambda error: type(error).__name__)
def test_a_network_that_fails_is_tried_again(world: World, faults: Faults, error: Exception) -> None:
    room_id = world.open_room()
    faults.plan("GetItem", Unsent(error))

    assert rooms.get(room_id)


@pytest.mark.parametrize(
    "reasons", [(None, None, "TransactionConflict"), ("ThrottlingError", "TransactionConflict", None)]
)
def test_a_transaction_that_was_cancelled_for_load_or_a_conflict_is_tried_again(
    world: World, faults: Faults, reasons: tuple[str | None, ...]
) -> None:
    room_id = world.open_room()
    faults.plan("TransactWriteItems", cancelled(*reasons), cancelled(*reasons))

    assert membership.take_seat(make_participant(room_id), make_message(room_id), 90)

    assert world.members(room_id) == ["ada"]
    assert world.room(room_id).participant_count == 1


def test_a_transaction_keeps_its_token_from_try_to_try(world: World, faults: Faults) -> None:
    room_id = world.open_room()
    faults.plan(
        "TransactWriteItems",
        Refused("TransactionInProgressException"),
        Unsent(NETWORK[0]),
        cancelled("TransactionConflict"),
    )

    assert membership.take_seat(make_participant(room_id), make_message(room_id), 90)
    assert membership.take_seat(make_participant(room_id, "bob"), make_message(room_id, 2), 90)

    *same, other = (asked["ClientRequestToken"] for asked in faults.asked("TransactWriteItems"))
    assert len(same) == 4
    assert len(set(same)) == 1
    assert other not in same


def test_a_transaction_whose_answer_got_lost_is_done_once(engine_world: World) -> None:
    room_id = engine_world.open_room()
    with Faults(bound_connection()) as faults:
        faults.plan("TransactWriteItems", Lost(ReadTimeoutError(endpoint_url=URL)))

        assert membership.take_seat(make_participant(room_id), make_message(room_id), 90)

    assert len(faults.asked("TransactWriteItems")) == 2
    assert engine_world.room(room_id).participant_count == 1


def test_a_condition_that_says_no_is_not_tried_again(world: World, faults: Faults) -> None:
    room_id = world.open_room()
    assert membership.take_seat(make_participant(room_id), make_message(room_id), 90)

    assert not membership.take_seat(make_participant(room_id), make_message(room_id, 2), 90)

    assert len(faults.asked("TransactWriteItems")) == 2
    assert not faults.clock.pauses


def test_a_condition_that_says_no_counts_for_more_than_a_conflict_beside_it(world: World, faults: Faults) -> None:
    room_id = world.open_room()
    faults.plan("TransactWriteItems", cancelled("ConditionalCheckFailed", None, "TransactionConflict"))

    assert not membership.take_seat(make_participant(room_id), make_message(room_id), 90)

    assert len(faults.asked("TransactWriteItems")) == 1


def test_pauses_are_anything_up_to_a_ceiling_that_doubles_to_half_a_second(
    world: World, faults: Faults, monkeypatch: pytest.MonkeyPatch
) -> None:
    ranges: list[tuple[float, float]] = []

    def draw(low: float, high: float) -> float:
        ranges.append((low, high))
        return high

    monkeypatch.setattr("random.uniform", draw)
    faults.plan("GetItem", *[Refused("ThrottlingException")] * 7)

    assert rooms.get("nowhere") is None

    assert ranges == [(0, ceiling) for ceiling in (0.02, 0.04, 0.08, 0.16, 0.32, 0.5, 0.5)]
    assert faults.clock.pauses == [ceiling for _, ceiling in ranges]


@pytest.mark.parametrize(
    "fault",
    [cancelled("TransactionConflict"), Refused("ThrottlingException"), Unsent(NETWORK[0])],
    ids=["conflict", "throttling", "network"],
)
def test_what_does_not_work_by_the_deadline_is_unavailable_and_nothing_is_half_done(
    world: World, faults: Faults, fault: Fault
) -> None:
    room_id = world.open_room()
    began = faults.clock.seconds
    faults.break_for_good("TransactWriteItems", fault)

    with pytest.raises(UnavailableError):
        membership.take_seat(make_participant(room_id), make_message(room_id), 90)

    assert 7 <= faults.clock.seconds - began < client.DEADLINE_SECONDS
    assert world.members(room_id) == []
    assert world.log(room_id) == []
    assert world.room(room_id).participant_count == 0


@pytest.mark.parametrize("code", ["ValidationException", "AccessDeniedException", "ResourceNotFoundException"])
def test_an_error_that_time_does_not_cure_is_raised_at_once(faults: Faults, code: str) -> None:
    faults.plan("GetItem", Refused(code))

    with pytest.raises(GetError) as raised:
        rooms.get("room")

    assert raised.value.cause_response_code == code
    assert len(faults.asked("GetItem")) == 1


def test_a_transaction_that_was_cancelled_for_what_it_says_is_a_bug_and_no_refusal(
    world: World, faults: Faults
) -> None:
    room_id = world.open_room()
    faults.plan("TransactWriteItems", cancelled(None, "ValidationError", None))

    with pytest.raises(TransactWriteError):
        membership.take_seat(make_participant(room_id), make_message(room_id), 90)


def test_having_no_credentials_is_raised_at_once(faults: Faults) -> None:
    faults.plan("GetItem", Unsent(NoCredentialsError()))

    with pytest.raises(GetError) as raised:
        rooms.get("room")

    assert isinstance(raised.value.cause, NoCredentialsError)


def test_a_cancelled_transaction_without_reasons_is_not_transient() -> None:
    error = ClientError({"Error": {"Code": "TransactionCanceledException"}}, "TransactWriteItems")

    assert not is_transient(error)


def count_again(subject: str) -> None:
    """An act in a window that this process has opened."""
    guards.admit(subject, Limit(9, 1), NOW)
    guards.admit(subject, Limit(9, 1), NOW)


CALLS: dict[str, tuple[str, Callable[[], Any]]] = {
    "changing a room": ("UpdateItem", partial(rooms.change, "room", {"name": "x"})),
    "burying a room": ("UpdateItem", partial(rooms.bury, "room")),
    "vacating a room": ("UpdateItem", partial(rooms.vacate, "room")),
    "listing rooms": ("Query", partial(rooms.page, "active", 10)),
    "creating a room": ("TransactWriteItems", lambda: rooms.create(make_room(), RECEIPT, NOW)),
    "muting": ("UpdateItem", partial(participants.set_muted, "room", "ada", True, NOW)),
    "reading a member": ("GetItem", partial(participants.get, "room", "ada")),
    "reading members": ("Query", partial(participants.members, "room")),
    "taking a seat": (
        "TransactWriteItems",
        partial(membership.take_seat, make_participant("room"), make_message("room"), 90),
    ),
    "giving up a seat": (
        "TransactWriteItems",
        partial(membership.give_up_seat, make_participant("room"), [], make_message("room"), 90),
    ),
    "announcing a connection": ("UpdateItem", partial(connections.note_announced, "room", "c")),
    "removing a connection": ("DeleteItem", partial(connections.remove, "room", "c")),
    "reading the roster": ("Query", partial(connections.roster, "room")),
    "numbering a message": ("UpdateItem", partial(messages.allocate, "room", NOW)),
    "storing a message": ("PutItem", partial(messages.put, make_message("room"), 90)),
    "storing a message once": ("TransactWriteItems", partial(messages.put_once, make_message("room"), 90, RECEIPT)),
    "using a ticket": ("PutItem", partial(guards.use_ticket, "ticket", "c", NOW)),
    "opening a window": ("PutItem", partial(guards.admit, "ada", Limit(1, 1), NOW)),
    "counting in a window": ("UpdateItem", partial(count_again, "ada")),
    "making the secret": ("PutItem", partial(guards.secret, "signing")),
    "finding a claim": ("GetItem", partial(guards.find_claim, RECEIPT, NOW)),
    "reading a profile": ("GetItem", partial(profiles.get, "ada")),
}


@pytest.mark.parametrize("name", CALLS)
def test_what_the_store_can_make_no_sense_of_passes_through(faults: Faults, name: str) -> None:
    operation, call = CALLS[name]
    faults.plan(operation, Refused("AccessDeniedException"))

    with pytest.raises(PynamoDBException) as raised:
        call()

    assert raised.value.cause_response_code == "AccessDeniedException"


@pytest.mark.parametrize("name", CALLS)
def test_whatever_is_tried_in_vain_is_unavailable(faults: Faults, name: str) -> None:
    operation, call = CALLS[name]
    faults.break_for_good(operation, Refused("InternalServerError"))

    with pytest.raises(UnavailableError):
        call()


def test_threads_that_need_the_client_at_once_get_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "someone")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    connection, start, made, got = RetryingConnection(REGION), threading.Barrier(8), [], []
    create = Session.create_client

    def count(*args: Any, **options: Any) -> Any:
        made.append(create(*args, **options))
        return made[-1]

    def ask() -> None:
        start.wait()
        got.append(connection.client)

    monkeypatch.setattr(Session, "create_client", count)
    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(made) == 1
    assert got == made * 8


def test_the_client_gives_up_long_before_api_gateway_does() -> None:
    config = RetryingConnection(REGION).client.meta.config

    assert config.connect_timeout + config.read_timeout + client.DEADLINE_SECONDS < 29
    assert config.retries["total_max_attempts"] == 1, "retries are ours alone"


def test_requests_carry_a_user_agent_that_is_made_once(world: World) -> None:
    sent: list[bytes] = []

    def note(request: Any, **_: Any) -> None:
        sent.append(request.headers["User-Agent"])

    events = bound_connection().client.meta.events
    events.register_first("before-send.dynamodb.*", note)
    try:
        rooms.get("room")
        rooms.get("another")
    finally:
        events.unregister("before-send.dynamodb.*", note)

    assert sent == [b"coworking-rooms", b"coworking-rooms"]


def test_calls_go_side_by_side_and_their_answers_come_in_order() -> None:
    meeting = threading.Barrier(4)

    def meet(answer: int) -> int:
        meeting.wait(timeout=30)
        return answer

    assert together(partial(meet, 1), partial(meet, 2), partial(meet, 3), partial(meet, 4)) == (1, 2, 3, 4)


@pytest.mark.parametrize("failing", [0, 1, 2])
def test_a_call_that_fails_is_raised_when_the_others_have_ended(failing: int) -> None:
    ended = []

    def call(number: int) -> None:
        if number == failing:
            raise LookupError(number)
        ended.append(number)

    with pytest.raises(LookupError):
        together(partial(call, 0), partial(call, 1), partial(call, 2))

    assert sorted(ended) == [number for number in range(3) if number != failing]


def test_calls_side_by_side_share_the_context_of_their_caller() -> None:
    request = ContextVar("request", default="none")
    request.set("this one")

    assert together(request.get, request.get) == ("this one", "this one")
