"""Whose code a process spends its CPU time in, by a ledger kept at the borders between layers.

Each call that crosses from one layer into another is wrapped: it reads the thread's CPU clock and charges what has
gone since the last border to the layer that was left. Nothing is sampled and nothing slows the code between two
borders, so that a millisecond here is a millisecond; threads are followed too. What crosses no wrapped border stays
with its caller, so that `ours` is rather too much than too little: it holds the standard library, and what our code
reads of PynamoDB's rows.
"""

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import wraps
from typing import Any
from unittest.mock import patch

OURS, POSTING, THREADS = "ours", "posting", "threads"
CHALICE, PYDANTIC, JWT, LOGGING, PYNAMODB, BOTOCORE = "chalice", "pydantic", "jwt", "logging", "pynamodb", "botocore"
LAYERS = (OURS, PYDANTIC, CHALICE, JWT, LOGGING, PYNAMODB, BOTOCORE, POSTING, THREADS)

Clock = Callable[[], float]
Call = Callable[..., Any]


class Ledger:
    """Seconds of CPU time by layer. One per process: every thread has its own page, `close` adds them up."""

    def __init__(self, thread_clock: Clock = time.thread_time, process_clock: Clock = time.process_time) -> None:
        self._thread_clock = thread_clock
        self._process_clock = process_clock
        self._pages: dict[int, dict[str, float]] = defaultdict(lambda: defaultdict(float))
        self._open = threading.local()
        self._started = 0.0

    def open(self) -> None:
        """Begin anew."""
        self._pages.clear()
        self._started = self._process_clock()

    def close(self) -> dict[str, float]:
        """What every layer used since `open`; what no thread has charged is what it takes to have threads."""
        total = self._process_clock() - self._started
        spent: dict[str, float] = defaultdict(float)
        for page in list(self._pages.values()):
            for layer, seconds in list(page.items()):
                spent[layer] += seconds
        spent[THREADS] += max(0.0, total - sum(spent.values()))
        return dict(spent)

    @contextmanager
    def within(self, layer: str) -> Iterator[None]:
        """Charge what this thread does inside to a layer, until it enters another."""
        stack: list[str | None] = self._open.__dict__.setdefault("stack", [None])
        self._charge(stack[-1])
        stack.append(layer)
        try:
            yield
        finally:
            self._charge(stack.pop())

    def wrap(self, layer: str, call: Call) -> Call:
        """A call that belongs to a layer."""

        @wraps(call)
        def wrapped(*arguments: Any, **named: Any) -> Any:
            with self.within(layer):
                return call(*arguments, **named)

        return wrapped

    def _charge(self, layer: str | None) -> None:
        now = self._thread_clock()
        if layer is not None:
            self._pages[threading.get_ident()][layer] += now - self._open.since
        self._open.since = now


@contextmanager
def wrapped_borders(ledger: Ledger) -> Iterator[None]:
    """Keep the ledger at every border of the functions, handlers of `app.py` included."""
    with ExitStack() as stack:
        for layer, owner, names in find_borders():
            for name in names.split():
                stack.enter_context(patch.object(owner, name, wrap_attribute(ledger, layer, owner, name)))
        stack.enter_context(followed_threads(ledger))
        yield


def wrap_attribute(ledger: Ledger, layer: str, owner: Any, name: str) -> Any:
    """What stands in for a function, a method or a class method."""
    found = owner.__dict__.get(name) if isinstance(owner, type) else None
    if isinstance(found, classmethod):
        return classmethod(ledger.wrap(layer, found.__func__))
    return ledger.wrap(layer, getattr(owner, name))


@contextmanager
def followed_threads(ledger: Ledger) -> Iterator[None]:
    """What `together` does in other threads is ours too, up to the borders in there."""
    from chalicelib.store import client

    submit = client._pool.submit

    def followed(run: Call, call: Call) -> Any:
        return submit(run, ledger.wrap(OURS, call))

    with patch.object(client._pool, "submit", followed):
        yield


def find_borders() -> list[tuple[str, Any, str]]:
    """Where one layer calls another: the layer that is entered, and the names by which."""
    import jwt
    from aws_lambda_powertools import Logger
    from botocore.client import BaseClient
    from chalice.app import RestAPIEventHandler, WebsocketEventSourceHandler
    from chalicelib.fanout import Fanout, _Delivery
    from pydantic import BaseModel, TypeAdapter
    from pynamodb.connection.base import Connection
    from pynamodb.connection.table import TableConnection
    from pynamodb.indexes import Index
    from pynamodb.models import Model
    from pynamodb.pagination import ResultIterator
    from pynamodb.transactions import TransactWrite

    from chalicelib import telemetry
    from chalicelib.api import dispatch, sockets
    from chalicelib.store.client import RetryingConnection

    return [
        (CHALICE, RestAPIEventHandler, "__call__"),
        (CHALICE, WebsocketEventSourceHandler, "__call__"),
        (OURS, dispatch, "answer shape"),
        (OURS, sockets, "connect receive disconnect"),
        (JWT, jwt, "decode get_unverified_header"),
        (PYDANTIC, BaseModel, "__init__ model_validate model_dump model_dump_json model_copy"),
        (PYDANTIC, TypeAdapter, "dump_json"),
        (LOGGING, Logger, "info"),
        (LOGGING, telemetry, "_emit"),
        (PYNAMODB, Model, "__init__ get query save delete update from_raw_data"),
        (PYNAMODB, Index, "query"),
        (PYNAMODB, TableConnection, "update_item"),
        (PYNAMODB, ResultIterator, "__next__"),
        (PYNAMODB, TransactWrite, "__init__ save update delete __exit__"),
        (OURS, RetryingConnection, "_make_api_call"),
        (PYNAMODB, Connection, "_make_api_call"),
        (BOTOCORE, BaseClient, "_make_api_call"),
        (POSTING, Fanout, "deliver"),
        (POSTING, _Delivery, "work"),
    ]
