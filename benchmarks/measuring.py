"""What all benchmarks share: sample files, empty databases, measured processes, and printing of results."""

import json
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any, TypeVar

from analytics_etl.catalog.catalog import Catalog
from analytics_etl.config.settings import CHECKOUT, Settings
from analytics_etl.families.sample import SampleOptions, write_sample
from analytics_etl.postgres import server as embedded

Result = TypeVar("Result")

START_DATE = "2022-01-01"
"""First daily partition of every benchmark, so that Dagster has equally many partitions in each."""


def make_sample(landing: Path, options: SampleOptions) -> None:
    """Write sample events, unless an earlier benchmark wrote the same ones."""
    marker = landing / ".options"
    if not marker.exists() or marker.read_text() != repr(options):
        what = f"making events: {options.days} x {options.events_per_day:,}"
        timed(what, lambda: write_sample(landing, options))
        marker.write_text(repr(options))


def empty_database(home: Path) -> None:
    """Empty the database of a home; starts its server if necessary."""
    url = embedded.ensure_running(home)
    drop = f"drop schema if exists {', '.join(Catalog().families)}, ops, dagster cascade"
    subprocess.run(
        [sys.executable, "-c", f"import psycopg; psycopg.connect({url!r}, autocommit=True).execute({drop!r})"],
        check=True,
    )


def environment(settings: Settings, **more: str) -> dict[str, str]:
    """The environment of a process with these settings, without ANALYTICS_ variables of the user."""
    kept = {name: text for name, text in os.environ.items() if not name.startswith("ANALYTICS_")}
    return {
        **kept,
        "ANALYTICS_HOME": str(settings.home),
        "ANALYTICS_LANDING_DIR": str(settings.landing_dir),
        "ANALYTICS_REPORTS_DIR": str(settings.reports_dir),
        "ANALYTICS_START_DATE": START_DATE,
        **more,
    }


def figures_of(module: str, arguments: Sequence[str], settings: Settings) -> dict[str, Any]:
    """Run a module of this folder in a process of its own; returns its last line of output, parsed as JSON."""
    command = [sys.executable, "-W", "ignore", "-m", f"benchmarks.{module}", *arguments]
    done = subprocess.run(
        command, env=environment(settings), check=True, stdout=subprocess.PIPE, text=True, cwd=CHECKOUT
    )
    figures: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return figures


def run_jobs(settings: Settings, first: date, last: date) -> dict[str, Any]:
    """Run all jobs of a range of days in a new process, as `analytics-etl backfill` does; returns its figures."""
    return figures_of("jobs", [str(first), str(last)], settings)


def peak_mb() -> float:
    """Peak resident memory of this process, in MiB."""
    status = Path("/proc/self/status")
    if status.exists():
        peak = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(peak.split()[1]) / 1024
    # Not on Linux: there this value starts with the peak of the parent process.
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def timed(what: str, work: Callable[[], Result]) -> tuple[float, Result]:
    """Do the work and print its seconds; returns (seconds, result)."""
    started = time.perf_counter()
    result = work()
    seconds = time.perf_counter() - started
    say(f"{what}: {seconds:.1f} s")
    return seconds, result


def spread(seconds: Sequence[float]) -> str:
    """Median, minimum and maximum as text, so that noise shows."""
    return f"{statistics.median(seconds):.2f} s ({min(seconds):.2f} to {max(seconds):.2f})"


def line(what: str, ratio: float, target: float | None) -> None:
    """Print a result line: the ratio, and whether it meets its target."""
    goal = "" if target is None else f"   target at most {target:.2f}   {'met' if ratio <= target else 'MISSED'}"
    print(f"{what:<70} {ratio:6.2f}{goal}", flush=True)


def ratio_by_round(one: Sequence[float], other: Sequence[float]) -> float:
    """The median of the ratios of each round: a machine that is slow for a while slows both sides of a round."""
    return statistics.median(mine / theirs for mine, theirs in zip(one, other, strict=True))


def longest(seconds: Mapping[str, float], count: int = 15) -> str:
    """The `count` slowest steps, as one line."""
    ordered = sorted(seconds.items(), key=lambda item: -item[1])
    return ", ".join(f"{step} {value:.1f} s" for step, value in ordered[:count])


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
