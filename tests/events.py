"""Builders of small events and landing files, and ways to look at whole tables, for the tests that load."""

import csv
import gzip
import io
import json
import os
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any
from uuid import UUID

import duckdb
import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
import zstandard
from psycopg.rows import dict_row

from analytics_etl.catalog.calendar import Cadence, periods
from analytics_etl.catalog.catalog import Catalog, is_of
from analytics_etl.catalog.models import cadence_of
from analytics_etl.config.settings import Settings
from analytics_etl.lake import open_lake
from analytics_etl.lake.writing import PartitionWriter
from analytics_etl.landing import FileReport
from analytics_etl.ops import lake_files
from analytics_etl.pipeline import publishing
from analytics_etl.pipeline.loading import load_days
from analytics_etl.postgres.database import Database
from analytics_etl.tables.derived import ensure_table
from analytics_etl.tables.loading import LoadedDay

Event = dict[str, Any]

DAY = date(2025, 3, 10)
DOWNLOADS = "registry.download_events"
FILE = "download_events/events.ndjson"
REQUIRED = ["event_id", "downloaded_at", "module_name", "version", "file_size", "success"]
"""Columns of a download that may not be empty."""


@cache
def declared() -> Catalog:
    """The catalogue, read once."""
    return Catalog()


def read_for_children(settings: Settings) -> None:
    """Read and parse the SQL files in this process, once, rather than in each child that is forked from it."""
    for catalog in (declared(), Catalog.of(settings)):
        for table in catalog.in_order():
            catalog.code_version(table)
        assert not catalog.broken_files


def event_id(number: int) -> str:
    return str(UUID(int=number))


def at(second: int, day: date = DAY) -> str:
    """A time of the day as a file writes it."""
    return (datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(seconds=second)).strftime(
        "%Y-%m-%dT%H:%M:%SZ"
    )


def download(number: int, day: date = DAY, **changes: object) -> Event:
    """A valid download event; `changes` replace fields."""
    event = {
        "event_id": event_id(number),
        "downloaded_at": at(number % 86_400, day),
        "user_id": f"user-{number % 7}",
        "organization_id": f"org-{number % 3}",
        "module_name": f"module-{number % 5}",
        "version": "1.0.0",
        "language": "go",
        "file_size": 100 + number,
        "duration_ms": 10,
        "success": True,
        "error_message": None,
        "client_sdk": None,
    }
    return {**event, **changes}


def many(first: int, count: int) -> list[Event]:
    """Events that do not compress well."""
    return [download(n, user_agent=os.urandom(300).hex()) for n in range(first, first + count)]


def view(number: int, day: date = DAY, **changes: object) -> Event:
    """A valid page view; `changes` replace fields."""
    event = {
        "event_id": event_id(number),
        "viewed_at": at(number % 86_400, day),
        "user_id": f"user-{number % 7}",
        "module_name": f"module-{number % 5}",
        "source": "web",
        "page_type": "detail",
    }
    return {**event, **changes}


def compilation(number: int, day: date = DAY, **changes: object) -> Event:
    """A valid compilation; `changes` replace fields."""
    event = {
        "event_id": event_id(number),
        "started_at": at(number % 86_400, day),
        "completed_at": at(number % 86_400 + 1, day),
        "user_id": f"user-{number % 7}",
        "module_name": f"module-{number % 5}",
        "version": "1.0.0",
        "language": "go",
        "duration_ms": 1000,
        "success": True,
    }
    return {**event, **changes}


def ndjson(events: Iterable[Event]) -> bytes:
    return b"".join(json.dumps(event).encode() + b"\n" for event in events)


