"""Runs MiniStack in its own virtual environment until standard input ends.

Its own entry point waits for signals, which a killed parent never sends, and keeps a file in the shared temporary
directory.
"""

import argparse
import asyncio
import os
import re
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

LOOPBACK = re.compile(rb"(?:127\.0\.0\.1|localhost)(?::\d+)?")


class ProgramsOnly:
    """ASGI middleware that answers 403 to web pages: MiniStack checks no signature, and pages of any site may read it.

    A browser names the site in `Origin`. A site whose name resolves to 127.0.0.1 (DNS rebinding) is the `Host`.
    """

    def __init__(self, app: Any) -> None:
        self._app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        headers = dict(scope.get("headers", ()))
        is_program = b"origin" not in headers and LOOPBACK.fullmatch(headers.get(b"host", b""))
        if scope["type"] == "lifespan" or is_program:
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close"})
        else:
            await send({"type": "http.response.start", "status": 403, "headers": [(b"content-length", b"0")]})
            await send({"type": "http.response.body"})


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


def main(served: Any = None) -> None:
    """Serve an ASGI app. The default is MiniStack, for programs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--socket", type=int, required=True, help="the descriptor of a listening socket")
    try:
        asyncio.run(serve_until_stdin_ends(served or ProgramsOnly(ministack.app.app), parser.parse_args().socket))
    except (JournalError, OSError) as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
