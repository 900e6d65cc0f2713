"""A whole deployment in an emulator, as in `make rehearse`."""

import re
import subprocess
import sys

import pytest

from infra.local.stack import ROOT

pytestmark = pytest.mark.proof

DEPLOY = ["Account", "Sign-in", "Tables", "Functions", "APIs", "Alarms", "Rooms", "Trial"]
ACTS = (
    ("Plan", ["Plan", "Nothing is there"]),
    ("Deploy", DEPLOY),
    ("Use what was deployed", ["REST", "Two people", "Chat", "Signalling"]),
    ("Deploy a change, with both connected", ["A change", *DEPLOY]),
    ("Use that, over the connections from before", ["Chat", "Signalling", "Sweep", "Leave"]),
    ("Add a CDN", ["Account", "CDN", "Page", "Past the CDN"]),
    ("Destroy", ["Account", "CDN", "Alarms", "Functions", "Tables", "Nothing is left"]),
)


@pytest.mark.skipif(sys.platform != "linux", reason="a package for Lambda runs on Linux only")
def test_a_stage_is_deployed_upgraded_in_use_and_destroyed() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "infra.rehearse"], cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stdout + done.stderr
    said = [line for line in done.stdout.splitlines() if line.strip()]
    expected = [line for title, steps in ACTS for line in (title, *(f"✓ {step}" for step in steps))]
    assert [re.split(":", line)[0] for line in said[:-1]] == expected
