"""Runs the full soak, for some minutes: `python -m tests.soak`."""

import sys
import tempfile
from pathlib import Path

from tests.soak.run import FULL, Soak

with tempfile.TemporaryDirectory() as directory:
    sys.stdout.write(Soak(FULL, Path(directory)).run().text() + "\n")
