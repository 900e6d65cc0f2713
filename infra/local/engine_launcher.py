"""Runs MiniStack in its own virtual environment until standard input ends, then lets it save its data.

MiniStack saves only when its server shuts down cleanly. Its own entry point waits for signals, which a killed parent
never sends, and keeps a file in the shared temporary directory.
"""

import argparse
import asyncio
import logging
import os
import sys
import threading
from typing import Any

from hypercorn.asyncio import serve  # type: ignore[import-not-found]
from hypercorn.config import Config  # type: ignore[import-not-found]
from ministack.app import app  # type: ignore[import-not-found]

SAVE_FAILED = 3


class FailureCounter(logging.Handler):
    """Counts errors that MiniStack only logs."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.count = 0

    def emit(self, _: logging.LogRecord) -> None:
        self.count += 1


async def serve_until_stdin_ends(served: Any, descriptor: int) -> None:
    """Serve on an open socket until the parent ends or closes our standard input."""
    config = Config()
    config.bind = [f"fd://{descriptor}"]
    config.keep_alive_timeout = 75
    config.graceful_timeout = 1
    config.loglevel = "WARNING"
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()

    def wait_for_end() -> None:
        while os.read(sys.stdin.fileno(), 4096):
            pass
        loop.call_soon_threadsafe(ended.set)

    threading.Thread(target=wait_for_end, daemon=True).start()
    await serve(served, config, shutdown_trigger=ended.wait)


def main(served: Any = app) -> int:
    """Serve an ASGI app (MiniStack by default), and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--socket", type=int, required=True, help="the descriptor of a listening socket")
    failures = FailureCounter()
    logging.getLogger("persistence").addHandler(failures)
    asyncio.run(serve_until_stdin_ends(served, parser.parse_args().socket))
    return SAVE_FAILED if failures.count else 0


if __name__ == "__main__":
    sys.exit(main())
