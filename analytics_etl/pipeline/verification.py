"""The watchdog: some cells of the derived tables, computed again by another engine and compared.

The raw rows of the days a sampled partition is about are read out of PostgreSQL into DuckDB; from there on nothing of
PostgreSQL's is used: DuckDB runs the SELECTs of the table and of what it is made from. A partition that is older than
its sources is not sampled: the next run replaces it anyway. Neither is one whose raw days are archived, or too many to
be read in a few minutes, nor are views, which show the tables.
"""

import hashlib
import random
from collections.abc import Collection, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import duckdb
import pyarrow as pa
from sqlglot import exp

from analytics_etl.catalog.calendar import period_start
from analytics_etl.catalog.catalog import Catalog
from analytics_etl.catalog.contracts import DUCKDB_TYPES, Contract
from analytics_etl.catalog.models import ALL_DAYS, Model, bind, window_parameters
from analytics_etl.landing.scratch import Scratch
from analytics_etl.ops import check_results
from analytics_etl.ops.archives import archived_days
from analytics_etl.ops.dropped import dropped_days
from analytics_etl.ops.operations import CheckResult, partitions
from analytics_etl.ops.partitions import newest_day
from analytics_etl.pipeline.publishing import record_checks
from analytics_etl.postgres.database import Database
from analytics_etl.tables.partition_rows import event_rows

CHECK = "watchdog_agrees"
DESCRIPTION = "Sampled cells equal what another engine computes for them from the raw rows."
DEFAULT_CELLS = 100
MOST_ROWS = 30_000_000
"""Raw rows read for one partition, which takes some minutes: one that is made from more is not sampled."""
SAMPLE_ROWS = 20

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Difference:
    """One value that is not what the raw rows give; None where there is no such row."""

    table: str
    day: date
    key: str
    column: str
    stored: Any
    derived: Any


@dataclass(frozen=True)
class Finding:
    """What was compared in one partition of one table."""

    table: str
    start: date
    end: date
    keys: int
    differences: Sequence[Difference]


@dataclass(frozen=True)
class _Draw:
    """What is compared of one partition: about so many rows, and those with these keys."""

    count: int
    seed: str
    keys: frozenset[str] = frozenset()


