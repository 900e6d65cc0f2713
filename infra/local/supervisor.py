"""`make run`: starts the stack, reloads the gateway when the code changes, and stops everything at the end."""

import os
import queue
import signal
import threading
import time
from pathlib import Path
from typing import Literal

from infra.local.pages import describe_network, list_addresses
from infra.local.process import Child, StackError
from infra.local.stack import ROOT, Stack

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


Event = tuple[Literal["signal"]] | tuple[Literal["ready", "end"], Child] | tuple[Literal["change"], list[str]]
"""A stop signal; a child that serves, or has ended; the names of source files that have changed."""


class Supervisor:
    """Waits for events and acts on them, one at a time. Threads and signal handlers only report events."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        # A signal handler may put to a SimpleQueue, but not to other queues.
        self._events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self._started = time.monotonic()
        self._serving = False
        self._served_before = False
        self._watching: list[threading.Event] = []

    def run(self) -> None:
        """Run until a stop signal; raises StackError if a child ends or can't start."""
        for number in SIGNALS:
            signal.signal(number, lambda *_: self._events.put(("signal",)))
        if "MAKELEVEL" in os.environ:
            threading.Thread(target=self._report_orphaned, args=(os.getppid(),), daemon=True).start()
        self._stack.open()
        try:
            if self._stack.engine is not None and self._stack.engine.child is not None:
                self._watch(self._stack.engine.child)
            self._start_gateway()
            self._watch_code()
            self._attend()
        finally:
            self._stack.close()

    def _attend(self) -> None:
        while True:
            match self._events.get():
                case ("signal",):
                    say("Stopping; the data is kept")
                    return
                case ("ready", child) if child is self._stack.gateway:
                    self._announce()
                case ("end", child):
                    self._note_end(child)
                case ("change", names):
                    say(f"Reloading: {', '.join(names)} changed")
                    self._stack.stop_gateway()
                    self._start_gateway()

    def _start_gateway(self) -> None:
        self._started = time.monotonic()
        self._serving = False
        gateway = self._stack.start_gateway()
        threading.Thread(target=self._report_ready, args=(gateway,), daemon=True).start()
        self._watch(gateway)

    def _report_ready(self, gateway: Child) -> None:
        if gateway.wait_ready():
            self._events.put(("ready", gateway))

    def _watch(self, child: Child) -> None:
        def report_end() -> None:
            child.process.wait()
            self._events.put(("end", child))

        threading.Thread(target=report_end, daemon=True).start()

    def _announce(self) -> None:
        self._serving = True
        seconds = time.monotonic() - self._started
        if self._served_before:
            say(f"Reloaded in {seconds:.1f} s")
            return
        self._served_before = True
        for watching in self._watching:
            watching.wait()
        say(f"Coworking Rooms is running\n\n{list_addresses(self._stack.port)}")
        if self._stack.host:
            say(describe_network(self._stack.port, self._stack.host))
        say("  Ctrl-C stops it")

    def _note_end(self, child: Child) -> None:
        """Raises StackError if the child ended by itself."""
        engine = self._stack.engine
        if engine is not None and child is engine.child:
            if self._stack.gateway is not None:
                self._stack.gateway.kill()  # it would report the same error
            raise StackError(engine.failure_message("ended"))
        if child is not self._stack.gateway:
            return  # an earlier one, which we stopped ourselves
        if self._serving:
            raise StackError(f"The gateway ended by itself (exit code {child.process.returncode}): start again")
        if not self._served_before:
            raise StackError("The gateway could not start, for the reason printed above: fix that, and start again")
        self._stack.stop_gateway()
        say("The code can't be loaded, for the reason printed above: waiting for the next change")

    def _report_orphaned(self, parent: int) -> None:
        """Stop when `make` was killed. No event reports that, so check once a second."""
        while os.getppid() == parent:
            time.sleep(1)
        self._events.put(("signal",))

    def _watch_code(self) -> None:
        # Apart, because files in the root are watched without its directories: .venv is one of them.
        for paths, recursive in (([ROOT], False), ([ROOT / "chalicelib", ROOT / "infra" / "local"], True)):
            self._watching.append(watching := threading.Event())
            threading.Thread(target=self._report_changes, args=(paths, recursive, watching), daemon=True).start()

    def _report_changes(self, paths: list[Path], recursive: bool, watching: threading.Event) -> None:
        from watchfiles import PythonFilter, watch  # a slow import: this thread does it while the gateway starts

        try:
            # An empty set of changes is a timeout. The first one shows that the watch has begun.
            changes = watch(
                *paths, watch_filter=PythonFilter(), recursive=recursive, rust_timeout=500, yield_on_timeout=True
            )
            for files in changes:
                watching.set()
                if files:
                    names = {str(Path(name).relative_to(ROOT)) for _, name in files}
                    self._events.put(("change", sorted(names)))
        except OSError as error:
            say(f"Code changes can't be watched ({error}): restart after each change")
        finally:
            watching.set()


def say(text: str) -> None:
    """Print a line for the user."""
    print(text, flush=True)
