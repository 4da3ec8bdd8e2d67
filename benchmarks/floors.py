"""The floors of the benchmarks: bare COPY, and plain SQL that makes the same aggregates from the raw rows."""

from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path

import psycopg
import pyarrow as pa
from pgpq import ArrowToPostgresBinaryEncoder

from analytics_etl.catalog.catalog import Catalog
from analytics_etl.config.settings import Settings
from analytics_etl.landing import list_files
from analytics_etl.landing.reader import LandingReader
from analytics_etl.postgres.connection import database_url

LAST_DAY = date(2025, 3, 31)
_JSON_COLUMNS = "select attname from pg_attribute where attrelid = %s::regclass and atttypid = 'jsonb'::regtype"

PLAIN_SQL = [
    """create temporary table module_stats_daily as
    select coalesce(d.module_name, v.module_name, c.module_name) as module_name, download_count, failed, bytes, hits,
        view_count, compilation_count, succeeded, avg_duration, unique_users, unique_orgs
    from (
        select module_name, count(*) filter (where success) as download_count,
            count(*) filter (where not success) as failed, sum(file_size) filter (where success) as bytes,
            count(*) filter (where cache_hit) as hits
        from registry.download_events where {day} group by 1
    ) as d
    full join (
        select module_name, count(*) as view_count from registry.module_view_events where {viewed} group by 1
    ) as v using (module_name)
    full join (
        select module_name, count(*) as compilation_count, count(*) filter (where success) as succeeded,
            avg(duration_ms) as avg_duration
        from registry.compilation_events where {started} group by 1
    ) as c using (module_name)
    left join (
        select module_name, count(distinct user_id) as unique_users, count(distinct organization_id) as unique_orgs
        from (
            select module_name, user_id, organization_id from registry.download_events where {day}
            union all select module_name, user_id, organization_id from registry.module_view_events where {viewed}
        ) as events group by 1
    ) as u using (module_name)""",
    """create temporary table language_stats_daily as
    select language, count(*) as compilation_count, count(*) filter (where success) as succeeded,
        avg(duration_ms) as mean,
        percentile_cont(array[0.5, 0.95, 0.99]) within group (order by duration_ms) as percentiles,
        sum(output_size) as bytes, count(*) filter (where cache_hit) as hits
    from registry.compilation_events where {started} group by 1""",
    """create temporary table org_stats_daily as
    select organization_id, count(*) as api_requests, count(*) filter (where kind = 'd') as downloads,
        count(*) filter (where kind = 'c') as compilations, count(distinct user_id) as active_users
    from (
        select organization_id, user_id, 'd' as kind from registry.download_events where {day}
        union all select organization_id, user_id, 'v' from registry.module_view_events where {viewed}
        union all select organization_id, user_id, 'c' from registry.compilation_events where {started}
    ) as events where organization_id is not null group by 1""",
    """create temporary table version_stats_daily as
    select module_name, version, count(*) as downloads, count(distinct user_id) as unique_users
    from registry.download_events where {day} and success group by 1, 2""",
    """create temporary table overview_daily as
    select count(distinct module_name) as modules, count(distinct (module_name, version)) as versions,
        count(distinct user_id) as active_users, count(*) as events
    from (
        select module_name, version, user_id from registry.download_events where {day}
        union all select module_name, version, user_id from registry.module_view_events where {viewed}
        union all select module_name, version, user_id from registry.compilation_events where {started}
    ) as events""",
]
"""Daily tables. The first statement also makes the week and the month, over windows that hold the same single day."""


def plain_sql(settings: Settings) -> None:
    """Make all aggregates of the day, and the module tables of its week and month, from the raw rows."""
    windows = [
        ("2025-03-31", "2025-04-01", PLAIN_SQL),
        ("2025-03-31", "2025-04-07", PLAIN_SQL[:1]),
        ("2025-03-01", "2025-04-01", PLAIN_SQL[:1]),
    ]
    options = "-c timezone=UTC -c work_mem=256MB -c hash_mem_multiplier=4 -c jit=off"
    for start, end, statements in windows:
        with psycopg.connect(database_url(settings), options=options) as connection:
            for statement in statements:
                bounds = {
                    name: f"{column} >= '{start} 00:00+00' and {column} < '{end} 00:00+00'"
                    for name, column in (("day", "downloaded_at"), ("viewed", "viewed_at"), ("started", "started_at"))
                }
                connection.execute(statement.format(**bounds).encode())


def parsed_rows(settings: Settings) -> dict[str, Path]:
    """The valid rows of the day as Arrow files, by event table: the input of `bare_copy`, so that it parses nothing."""
    catalog = Catalog()
    found = {}
    for contract in catalog.contracts.values():
        path = settings.home / f"{contract.name}.arrow"
        writer = None
        with LandingReader(contract, {}, {LAST_DAY}, settings.temporary_dir, 512) as reader, path.open("wb") as sink:
            for rows in reader.read(list_files(settings.landing_dir, contract.name, frozenset())):
                for table in rows.valid.values():
                    writer = writer or pa.ipc.new_file(sink, table.schema)
                    writer.write_table(table.combine_chunks())
            if writer is None:  # no rows: a family that is not measured
                continue
            writer.close()
        found[contract.table] = path
    return found


def bare_copy(settings: Settings, rows: dict[str, Path], connections: int) -> None:
    """Send parsed rows by binary COPY into new tables without constraints and indexes."""
    downloads = [name for name in rows if name.endswith("download_events")]
    others = [name for name in rows if name not in downloads]
    groups = [[*downloads, *others]] if connections == 1 else [downloads, others]
    with ThreadPoolExecutor(connections) as pool:
        for done in [pool.submit(_copy, settings, group, rows) for group in groups]:
            done.result()


def _copy(settings: Settings, tables: list[str], rows: dict[str, Path]) -> None:
    for table in tables:
        with psycopg.connect(database_url(settings)) as connection, pa.memory_map(str(rows[table])) as source:
            target = f"{table}_floor"
            connection.execute(f"drop table if exists {target}; create table {target} (like {table})".encode())
            for (column,) in connection.execute(_JSON_COLUMNS, [target]).fetchall():  # pgpq sends them as text
                connection.execute(f"alter table {target} alter column {column} type text".encode())
            reader = pa.ipc.open_file(source)
            encoder = ArrowToPostgresBinaryEncoder(reader.schema)
            with connection.cursor().copy(f"copy {target} from stdin with (format binary)".encode()) as copy:
                copy.write(encoder.write_header())
                for number in range(reader.num_record_batches):
                    copy.write(encoder.write_batch(reader.get_batch(number)))
                copy.write(encoder.finish())
            connection.commit()
            connection.execute(f"drop table {target}".encode())
