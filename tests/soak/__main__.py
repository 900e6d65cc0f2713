"""Runs the full soak, and kills a stack 20 times, for some minutes: `python -m tests.soak`."""

import sys
import tempfile
from pathlib import Path

from tests.soak.kills import Kills
from tests.soak.run import FULL, Soak

with tempfile.TemporaryDirectory() as directory:
    sys.stdout.write(Soak(FULL, Path(directory)).run().text() + "\n")

with tempfile.TemporaryDirectory() as directory:
    (kills := Kills(Path(directory))).play(rounds=20)
    sys.stdout.write(
        f"{len(kills.acknowledged)} messages acknowledged in 20 stacks that were killed; no message lost\n"
    )
