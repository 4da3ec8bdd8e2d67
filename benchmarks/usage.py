"""Measures a day of schema usage as users run it, and compares it with stated floors.

    .venv/bin/python -m benchmarks.usage                       5 million events of one day
    .venv/bin/python -m benchmarks.usage --events 500000       a tenth of it

The floors are those of `benchmarks`: bare COPY of parsed rows, and plain SQL that makes each table from the raw rows.
Both sides of each ratio are measured here, one after the other.
"""

import argparse
from dataclasses import replace
from pathlib import Path

import psycopg

from analytics_etl.config.settings import Settings
from analytics_etl.families.sample import SampleOptions
from analytics_etl.postgres import server as embedded
from analytics_etl.postgres.connection import database_url
from benchmarks.floors import LAST_DAY, bare_copy, parsed_rows
from benchmarks.measuring import empty_database, line, longest, make_sample, run_jobs, say, timed

SHARE = 0.5
"""Usage events that the sample has for each requested event."""

MEASURES = """count(*) as operation_count, count(*) filter (where success) as success_count,
    sum(latency_ms) as total_latency_ms, avg(latency_ms) as avg_latency_ms,
    percentile_cont(0.50) within group (order by latency_ms) as p50,
    percentile_cont(0.95) within group (order by latency_ms) as p95,
    percentile_cont(0.99) within group (order by latency_ms) as p99"""
GRAINS = {"1m": "1 minute", "5m": "5 minutes", "1h": "1 hour", "1d": "1 day"}
GROUPS = ("schema_id, operation, region", "schema_id", "")
EVENTS = f"from usage.schema_usage_events where occurred_at >= '{LAST_DAY} 00:00+00'"
DAILY = {
    "service_usage_daily": "service, schema_id",
    "region_usage_daily": "region",
    "global_usage_daily": "",
    "latency_distribution_daily": "operation, region, latency_ms",
}


def main() -> None:
    arguments = _arguments()
    home = arguments.home.resolve()
    settings = replace(Settings(home=home), landing_dir=home / "landing_usage", reports_dir=home / "reports_usage")
    wanted = round(arguments.events / SHARE)
    make_sample(
        settings.landing_dir, SampleOptions(LAST_DAY, days=1, events_per_day=wanted, rhythm=False, families=("usage",))
    )
    empty_database(home)
    ours = run_jobs(settings, LAST_DAY, LAST_DAY)
    load, aggregate = ours["load"], ours["aggregate"]
    say(f"one day of {arguments.events:,} events: load {load:.1f} s, aggregates {aggregate:.1f} s, {ours['rest']}")
    say(f"longest steps: {longest(ours['steps'])}")
    say(f"peak memory {ours['peak_mb'] / 1024:.2f} GiB")

    plain = timed("plain SQL over the raw rows", lambda: plain_sql(settings, keep=False))[0]
    kept = timed("the same into indexed tables that stay", lambda: plain_sql(settings, keep=True))[0]
    rows = timed("parsing the rows for the floor (not counted)", lambda: parsed_rows(settings))[1]
    floor = min(timed("bare COPY", lambda: bare_copy(settings, rows, connections=1))[0] for _ in range(2))
    embedded.stop(home)
    print()
    line("loading / bare COPY", load / floor, 1.8)
    line("aggregates / plain SQL with percentile_cont", aggregate / plain, 0.35)
    line("aggregates / plain SQL into indexed tables that stay, as ours do", aggregate / kept, None)
    line("peak memory of our process, GiB", ours["peak_mb"] / 1024, 1.0)
    print(f"load and aggregate {arguments.events / (load + aggregate):,.0f} rows/s")


def plain_sql(settings: Settings, *, keep: bool) -> None:
    """Make the tables of all grains, scopes, services, regions and latencies by plain SQL from the raw rows.

    They are temporary tables; with `keep`, committed ones with an index by time, as the product has.
    """
    options = "-c timezone=UTC -c work_mem=256MB -c hash_mem_multiplier=4 -c jit=off"
    with psycopg.connect(database_url(settings), options=options) as connection:
        connection.execute("drop schema if exists plain cascade")
        connection.execute("create schema plain")
        for name, by in _plain_groups().items():
            what = f"table plain.{name}" if keep else f"temporary table {name}"
            grouped, names = (f"group by {by}", f"{by}, ") if by else ("", "")
            connection.execute(f"create {what} as select {names}{MEASURES} {EVENTS} {grouped}".encode())
            if keep and by.startswith("date_bin"):
                connection.execute(f"create index on plain.{name} (date_bin)".encode())
        if not keep:
            connection.rollback()
        else:
            connection.commit()
            connection.execute("drop schema plain cascade")


def _plain_groups() -> dict[str, str]:
    """Plain table -> its GROUP BY."""
    found = {}
    for name, length in GRAINS.items():
        bucket = f"date_bin('{length}', occurred_at, '1970-01-01 00:00+00')"
        for number, group in enumerate(GROUPS):
            found[f"plain_{name}_{number}"] = f"{bucket}, {group}" if group else bucket
    return {**found, **DAILY}


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.usage", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--events", type=int, default=5_000_000, help="usage events of the day")
    parser.add_argument(
        "--home", type=Path, default=Settings.from_environment().home / "benchmarks", help="where to work"
    )
    return parser.parse_args()


if __name__ == "__main__":
    main()
