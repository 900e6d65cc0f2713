"""`python -m infra.local`: runs the whole product on this machine until Ctrl-C.

PORT (default 8000) and DATA_DIR (default .local) are read from the environment. With AWS_ENDPOINT_URL_DYNAMODB set
that endpoint is used, and no engine is started.
"""

import os
import sys
from pathlib import Path

from infra.local.process import StackError
from infra.local.stack import Stack
from infra.local.supervisor import Supervisor

QUIET = {"POWERTOOLS_LOG_LEVEL": "WARNING"}
"""The gateway has a line for every request already; the functions' own are for POWERTOOLS_LOG_LEVEL=INFO."""


def main() -> int:
    """Run, and return the exit code: 0 where it was told to stop, 1 where it can't go on."""
    try:
        port = read_port(os.environ.get("PORT") or "8000")
        data_dir = Path(os.environ.get("DATA_DIR") or ".local")
        Supervisor(Stack(port=port, data_dir=data_dir, environment=QUIET | os.environ)).run()
    except StackError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def read_port(text: str) -> int:
    """The port that the user wants.

    Raises:
        StackError: that is none.
    """
    if not (text.isascii() and text.isdigit() and int(text) < 65_536):
        raise StackError(f"PORT={text} is not a port: choose one from 1024 to 65535")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
