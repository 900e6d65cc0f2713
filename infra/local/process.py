"""A child process that ends with its parent.

The child's standard input is a pipe; nothing is ever written to it. When its other end closes, because the parent
closed it or was killed, the child reads the end of file and stops cleanly.
"""

import contextlib
import os
import select
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO


class StackError(Exception):
    """The stack can't run; the message says in one line what to do."""


class Child:
    """A running child process. With `announces`, it gets a pipe on which it writes one byte when it is ready."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        environment: Mapping[str, str],
        output: IO[bytes] | None = None,
        pass_fds: Sequence[int] = (),
        directory: Path | None = None,
        announces: bool = False,
    ) -> None:
        self._ready, ready = os.pipe() if announces else (-1, -1)
        arguments = [*command, "--ready", str(ready)] if announces else command
        try:
            self.process = subprocess.Popen(
                arguments,
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=output,
                env=environment,
                pass_fds=[*pass_fds, ready] if announces else pass_fds,
                cwd=directory,
                start_new_session=True,  # a Ctrl-C is for the parent, which stops its children in order
            )
        finally:
            if announces:
                os.close(ready)

    @property
    def lifeline(self) -> int:
        """The pipe's end that keeps the child running; any process that inherits it does so too."""
        assert self.process.stdin is not None
        return self.process.stdin.fileno()

    def wait_ready(self, patience: float | None = None) -> bool:
        """Wait once until the child is ready; False if it ended, or after `patience` seconds."""
        with os.fdopen(self._ready, "rb", buffering=0) as pipe:
            readable, _, _ = select.select([pipe], [], [], patience)
            return bool(readable and pipe.read(1))

    def stop(self, patience: float = 15.0) -> int:
        """Stop the child, by force after `patience` seconds, and return its exit code. Can be called twice."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        try:
            self.process.wait(patience)
        except subprocess.TimeoutExpired:
            self.kill()
            self.process.wait()
        return self.process.returncode

    def kill(self) -> None:
        """Kill the child and its own children."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
