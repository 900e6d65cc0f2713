"""One DynamoDB client for the whole process, with retries that know what DynamoDB means.

PynamoDB builds a client for each model class, 76 to 119 ms each (pynamodb#1245), waits up to 30 s for an
answer, longer than API Gateway does, and retries no `TransactionConflict` (pynamodb#1264). Hence this.
"""

import random
import threading
import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from contextvars import copy_context
from typing import Any, TypeVar, overload

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError
from botocore.exceptions import ConnectionError as NoConnectionError
from botocore.session import Session
from pynamodb.connection import Connection
from pynamodb.exceptions import PynamoDBException, VerboseClientError

from chalicelib import telemetry
from chalicelib.errors import UnavailableError

A = TypeVar("A")
B = TypeVar("B")
C = TypeVar("C")
D = TypeVar("D")

DEADLINE_SECONDS = 8.0
_FIRST_PAUSE_SECONDS = 0.02
_LONGEST_PAUSE_SECONDS = 0.5
_POOL_SIZE = 32
_USER_AGENT = "coworking-rooms"
_READS = {"GetItem", "Query", "BatchGetItem", "TransactGetItems"}
_TRANSIENT = {
    "InternalServerError",
    "LimitExceededException",
    "ProvisionedThroughputExceeded",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "ServiceUnavailable",
    "ThrottlingError",
    "ThrottlingException",
    "TransactionConflict",
    "TransactionConflictException",
    "TransactionInProgressException",
}


class RetryingConnection(Connection):
    """A PynamoDB connection that retries conflicts, throttling and faults with full jitter, inside a deadline.

    A transaction keeps its idempotency token from try to try, so that one whose answer was lost isn't done twice.

    Raises:
        UnavailableError: the deadline passed; nothing is known to be written.
    """

    def __init__(self, region: str | None = None) -> None:
        super().__init__(
            region=region,
            connect_timeout_seconds=1,
            read_timeout_seconds=3,
            retry_configuration={"mode": "standard", "total_max_attempts": 1},
            max_pool_connections=_POOL_SIZE,
        )
        self._building = threading.Lock()
        self.sleep: Callable[[float], None] = time.sleep
        self.monotonic: Callable[[], float] = time.monotonic

    @property
    def session(self) -> Session:
        """botocore's session. A client's own user agent is put together for each request, an eighth of its CPU time."""
        session = super().session
        session.set_default_client_config(Config(user_agent=_USER_AGENT))
        return session

    @property
    def client(self) -> Any:
        """The botocore client; the lock is there since PynamoDB would let racing threads build several (#914)."""
        if self._client is None:
            with self._building:
                return super().client
        return super().client

    def _make_api_call(self, operation_name: str, operation_kwargs: dict[str, Any]) -> dict[str, Any]:
        if operation_name == "TransactWriteItems":
            operation_kwargs.setdefault("ClientRequestToken", str(uuid.uuid4()))
        give_up_at = self.monotonic() + DEADLINE_SECONDS
        longest = _FIRST_PAUSE_SECONDS
        while True:
            try:
                return self._counted(operation_name, super()._make_api_call(operation_name, operation_kwargs))
            except (ClientError, BotoCoreError) as error:
                if not is_transient(error):
                    raise
                telemetry.current().count_retry(_cause_of(error))
                pause = random.uniform(0, longest)  # noqa: S311  # nosec B311  # jitter, not a secret
                if self.monotonic() + pause >= give_up_at:
                    raise UnavailableError from error
                self.sleep(pause)
                longest = min(longest * 2, _LONGEST_PAUSE_SECONDS)

    def _counted(self, operation_name: str, answer: dict[str, Any]) -> dict[str, Any]:
        consumed = answer.get("ConsumedCapacity") or []
        units = sum(one.get("CapacityUnits", 0.0) for one in (consumed if isinstance(consumed, list) else [consumed]))
        reads = operation_name in _READS
        telemetry.current().count_request(units if reads else 0.0, 0.0 if reads else units)
        return answer


def is_transient(error: ClientError | BotoCoreError) -> bool:
    """Whether trying the same call again can help: no answer, or one that blames load or a conflict."""
    if not isinstance(error, ClientError):
        return isinstance(error, NoConnectionError | HTTPClientError)
    code = error.response["Error"]["Code"]
    if code != "TransactionCanceledException" or not isinstance(error, VerboseClientError):
        return code in _TRANSIENT
    codes = _cancelled_by(error)
    return bool(codes) and codes <= _TRANSIENT


def _cause_of(error: ClientError | BotoCoreError) -> str:
    if not isinstance(error, ClientError):
        return type(error).__name__
    reasons = _cancelled_by(error) if isinstance(error, VerboseClientError) else set()
    return str(min(reasons, default=error.response["Error"]["Code"]))


def _cancelled_by(error: VerboseClientError) -> set[str]:
    return {reason.code for reason in error.cancellation_reasons if reason}


def is_refused(error: PynamoDBException) -> bool:
    """Whether a condition said no, to a single write or to a transaction, which can be cancelled for other reasons."""
    if isinstance(error.cause, VerboseClientError) and error.cause.cancellation_reasons:
        return any(reason.code == "ConditionalCheckFailed" for reason in error.cause.cancellation_reasons if reason)
    return error.cause_response_code == "ConditionalCheckFailedException"


_pool = ThreadPoolExecutor(_POOL_SIZE, thread_name_prefix="side-by-side")


@overload
def together(first: Callable[[], A], second: Callable[[], B], /) -> tuple[A, B]: ...


@overload
def together(first: Callable[[], A], second: Callable[[], B], third: Callable[[], C], /) -> tuple[A, B, C]: ...


@overload
def together(
    first: Callable[[], A], second: Callable[[], B], third: Callable[[], C], fourth: Callable[[], D], /
) -> tuple[A, B, C, D]: ...


@overload
def together(*calls: Callable[[], A]) -> tuple[A, ...]: ...


def together(*calls: Callable[[], Any]) -> tuple[Any, ...]:
    """Do calls that don't need one another side by side, as one round trip; the first failure is raised.

    What is called here must not call `together` itself: the threads are shared, and could all be waiting.
    """
    others = [_pool.submit(copy_context().run, call) for call in calls[1:]]
    try:
        return (calls[0](), *(other.result() for other in others))
    finally:
        wait(others)
