"""What the measurements share: sample files, empty databases, processes with their peak memory, and how it is told."""

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
"""First daily partition of every measurement: Dagster's part must not differ between them."""


def make_sample(landing: Path, options: SampleOptions) -> None:
    """Sample events, unless they are there from another time."""
    marker = landing / ".options"
    if not marker.exists() or marker.read_text() != repr(options):
        what = f"making events: {options.days} x {options.events_per_day:,}"
        timed(what, lambda: write_sample(landing, options))
        marker.write_text(repr(options))


def empty_database(home: Path) -> None:
    """Make the database of a home empty, starting its server when it does not run."""
    url = embedded.ensure_running(home)
    drop = f"drop schema if exists {', '.join(Catalog().families)}, ops, dagster cascade"
    subprocess.run(
        [sys.executable, "-c", f"import psycopg; psycopg.connect({url!r}, autocommit=True).execute({drop!r})"],
        check=True,
    )


def environment(settings: Settings, **more: str) -> dict[str, str]:
    """The environment of a process that works with these settings and nothing of the user's own."""
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
    """Run a module of this folder in a process of its own; what its last line says, as JSON."""
    command = [sys.executable, "-W", "ignore", "-m", f"benchmarks.{module}", *arguments]
    done = subprocess.run(
        command, env=environment(settings), check=True, stdout=subprocess.PIPE, text=True, cwd=CHECKOUT
    )
    figures: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return figures


def run_jobs(settings: Settings, first: date, last: date) -> dict[str, Any]:
    """Run all jobs of some days in a process of its own, as `analytics-etl backfill` does; seconds by kind of step."""
    return figures_of("jobs", [str(first), str(last)], settings)


def peak_mb() -> float:
    """The most memory this process has had in use."""
    status = Path("/proc/self/status")
    if status.exists():
        peak = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(peak.split()[1]) / 1024
    # Not on Linux: there a process starts with the peak of the one that started it.
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def timed(what: str, work: Callable[[], Result]) -> tuple[float, Result]:
    started = time.perf_counter()
    result = work()
    seconds = time.perf_counter() - started
    say(f"{what}: {seconds:.1f} s")
    return seconds, result


def spread(seconds: Sequence[float]) -> str:
    """Median, and the smallest and largest, so that noise shows."""
    return f"{statistics.median(seconds):.2f} s ({min(seconds):.2f} to {max(seconds):.2f})"


def line(what: str, ratio: float, target: float | None) -> None:
    goal = "" if target is None else f"   target at most {target:.2f}   {'met' if ratio <= target else 'MISSED'}"
    print(f"{what:<70} {ratio:6.2f}{goal}", flush=True)


def ratio_by_round(one: Sequence[float], other: Sequence[float]) -> float:
    """The median of what each round gives: a machine that is slow for a while is slow for both sides of a round."""
    return statistics.median(mine / theirs for mine, theirs in zip(one, other, strict=True))


def longest(seconds: Mapping[str, float], count: int = 15) -> str:
    """The steps that took longest, as one line."""
    ordered = sorted(seconds.items(), key=lambda item: -item[1])
    return ", ".join(f"{step} {value:.1f} s" for step, value in ordered[:count])


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
