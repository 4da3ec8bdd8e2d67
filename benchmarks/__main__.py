"""Measures a day and a backfill as users run them, and compares both with stated floors.

    make bench                                            everything, about 15 minutes and 20 GB of disk
    .venv/bin/python -m benchmarks --events 1000000 --days 9     a tenth of it

Everything happens below --home, on an embedded server of its own. The results are ratios of wall-clock seconds; both
sides of each ratio are measured here, one after the other.
"""

import argparse
import os
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from analytics_etl.config.settings import Settings
from analytics_etl.families.sample import SampleOptions
from analytics_etl.postgres import server as embedded
from benchmarks.floors import LAST_DAY, bare_copy, parsed_rows, plain_sql
from benchmarks.measuring import empty_database, line, longest, make_sample, run_jobs, say, timed


def main() -> None:
    arguments = _arguments()
    home = arguments.home.resolve()
    base = Settings(home=home)
    say(f"machine: {os.cpu_count()} cores; home: {home}")

    one = replace(base, landing_dir=home / "landing_one_day", reports_dir=home / "reports_one_day")
    many = replace(base, landing_dir=home / "landing_many_days", reports_dir=home / "reports_many_days")
    per_day = arguments.events // 100
    make_sample(one.landing_dir, SampleOptions(LAST_DAY, days=1, events_per_day=arguments.events, rhythm=False))
    make_sample(many.landing_dir, SampleOptions(LAST_DAY, days=arguments.days, events_per_day=per_day, rhythm=False))

    empty_database(home)
    ours = run_jobs(one, LAST_DAY, LAST_DAY)
    load, aggregate = ours["load"], ours["aggregate"]
    say(f"one day of {arguments.events:,} events: load {load:.1f} s, aggregates {aggregate:.1f} s, {ours['rest']}")
    say(f"longest steps: {longest(ours['steps'])}")

    plain = timed("plain SQL over the raw rows", lambda: plain_sql(one))
    rows = timed("parsing the rows for the floor (not counted)", lambda: parsed_rows(one))[1]
    single = min(timed("bare COPY, one connection", lambda: bare_copy(one, rows, connections=1))[0] for _ in range(2))
    double = min(timed("bare COPY, two connections", lambda: bare_copy(one, rows, connections=2))[0] for _ in range(2))
    floor = min(single, double)

    empty_database(home)
    first = LAST_DAY - timedelta(days=arguments.days - 1)
    backfill = run_jobs(many, first, LAST_DAY)
    events = per_day * arguments.days
    say(f"{arguments.days} days of {per_day:,} events: load {backfill['load']:.1f} s, "
        f"aggregates {backfill['aggregate']:.1f} s, {backfill['rest']}")  # fmt: skip
    say(f"longest steps: {longest(backfill['steps'])}")
    per_event = (backfill["load"] + backfill["aggregate"]) / events
    per_event_one = (load + aggregate) / arguments.events
    embedded.stop(home)

    print()
    line("loading / bare COPY (best of one and two connections)", load / floor, 1.8)
    line("aggregates / plain SQL with count(distinct)", aggregate / plain[0], 0.35)
    line(f"{arguments.days} days / one day, load and aggregates, per event", per_event / per_event_one, 1.3)
    line(
        "whole run with checks and reports, same comparison",
        (backfill["total"] / events) / (ours["total"] / arguments.events),
        None,
    )
    peak = max(ours["peak_mb"], backfill["peak_mb"])
    line("peak memory of our process, GiB", peak / 1024, 1.0)
    print(f"loading {arguments.events / load:,.0f} rows/s; bare COPY {arguments.events / floor:,.0f} rows/s")
    print(f"load and aggregate {arguments.events / (load + aggregate):,.0f} rows/s")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--events", type=int, default=10_000_000, help="events of the one day")
    parser.add_argument(
        "--days", type=int, default=90, help="days of the backfill, each with a hundredth of these events"
    )
    parser.add_argument(
        "--home", type=Path, default=Settings.from_environment().home / "benchmarks", help="where to work"
    )
    return parser.parse_args()


if __name__ == "__main__":
    main()