def csv_text(events: Sequence[Event], names: Sequence[str] | None = None) -> bytes:
    """The events as CSV with a header; None is an empty field, booleans are written as JSON writes them."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, names or list(events[0]), lineterminator="\n", extrasaction="ignore")
    writer.writeheader()
    writer.writerows(
        {name: str(value).lower() if isinstance(value, bool) else value for name, value in event.items()}
        for event in events
    )
    return text.getvalue().encode()


def write(settings: Settings, path: str, content: bytes | Iterable[Event]) -> Path:
    """Write a landing file, compressed as its name says; events become NDJSON."""
    data = content if isinstance(content, bytes) else ndjson(content)
    if path.endswith(".gz"):
        data = gzip.compress(data, mtime=0)
    elif path.endswith(".zst"):
        data = zstandard.compress(data)
    return write_raw(settings, path, data)


def write_raw(settings: Settings, path: str, data: bytes) -> Path:
    """Write a landing file as these very bytes."""
    absolute = settings.landing_dir / path
    absolute.parent.mkdir(parents=True, exist_ok=True)
    absolute.write_bytes(data)
    return absolute


def write_parquet(settings: Settings, name: str, columns: dict[str, pa.Array], **options: object) -> str:
    """Write a Parquet file of downloads with these columns; returns its path in the landing zone."""
    path = f"download_events/{name}"
    pq.write_table(pa.table(columns), write_raw(settings, path, b""), **options)
    return path


def days_of(first: date, last: date) -> list[date]:
    return [first + timedelta(days=n) for n in range((last - first).days + 1)]


def load(
    database: Database, table: str = DOWNLOADS, *days: date, accept_change: bool = True, now: datetime | None = None
) -> tuple[list[LoadedDay], list[FileReport]]:
    """Load days of one event table, DAY when none is named; however much they change, unless told otherwise. New files
    are found `now`.
    """
    catalog = declared()
    contract = catalog.contracts[table]
    return load_days(
        contract, catalog.mappings(contract.family), database, days or [DAY], log=lambda _: None,
        accept_change=accept_change, now=now,
    )  # fmt: skip


def aggregate(
    database: Database, first: date, last: date, cadences: Sequence[Cadence] = ("day", "week", "month"),
    families: Collection[str] = (),
) -> None:  # fmt: skip
    """Replace every derived table for the periods that hold some days, all of a table at once, and refresh views; of
    all families, unless some are named.
    """
    catalog = declared()
    for table in [table for table in catalog.in_order() if is_of(table, families)]:
        if table in catalog.aggregates and cadence_of(table) in cadences:
            found = periods(cadence_of(table), first, last)
            publishing.replace(database, catalog.aggregates[table], found, accept_change=True)
        elif table in catalog.views and len(cadences) == 3:
            publishing.refresh(database, catalog.views[table])


def put(settings: Settings, rows: Mapping[str, Sequence[Event]]) -> None:
    """Put rows into derived tables, which are made with those they read; what a row leaves out is NULL.

    The days of the rows are booked as made.
    """
    assert settings.database_url is not None
    families = {table.split(".")[0] for table in rows}
    with psycopg.connect(settings.database_url, options="-c timezone=UTC") as connection:
        for table in [t for t in declared().in_order() if t in declared().aggregates and is_of(t, families)]:
            ensure_table(connection, declared().aggregates[table])
        for table, given in rows.items():
            for row in given:
                columns, places = ", ".join(row), ", ".join(["%s"] * len(row))
                connection.execute(f"insert into {table} ({columns}) values ({places})".encode(), list(row.values()))
            connection.execute(
                f"""
                insert into ops.partitions (table_name, period_start, period_end, rows, code_version, duration_ms)
                select %s, day, day + 1, count(*), '', 0 from {table} group by day""".encode(),
                [table],
            )


def load_and_aggregate(database: Database, first: date, last: date, families: Collection[str] = ()) -> None:
    """Everything a run does to the tables, without Dagster; of all families in use, unless some are named."""
    families = families or database.settings.families
    for table in declared().contracts:
        if is_of(table, families):
            load(database, table, *days_of(first, last))
    aggregate(database, first, last, families=families)


def ask(url: str | None, statement: str, parameters: Sequence[object] = ()) -> list[dict[str, Any]]:
    """The rows of a statement, run apart from the product."""
    assert url is not None
    with psycopg.connect(url, row_factory=dict_row, options="-c timezone=UTC") as connection:
        return connection.execute(statement.encode(), parameters or None).fetchall()


def execute(url: str | None, statement: str) -> None:
    """Run a statement that gives no rows, apart from the product."""
    assert url is not None
    with psycopg.connect(url) as connection:
        connection.execute(statement.encode())


@contextmanager
def restored_environment() -> Iterator[None]:
    """Put the environment back at the end: an instance of Dagster is told its home and database by it."""
    before = dict(os.environ)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def rows_of(url: str | None, table: str = DOWNLOADS) -> list[str]:
    """Every row of a table or view as text, in order."""
    return [row["text"] for row in ask(url, f"select t::text as text from {table} as t order by 1")]


def all_tables(settings: Settings) -> dict[str, list[str]]:
    """Every row of every table and view of all families, by name with schema; whole tables, not their partitions.

    Rows of tables that the lake alone has are read there.
    """
    assert settings.database_url is not None
    with psycopg.connect(settings.database_url, options="-c timezone=UTC") as connection:
        tables = connection.execute(
            "select relnamespace::regnamespace || '.' || relname as name, relkind = 'v' from pg_class "
            "where relnamespace::regnamespace::text = any(%s) and relkind in ('r', 'p', 'm', 'v') "
            "and not relispartition order by 1",
            [declared().families],
        ).fetchall()
        found = {}
        for name, is_view in tables:
            if is_view:
                found[name] = rows_in_lake(settings, name)
            else:
                rows = connection.execute(f"select t::text from {name} as t order by 1".encode()).fetchall()
                found[name] = [row for (row,) in rows]
        return found


def rare() -> set[str]:
    """The tables that a few days of sample events leave empty: schemas change rarely, what is deprecated is used
    rarely, no module wants mending yet, no day that was forecast has come yet.
    """
    return {
        *("registry.recommendations", "registry.recommendations_daily", "registry.schema_changes_daily"),
        "registry.deprecated_users_daily",
        *(f"{family}.forecast_accuracy" for family in declared().families),
    }


def without_rows(tables: Mapping[str, list[str]]) -> list[str]:
    """The tables that are empty and should not be: settings may hold back what is too little to tell."""
    held_back = {
        table
        for table, model in declared().derived.items()
        if any(f":{name}" in model.path.read_text(encoding="utf-8") for name in declared().parameters)
    }
    return [table for table, rows in tables.items() if not rows and table not in held_back]


def rejected(url: str | None, path: str | None = None) -> list[tuple[str, int | None, str, str | None]]:
    """(path, line, reason, content) of what was rejected, in order of path and line."""
    found = ask(
        url, "select path, line, reason, content from ops.rejected_rows order by path, line nulls first, reason"
    )
    return [tuple(row.values()) for row in found if path in (None, row["path"])]


def ledger(url: str | None) -> dict[str, Mapping[str, Any]]:
    """The files of the ledger by path."""
    return {row["path"]: row for row in ask(url, "select * from ops.loaded_files order by path")}


def booked(url: str | None) -> dict[str, dict[str, tuple[Any, ...]]]:
    """{path: {day: (read, rejected, loaded, duplicate, conflicting)}}; the last three None before the day is loaded."""
    found: dict[str, dict[str, tuple[Any, ...]]] = {}
    for row in ask(url, "select * from ops.loaded_days order by path, day"):
        counts = tuple(row[f"rows_{name}"] for name in ("read", "rejected", "loaded", "duplicate", "conflicting"))
        found.setdefault(row["path"], {})[row["day"].isoformat()] = counts
    return found


def forget_what_is_newer(settings: Settings) -> None:
    """Empty the books that came with later migrations, which would refuse to lose what is known."""
    execute(settings.database_url, "truncate ops.refreshed_views, ops.written_reports, ops.lake_files")
    execute(settings.database_url, "update ops.partitions set in_postgres = true")


USAGE_EVENTS, SCHEDULE_EVENTS = "usage.schema_usage_events", "schedules.schedule_events"


def usage(number: int, day: date, **changes: object) -> Event:
    return {
        "event_id": event_id(number),
        "occurred_at": f"{day}T{number % 24:02}:30:00Z",
        "schema_id": event_id(1 + number % 3),
        "operation": "read",
        "service": "api",
        "region": "eu",
        "latency_ms": 10 * number,
        "success": number % 5 > 0,
        **changes,
    }  # fmt: skip


def record(number: int, tier: str, day: date = DAY, **changes: object) -> Event:
    return {
        "event_id": event_id(number), "recorded_at": at(3600, day), "schedule_id": "sync", "execution_id": "e1",
        "schedule_type": tier, "event_type": "x", "level": "INFO", "result": "success", "retry_count": 0, **changes,
    }  # fmt: skip


def rows_in_lake(settings: Settings, table: str) -> list[str]:
    """Every row of the current files of a table as text, in order, as PostgreSQL would write it; read by DuckDB."""
    lake = open_lake(settings)
    with Database(settings).transaction() as connection:
        files = lake_files.current(connection, [table], date.min, date.max)[table]
    if not files:
        return []
    paths = [str(lake.verified(file)) for file in files]
    with duckdb.connect() as engine:
        engine.execute("set timezone = 'UTC'")
        rows = engine.execute("from read_parquet(?, hive_partitioning = false, union_by_name = true)", [paths])
        return sorted(f"({','.join(_as_text(value) for value in row)})" for row in rows.fetchall())


def ask_lake(settings: Settings, table: str, statement: str) -> list[dict[str, Any]]:
    """The rows of a SELECT of DuckDB from a fine-grained table."""
    lake = open_lake(settings)
    with Database(settings).transaction() as connection, duckdb.connect() as engine:
        paths = [lake.verified(file) for file in lake_files.current(connection, [table], date.min, date.max)[table]]
        columns = ", ".join(
            f"{f.name}{'::uuid' * (f.type == pa.binary(16))} as {f.name}" for f in pq.read_schema(paths[0])
        )
        engine.execute(f"set timezone = 'UTC'; create schema {table.split('.', maxsplit=1)[0]}")
        listed = ", ".join(f"'{path}'" for path in paths)
        engine.execute(
            f"create view {table} as select {columns} from read_parquet([{listed}], hive_partitioning = false)"
        )
        cursor = engine.execute(statement)
        names = [column[0] for column in cursor.description or ()]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def edit_lake(settings: Settings, table: str, statement: str) -> None:
    """Change rows of a fine-grained table, as nobody should, by a statement on the table `rows` of each file."""
    lake, model = open_lake(settings), declared().aggregates[table]
    with Database(settings).transaction() as connection, duckdb.connect() as engine:
        engine.execute("set timezone = 'UTC'; set arrow_lossless_conversion = true")
        for file in lake_files.current(connection, [table], date.min, date.max)[table]:
            schema = pq.read_schema(lake.verified(file)).remove_metadata()
            columns = ", ".join(f"{f.name}{'::uuid' * (f.type == pa.binary(16))} as {f.name}" for f in schema)
            source = f"select {columns} from read_parquet(?, hive_partitioning = false)"
            engine.execute(f"create or replace table rows as {source}", [str(lake.verified(file))])
            engine.execute(statement)
            with PartitionWriter(lake, table, model.code_version, schema, [file.day]) as writer:
                writer.add(file.day, engine.sql("from rows").to_arrow_table())
                for edited in writer.place(None):
                    lake_files.book(connection, edited, None)


def published(settings: Settings, table: str) -> list[str]:
    """Every row of a derived table as text, in order, wherever they lie."""
    if declared().aggregates[table].is_in_lake_only:
        return rows_in_lake(settings, table)
    return rows_of(settings.database_url, table)


def _as_text(value: object) -> str:
    if isinstance(value, bytes):
        return str(UUID(bytes=value))
    if isinstance(value, str):
        return value if value and not set(value) & set(',"()\\ \n') else '"' + value.replace('"', '""') + '"'
    if isinstance(value, float):
        return repr(value).removesuffix(".0")
    if isinstance(value, datetime):
        moment = value.astimezone(UTC).replace(tzinfo=None).isoformat(" ")
        return f'"{moment.rstrip("0") if "." in moment else moment}+00"'
    return "" if value is None else str(value).lower()[0] if isinstance(value, bool) else str(value)
