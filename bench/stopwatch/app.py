"""The product's `app.py` with a stopwatch: each relayed frame that names itself by a number leaves a line of moments.

The local gateway runs it in place of the app (`LocalStack(root=...)`). The moments are of the machine's monotonic
clock, which all its processes share; the lines go to the file that BENCH_MARKS names.
"""

import importlib.util
import json
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from botocore.httpsession import URLLib3Session

from chalicelib.api import sockets
from chalicelib.delivery.fanout import Fanout

_specification = importlib.util.spec_from_file_location("product", Path(__file__).parent.parent.parent / "app.py")
assert _specification is not None
assert _specification.loader is not None
_product = importlib.util.module_from_spec(_specification)
_specification.loader.exec_module(_product)
app = _product.app

_marks = threading.local()
_lines = os.open(os.environ["BENCH_MARKS"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)


def _timed(name: str, call: Callable[..., Any]) -> Callable[..., Any]:
    """Note when the last call of this name, in this thread, began and ended."""

    def timed(*arguments: Any, **named: Any) -> Any:
        started = time.monotonic()
        try:
            return call(*arguments, **named)
        finally:
            _marks.__dict__[name] = (started, time.monotonic())

    return timed


def _receive(event: Any) -> None:
    _marks.__dict__.clear()
    _timed("function", receive)(event)
    number = json.loads(event["body"]).get("number")
    if number is not None:
        os.write(_lines, (json.dumps({"number": number, **_marks.__dict__}) + "\n").encode())


receive = sockets.receive
sockets.receive = _receive
URLLib3Session.send = _timed("engine", URLLib3Session.send)
Fanout.deliver = _timed("posting", Fanout.deliver)  # type: ignore[method-assign]
