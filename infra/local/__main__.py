"""`python -m infra.local`: runs the service on this machine until Ctrl-C.

It reads PORT (default 8000), DATA_DIR (default .local), and LISTEN_HOST, an address to listen at besides localhost. If
AWS_ENDPOINT_URL_DYNAMODB is set, it uses that database and starts no engine.
"""

import os
import sys
from pathlib import Path

from infra.local.process import StackError
from infra.local.stack import Stack
from infra.local.supervisor import Supervisor

QUIET = {"POWERTOOLS_LOG_LEVEL": "WARNING"}
"""The gateway logs each request; POWERTOOLS_LOG_LEVEL=INFO adds the functions' own lines."""


def main() -> int:
    """Run, and return the exit code: 0 after a stop, 1 after an error."""
    try:
        port = read_port(os.environ.get("PORT") or "8000")
        data_dir = Path(os.environ.get("DATA_DIR") or ".local")
        host = os.environ.get("LISTEN_HOST", "")
        Supervisor(Stack(port=port, host=host, data_dir=data_dir, environment=QUIET | os.environ)).run()
    except StackError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def read_port(text: str) -> int:
    """Parse a port number; raises StackError if it is none."""
    if not (text.isascii() and text.isdigit() and int(text) < 65_536):
        raise StackError(f"PORT={text} is not a port: choose one from 1024 to 65535")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
