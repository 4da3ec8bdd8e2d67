"""Computing a derived partition again from the raw rows, with DuckDB or PostgreSQL. Not here: the comparison
(`verification`).
"""

from collections.abc import Collection, Generator, Mapping, Sequence
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import duckdb
import pyarrow as pa
from sqlglot import exp

from analytics_etl.catalog.catalog import Catalog
from analytics_etl.catalog.contracts import DUCKDB_TYPES, Contract
from analytics_etl.catalog.models import ALL_DAYS, Model, bind, rename_schemas, window_parameters
from analytics_etl.disk.scratch import Scratch
from analytics_etl.engines.duckdb import POSTGRES_TYPES, rows_of_files
from analytics_etl.lake import LakeError, open_lake
from analytics_etl.lake.reading import read
from analytics_etl.ops import lake_files, places
from analytics_etl.pipeline.sampling import Sample, sample_query
from analytics_etl.postgres.connection import rows
from analytics_etl.postgres.database import Database
from analytics_etl.postgres.sessions import AGGREGATION
from analytics_etl.tables.model_sql import as_sql
from analytics_etl.tables.overlay import overlay
from analytics_etl.tables.partition_rows import event_rows

Row = Mapping[str, Any]


def derive(
    database: Database, catalog: Catalog, model: Model, start: date, end: date, sample: Sample | None = None
) -> list[Row]:  # fmt: skip
    """Compute the rows of the partition [start, end) with DuckDB from the raw rows: a sample of them, or all.

    DuckDB gets as much memory as the loader: raw rows come in batches, and DuckDB spills to a temporary folder.
    """
    beginning = database.settings.start_date
    needed = {
        table: (max(first, beginning), after)
        for table, (first, after) in needed_days(catalog, model, start, end).items()
    }
    unbounded = _tables_read_from_the_beginning(catalog, model, needed)
    scratch = Scratch(database.settings.temporary_dir)
    config: dict[str, Any] = {
        "memory_limit": f"{database.settings.loader_memory_mb}MB",
        "temp_directory": str(scratch.path),
    }
    try:
        with duckdb.connect(config=config) as connection:
            connection.execute("set timezone = 'UTC'; set preserve_insertion_order = false")
            for schema in sorted({table.split(".")[0] for table in (*needed, model.table)}):
                connection.execute(f"create schema {schema}")
            for table in catalog.in_order():
                if table in needed and table in catalog.contracts:
                    _copy(database, connection, catalog.contracts[table], _columns(catalog, table), *needed[table])
                elif table in needed and catalog.aggregates[table].function:
                    _copy_made(database, connection, catalog.aggregates[table], *needed[table])
                elif table in needed:
                    select = catalog.aggregates[table].statement(window_parameters(*needed[table]))
                    connection.execute(f"create table {table} as {select}")
                    if table in unbounded:
                        _copy_stored(database, connection, catalog.aggregates[table], needed[table][0])
            select = model.statement(window_parameters(start, end))
            result = connection.execute(select if sample is None else sample_query(model, select, sample))
            return [comparable(dict(zip(model.columns, values, strict=True))) for values in result.fetchall()]
    finally:
        scratch.remove()


def derive_in_postgres(
    database: Database, catalog: Catalog, model: Model, start: date, end: date, sample: Sample
) -> list[Row]:  # fmt: skip
    """Compute a sample of the rows of the partition [start, end) with PostgreSQL from its raw rows.

    The derived tables in between are computed anew, too, as temporary tables.
    """
    needed = needed_days(catalog, model, start, end)
    raw = [table for table in needed if table in catalog.contracts]
    first, after = min(day for day, _ in needed.values()), max(day for _, day in needed.values())
    with database.transaction(AGGREGATION) as connection:
        made = overlay(connection, database.settings, raw, first, after)
        for table in catalog.in_order():
            if table in needed and table in catalog.aggregates and not catalog.aggregates[table].function:
                statement = catalog.aggregates[table].statement(window_parameters(*needed[table]))
                select, name = rename_schemas(statement, made), table.split(".")[1]
                connection.execute(as_sql(f"create temporary table {name} on commit drop as {select}"))
                made[table] = "pg_temp"
        select = rename_schemas(model.statement(window_parameters(start, end)), made)
        return [comparable(row) for row in rows(connection, as_sql(sample_query(model, select, sample)))]


def stored(database: Database, model: Model, start: date, end: date, sample: Sample) -> list[Row]:
    """A sample of the rows of the partition [start, end) as they were published."""
    period, table = model.key[0], model.table
    of_period = f"{period} >= :start::date and {period} < :end::date"
    query = bind(sample_query(model, f"select * from {table} where {of_period}", sample), window_parameters(start, end))
    if database.run(places.is_in_postgres, table, start):
        return [comparable(row) for row in database.query(query)]
    lake = open_lake(database.settings)
    paths = [lake.verified(file) for file in database.run(lake_files.current, [table], start, end)[table]]
    with duckdb.connect(config={"memory_limit": f"{database.settings.loader_memory_mb}MB"}) as connection:
        connection.execute(f"set timezone = 'UTC'; create schema {model.family}")
        connection.execute(f"create view {table} as {rows_of_files({}, paths)}")
        rows = connection.execute(query).fetchall()
    return [comparable(dict(zip(model.columns, values, strict=True))) for values in rows]


