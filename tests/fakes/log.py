"""The log of the functions in this process, as Lambda would keep it.

with keep_log() as log:
    functions.frame(ada, "wave")
assert log.lines[-1]["frame"] == "relayed"
"""

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

from chalicelib.kernel import telemetry
from chalicelib.kernel.logs import Formatter
from chalicelib.kernel.settings import Settings

Line = dict[str, Any]


class Log(StringIO):
    """All output, of loggers and of metrics."""

    @property
    def text(self) -> str:
        return self.getvalue()

    @property
    def lines(self) -> list[Line]:
        """The log lines, without the metrics."""
        return [line for line in self._read() if "_aws" not in line]

    @property
    def metrics(self) -> list[Line]:
        """The metrics, in CloudWatch's embedded metric format."""
        return [line for line in self._read() if "_aws" in line]

    def _read(self) -> Iterator[Line]:
        return (json.loads(line) for line in self.text.splitlines())


@contextmanager
def keep_log() -> Iterator[Log]:
    """Capture the log inside the block."""
    assert telemetry.Telemetry(Settings()).logger is not None
    handlers = logging.getLogger(telemetry.SERVICE).handlers
    (handler,) = (one for one in handlers if isinstance(one.formatter, Formatter))
    assert isinstance(handler, logging.StreamHandler)
    log = Log()
    before = handler.setStream(log)
    try:
        # The name in `telemetry`, not `sys.stdout`: pytest replaces that before each test.
        with patch.object(telemetry, "sys", SimpleNamespace(stdout=log)):
            yield log
    finally:
        handler.setStream(before)
