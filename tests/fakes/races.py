"""Acts that start at the same moment."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from chalicelib.kernel.errors import CoworkingError


def at_once(*acts: Callable[[], Any]) -> list[Any]:
    """Start all acts at the same moment; returns the result of each, or the code of its error."""
    start = threading.Barrier(len(acts))

    def run(act: Callable[[], Any]) -> Any:
        start.wait()
        try:
            return act()
        except CoworkingError as error:
            return error.code

    with ThreadPoolExecutor(len(acts)) as pool:
        return list(pool.map(run, acts))
