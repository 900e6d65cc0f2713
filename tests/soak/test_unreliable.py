"""The unreliable engine fails as DynamoDB does: with the same errors, and sometimes after the call had its effect."""

import gc
import socket
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionClosedError
from botocore.session import Session

from infra.local.engine import CREDENTIALS, REGION, Engine
from tests.fakes.unreliable import FaultRates, UnreliableEngine

PREFIX = "unreliable-"
TABLE = PREFIX + "profiles"
ITEM = {"user_id": {"S": "ada"}, "name": {"S": "Ada"}}
KEY = {"user_id": ITEM["user_id"]}
TRANSACTION = [{"Put": {"TableName": TABLE, "Item": ITEM | {"user_id": {"S": name}}}} for name in ("ada", "ben")]


@pytest.fixture
def database(engine: Engine) -> Iterator[UnreliableEngine]:
    with UnreliableEngine(lambda: engine.port) as unreliable:
        yield unreliable


@pytest.fixture
def client(engine: Engine, database: UnreliableEngine) -> Iterator[Any]:
    """A client of the unreliable engine that does not retry. The table is empty."""
    engine.create_tables(PREFIX)
    session = Session()
    session.set_credentials(CREDENTIALS["AWS_ACCESS_KEY_ID"], CREDENTIALS["AWS_SECRET_ACCESS_KEY"])
    once = Config(retries={"total_max_attempts": 1})
    client = session.create_client("dynamodb", region_name=REGION, endpoint_url=database.url, config=once)
    client.delete_item(TableName=TABLE, Key=KEY)
    yield client
    client.close()


def is_done(engine: Engine) -> bool:
    direct = engine.client()
    found = "Item" in direct.get_item(TableName=TABLE, Key=KEY, ConsistentRead=True)
    direct.close()
    return found


def test_without_faults_it_forwards_calls(client: Any, engine: Engine, database: UnreliableEngine) -> None:
    client.put_item(TableName=TABLE, Item=ITEM)
    assert is_done(engine)
    assert database.counts == {"calls": 2}


THROTTLED = {"ProvisionedThroughputExceededException", "ThrottlingException"}


@pytest.mark.parametrize(
    ("rates", "codes", "done"),
    [
        (FaultRates(conflict=1), {"TransactionConflictException"}, False),
        (FaultRates(throttled=1), THROTTLED, False),
        (FaultRates(failed=1), {"InternalServerError"}, False),
        (FaultRates(failed_late=1), {"InternalServerError"}, True),
    ],
)
def test_a_call_fails_before_or_after_its_effect(
    client: Any, engine: Engine, database: UnreliableEngine, rates: FaultRates, codes: set[str], done: bool
) -> None:
    database.rates = rates
    with pytest.raises(ClientError) as caught:
        client.put_item(TableName=TABLE, Item=ITEM)
    assert caught.value.response["Error"]["Code"] in codes
    assert is_done(engine) == done


@pytest.mark.parametrize(("rates", "done"), [(FaultRates(refused=1), False), (FaultRates(lost=1), True)])
def test_a_call_gets_no_answer_before_or_after_its_effect(
    client: Any, engine: Engine, database: UnreliableEngine, rates: FaultRates, done: bool
) -> None:
    database.rates = rates
    with pytest.raises(ConnectionClosedError):
        client.put_item(TableName=TABLE, Item=ITEM)
    assert is_done(engine) == done


def test_a_conflict_has_a_reason_for_each_item(client: Any, engine: Engine, database: UnreliableEngine) -> None:
    database.rates = FaultRates(conflict=1)
    assert "Item" not in client.get_item(TableName=TABLE, Key=KEY), "a read has no conflict"
    with pytest.raises(ClientError) as caught:
        client.transact_write_items(TransactItems=TRANSACTION)
    answer = caught.value.response
    assert answer["Error"]["Code"] == "TransactionCanceledException"
    assert sorted(reason["Code"] for reason in answer["CancellationReasons"]) == ["None", "TransactionConflict"]
    assert not is_done(engine)


def test_a_call_continues_after_its_client_has_closed(caplog: pytest.LogCaptureFixture) -> None:
    call = b"POST / HTTP/1.1\r\nx-amz-target: DynamoDB.GetItem\r\ncontent-length: 2\r\n\r\n{}"
    with (
        socket.create_server(("127.0.0.1", 0)) as silent,
        UnreliableEngine(lambda: silent.getsockname()[1]) as unreliable,
    ):
        with socket.create_connection(("127.0.0.1", unreliable.port)) as client:
            client.sendall(call)
            upstream, _ = silent.accept()
            assert upstream.recv(1_000) == call
        unreliable.rates = FaultRates(refused=1)
        with socket.create_connection(("127.0.0.1", unreliable.port)) as later:
            later.sendall(call)
            assert later.recv(1) == b"", "the proxy has seen that the first client closed"
        gc.collect()
        upstream.close()
    assert not caplog.records
