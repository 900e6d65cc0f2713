"""Child processes."""

import os
import signal
import sys

import pytest

from infra.local.process import Child

STUBBORN = "import os, sys, time; os.write(int(sys.argv[-1]), b'1'); time.sleep(600)"
OBEDIENT = "import os, sys; os.write(int(sys.argv[-1]), b'1'); sys.stdin.read(); sys.exit(7)"


def start(script: str) -> Child:
    return Child([sys.executable, "-c", script], environment=os.environ, announces=True)


def test_a_child_ends_when_its_standard_input_does() -> None:
    child = start(OBEDIENT)
    assert child.wait_ready(20)
    assert child.stop() == 7
    assert child.stop() == 7


def test_a_child_that_ignores_its_input_is_killed() -> None:
    child = start(STUBBORN)
    assert child.wait_ready(20)
    assert child.stop(patience=0.1) == -signal.SIGKILL


@pytest.mark.parametrize("script", ["", "import sys; sys.stdin.read()"])
def test_a_child_that_does_not_get_ready_is_noticed(script: str) -> None:
    child = start(script)
    assert not child.wait_ready(0.5)
    child.stop()
