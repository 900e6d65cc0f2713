"""The soak at a size that fits among the other tests; `make soak` runs it at its full size."""

from pathlib import Path

import pytest

from tests.soak.run import SMALL, Soak

pytestmark = pytest.mark.proof


def test_nothing_is_lost_and_nobody_haunts_whatever_goes_wrong(tmp_path: Path) -> None:
    report = Soak(SMALL, tmp_path).run()
    assert report.acknowledged >= SMALL.messages, report.text()
