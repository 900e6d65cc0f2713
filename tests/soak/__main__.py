"""`python -m tests.soak`: the soak at its full size, some minutes."""

import sys
import tempfile
from pathlib import Path

from tests.soak.run import FULL, Soak

with tempfile.TemporaryDirectory() as directory:
    sys.stdout.write(Soak(FULL, Path(directory)).run().text() + "\n")
