"""What DynamoDB is asked: how many calls, how many round trips one after the other, how many units.

    with Counter(world.store) as counter:
        service.leave(...)
    assert counter.round_trips <= 3

What `run_parallel` does side by side is one round trip. That is found from who waits for whom, never from the clock:
each thread knows how many calls went before, a branch starts with its parent's number, and who waits for a branch
goes on with the larger of the two.

Write units are those that the engine reports, indexes included. Read units are worked out from the items that came
back, as DynamoDB bills them: the engine says 1 whatever was read.
"""

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import Any, ParamSpec, Self, TypeVar
from unittest.mock import patch

from chalicelib.store import Store

P = ParamSpec("P")
T = TypeVar("T")
Item = dict[str, dict[str, Any]]

_READ_BYTES = 4096
_READS = {"GetItem", "Query"}
_WRITES = {"PutItem", "UpdateItem", "DeleteItem", "BatchWriteItem", "TransactWriteItems"}


@dataclass(frozen=True)
class Call:
    """One request: its place in the sequence of round trips, and what it cost."""

    operation: str
    tables: tuple[str, ...]
    round_trip: int
    write_units: float
    read_units: float


class _Progress(threading.local):
    """How many round trips this thread has behind it, and what its call under way asks for."""

    done = 0
    asked: dict[str, Any] = {}  # noqa: RUF012  # replaced, never changed


class Counter(ExitStack):
    """Counts what goes over a connection while its block runs."""

    def __init__(self, store: Store) -> None:
        super().__init__()
        self.calls: list[Call] = []
        self._events = store.connection.client.meta.events
        self._progress = _Progress()
        self._branches = _BranchingExecutor(self._progress)
        self._pool = patch.object(store.run_parallel, "pool", self._branches)
        self._handlers: dict[str, Callable[..., None]] = {
            "before-parameter-build.dynamodb.*": self._ask_for_units,
            "before-send.dynamodb.*": self._start,
            "after-call.dynamodb.*": self._finish,
        }

    @property
    def round_trips(self) -> int:
        """How many calls had to wait for one another."""
        return max((call.round_trip for call in self.calls), default=0)

    @property
    def write_units(self) -> float:
        return sum(call.write_units for call in self.calls)

    @property
    def read_units(self) -> float:
        return sum(call.read_units for call in self.calls)

    def __enter__(self) -> Self:
        for event, handler in self._handlers.items():
            self._events.register(event, handler)
            self.callback(self._events.unregister, event, handler)
        self.enter_context(self._branches)
        self.enter_context(self._pool)
        return self

    def _ask_for_units(self, params: dict[str, Any], model: Any, **_: Any) -> None:
        self._progress.asked = params
        if model.name in _WRITES:
            params["ReturnConsumedCapacity"] = "INDEXES"

    def _start(self, **_: Any) -> None:
        self._progress.done += 1

    def _finish(self, parsed: dict[str, Any], model: Any, **_: Any) -> None:
        asked = self._progress.asked
        self.calls.append(
            Call(
                operation=model.name,
                tables=tuple(_tables(asked)),
                round_trip=self._progress.done,
                write_units=_write_units(model.name, asked, parsed),
                read_units=_read_units(asked, parsed) if model.name in _READS else 0,
            )
        )


def refuse_scan(**_: Any) -> None:
    """A handler for botocore's `before-call.dynamodb.Scan`."""
    raise AssertionError("Something scans a table")


def item_bytes(item: Item) -> int:
    """The size of an item as DynamoDB counts it: names and values, UTF-8."""
    return sum(len(name.encode()) + _value_bytes(value) for name, value in item.items())


def _value_bytes(value: dict[str, Any]) -> int:
    ((kind, content),) = value.items()
    match kind:
        case "S":
            return len(content.encode())
        case "N":
            return (len(content) + 1) // 2 + 1
        case "B":
            return len(content)
        case "SS":
            return sum(len(text.encode()) for text in content)
        case "BOOL" | "NULL":
            return 1
    raise ValueError(f"no table has attributes of type {kind}")


def _tables(asked: dict[str, Any]) -> Iterable[str]:
    if "TransactItems" in asked:
        return (act["TableName"] for one in asked["TransactItems"] for act in one.values())
    return asked["RequestItems"] if "RequestItems" in asked else (asked["TableName"],)


def _write_units(operation: str, asked: dict[str, Any], parsed: dict[str, Any]) -> float:
    """What the engine reports. A write that a condition refused is billed too, but not reported: at least this much."""
    if operation not in _WRITES:
        return 0
    if "Error" in parsed:
        return 2 * len(asked["TransactItems"]) if operation == "TransactWriteItems" else 1
    consumed = parsed["ConsumedCapacity"]
    units: float = sum(one["CapacityUnits"] for one in (consumed if isinstance(consumed, list) else [consumed]))
    return units


def _read_units(asked: dict[str, Any], parsed: dict[str, Any]) -> float:
    items = parsed["Items"] if "Items" in parsed else [parsed.get("Item", {})]
    pages: float = max(1, -(-sum(item_bytes(item) for item in items) // _READ_BYTES))
    return pages if asked.get("ConsistentRead") else pages / 2


class _BranchingExecutor(Executor):
    """Threads whose progress starts where their parent's was."""

    def __init__(self, progress: _Progress) -> None:
        self._progress = progress
        self._pool = ThreadPoolExecutor(32, thread_name_prefix="counted")

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        branch: _Branch[T] = _Branch(self._progress)
        self._pool.submit(branch.run, partial(fn, *args, **kwargs))
        return branch

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        self._pool.shutdown(wait, cancel_futures=cancel_futures)


class _Branch(Future[T]):
    def __init__(self, progress: _Progress) -> None:
        super().__init__()
        self._progress = progress
        self._reached = progress.done

    def run(self, call: Callable[[], T]) -> None:
        self._progress.done = self._reached
        try:
            value = call()
        except BaseException as error:  # noqa: BLE001  # the future carries it
            self.set_exception(error)
        else:
            self._reached = self._progress.done
            self.set_result(value)

    def result(self, timeout: float | None = None) -> T:
        value = super().result(timeout)
        self._progress.done = max(self._progress.done, self._reached)
        return value
