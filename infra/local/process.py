"""A child process that can't outlive its parent.

The child's standard input is a pipe that nobody ever writes to. The parent holds its other end, and when
that closes, on purpose or because the parent was killed, the child reads the end of file and stops cleanly.
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
    """Why the stack can't run, in one line that says what to do."""


class Child:
    """A running child process; `announces` gives it a pipe on which it says, with one byte, that it is ready."""

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
        """The end of the pipe that keeps the child running; a process that inherits it keeps it running too."""
        assert self.process.stdin is not None
        return self.process.stdin.fileno()

    def wait_ready(self, patience: float | None = None) -> bool:
        """Wait, once, until the child says it is ready; false where it died, or took longer than `patience`."""
        with os.fdopen(self._ready, "rb", buffering=0) as pipe:
            readable, _, _ = select.select([pipe], [], [], patience)
            return bool(readable and pipe.read(1))

    def stop(self, patience: float = 15.0) -> int:
        """End the child, at first politely, and return its exit code. Doing it twice is harmless."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        try:
            self.process.wait(patience)
        except subprocess.TimeoutExpired:
            self.kill()
            self.process.wait()
        return self.process.returncode

    def kill(self) -> None:
        """End the child and whatever it started, at once."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
