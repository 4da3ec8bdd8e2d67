"""The short version of `make chaos`: six days, each with another fault, then equal to a run without faults."""

import subprocess
import sys

import pytest

from analytics_etl.settings import CHECKOUT

DAYS = 6
SEED = 7


@pytest.mark.chaos
def test_six_days_of_trouble_end_in_the_same_tables() -> None:
    command = [sys.executable, "-m", "benchmarks.chaos", "--days", str(DAYS), "--seed", str(SEED)]
    done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "equal after: " in done.stdout
    for fault in ("kill the run", "kill the server", "two runs at once"):
        assert fault in done.stdout.splitlines()[-1]
