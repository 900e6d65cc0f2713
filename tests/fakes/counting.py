"""Counts the calls to DynamoDB, their sequential round trips, and their read and write units.

    with Counter(world.store) as counter:
        service.leave(...)
    assert counter.round_trips <= 3

Calls that `run_parallel` makes at the same time are one round trip. The count uses the order of calls, not the clock.
Each thread counts its calls. A branch starts with the count of its parent. A thread that waits for a branch continues
with the larger of the two counts.

The engine reports the write units, with those of indexes. The read units are calculated from the returned items, as
DynamoDB bills them: the engine always reports 1.
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
_READS = {"BatchGetItem", "GetItem", "Query"}
_WRITES = {"PutItem", "UpdateItem", "DeleteItem", "BatchWriteItem", "TransactWriteItems"}


@dataclass(frozen=True)
class Call:
    """One request: its number in the sequence of round trips, and its cost."""

    operation: str
    tables: tuple[str, ...]
    round_trip: int
    write_units: float
    read_units: float


class _Progress(threading.local):
    """The number of round trips of this thread, and the parameters of its current call."""

    done = 0
    params: dict[str, Any] = {}  # noqa: RUF012  # replaced, never changed


class Counter(ExitStack):
    """Counts the calls of a store while its block runs."""

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
        """The number of sequential round trips."""
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
        self._progress.params = params
        if model.name in _WRITES:
            params["ReturnConsumedCapacity"] = "INDEXES"

    def _start(self, **_: Any) -> None:
        self._progress.done += 1

    def _finish(self, parsed: dict[str, Any], model: Any, **_: Any) -> None:
        params = self._progress.params
        self.calls.append(
            Call(
                operation=model.name,
                tables=tuple(_tables(params)),
                round_trip=self._progress.done,
                write_units=_write_units(model.name, params, parsed),
                read_units=_read_units(params, parsed) if model.name in _READS else 0,
            )
        )


def refuse_scan(**_: Any) -> None:
    """A handler for botocore's `before-call.dynamodb.Scan`."""
    raise AssertionError("a table is scanned")


def item_bytes(item: Item) -> int:
    """The size of an item as DynamoDB counts it: names and values in UTF-8."""
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


def _tables(params: dict[str, Any]) -> Iterable[str]:
    if "TransactItems" in params:
        return (act["TableName"] for one in params["TransactItems"] for act in one.values())
    return params["RequestItems"] if "RequestItems" in params else (params["TableName"],)


def _write_units(operation: str, params: dict[str, Any], parsed: dict[str, Any]) -> float:
    """The units that the engine reports. A refused write is billed but not reported: for it, the minimum."""
    if operation not in _WRITES:
        return 0
    if "Error" in parsed:
        return 2 * len(params["TransactItems"]) if operation == "TransactWriteItems" else 1
    consumed = parsed["ConsumedCapacity"]
    units: float = sum(one["CapacityUnits"] for one in (consumed if isinstance(consumed, list) else [consumed]))
    return units


def _read_units(params: dict[str, Any], parsed: dict[str, Any]) -> float:
    if "RequestItems" in params:
        return sum(
            _batch_units(one["Keys"], parsed["Responses"][table]) * (2 if one.get("ConsistentRead") else 1)
            for table, one in params["RequestItems"].items()
        )
    items = parsed["Items"] if "Items" in parsed else [parsed.get("Item", {})]
    pages: float = max(1, -(-sum(item_bytes(item) for item in items) // _READ_BYTES))
    return pages if params.get("ConsistentRead") else pages / 2


def _batch_units(keys: list[Item], found: list[Item]) -> float:
    """The units of eventually consistent reads of single items, whether they exist or not."""
    pages = sum(-(-item_bytes(item) // _READ_BYTES) for item in found)
    return (pages + len(keys) - len(found)) / 2


class _BranchingExecutor(Executor):
    """Threads that start with the count of their parent."""

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
