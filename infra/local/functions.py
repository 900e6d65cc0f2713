"""Runs the app's functions as Lambda does: concurrently, each call in a thread and with a time limit."""

import logging
from collections.abc import Callable, Collection
from typing import Any, TypeVar

import anyio
import anyio.to_thread
from chalice.app import Chalice
from chalice.config import Config
from chalice.local import LambdaContext, LocalChalice

from infra.local.options import THREADS

log = logging.getLogger("gateway")
Result = TypeVar("Result")


class FunctionError(Exception):
    """A function raised an exception, or returned a result that is no valid answer."""

    status, message = 502, "Internal server error"


class FunctionTimeoutError(FunctionError):
    """A function took longer than the gateway waits."""

    status, message = 504, "Endpoint request timed out"


class Functions:
    """The functions of one Chalice app. `frame_types` are those that it handles itself."""

    def __init__(self, app: Chalice, config: Config, timeout: float, frame_types: Collection[str] = ()) -> None:
        self.app = isolate_requests(app)
        self.frame_types = frame_types
        self.config = config
        self._timeout = timeout
        self._limiter = anyio.CapacityLimiter(THREADS)

    async def invoke(
        self, function: str, handler: Callable[[Any, Any], Any], event: dict[str, Any], timeout: float | None = None
    ) -> Any:
        """Call a handler with an event; raises FunctionError or FunctionTimeoutError."""
        context = self._context(function)
        return await self.run(function, lambda: handler(event, context), timeout)

    async def run(self, function: str, call: Callable[[], Result], timeout: float | None = None) -> Result:
        """Run a call in a worker thread. After a timeout it may still have side effects, as on AWS."""
        timeout = timeout or self._timeout
        with anyio.move_on_after(timeout):
            try:
                return await anyio.to_thread.run_sync(call, abandon_on_cancel=True, limiter=self._limiter)
            except Exception as error:
                log.exception("%s failed", function)
                raise FunctionError from error
        log.error("%s took longer than %g s", function, timeout)
        raise FunctionTimeoutError

    def read_timeout(self, function: str) -> float:
        """The time limit of a function without a gateway, in seconds; 60 is Chalice's default."""
        return self.config.scope(self.config.chalice_stage, function).lambda_timeout or 60

    def _context(self, function: str) -> LambdaContext:
        config = self.config.scope(self.config.chalice_stage, function)
        name = f"{config.app_name}-{config.chalice_stage}-{function}"
        return LambdaContext(name, config.lambda_memory_size or 128, int(self._timeout * 1000))


def isolate_requests(app: Chalice) -> Chalice:
    """Give each thread its own `app.current_request` and `app.lambda_context`.

    Chalice keeps both on the app, because on Lambda a process handles one event at a time.
    """

    class IsolatedChalice(LocalChalice, app.__class__):  # type: ignore[misc, name-defined]  # as Chalice does itself
        @property
        def lambda_context(self) -> Any:
            return self._THREAD_LOCAL.lambda_context

        @lambda_context.setter
        def lambda_context(self, value: Any) -> None:
            self._THREAD_LOCAL.lambda_context = value

    app.__class__ = IsolatedChalice
    return app
