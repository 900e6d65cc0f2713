"""The DynamoDB client: one for the process, with retries until a deadline."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
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
from pynamodb.exceptions import PynamoDBException

from chalicelib.kernel.errors import UnavailableError
from chalicelib.store import Delete, Put, Store, Update, client
from chalicelib.store.client import RetryingConnection, is_transient
from infra.local.engine import REGION
from tests.fakes.backend import World
from tests.fakes.faults import Fault, Faults, Lost, Refused, Unsent, cancelled
from tests.unit.store.samples import COUNTED, IS_NEW, ONE, TWO, Counted

TRANSIENT = (
    *("InternalServerError", "LimitExceededException", "ProvisionedThroughputExceededException"),
    *("RequestLimitExceeded", "ServiceUnavailable", "ThrottlingException", "TransactionConflictException"),
)
URL = "https://dynamodb.test"
NETWORK = (
    *(EndpointConnectionError(endpoint_url=URL), ConnectTimeoutError(endpoint_url=URL)),
    *(ReadTimeoutError(endpoint_url=URL), ConnectionClosedError(endpoint_url=URL)),
)
MAKE_BOTH = [Put(COUNTED, ONE, IS_NEW), Put(COUNTED, TWO, IS_NEW)]


@pytest.fixture
def tables(world: World) -> Store:
    return world.store


@pytest.fixture
def faults(tables: Store) -> Iterator[Faults]:
    with Faults(tables.connection) as planned:
        yield planned


def stored(tables: Store) -> list[Counted | None]:
    return [tables.get(COUNTED, record.key) for record in (ONE, TWO)]


@pytest.mark.parametrize(
    "fault",
    [*(Refused(code) for code in TRANSIENT), *(Unsent(error) for error in NETWORK)],
    ids=[*TRANSIENT, *(type(error).__name__ for error in NETWORK)],
)
def test_load_faults_and_network_errors_are_retried(tables: Store, faults: Faults, fault: Fault) -> None:
    tables.put(COUNTED, ONE)
    faults.plan("GetItem", fault, fault)

    assert tables.get(COUNTED, ONE.key) == ONE

    assert len(faults.asked("GetItem")) == 3
    assert len(faults.clock.pauses) == 2


def test_a_transaction_is_retried_with_the_same_token(tables: Store, faults: Faults) -> None:
    refused, unsent = Refused("TransactionInProgressException"), Unsent(NETWORK[0])
    conflicts = [cancelled(reason, "TransactionConflict") for reason in (None, "ThrottlingError")]
    faults.plan("TransactWriteItems", refused, unsent, *conflicts)

    assert tables.transact(MAKE_BOTH)
    assert stored(tables) == [ONE, TWO]
    assert not tables.transact(MAKE_BOTH)

    *same, other = (asked["ClientRequestToken"] for asked in faults.asked("TransactWriteItems"))
    assert (len(same), len(set(same)), other in same) == (5, 1, False)


def test_a_transaction_whose_answer_is_lost_is_done_once(engine_world: World) -> None:
    tables = engine_world.store
    tables.put(COUNTED, ONE)
    with Faults(tables.connection) as faults:
        faults.plan("TransactWriteItems", Lost(NETWORK[2]))

        assert tables.transact([Update(COUNTED, ONE.key, [COUNTED.number.add(1)], COUNTED.number == 1)])

    assert len(faults.asked("TransactWriteItems")) == 2
    assert tables.get(COUNTED, ONE.key, consistent=True) == COUNTED.record(ONE.key, 2)


def test_a_refused_condition_is_not_retried(tables: Store, faults: Faults) -> None:
    tables.put(COUNTED, ONE)
    assert not tables.transact(MAKE_BOTH)
    assert not tables.put(COUNTED, ONE, IS_NEW)
    faults.plan("TransactWriteItems", cancelled("ConditionalCheckFailed", "TransactionConflict"))
    assert not tables.transact(MAKE_BOTH), "also beside a conflict"

    assert [name for name, _ in faults.tries] == ["PutItem", "TransactWriteItems", "PutItem", "TransactWriteItems"]
    assert not faults.clock.pauses


def test_pauses_have_full_jitter_and_double_to_half_a_second(
    tables: Store, faults: Faults, monkeypatch: pytest.MonkeyPatch
) -> None:
    ranges: list[tuple[float, float]] = []

    def draw(low: float, high: float) -> float:
        ranges.append((low, high))
        return high

    monkeypatch.setattr("random.uniform", draw)
    faults.plan("GetItem", *[Refused("ThrottlingException")] * 7)

    assert tables.get(COUNTED, "nothing") is None

    assert ranges == [(0, ceiling) for ceiling in (0.02, 0.04, 0.08, 0.16, 0.32, 0.5, 0.5)]
    assert faults.clock.pauses == [ceiling for _, ceiling in ranges]


@pytest.mark.parametrize(
    "fault",
    [cancelled("TransactionConflict"), Refused("ThrottlingException"), Unsent(NETWORK[0])],
    ids=["conflict", "throttling", "network"],
)
def test_after_the_deadline_the_store_is_unavailable(tables: Store, faults: Faults, fault: Fault) -> None:
    began = faults.clock.seconds
    faults.break_for_good("TransactWriteItems", fault)

    with pytest.raises(UnavailableError):
        tables.transact(MAKE_BOTH)

    assert 7 <= faults.clock.seconds - began < client.DEADLINE_SECONDS
    assert stored(tables) == [None, None], "no write was applied"


def test_a_cancellation_without_reasons_is_not_transient() -> None:
    error = ClientError({"Error": {"Code": "TransactionCanceledException"}}, "TransactWriteItems")

    assert not is_transient(error)


CALLS: dict[str, tuple[str, Callable[[Store], Any]]] = {
    "get": ("GetItem", lambda store: store.get(COUNTED, "x")),
    "put": ("PutItem", lambda store: store.put(COUNTED, ONE)),
    "put if": ("PutItem", lambda store: store.put(COUNTED, ONE, IS_NEW)),
    "update": ("UpdateItem", lambda store: store.update(COUNTED, "x", [COUNTED.number.add(1)])),
    "update if": ("UpdateItem", lambda store: store.update(COUNTED, "x", [COUNTED.number.add(1)], IS_NEW)),
    "delete": ("DeleteItem", lambda store: store.delete(COUNTED, "x")),
    "delete all": ("BatchWriteItem", lambda store: store.delete_all(COUNTED, [{"key": {"S": "x"}}])),
    "transact put": ("TransactWriteItems", lambda store: store.transact(MAKE_BOTH)),
    "transact delete": ("TransactWriteItems", lambda store: store.transact([Delete(COUNTED, "x")])),
    "query": ("Query", lambda store: list(store.query(COUNTED, "x"))),
    "page": ("Query", lambda store: store.page(COUNTED, "x")),
}


PERMANENT: list[tuple[str, Fault, str]] = [
    *(("get", Refused(code), code) for code in ("ValidationException", "ResourceNotFoundException")),
    ("transact put", cancelled(None, "ValidationError"), "TransactionCanceledException"),
    *((name, Refused("AccessDeniedException"), "AccessDeniedException") for name in CALLS),
]


@pytest.mark.parametrize(("name", "fault", "code"), PERMANENT)
def test_a_permanent_error_is_raised_at_once(tables: Store, faults: Faults, name: str, fault: Fault, code: str) -> None:
    operation, call = CALLS[name]
    faults.plan(operation, fault)

    with pytest.raises(PynamoDBException) as raised:
        call(tables)

    assert (raised.value.cause_response_code, len(faults.asked(operation))) == (code, 1)


def test_missing_credentials_are_raised_at_once(tables: Store, faults: Faults) -> None:
    faults.plan("GetItem", Unsent(NoCredentialsError()))

    with pytest.raises(PynamoDBException) as raised:
        tables.get(COUNTED, "x")

    assert isinstance(raised.value.cause, NoCredentialsError)
    assert len(faults.asked("GetItem")) == 1


@pytest.mark.parametrize(("operation", "call"), CALLS.values(), ids=CALLS)
def test_a_call_that_fails_until_the_deadline_is_unavailable(
    tables: Store, faults: Faults, operation: str, call: Callable[[Store], Any]
) -> None:
    faults.break_for_good(operation, Refused("InternalServerError"))

    with pytest.raises(UnavailableError):
        call(tables)


def test_threads_that_race_for_the_client_get_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "someone")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    connection, start, made = RetryingConnection(REGION), threading.Barrier(8), []
    create = Session.create_client

    def count(*args: Any, **options: Any) -> Any:
        made.append(create(*args, **options))
        return made[-1]

    def ask(_: int) -> Any:
        start.wait()
        return connection.client

    monkeypatch.setattr(Session, "create_client", count)
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(ask, range(8))) == made * 8
    assert len(made) == 1


def test_the_client_gives_up_long_before_api_gateway_does() -> None:
    config = RetryingConnection(REGION).client.meta.config

    assert config.connect_timeout + config.read_timeout + client.DEADLINE_SECONDS < 29
    assert config.retries["total_max_attempts"] == 1, "botocore itself does not retry"


def test_requests_have_a_fixed_user_agent(tables: Store) -> None:
    sent: list[str] = []

    def note(params: Any, **_: Any) -> None:
        sent.append(params["headers"]["User-Agent"])

    events = tables.connection.client.meta.events
    events.register_first("before-call.dynamodb.*", note)
    try:
        stored(tables)
    finally:
        events.unregister("before-call.dynamodb.*", note)

    assert sent == ["coworking-rooms", "coworking-rooms"]