def needed_days(catalog: Catalog, model: Model, start: date, end: date) -> dict[str, tuple[date, date]]:
    """{table: days [first, after)} of all tables that a partition is computed from, down to the raw ones.

    A table that is read from the beginning is computed for the days of the partition only; its earlier rows are copied.
    So are all rows of a table that a function makes: there is no second engine for it.
    """
    reads = (start, end) if _is_unbounded(catalog, model) else model.reads(start, end)
    found: dict[str, tuple[date, date]] = {}
    for table in model.dependencies:
        source = catalog.aggregates.get(table)
        below = {} if source is None or source.function else needed_days(catalog, source, *reads)
        for name, (first, after) in {table: reads, **below}.items():
            known = found.get(name, (first, after))
            found[name] = min(first, known[0]), max(after, known[1])
    return found


def _is_unbounded(catalog: Catalog, model: Model) -> bool:
    """Whether a SELECT reads derived tables from their first day on."""
    return model.lookback_days == ALL_DAYS and all(table in catalog.aggregates for table in model.dependencies)


def _tables_read_from_the_beginning(catalog: Catalog, model: Model, needed: Collection[str]) -> set[str]:
    """The derived tables that the partition or one of its inputs reads from their first day on."""
    models = [model, *(catalog.aggregates[table] for table in needed if table in catalog.aggregates)]
    return {table for each in models if _is_unbounded(catalog, each) for table in each.dependencies}


def _copy_made(
    database: Database, connection: duckdb.DuckDBPyConnection, model: Model, start: date, end: date
) -> None:  # fmt: skip
    """Copy the stored rows of [start, end) of a table that a function makes."""
    assert model.function is not None
    columns = ", ".join(f'"{name}" {POSTGRES_TYPES[kind]}' for name, kind in model.function.types.items())
    connection.execute(f"create table {model.table} ({columns})")
    _copy_rows(database, connection, model, start, end)


def _copy_stored(database: Database, connection: duckdb.DuckDBPyConnection, model: Model, before: date) -> None:
    """Copy the stored rows of a derived table before a day."""
    _copy_rows(database, connection, model, date.min, before)


def _copy_rows(
    database: Database, connection: duckdb.DuckDBPyConnection, model: Model, start: date, end: date
) -> None:  # fmt: skip
    """Copy the stored rows of [start, end) of a derived table."""
    names = ", ".join(f'"{column}"' for column in model.columns)
    text = f"select {names} from {model.table} where {model.key[0]} >= :start::date and {model.key[0]} < :end::date"
    found = database.query(text, None, start, end)
    if found:
        rows = pa.table({name: [_portable(row[name]) for row in found] for name in model.columns})
        connection.register("stored_rows", rows)
        connection.execute(f"insert into {model.table} select {names} from stored_rows")
        connection.unregister("stored_rows")


def _columns(catalog: Catalog, table: str) -> list[str]:
    """The columns of a raw table that any SELECT names; the others, personal data among them, are not copied."""
    named = {
        column.name
        for model in catalog.aggregates.values()
        if table in model.dependencies
        for column in model.expression.find_all(exp.Column)
    }
    return [column.name for column in catalog.contracts[table].columns if column.name in named]


def _copy(
    database: Database, connection: duckdb.DuckDBPyConnection, contract: Contract, columns: Sequence[str],
    first: date, end: date,
) -> None:  # fmt: skip
    """Copy the raw rows of [first, end), one day after the other."""
    types = {column.name: DUCKDB_TYPES[column.type] for column in contract.columns}
    declared = ", ".join(f'"{name}" {types[name]}' for name in columns)
    connection.execute(f"create table {contract.table} ({declared})")
    names = ", ".join(f'"{name}"' for name in columns)
    first = max(first, database.settings.start_date)
    for number in range((end - first).days):
        day = first + timedelta(days=number)
        with closing(_raw_rows(database, contract, columns, day)) as batches:
            for batch in batches:
                connection.register("batch_of_day", pa.table(batch))
                connection.execute(f"insert into {contract.table} select {names} from batch_of_day")
                connection.unregister("batch_of_day")


def _raw_rows(
    database: Database, contract: Contract, columns: Sequence[str], day: date
) -> Generator[pa.RecordBatch, None, None]:
    """Some columns of a raw day: from PostgreSQL, so as not to read what made the table, or from the lake alone."""
    settings, after = database.settings, day + timedelta(days=1)
    if not database.run(places.in_lake_only, [contract.table], day, after):
        return event_rows(settings, contract, columns, day, after)
    file = database.run(lake_files.find, contract.table, day)
    if file is None:
        raise LakeError(f"{contract.table}: {day} is in no table, and the books name no file with its rows")
    return read(open_lake(settings), file, columns)


def _portable(value: Any) -> Any:
    """A value that Arrow can hold."""
    return str(value) if isinstance(value, UUID) else value


def key_text(model: Model, row: Row) -> str:
    """The key of a row as text, as both engines write it."""
    return ", ".join(_written(row[name]) for name in model.key)


def _written(value: Any) -> str:
    if isinstance(value, datetime):
        return f"{value.astimezone(UTC):%Y-%m-%d %H:%M:%S}+00"
    return str(value).lower() if isinstance(value, bool) else str(value)


def comparable(row: Row) -> dict[str, Any]:
    """A row whose values are equal when both engines computed the same: numbers to 12 digits, times in UTC."""

    def converted(value: Any) -> Any:
        if isinstance(value, float | Decimal):
            return float(f"{value:.12g}")
        return value.astimezone(UTC) if isinstance(value, datetime) else value

    return {name: converted(value) for name, value in row.items()}
