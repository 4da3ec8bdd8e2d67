"""Measures the run of a small day as a new process, in processor seconds, against another version of this project.

    python -m benchmarks.small_day --against ../other-checkout     # the same day by both, by turns
    python -m benchmarks.small_day                                 # this one alone
    python -m benchmarks.small_day --days 30                       # with a longer range of reports and of one table

Both load, aggregate, check and report the same 10,000 events of all families, each into a database of its own.
Processor time is that of the command; wall-clock seconds include the server and the disk.
"""

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from analytics_etl.config.settings import CHECKOUT, Settings
from analytics_etl.families.sample import FAMILIES, SampleOptions
from benchmarks.measuring import environment, make_sample

TABLE = "registry.overview_daily"
"""Its SELECT looks 30 days back."""
QUESTIONS = ("--help", "status", "doctor", "query registry top --days 7")
"""Other commands that are timed, too. `doctor` ends with exit code 1 when no daemon runs."""


def main() -> None:
    """Parse arguments, prepare a home for each version, and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--against", type=Path, help="Another checkout, whose code runs with our libraries.")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--days", type=int, default=8, help="Days that are there, and that the ranges have.")
    chosen = parser.parse_args()
    last = datetime.now(UTC).date() - timedelta(days=1)
    first = last - timedelta(days=chosen.days - 1)
    versions = {"this": CHECKOUT} | ({"other": chosen.against.resolve()} if chosen.against else {})
    with tempfile.TemporaryDirectory(prefix="analytics_etl_small_day_") as folder:
        Path(folder).chmod(0o755)
        landing = Path(folder) / "landing"
        landing.mkdir()
        make_sample(landing, SampleOptions(last, chosen.days, 10_000))
        homes = {
            name: Settings(home=Path(folder) / name, landing_dir=landing, reports_dir=Path(folder) / name / "reports")
            for name in versions
        }
        for name, code in versions.items():
            call(code, homes[name], "backfill", str(first), str(last))
        try:
            measure(versions, homes, (first, last), chosen.rounds)
        finally:
            for name, code in versions.items():
                call(code, homes[name], "stop")


def measure(versions: dict[str, Path], homes: dict[str, Settings], days: tuple[date, date], rounds: int) -> None:
    """Run the commands by turns and print the medians."""
    print("".join(f"{text:<36}" for text in ("median of", *(f"{name}: processor s, s" for name in versions))))
    first, last = days
    reports = " ".join(f"--select {family}.daily_report" for family in FAMILIES)
    commands = {
        f"run {last}": f"run {last}",
        "backfill of daily reports": f"backfill {first} {last} {reports}",
        f"backfill of {TABLE}": f"backfill {first} {last} --select {TABLE}",
        **{question: question for question in QUESTIONS},
    }
    for label, command in commands.items():
        taken: dict[str, list[tuple[float, float]]] = {name: [] for name in versions}
        for _ in range(rounds):
            for name, code in versions.items():
                taken[name].append(call(code, homes[name], *command.split(), may_fail=command == "doctor"))
        medians = [
            f"{statistics.median(cpu for cpu, _ in of):.2f}, {statistics.median(wall for _, wall in of):.1f}"
            for of in taken.values()
        ]
        print("".join(f"{text:<36}" for text in (label, *medians)), flush=True)


def call(code: Path, settings: Settings, *arguments: str, may_fail: bool = False) -> tuple[float, float]:
    """Run a command of a checkout as a new process; returns its (processor, wall-clock) seconds."""
    own = environment(settings, PYTHONPATH=str(code), ANALYTICS_START_DATE="2025-01-01")
    before, began = children(), time.monotonic()
    result = subprocess.run(
        [sys.executable, "-m", "analytics_etl.cli", *arguments], cwd=code, env={**os.environ, **own},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if result.returncode and not may_fail:
        raise SystemExit(f"{' '.join(arguments)} in {code} failed:\n{result.stdout}{result.stderr}")
    return children() - before, time.monotonic() - began


def children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    main()
