"""Measures a day of metric samples and of what users did, as users run it, and compares it with stated floors.

    .venv/bin/python -m benchmarks.platform                      5 million of each, 2,000 series, 300,000 users
    .venv/bin/python -m benchmarks.platform --events 250000      a twentieth of it

The floors are those of `benchmarks.usage`: bare COPY of parsed rows, and plain SQL that makes the tables from the raw
rows. Both sides of each ratio are measured here, one after the other.
"""

import argparse
from dataclasses import replace
from functools import partial
from pathlib import Path

import duckdb
import psycopg

from analytics_etl.config.settings import Settings
from analytics_etl.postgres import server as embedded
from analytics_etl.postgres.connection import database_url
from benchmarks.floors import LAST_DAY, bare_copy, parsed_rows
from benchmarks.measuring import empty_database, line, longest, run_jobs, say, timed

FILES = 8
"""Files of each table: the day comes in as many parts."""

SAMPLES = """
    select
        md5('m' || i)::uuid as event_id,
        strftime(timestamp '{day}' + to_microseconds(i * 86400000000 // {events}), '%Y-%m-%dT%H:%M:%S.%fZ')
            as recorded_at,
        case kind when 0 then ['cpu_percent', 'memory_percent', 'latency_ms', 'error_ratio'][1 + series % 4]
            else 'metric_' || series % 40 end as name,
        case kind when 0 then 'gauge' when 3 then 'histogram' else 'counter' end as type,
        case when kind = 1 then 'business' else 'performance' end as category,
        case kind when 2 then i // {series} * 3 + series else round(hash(i) % 10000 / 100.0, 2) end as value,
        case when kind = 1 then 'EUR' end as unit,
        case kind
            when 2 then {{'service_id': 'service_' || series % 50, 'pod': series::varchar, 'temporality': 'cumulative'}}
            else {{'service_id': 'service_' || series % 50, 'pod': series::varchar, 'temporality': 'delta'}}
        end as labels,
        case when series % 10 >= 5 then 'tenant_' || series % 97 end as tenant_id,
        case when kind = 1 then 'member_' || hash(i) % 20000 end as user_id
    from (select i, i % {series} as series, i % {series} // 10 % 4 as kind from range({first}, {after}) as r (i)) as s
    """
"""A sample of each series in turn: a quarter are gauges, deltas, cumulative counters and observations."""

ACTIONS = """
    select
        md5('a' || i)::uuid as event_id,
        strftime(timestamp '{day}' + to_microseconds(i * 86400000000 // {events}), '%Y-%m-%dT%H:%M:%S.%fZ')
            as occurred_at,
        'viewer_' || member as user_id,
        ['view', 'play', 'pause', 'complete', 'search', 'purchase'][1 + (hash(i) % 6)::integer] as action,
        'title_' || hash(i + 7) % 5000 as content_id,
        'session_' || member || '_' || i * 6 // {events} as session_id,
        (hash(i) % 600000)::bigint as duration_ms,
        hash(i) % 50 <> 0 as success,
        case when hash(i) % 50 = 0 then 'the stream stalled' end as error_message
    from (select i, hash(i * 31) % {users} as member from range({first}, {after}) as r (i)) as s
    """

BUCKET = "date_bin('{}', recorded_at, '1970-01-01 00:00+00')"
METRICS = """select {bucket} as bucket, coalesce(tenant_id, '') as tenant_id, name, category, type,
        coalesce(unit, '') as unit, labels, count(*) as samples, sum(value) as total, min(value) as lowest,
        max(value) as highest, avg(value) as mean,
        (array_agg(value order by recorded_at desc, event_id desc))[1] as last,
        percentile_cont(array[0.5, 0.95, 0.99]) within group (order by value) as percentiles
    from platform.metric_samples where recorded_at >= '{day} 00:00+00' group by 1, 2, 3, 4, 5, 6, 7"""
GAUGES = """select {bucket} as bucket, coalesce(tenant_id, '') as tenant_id, labels ->> 'service_id' as service_id,
        name, avg(value) as mean, min(value) as lowest, max(value) as highest,
        (array_agg(value order by recorded_at desc, event_id desc))[1] as last
    from platform.metric_samples where recorded_at >= '{day} 00:00+00' and type = 'gauge' group by 1, 2, 3, 4"""
