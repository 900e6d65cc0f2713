"""Runs the JavaScript tests, and programs that use the client library, in Node."""

import os
import subprocess
import sys
from pathlib import Path

WEB = Path(__file__).parent.parent / "web"
BIN = Path(sys.executable).parent
ENVIRONMENT = os.environ | {"PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}", "NO_COLOR": "1"}
DEADLINE_SECONDS = 120.0


def run_node(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run a program in Node in `tests/web`, and wait for its end."""
    command = [BIN / "node", *arguments]
    return subprocess.run(
        command, cwd=WEB, env=ENVIRONMENT, capture_output=True, text=True, encoding="utf-8", timeout=DEADLINE_SECONDS
    )
