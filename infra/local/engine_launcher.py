"""Runs MiniStack in its own virtual environment until standard input ends.

Its own entry point waits for signals, which a killed parent never sends, and keeps a file in the shared temporary
directory.
"""

import argparse
import asyncio
import os
import sys
import threading
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

import ministack.app  # type: ignore[import-not-found]
from hypercorn.asyncio import serve  # type: ignore[import-not-found]
from hypercorn.config import Config  # type: ignore[import-not-found]
from ministack.core import persistence  # type: ignore[import-not-found]

from infra.local.engine_data import DurableTables
from infra.local.journal import JournalError


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
    if persistence.PERSIST_STATE:
        ministack.app.PERSIST_STATE = False  # it would load and save the state itself
        await DurableTables(Path(persistence.STATE_DIR)).open()
    await serve(served, config, shutdown_trigger=ended.wait)


def main(served: Any = ministack.app.app) -> None:
    """Serve an ASGI app (MiniStack by default)."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--socket", type=int, required=True, help="the descriptor of a listening socket")
    try:
        asyncio.run(serve_until_stdin_ends(served, parser.parse_args().socket))
    except (JournalError, OSError) as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