PLAIN_SQL = {
    "metric_1h": METRICS.replace("{bucket}", BUCKET.format("1 hour")),
    "metric_1d": METRICS.replace("{bucket}", BUCKET.format("1 day")),
    "service_gauges_1m": GAUGES.replace("{bucket}", BUCKET.format("1 minute")),
    "service_gauges_5m": GAUGES.replace("{bucket}", BUCKET.format("5 minutes")),
    "service_gauges_1h": GAUGES.replace("{bucket}", BUCKET.format("1 hour")),
    "service_gauges_1d": GAUGES.replace("{bucket}", BUCKET.format("1 day")),
    "counter_increases_daily": """select date_trunc('hour', recorded_at) as bucket, tenant_id, name, unit, labels,
            sum(case when value < before then value else value - before end) as increase
        from (
            select recorded_at, tenant_id, name, unit, labels, value,
                lag(value) over (partition by tenant_id, name, unit, labels order by recorded_at) as before
            from platform.metric_samples
            where recorded_at >= '{day} 00:00+00' and type = 'counter' and labels ->> 'temporality' = 'cumulative'
        ) as levels group by 1, 2, 3, 4, 5""",
    "tenant_users": """select tenant_id, count(distinct user_id) as users from platform.metric_samples
        where recorded_at >= '{day} 00:00+00' group by 1""",
    "user_activity_daily": """select user_id, session_id, count(*) as actions, min(occurred_at) as first_at,
            max(occurred_at) as last_at, min(case when success and action = 'view' then occurred_at end) as started,
            max(case when success and action = 'purchase' then occurred_at end) as converted
        from services.user_behavior_events where occurred_at >= '{day} 00:00+00' group by 1, 2""",
    "engagement_daily": """select count(*) as actions, count(distinct user_id) as users,
            count(distinct (user_id, session_id)) as sessions
        from services.user_behavior_events where occurred_at >= '{day} 00:00+00'""",
    "content_daily": """select content_id, count(*) as actions, count(distinct user_id) as users,
            count(distinct user_id) filter (where success and action = 'play') as players
        from services.user_behavior_events where occurred_at >= '{day} 00:00+00' group by 1""",
}


def main() -> None:
    arguments = _arguments()
    home = arguments.home.resolve()
    settings = replace(
        Settings(home=home), landing_dir=home / "landing_platform", reports_dir=home / "reports_platform"
    )
    make_events(settings.landing_dir, arguments.events, arguments.series, arguments.users)
    empty_database(home)
    ours = run_jobs(settings, LAST_DAY, LAST_DAY)
    load, aggregate = ours["load"], ours["aggregate"]
    say(f"one day of 2 x {arguments.events:,} events: load {load:.1f} s, aggregates {aggregate:.1f} s, {ours['rest']}")
    say(f"longest steps: {longest(ours['steps'])}")
    plain = timed("plain SQL over the raw rows", lambda: plain_sql(settings))[0]
    rows = timed("parsing the rows for the floor (not counted)", lambda: parsed_rows(settings))[1]
    floor = min(timed("bare COPY", lambda: bare_copy(settings, rows, connections=1))[0] for _ in range(2))
    embedded.stop(home)
    print()
    line("loading / bare COPY", load / floor, 1.8)
    line("aggregates / plain SQL with percentile_cont and count(distinct)", aggregate / plain, 0.35)
    line("peak memory of our process, GiB", ours["peak_mb"] / 1024, 1.0)
    print(f"load and aggregate {2 * arguments.events / (load + aggregate):,.0f} rows/s")


def make_events(landing: Path, events: int, series: int, users: int) -> None:
    """Write the day's landing files, unless an earlier benchmark wrote the same ones."""
    marker, made = landing / ".options", f"{events} {series} {users} {SAMPLES} {ACTIONS}"
    if marker.exists() and marker.read_text() == made:
        return
    tables = {"metric_samples": SAMPLES, "user_behavior_events": ACTIONS}
    with duckdb.connect() as connection:
        for table, select in tables.items():
            (landing / table).mkdir(parents=True, exist_ok=True)
            for part in range(FILES):
                bounds = {"first": events * part // FILES, "after": events * (part + 1) // FILES}
                rows = select.format(day=LAST_DAY, events=events, series=series, users=users, **bounds)
                path = landing / table / f"{part}.ndjson.zst"
                write = f"copy ({rows}) to '{path}' (format json, compression zstd)"  # a path of our own
                timed(f"making {table} {part + 1}/{FILES}", partial(connection.execute, write))
    marker.write_text(made)


def plain_sql(settings: Settings) -> None:
    """Make the tables of both families by plain SQL from the raw rows, as temporary tables."""
    options = "-c timezone=UTC -c work_mem=256MB -c hash_mem_multiplier=4 -c jit=off"
    with psycopg.connect(database_url(settings), options=options) as connection:
        for name, select in PLAIN_SQL.items():
            made = select.format(day=LAST_DAY)
            connection.execute(f"create temporary table plain_{name} as {made}".encode())
        connection.rollback()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.platform", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--events", type=int, default=5_000_000, help="samples of the day, and as many actions")
    parser.add_argument("--series", type=int, default=2_000, help="series of the samples")
    parser.add_argument("--users", type=int, default=300_000, help="users of the actions")
    parser.add_argument(
        "--home", type=Path, default=Settings.from_environment().home / "benchmarks", help="where to work"
    )
    return parser.parse_args()


if __name__ == "__main__":
    main()
