"""One DynamoDB client for the process, with retries.

PynamoDB waits up to 30 s for an answer, longer than API Gateway does, and does not retry `TransactionConflict`
(pynamodb#1264). This connection waits 3 s, and retries for at most 8 s.
"""

import random
import threading
import time
import uuid
from collections.abc import Callable
from typing import Any

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError
from botocore.exceptions import ConnectionError as NoConnectionError
from botocore.session import Session
from pynamodb.connection import Connection
from pynamodb.exceptions import PynamoDBException, VerboseClientError

from chalicelib.kernel import telemetry
from chalicelib.kernel.errors import UnavailableError

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
    """A PynamoDB connection that retries conflicts, throttling and faults with full jitter, within 8 s.

    A transaction keeps its idempotency token in all tries. If the answer to a try is lost, the next try does
    not write again.

    Raises:
        UnavailableError: the deadline passed. It is unknown whether the last try was written.
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
        """botocore's session with a fixed user agent: building one takes an eighth of a request's CPU time."""
        session = super().session
        session.set_default_client_config(Config(user_agent=_USER_AGENT))
        return session

    @property
    def client(self) -> Any:
        """The botocore client. The lock keeps racing threads from building several (pynamodb#914)."""
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
    """True if the same call may succeed later: there was no answer, or the cause was load or a conflict."""
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
    """True if a condition of the write, or of one write of the transaction, was not met."""
    if isinstance(error.cause, VerboseClientError) and error.cause.cancellation_reasons:
        return any(reason.code == "ConditionalCheckFailed" for reason in error.cause.cancellation_reasons if reason)
    return error.cause_response_code == "ConditionalCheckFailedException"
