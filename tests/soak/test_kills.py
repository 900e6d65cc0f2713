"""All processes are killed while people write. `make soak` does it twenty times."""

from pathlib import Path

import pytest

from tests.soak.kills import Kills

pytestmark = [
    pytest.mark.proof,
    pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="finds the processes in /proc"),
]


def test_nothing_acknowledged_is_lost_whatever_is_killed(tmp_path: Path) -> None:
    Kills(tmp_path).play(rounds=1)
