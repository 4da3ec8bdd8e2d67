"""Measures a day of the registry with many users, as users run it, and compares it with stated floors.

    .venv/bin/python -m benchmarks.lake                       5 million events of one day, 200,000 users
    .venv/bin/python -m benchmarks.lake --events 500000       a tenth of it
    .venv/bin/python -m benchmarks.lake --hot-days 0          raw days in the lake alone

The whole command is timed, with its start, checks and reports. The floors are DuckDB reading and grouping
the same files without keeping anything, and DuckDB running our SELECTs over the files of our lake, both with 2 GB of
memory. Both sides of each ratio are measured here, one after the other.
"""

import argparse
import resource
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import duckdb
import psycopg

from analytics_etl.catalog.calendar import period_end, period_start
from analytics_etl.catalog.catalog import Catalog, kept_in_lake
from analytics_etl.catalog.models import window_parameters
from analytics_etl.config.settings import CHECKOUT, Settings
from analytics_etl.engines.duckdb import PERCENTILE_MACRO, as_postgres_computes
from analytics_etl.postgres import server as embedded
from benchmarks.floors import LAST_DAY
from benchmarks.measuring import empty_database, environment, line, longest, say, timed

SHARES = {"download_events": 0.7, "module_view_events": 0.2, "compilation_events": 0.1}
USERS, MODULES, ORGANIZATIONS = 200_000, 5_000, 2_000
FILES = 20
_WHO = f"""
    md5(n::varchar || 'e')::uuid as event_id, 'm' || (pow(random(), 3) * {MODULES})::bigint as module_name,
    'u' || (random() * {USERS})::bigint as user_id, 'o' || (random() * {ORGANIZATIONS})::bigint as organization_id,
    (random() * 9)::bigint || '.0.0' as version, '10.0.' || (n % 250) || '.1' as ip_address,
    'agent/' || n % 40 as user_agent,
    strftime(timestamp '{LAST_DAY}' + to_microseconds((random() * 86399999999)::bigint), '%Y-%m-%dT%H:%M:%S.%fZ') as """
EVENTS = {
    "download_events": ("downloaded_at", "(random() * 1e6)::bigint as file_size, random() > 0.03 as success"),
    "module_view_events": ("viewed_at", "'web' as source, 'detail' as page_type"),
    "compilation_events": (
        "started_at",
        "(random() * 5000)::bigint as duration_ms, 'l' || n % 7 as language, random() > 0.03 as success",
    ),
}
"""{event table: (its time column, its own columns)}."""


def main() -> None:
    arguments = _arguments()
    home = arguments.home.resolve()
    settings = replace(
        Settings(home=home),
        landing_dir=home / "landing_lake",
        reports_dir=home / "reports_lake",
        lake_dir=home / "lake",
    )
    landed = make_events(settings.landing_dir, arguments.events)
    empty_database(home)
    days = [str(LAST_DAY), str(LAST_DAY)]
    command = [sys.executable, "-m", "analytics_etl.cli", "backfill", *days, "--family", "registry"]

    def run() -> None:
        variables = {**environment(settings), "ANALYTICS_HOT_DAYS": arguments.hot_days}
        subprocess.run(command, cwd=CHECKOUT, env=variables, check=True, capture_output=True)

    ours = timed(f"one day of {arguments.events:,} events, the whole command", run)[0]
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / (1 << 20)
    with psycopg.connect(embedded.ensure_running(home)) as connection:
        durations = "select table_name, duration_ms / 1000::float8 from ops.partitions"
        made: dict[str, float] = dict(connection.execute(durations).fetchall())
        held = connection.execute("select table_name, path, size_bytes from ops.current_lake_files").fetchall()
    catalog = Catalog()
    events = sum(float(made[table]) for table in catalog.contracts if table in made)
    derived = {table: float(made[table]) for table in catalog.aggregates if table in made}
    say(f"loading {events:.1f} s, aggregates {sum(derived.values()):.1f} s: {longest(derived)}")
    raw = sum(size for table, _, size in held if table in catalog.contracts)

    floor = timed("DuckDB: reading and grouping, nothing kept", lambda: read_and_group(settings.landing_dir))[0]
    files = {table: [str(settings.lake_dir / path) for name, path, _ in held if name == table] for table, *_ in held}
    plain = timed("DuckDB: our SELECTs over our lake", lambda: our_selects(catalog, files))[0]
    embedded.stop(home)
    print()
    line("the whole command / DuckDB reading, validating and grouping", ours / floor, None)
    line("aggregates, published / our SELECTs on DuckDB, kept nowhere", sum(derived.values()) / plain, None)
    line("peak memory of our process, GiB", peak, 1.2)
    line("bytes: raw days of the lake / NDJSON.zst of the same", raw / landed, 0.75)


