"""The journal of the database engine: one line for each write, in the file before the write is answered.

A write survives the death of all processes, because the kernel has it. A power cut may lose the last moments: an
fsync takes some milliseconds, and would more than double the time of a write.
"""

import json
import os
from pathlib import Path
from typing import Any

Entry = list[Any]


class JournalError(Exception):
    """The stored data can't be used; the message is one line for people."""


class Journal:
    """The writes since a state was saved. The state has the number of its journal: it never meets another one."""

    def __init__(self, directory: Path, number: int) -> None:
        self.path = path_of(directory, number)
        self.number = number
        self._file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        self.size = os.fstat(self._file).st_size

    def read(self) -> list[Entry]:
        """All entries. An incomplete last line was never answered, and is removed; raises JournalError."""
        *lines, torn = self.path.read_bytes().split(b"\n")
        self.size -= len(torn)
        os.ftruncate(self._file, self.size)
        return [self._parse(number, line) for number, line in enumerate(lines, 1)]

    def append(self, entry: Entry) -> None:
        """Write an entry; raises OSError."""
        line = memoryview(json.dumps(entry).encode() + b"\n")
        self.size += len(line)
        while line:
            line = line[os.write(self._file, line) :]

    def follow(self) -> "Journal":
        """The empty journal for the next state. Until that is saved, this one goes on."""
        path_of(self.path.parent, self.number + 1).unlink(missing_ok=True)  # left from data that somebody deleted
        return Journal(self.path.parent, self.number + 1)

    def delete(self) -> None:
        """Delete the file."""
        os.close(self._file)
        self.path.unlink()

    def _parse(self, number: int, line: bytes) -> Entry:
        try:
            entry: Entry = json.loads(line)
        except ValueError as error:
            raise JournalError(f"line {number} of {self.path} is damaged: restore a backup, or cut it there") from error
        return entry


def path_of(directory: Path, number: int) -> Path:
    """The file of a journal."""
    return directory / f"journal-{number}.jsonl"


def write_file(path: Path, text: str) -> None:
    """Replace a file, which only its owner may read, so that the old or the new one is there whole; raises OSError."""
    new = path.with_suffix(".new")
    new.unlink(missing_ok=True)  # its permissions would stay
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
