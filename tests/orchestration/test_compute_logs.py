"""What steps print is in the files that Dagster's UI shows, and where it would have gone without them."""

import subprocess
import sys
from pathlib import Path

from analytics_etl.config.settings import CHECKOUT

PRINTS = """
import os, subprocess, sys
from analytics_etl.orchestration.compute_logs import ThreadedComputeLogManager

manager = ThreadedComputeLogManager.from_config_value(None, {"home": sys.argv[1]})
print("before")
with manager.capture_logs(["run", "step"]):
    print("by Python")
    print("an error", file=sys.stderr)
    os.write(1, b"by a library\\n")
    subprocess.run(["echo", "by a program"])
    print("x" * 300_000)
print("after")
print(manager.is_capture_complete(["run", "step"]))
"""


def test_what_is_printed_goes_into_files_and_on(tmp_path: Path) -> None:
    command = [sys.executable, "-c", PRINTS, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=CHECKOUT, timeout=60)
    out = ["by Python", "by a library", "by a program", "x" * 300_000]
    assert sorted(done.stdout.splitlines()) == sorted(["before", *out, "after", "True"])
    assert done.stderr == "an error\n"
    kept = {path.name: path.read_text(encoding="utf-8") for path in tmp_path.rglob("step.*")}
    assert sorted(kept["step.out"].splitlines()) == sorted(out)
    assert kept["step.err"] == "an error\n"


def test_a_program_that_goes_on_is_not_waited_for(tmp_path: Path) -> None:
    prints = PRINTS.replace('subprocess.run(["echo", "by a program"])', 'subprocess.Popen(["sleep", "20"])')
    command = [sys.executable, "-c", prints, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=CHECKOUT) as process:
        assert process.stdout is not None
        lines = iter(process.stdout.readline, "")
        assert any(line == "after\n" for line in lines)
        assert process.wait(10) == 0
        process.stdout.close()