def make_events(landing: Path, count: int) -> int:
    """Write events of one day; returns their bytes."""
    with duckdb.connect() as engine:
        engine.execute("set threads = 1; select setseed(0.5)")
        for table, share in SHARES.items():
            rows, done = round(count * share), landing / f".{table}.{count}"
            if done.exists():
                continue
            (landing / table).mkdir(parents=True, exist_ok=True)
            time, own = EVENTS[table]
            for number in range(FILES):
                first, last = rows * number // FILES, rows * (number + 1) // FILES
                select = f"select {_WHO} {time}, {own} from range({first}, {last}) as r (n)"  # noqa: S608 - ours
                path = landing / table / f"{number:02}.ndjson.zst"
                engine.execute(f"copy ({select}) to '{path}' (format json, compression zstd)")
            done.touch()
    return sum(path.stat().st_size for path in landing.glob("*/*.zst"))


def read_and_group(landing: Path) -> None:
    """Parse the files, keep one row of each id, count by module and user, and the distinct users of each module."""
    who = "module_name, version, organization_id, user_id"
    with _engine() as engine:
        for table, (time, _) in EVENTS.items():
            engine.execute(
                f"create temp table {table} as select distinct on (event_id) try_cast(event_id as uuid) as event_id, "  # noqa: S608
                f"{who}, try_cast({time} as timestamptz) as at "
                f"from read_json('{landing / table / '*.zst'}', format = 'newline_delimited') "
                f"where try_cast({time} as timestamptz) is not null"
            )
        both = " union all ".join(f"select {who} from {table}" for table in EVENTS)  # noqa: S608 - ours
        engine.execute(f"create temp table activity as select *, count(*) as n from ({both}) group by all")  # noqa: S608
        for group in ("module_name", "organization_id", "module_name, version"):
            engine.execute(f"select {group}, sum(n), count(distinct user_id) from activity group by all").fetchall()  # noqa: S608


def our_selects(catalog: Catalog, files: dict[str, list[str]]) -> None:
    """Run each SELECT that reads the lake, over the files of our lake; the rows are made and thrown away."""
    for table in catalog.in_order():
        model = catalog.aggregates.get(table)
        if model is None or model.family != "registry" or not kept_in_lake(catalog).issuperset(model.dependencies):
            continue
        with _engine() as engine:
            engine.execute("create schema registry")
            for name in model.dependencies:
                columns = "* replace (event_id::uuid as event_id)" if name in catalog.contracts else "*"
                engine.execute(f"create view {name} as select {columns} from read_parquet({files[name]})")  # noqa: S608
            first = period_start(model.cadence, LAST_DAY)
            parameters = window_parameters(first, period_end(model.cadence, first))
            select = as_postgres_computes(model, model.statement(parameters))
            for _ in engine.sql(select).to_arrow_reader(65_536):
                pass


@contextmanager
def _engine() -> Iterator[duckdb.DuckDBPyConnection]:
    """A DuckDB with the macro of ours."""
    with duckdb.connect(config={"memory_limit": "2GB"}) as engine:
        engine.execute(f"set timezone = 'UTC'; set preserve_insertion_order = false; {PERCENTILE_MACRO}")
        yield engine


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="lake", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--events", type=int, default=5_000_000)
    parser.add_argument("--hot-days", default="90", help="0: raw days in the lake alone")
    parser.add_argument("--home", type=Path, default=Path(".analytics/bench"), help="where everything is written")
    return parser.parse_args()


if __name__ == "__main__":
    main()
