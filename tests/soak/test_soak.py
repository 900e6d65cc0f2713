"""A small soak. `make soak` runs the full one."""

from pathlib import Path

import pytest

from tests.soak.run import SMALL, Soak

pytestmark = pytest.mark.proof


def test_under_all_faults_nothing_is_lost_doubled_or_shown(tmp_path: Path) -> None:
    report = Soak(SMALL, tmp_path).run()
    assert report.acknowledged >= SMALL.messages, report.text()
    tried = ("edit acknowledged", "react acknowledged", "calls of the banned refused", "rounds of the outsider")
    assert all(report.clients[one] for one in tried), report.text()
