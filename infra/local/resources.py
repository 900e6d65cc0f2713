"""The port and the data directory, each used by one stack at a time."""

import errno
import fcntl
import os
import socket
import time
from pathlib import Path
from typing import IO

from infra.local.hosts import EVERYWHERE
from infra.local.process import StackError

PATIENCE = 20
"""Seconds to wait for the children of a killed stack, which still finish what they do."""
UNAVAILABLE = {errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT}


def lock_directory(data_dir: Path) -> IO[str]:
    """Lock the directory until the returned file is closed, here and in child processes; raises StackError."""
    try:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)  # the engine's log may quote what people wrote
        lock = (data_dir / "lock").open("a+")
        (data_dir / "engine.log").open("ab").close()
    except OSError as error:
        advice = "choose another with DATA_DIR=, or change its permissions"
        raise StackError(f"The data directory {data_dir} can't be used ({error.strerror}): {advice}") from error
    give_up = time.monotonic() + PATIENCE
    while not try_lock(lock):
        if is_owned(lock) or time.monotonic() > give_up:
            lock.close()
            advice = "stop it, or choose another with DATA_DIR="
            raise StackError(f"Another stack is running on the data directory {data_dir}: {advice}")
        time.sleep(0.05)  # children of a killed stack may still run; flock has no time limit, so poll
    lock.truncate(0)
    print(os.getpid(), file=lock, flush=True)
    return lock


def try_lock(lock: IO[str]) -> bool:
    """Take the lock if it is free."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def is_owned(lock: IO[str]) -> bool:
    """Whether the process that took the lock still runs."""
    lock.seek(0)
    owner = lock.read().strip()
    if not owner:
        return True  # it is just taking it
    try:
        os.kill(int(owner), 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # somebody else's
        return True
    return True


def listen(port: int, host: str = "") -> list[socket.socket]:
    """Listen on 127.0.0.1 and, if available, on ::1, as localhost may be either, and on `host`; raises StackError."""
    addresses = [EVERYWHERE] if host == EVERYWHERE else ["127.0.0.1", *filter(None, [host])]
    sockets: list[socket.socket] = []
    try:
        for address in (*addresses, "::1"):
            sockets += bind(address, port)
            port = sockets[0].getsockname()[1]
    except StackError:
        for listener in sockets:
            listener.close()
        raise
    return sockets


def bind(address: str, port: int) -> list[socket.socket]:
    """A listening socket, or none if this machine has no ::1; raises StackError."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        return [socket.create_server((address, port), family=family)]
    except (OSError, OverflowError) as error:
        number = getattr(error, "errno", 0)
        if address == "::1" and number in UNAVAILABLE:
            return []
        if number == errno.EADDRINUSE:
            advice = f"stop what uses it, or choose another: make run PORT={port + 1}"
            raise StackError(f"Port {port} is taken: {advice}") from error
        raise StackError(f"Port {port} of {address} can't be used ({error}): choose another") from error
