"""A small soak. `make soak` runs the full one."""

from pathlib import Path

import pytest

from tests.soak.run import SMALL, Soak

pytestmark = pytest.mark.proof


def test_under_all_faults_no_message_and_no_seat_is_lost(tmp_path: Path) -> None:
    report = Soak(SMALL, tmp_path).run()
    assert report.acknowledged >= SMALL.messages, report.text()
