"""Runs all jobs of a range of days in this process; prints seconds by kind of step and peak memory as JSON."""

import json
import sys
import time
from collections import defaultdict
from datetime import date

from analytics_etl.catalog.catalog import Catalog
from analytics_etl.config.settings import Settings
from analytics_etl.orchestration import runs
from benchmarks.measuring import peak_mb


def main(first: date, last: date) -> None:
    catalog = Catalog.of(Settings.from_environment())
    seconds: defaultdict[str, float] = defaultdict(float)
    detail: defaultdict[str, float] = defaultdict(float)
    peaks: dict[str, float] = {}
    step, since = "", time.perf_counter()

    def progress(what: str, done: int, steps: int) -> None:
        nonlocal step, since
        now = time.perf_counter()
        seconds[kind_of(catalog, step)] += now - since
        peaks[step] = max(peaks.get(step, 0), peak_mb())
        detail[step] += now - since
        since = now
        name = what.split(": ")[1] if ": " in what else what
        if name != step:
            print(f"{done}/{steps} {what}", file=sys.stderr, flush=True)
        step = name

    started = time.perf_counter()
    runs.execute(Settings.from_environment(), runs.jobs_of(first, last), progress)
    figures = {
        "load": seconds["load"],
        "aggregate": seconds["aggregate"],
        "total": time.perf_counter() - started,
        "peak_mb": peak_mb(),
        "peak_mb_after": peaks,
        "rest": ", ".join(
            f"{name} {value:.1f} s" for name, value in seconds.items() if name not in ("load", "aggregate")
        ),
        "steps": {name: round(value, 2) for name, value in sorted(detail.items(), key=lambda item: -item[1])},
    }
    print(json.dumps(figures))


def kind_of(catalog: Catalog, step: str) -> str:
    """The kind of a step: load, aggregate, views, checks, reports or starting."""
    if step in catalog.contracts:
        return "load"
    if step in catalog.aggregates:
        return "aggregate"
    if step in catalog.views:
        return "views"
    if step.endswith(".checks"):
        return "checks"
    return "reports" if "report" in step or step.startswith("wrote ") else "starting"


if __name__ == "__main__":
    main(date.fromisoformat(sys.argv[1]), date.fromisoformat(sys.argv[2]))