def watch(
    database: Database, catalog: Catalog, cells: int = DEFAULT_CELLS, seed: int | None = None,
    run_id: str | None = None,
) -> list[Finding]:  # fmt: skip
    """Compare about `cells` rows, as many of each table, and record the results as a check of each table.

    One partition of each table is drawn, and keys in it; the cells that differed last time are compared again, so that
    what was mended becomes well. The same seed draws the same ones as long as there are no new partitions; without a
    seed it follows from the week of the newest day.
    """
    known = _partitions(database, catalog)
    if not known:
        return []
    if seed is None:
        seed = period_start("week", max(start for of_table in known.values() for start in of_table)).toordinal()
    tables = [table for table in catalog.in_order() if table in catalog.aggregates]
    archived = database.run(archived_days, list(catalog.contracts), date.min, date.max)
    for table, days in database.run(dropped_days, list(catalog.contracts), date.min, date.max).items():
        archived[table] = archived.get(table, []) + days
    failed = _failed(database)
    findings = []
    for table in tables:
        chance = random.Random(f"{seed} {table}")  # noqa: S311 - a sample, not a secret
        comparable = [
            start
            for start, row in sorted(known.get(table, {}).items())
            if _is_current(catalog, known, table, start)
            and not _is_archived(catalog, archived, table, start, row["period_end"])
            and _rows_to_read(catalog, known, table, start, row["period_end"]) <= MOST_ROWS
        ]
        drawn = {chance.choice(comparable)} if comparable else set[date]()
        for start in sorted(drawn | {start for start in comparable if (table, start) in failed}):
            draw = _Draw(
                -(-cells // len(tables)) if start in drawn else 0, f"{seed} ", failed.get((table, start), frozenset())
            )
            end = known[table][start]["period_end"]
            findings.append(_compare(database, catalog, catalog.aggregates[table], start, end, draw))
    record_checks(database, [_result(finding) for finding in findings], run_id)
    return findings


def _failed(database: Database) -> dict[tuple[str, date], frozenset[str]]:
    """{(table, start): keys} of the cells that differed when they were last compared, as far as they were kept."""
    found = database.read(check_results.samples, CHECK)
    return {partition: frozenset(cell["key"] for cell in sample) for partition, sample in found.items()}


def _partitions(database: Database, catalog: Catalog) -> dict[str, dict[date, Row]]:
    newest = database.run(newest_day, [*catalog.contracts, *catalog.aggregates])
    if newest is None:
        return {}
    found: dict[str, dict[date, Row]] = {}
    first = period_start("month", database.settings.start_date - timedelta(days=7))
    for row in database.run(partitions, first, newest + timedelta(days=1)):
        found.setdefault(row["table_name"], {})[row["period_start"]] = row
    return found


def _is_current(catalog: Catalog, known: Mapping[str, Mapping[date, Row]], table: str, start: date) -> bool:
    """Whether nothing that a partition is made from was written after it."""
    model, own = catalog.aggregates[table], known[table][start]
    first, after = model.reads(start, own["period_end"])
    return own["code_version"] == model.code_version and all(
        row["updated_at"] <= own["updated_at"]
        and (source not in catalog.aggregates or _is_current(catalog, known, source, day))
        for source in model.dependencies
        for day, row in known.get(source, {}).items()
        if first <= day < after
    )


def _is_archived(catalog: Catalog, archived: Mapping[str, list[date]], table: str, start: date, end: date) -> bool:
    """Whether any raw day that a partition is made from is no longer in its table."""
    needed = _needed(catalog, catalog.aggregates[table], start, end)
    return any(first <= day < after for source, (first, after) in needed.items() for day in archived.get(source, ()))


def _rows_to_read(catalog: Catalog, known: Mapping[str, Mapping[date, Row]], table: str, start: date, end: date) -> int:
    """Raw rows that a partition is made from."""
    needed = _needed(catalog, catalog.aggregates[table], start, end)
    return sum(
        row["rows"]
        for source, (first, after) in needed.items()
        if source in catalog.contracts
        for day, row in known.get(source, {}).items()
        if first <= day < after
    )


def _compare(
    database: Database, catalog: Catalog, model: Model, start: date, end: date, draw: _Draw
) -> Finding:  # fmt: skip
    """Compare the rows drawn. Of each side come those with the smallest hashes: a row among the first of both together
    would be among the first of the side that lacks it.
    """
    period = model.key[0]
    rows_of_period = f"select * from {model.table} where {period} >= :start::date and {period} < :end::date"
    query = bind(_drawn(model, rows_of_period, draw), window_parameters(start, end))
    stored = {_key(model, row): row for row in map(_plain, database.query(query))}
    derived = {_key(model, row): row for row in derive(database, catalog, model, start, end, draw)}
    keys = sorted({*stored, *derived}, key=lambda key: _rank(draw, key))
    keys = [*keys[: draw.count], *(key for key in keys[draw.count :] if key in draw.keys)]
    differences = [
        Difference(model.table, start, key, column, old, new)
        for key in keys
        for column in model.columns
        if (old := stored.get(key, {}).get(column)) != (new := derived.get(key, {}).get(column))
    ]
    return Finding(model.table, start, end, len(keys), differences)


def _drawn(model: Model, rows: str, draw: _Draw) -> str:
    """The SELECT of the drawn ones of some rows, for either engine. Keys are dates, whole seconds, numbers and text,
    which both write in the same way.
    """
    key = " || ', ' || ".join(f"coalesce(\"{name}\"::varchar, 'None')" for name in model.key)
    names = ", ".join(f'"{column}"' for column in model.columns)
    listed = ", ".join("'" + text.replace("'", "''") + "'" for text in sorted(draw.keys)) or "null"
    return (
        f"select {names} from (select *, {key} as drawn_by, "
        f"row_number() over (order by md5('{draw.seed}' || {key}), {key}) as position "
        f"from ({rows}) as all_rows) as ranked "
        f"where position <= {draw.count} or drawn_by in ({listed})"
    )


def _rank(draw: _Draw, key: str) -> tuple[str, str]:
    return hashlib.md5(f"{draw.seed}{key}".encode(), usedforsecurity=False).hexdigest(), key


def derive(
    database: Database, catalog: Catalog, model: Model, start: date, end: date, draw: _Draw | None = None
) -> list[Row]:  # fmt: skip
    """Rows of a partition as DuckDB computes them from the raw rows: those drawn, or all. Memory is bounded by that of
    the loader: raw rows come in batches, and what DuckDB cannot hold goes to a temporary folder.
    """
    beginning = database.settings.start_date
    needed = {
        table: (max(first, beginning), after) for table, (first, after) in _needed(catalog, model, start, end).items()
    }
    whole = _read_from_the_beginning(catalog, model, needed)
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
                elif table in needed:
                    select = catalog.aggregates[table].statement(window_parameters(*needed[table]))
                    connection.execute(f"create table {table} as {select}")
                    if table in whole:
                        _copy_stored(database, connection, catalog.aggregates[table], needed[table][0])
            select = model.statement(window_parameters(start, end))
            result = connection.execute(select if draw is None else _drawn(model, select, draw))
            return [_plain(dict(zip(model.columns, values, strict=True))) for values in result.fetchall()]
    finally:
        scratch.remove()


def _needed(catalog: Catalog, model: Model, start: date, end: date) -> dict[str, tuple[date, date]]:
    """{table: days [first, after)} of everything a partition is made from, down to the raw tables.

    Of a table that is read from the beginning only the partition's own days: the earlier ones are taken as they are.
    """
    reads = (start, end) if _is_unbounded(catalog, model) else model.reads(start, end)
    found: dict[str, tuple[date, date]] = {}
    for table in model.dependencies:
        below = _needed(catalog, catalog.aggregates[table], *reads) if table in catalog.aggregates else {}
        for name, (first, after) in {table: reads, **below}.items():
            known = found.get(name, (first, after))
            found[name] = min(first, known[0]), max(after, known[1])
    return found


def _is_unbounded(catalog: Catalog, model: Model) -> bool:
    """Whether a SELECT reads derived tables from the beginning."""
    return model.lookback_days == ALL_DAYS and all(table in catalog.aggregates for table in model.dependencies)


def _read_from_the_beginning(catalog: Catalog, model: Model, needed: Collection[str]) -> set[str]:
    models = [model, *(catalog.aggregates[table] for table in needed if table in catalog.aggregates)]
    return {table for each in models if _is_unbounded(catalog, each) for table in each.dependencies}


def _copy_stored(database: Database, connection: duckdb.DuckDBPyConnection, model: Model, before: date) -> None:
    """Copy the rows of a derived table before a day as they are stored."""
    names = ", ".join(f'"{column}"' for column in model.columns)
    text = f"select {names} from {model.table} where {model.key[0]} < :start::date"
    found = database.query(text, None, before, before)
    if found:
        rows = pa.table({name: [_portable(row[name]) for row in found] for name in model.columns})
        connection.register("stored_rows", rows)
        connection.execute(f"insert into {model.table} select {names} from stored_rows")
        connection.unregister("stored_rows")


def _columns(catalog: Catalog, table: str) -> list[str]:
    """The columns of a raw table that any SELECT names; personal data stays where it is."""
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
    """Copy the raw rows of some days, one day after the other."""
    types = {column.name: DUCKDB_TYPES[column.type] for column in contract.columns}
    declared = ", ".join(f'"{name}" {types[name]}' for name in columns)
    connection.execute(f"create table {contract.table} ({declared})")
    names = ", ".join(f'"{name}"' for name in columns)
    first = max(first, database.settings.start_date)
    for number in range((end - first).days):
        day = first + timedelta(days=number)
        with closing(event_rows(database.settings, contract, columns, day, day + timedelta(days=1))) as batches:
            for batch in batches:
                connection.register("batch_of_day", pa.table(batch))
                connection.execute(f"insert into {contract.table} select {names} from batch_of_day")
                connection.unregister("batch_of_day")


def _key(model: Model, row: Row) -> str:
    return ", ".join(_written(row[name]) for name in model.key)


def _written(value: Any) -> str:
    """A value of a key as both engines write it."""
    if isinstance(value, datetime):
        return f"{value.astimezone(UTC):%Y-%m-%d %H:%M:%S}+00"
    return str(value).lower() if isinstance(value, bool) else str(value)


def _portable(value: Any) -> Any:
    return str(value) if isinstance(value, UUID) else value


def _plain(row: Row) -> dict[str, Any]:
    """Values as both engines have them: numbers to 12 digits, times in UTC."""

    def plain(value: Any) -> Any:
        if isinstance(value, float | Decimal):
            return float(f"{value:.12g}")
        return value.astimezone(UTC) if isinstance(value, datetime) else value

    return {name: plain(value) for name, value in row.items()}


def _result(finding: Finding) -> CheckResult:
    return CheckResult(
        finding.table, CHECK, finding.start, finding.end, not finding.differences, "error", DESCRIPTION,
        len(finding.differences), [vars(difference) for difference in finding.differences[:SAMPLE_ROWS]],
    )  # fmt: skip
