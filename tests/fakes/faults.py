"""Faults of DynamoDB: the next calls over a connection fail as planned by a test.

    with Faults(world.store.connection) as faults:
        faults.plan("TransactWriteItems", cancelled(None, "TransactionConflict"))

The faults come from handlers of botocore's events. The rest of a call is real.
"""

from collections import defaultdict, deque
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from io import BytesIO
from typing import Any, Self
from unittest.mock import patch

from botocore.awsrequest import AWSResponse

from chalicelib.store.client import RetryingConnection


@dataclass(frozen=True)
class Refused:
    """An error of DynamoDB, by its code. `reasons` has a code for each item of a cancelled transaction."""

    code: str
    reasons: tuple[str | None, ...] = ()


def cancelled(*reasons: str | None) -> Refused:
    """A cancelled transaction, with a code for each item. None stands for an item without a reason."""
    return Refused("TransactionCanceledException", reasons)


@dataclass(frozen=True)
class Unsent:
    """The network fails before DynamoDB gets the call."""

    error: Exception


@dataclass(frozen=True)
class Lost:
    """DynamoDB does the call, and the answer is lost."""

    error: Exception


Fault = Refused | Unsent | Lost


class Faults(ExitStack):
    """The planned faults of each operation, all attempts with their parameters, and a fake clock."""

    def __init__(self, connection: RetryingConnection) -> None:
        super().__init__()
        self.tries: list[tuple[str, dict[str, Any]]] = []
        self._planned: dict[str, deque[Fault]] = defaultdict(deque)
        self._for_ever: dict[str, Fault] = {}
        self._losing: list[Exception] = []
        self.clock = FakeClock()
        self._connection = connection
        self._events = connection.client.meta.events
        self._handlers: dict[str, Callable[..., Any]] = {
            "before-parameter-build.dynamodb.*": self._note,
            "before-call.dynamodb.*": self._interfere,
            "after-call.dynamodb.*": self._lose,
        }

    def plan(self, operation: str, *faults: Fault) -> None:
        """Let the next calls of this operation fail in this order. Later calls succeed."""
        self._planned[operation].extend(faults)

    def break_for_good(self, operation: str, fault: Fault) -> None:
        """Let every call of this operation fail."""
        self._for_ever[operation] = fault

    def asked(self, operation: str) -> list[dict[str, Any]]:
        """The parameters of each attempt of this operation."""
        return [params for name, params in self.tries if name == operation]

    def __enter__(self) -> Self:
        self.enter_context(patch.multiple(self._connection, sleep=self.clock.sleep, monotonic=self.clock.monotonic))
        for event, handler in self._handlers.items():
            self._events.register(event, handler)
            self.callback(self._events.unregister, event, handler)
        return self

    def _note(self, params: dict[str, Any], model: Any, **_: Any) -> None:
        self.tries.append((model.name, dict(params)))

    def _interfere(self, model: Any, **_: Any) -> tuple[AWSResponse, dict[str, Any]] | None:
        waiting = self._planned[model.name]
        match waiting.popleft() if waiting else self._for_ever.get(model.name):
            case Refused() as refusal:
                return AWSResponse("", 400, {}, BytesIO()), _answer(refusal)
            case Unsent(error):
                raise error
            case Lost(error):
                self._losing.append(error)
        return None

    def _lose(self, **_: Any) -> None:
        if self._losing:
            raise self._losing.pop()


def _answer(refusal: Refused) -> dict[str, Any]:
    return {
        "Error": {"Code": refusal.code, "Message": "planned by the test"},
        "ResponseMetadata": {"HTTPStatusCode": 400, "RequestId": "none"},
        "CancellationReasons": [{"Code": reason or "None"} for reason in refusal.reasons],
    }


class FakeClock:
    """A clock that moves only with `sleep`."""

    def __init__(self) -> None:
        self.seconds = 1000.0
        self.pauses: list[float] = []

    def monotonic(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.seconds += seconds
