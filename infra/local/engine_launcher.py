"""Runs MiniStack in the engine's own virtual environment until standard input ends, then has it save its data.

MiniStack persists only on a clean shutdown of its server. Its own entry point leaves that to signals, which a
killed parent never sends, and keeps a file in the system's temporary directory, which two stacks would share.
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
    """Counts the errors that MiniStack only logs."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.count = 0

    def emit(self, _: logging.LogRecord) -> None:
        self.count += 1


async def serve_until_stdin_ends(served: Any, descriptor: int) -> None:
    """Serve on an open socket until whoever started this process is gone or says so."""
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
    """Serve MiniStack, or what stands in front of it, and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--socket", type=int, required=True, help="the descriptor of a listening socket")
    failures = FailureCounter()
    logging.getLogger("persistence").addHandler(failures)
    asyncio.run(serve_until_stdin_ends(served, parser.parse_args().socket))
    return SAVE_FAILED if failures.count else 0


if __name__ == "__main__":
    sys.exit(main())
