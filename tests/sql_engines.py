"""The SELECTs of the product on PostgreSQL and on DuckDB: same tables, same rows, same text.

PostgreSQL has the real tables (migrations, `ensure_table`); DuckDB gets the same columns with translated types. Also
here: reading `tests/cases/<family>/<name>/<case>.yaml`, and the statement a case is about. Not here: comparing results.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any, Literal
from uuid import UUID

import duckdb
import psycopg
import sqlglot
import yaml
from conftest import Server
from sqlglot import exp

from analytics_etl import checks
from analytics_etl.catalog.catalog import Catalog
from analytics_etl.catalog.contracts import DUCKDB_TYPES
from analytics_etl.catalog.json_values import canonical
from analytics_etl.catalog.models import Model, Value, bind, window_parameters
from analytics_etl.catalog.reading import read_models
from analytics_etl.checks.evaluation import Limits, query_text
from analytics_etl.config.settings import SQL_DIR
from analytics_etl.tables.derived import ensure_table

Row = dict[str, Any]
Parameters = dict[str, Value]

CASES = Path(__file__).parent / "cases"
KINDS: tuple[Literal["sources", "aggregates", "views", "checks", "reports", "queries"], ...] = (
    *("sources", "aggregates", "views", "checks", "reports", "queries"),
)
ORDERED = ("reports", "queries")
"""The kinds whose rows come in an order that people see."""
ENGINES = ("postgres", "duckdb")
ZONES = ("UTC", "Asia/Tokyo", "America/Los_Angeles")
"""Session time zones; the other two are far from UTC on either side, one of them with daylight saving time."""

CASE_KEYS = {"description", "engines", "reason", "given", "table", "window", "parameters", "expect"}
WINDOW_KEYS = {"previous_start", "start", "end"}
"""And previous_end, which is start when it is not said."""
SETTINGS = Catalog().parameters
SOME_DAY = date(2025, 3, 31)

TYPES = {
    **DUCKDB_TYPES,
    "timestamp with time zone": "TIMESTAMPTZ",
    "date": "DATE",
    "json": "JSON",
    "integer": "INTEGER",
    "text[]": "VARCHAR[]",
}
"""PostgreSQL -> DuckDB; a table with a column of any other type cannot be tested on both."""

DEFAULTS: Row = {
    # Events: for columns that must not be NULL, when a case leaves them out. event_id is counted up from 1. What is not
    # named here is the first value that the contract accepts, or an example of its type.
    "module_name": "a",
    "version": "1",
    "language": "go",
    "success": True,
    "file_size": 0,
    "source": "web",
    "page_type": "list",
    # The books.
    "table_name": "registry.download_events",
    "path": "download_events/a.ndjson",
    "size_bytes": 0,
    "modified_at": datetime(2025, 4, 1, tzinfo=UTC),
    "checksum": "c",
    "state": "read",
    "rows_read": 0,
    "rows_valid": 0,
    "rows_rejected": 0,
    "reason": "r",
    "rows": 0,
    "code_version": "c",
    "duration_ms": 0,
    "period_end": SOME_DAY,
}


EXAMPLES: Row = {
    "text": "a",
    "bigint": 0,
    "double precision": 0.0,
    "boolean": True,
    "timestamptz": datetime(2025, 3, 31, 12, tzinfo=UTC),
    "uuid": UUID(int=1),
    "jsonb": "{}",
}


@cache
def examples() -> Row:
    """For each required column of an event table a value that its contract accepts."""
    found: Row = {}
    for contract in Catalog().contracts.values():
        accepted = {}
        for constraint in contract.constraints:
            condition = sqlglot.parse_one(constraint.condition, dialect="postgres")
            if isinstance(condition, exp.In) and condition.expressions:
                accepted[condition.this.name] = condition.expressions[0].name
        found |= {c.name: accepted.get(c.name, EXAMPLES[c.type]) for c in contract.columns if c.is_required}
    return {**found, **DEFAULTS}


@dataclass(frozen=True)
class TableColumn:
    """A column as PostgreSQL has it."""

    type: str
    must_be_given: bool
    """Not null, and the database fills nothing in."""


Tables = Mapping[str, Mapping[str, TableColumn]]


class Postgres:
    """A connection to a database with every table of the catalog, and a partition for events of any day."""

    def __init__(self, connection: psycopg.Connection[Any], tables: Tables) -> None:
        self.connection = connection
        self.tables = tables

    @contextmanager
    def undone(self) -> Iterator[None]:
        """Whatever the block does to the tables is undone at its end."""
        with self.connection.transaction(force_rollback=True):
            yield

    def set_zone(self, zone: str) -> None:
        self.connection.execute(f"set local timezone = '{zone}'".encode())

    def execute(self, statement: str) -> None:
        self.connection.execute(statement.encode())

    def insert(self, table: str, rows: Sequence[Row]) -> None:
        for row in complete(self.tables, table, rows):
            names, places = ", ".join(f'"{name}"' for name in row), ", ".join(["%s"] * len(row))
            self.connection.execute(f"insert into {table} ({names}) values ({places})".encode(), list(row.values()))

    def rows(self, statement: str) -> list[Row]:
        cursor = self.connection.execute(statement.encode())
        names = [column.name for column in cursor.description or ()]
        return [{n: plain(v) for n, v in zip(names, values, strict=True)} for values in cursor.fetchall()]

    def columns(self, statement: str) -> dict[str, str]:
        """Names and types of what a SELECT gives, which is not run."""
        cursor = self.connection.execute(f"select * from ({statement}\n) as q limit 0".encode())
        found = {}
        for column in cursor.description or ():
            named = self.connection.execute("select format_type(%s, null)", [column.type_code]).fetchone()
            found[column.name] = named[0] if named else "?"
        return found


class DuckDB:
    """A DuckDB in memory with the same tables."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, tables: Tables) -> None:
        self.connection = connection
        self.tables = tables

    @contextmanager
    def undone(self) -> Iterator[None]:
        """Whatever the block does to the tables is undone at its end."""
        self.connection.execute("begin")
        try:
            yield
        finally:
            self.connection.execute("rollback")
            self.connection.execute("set timezone = 'UTC'")

    def set_zone(self, zone: str) -> None:
        self.connection.execute(f"set timezone = '{zone}'")

    def execute(self, statement: str) -> None:
        self.connection.execute(statement)

    def insert(self, table: str, rows: Sequence[Row]) -> None:
        for row in complete(self.tables, table, rows):
            names, places = ", ".join(f'"{name}"' for name in row), ", ".join(["?"] * len(row))
            self.connection.execute(f"insert into {table} ({names}) values ({places})", list(row.values()))

    def rows(self, statement: str) -> list[Row]:
        cursor = self.connection.execute(statement)
        names = [column[0] for column in cursor.description or ()]
        return [{n: plain(v) for n, v in zip(names, values, strict=True)} for values in cursor.fetchall()]

    def columns(self, statement: str) -> dict[str, str]:
        """Names and types of what a SELECT gives, which is not run."""
        return {
            str(name): str(type_) for name, type_, *_ in self.connection.execute(f"describe {statement}").fetchall()
        }


Engine = Postgres | DuckDB


@contextmanager
def postgres(server: Server, catalog: Catalog) -> Iterator[Postgres]:
    """A cloned database with every table, empty, in one connection."""
    url = server.clone()
    try:
        with psycopg.connect(url, autocommit=True, options="-c timezone=UTC") as connection:
            create_tables(connection, catalog)
            for table, contract in catalog.contracts.items():
                connection.execute(f"create table {contract.table}_rest partition of {table} default".encode())
            yield Postgres(connection, described_tables(connection, catalog))
    finally:
        server.drop(url)


@contextmanager
def duckdb_like(tables: Tables) -> Iterator[DuckDB]:
    """A DuckDB with these tables, empty."""
    with duckdb.connect(config={"threads": 1}) as connection:
        connection.execute("set timezone = 'UTC'")
        for schema in sorted({table.split(".")[0] for table in tables}):
            connection.execute(f"create schema {schema}")
        for table, columns in tables.items():
            listed = ", ".join(f'"{name}" {TYPES[column.type]}' for name, column in columns.items())
            connection.execute(f"create table {table} ({listed})")
        yield DuckDB(connection, tables)


def create_tables(connection: psycopg.Connection[Any], catalog: Catalog) -> None:
    """The derived tables as the product makes them; views as plain tables, so that rows can be given."""
    for table in catalog.in_order():
        if table in catalog.aggregates:
            ensure_table(connection, catalog.aggregates[table])
        elif table in catalog.views:
            select = catalog.views[table].statement({})
            connection.execute(f"create table {table} as {select} with no data".encode())


def described_tables(connection: psycopg.Connection[Any], catalog: Catalog) -> dict[str, dict[str, TableColumn]]:
    """Every table of the families and of the books, with its columns."""
    found = connection.execute(
        """
        select n.nspname || '.' || c.relname, a.attname, format_type(a.atttypid, a.atttypmod),
            a.attnotnull and not a.atthasdef and a.attidentity = ''
        from pg_attribute as a
        join pg_class as c on c.oid = a.attrelid
        join pg_namespace as n on n.oid = c.relnamespace
        where a.attnum > 0 and not a.attisdropped and c.relkind in ('r', 'p') and not c.relispartition
            and n.nspname = any(%s) and c.relname <> 'schema_version'
        order by c.oid, a.attnum""",
        [[*catalog.families, "ops"]],
    ).fetchall()
    tables: dict[str, dict[str, TableColumn]] = {}
    for table, name, type_, must_be_given in found:
        tables.setdefault(table, {})[name] = TableColumn(type_, must_be_given)
    return tables


def complete(tables: Tables, table: str, rows: Sequence[Row]) -> Iterator[Row]:
    """Rows with the documented defaults for what must not be NULL."""
    columns = tables[table]
    for number, row in enumerate(rows, 1):
        if unknown := set(row) - set(columns):
            raise ValueError(f"{table} has no columns {sorted(unknown)}")
        missing = [name for name, column in columns.items() if column.must_be_given and name not in row]
        if unfilled := [name for name in missing if name != "event_id" and name not in examples()]:
            raise ValueError(f"{table}: row {number} must give {unfilled}, which have no default")
        given = {n: json_text(value) if columns[n].type == "jsonb" else value for n, value in row.items()}
        yield given | {n: UUID(int=number) if n == "event_id" else examples()[n] for n in missing}


def plain(value: Any) -> Any:
    """A value as engines and YAML have it: numbers to 12 digits, whole ones as int, times in UTC, others as text."""
    if isinstance(value, datetime):
        return value.astimezone(UTC)
    if isinstance(value, float | Decimal):
        number = float(f"{value:.12g}")
        return int(number) if number.is_integer() else number
    return str(value) if isinstance(value, UUID) else json_text(value)


def json_text(value: Any) -> Any:
    """A JSON object in the one form that the lake has; other values as they are."""
    return canonical(json.dumps(value)) if isinstance(value, dict) else value


def unordered(rows: Sequence[Row]) -> list[Row]:
    """Rows in an order that depends on nothing but their values."""
    return sorted(rows, key=lambda row: [(name, repr(row[name])) for name in sorted(row)])


# -- cases ------------------------------------------------------------------------------------------------------------


class CaseError(ValueError):
    """A case that does not say what it should; the message names its file."""


@dataclass(frozen=True)
class Case:
    """One file: rows that are given, and the whole result that is expected."""

    path: Path
    model: Model
    engines: tuple[str, ...]
    given: Mapping[str, Sequence[Row]]
    table: str | None
    """For a check of the family ops: the table it is to check."""
    window: Mapping[str, date]
    parameters: Parameters
    expect: Sequence[Row]


def all_models(sql_dir: Path = SQL_DIR, settings: Mapping[str, Value] = SETTINGS) -> dict[str, Model]:
    """Every SQL file with a header, by family and name, with these settings written in."""
    found: dict[str, Model] = {}
    for kind in KINDS:
        for path in sorted(sql_dir.glob(f"*/{kind}/*.sql")):
            for table, model in read_models(path, settings).items():
                if table in found:
                    other = found[table].path
                    raise CaseError(f"{path} and {other} have one name, so cases cannot tell them apart")
                found[table] = model
    catalog = Catalog(sql_dir, settings)
    shared = {model.table: model for family in catalog.families for model in catalog.reports(family).values()}
    return {**found, **{name: m for name, m in {**catalog.aggregates, **shared}.items() if _is_shared(m)}}


SHARED_IN = "services"
"""Files that every family with series has are tested in one: its series are of hours and of days."""


def _is_shared(model: Model) -> bool:
    """Whether the file is one that families share, of which each family's own series are tested, and the rest once."""
    is_shared = model.path.parent.parent.name == "signals"
    return is_shared and (model.family == SHARED_IN or model.name == "series")


def read_case(path: Path, models: Mapping[str, Model]) -> Case:
    """Read and validate one case."""
    model = models.get(f"{path.parent.parent.name}.{path.parent.name}")
    if model is None:
        raise CaseError(f"{path}: there is no SQL file {path.parent.name} in the family {path.parent.parent.name}")
    text = yaml.safe_load(path.read_text(encoding="utf-8"))
    if unknown := set(text) - CASE_KEYS:
        raise CaseError(f"{path}: unknown keys {sorted(unknown)}; there are only {sorted(CASE_KEYS)}")
    if missing := {"description", "given", "expect"} - set(text):
        raise CaseError(f"{path}: {sorted(missing)} are missing")
    if text.get("parameters") and model.kind != "queries":
        model = read_models(model.path, {**SETTINGS, **text["parameters"]})[model.table]
    case = Case(
        path=path,
        model=model,
        engines=tuple(text.get("engines", ENGINES)),
        given=text["given"] or {},
        table=text.get("table"),
        window=text.get("window") or {},
        parameters=text.get("parameters") or {},
        expect=text["expect"],
    )
    _validate(case, is_explained=bool(text.get("reason")))
    return case


def statement_of(case: Case, catalog: Catalog, batch: str) -> str:
    """The text that is run. `batch` names the view of the window a check of the family ops reads."""
    if case.model.kind == "views":
        return case.model.statement({})
    if case.model.kind == "checks":
        most = case.parameters.get("most_events")
        limits = Limits(2.0, None if most is None else int(most))
        return check_statement(case.model, catalog, case.table, batch, *_window(case), limits)
    if case.model.kind == "sources":
        return case.model.select
    if case.model.kind == "queries":
        return query_statement(case.model, case.parameters, *_window(case))
    parameters: Parameters = {**window_parameters(*_window(case))}
    if case.model.kind == "reports":
        before = window_parameters(case.window["previous_start"], case.window.get("previous_end", case.window["start"]))
        parameters |= {"previous_start": before["start"], "previous_end": before["end"]}
        parameters |= {"family": case.model.family, **case.parameters}
    return case.model.statement(parameters)


def query_statement(query: Model, parameters: Parameters, start: date, end: date) -> str:
    """A query's text with its parameters, as many rows of it as a case can tell."""
    return query.statement({**window_parameters(start, end), "limit": 100, **parameters})


def check_statement(
    query: Model, catalog: Catalog, table: str | None, batch: str, start: date, end: date,
    limits: Limits | None = None,
) -> str:  # fmt: skip
    """A check's text as the product runs it, written in by the product's own function."""
    targets = checks.targets(catalog)
    target = targets[table or checks.checked_table(query, targets)]
    found = [c for c in checks.declared_checks(catalog)[target.table] if c.select == query.select]
    return query_text(found[0], target, batch, start, end, limits or Limits(2.0))


def batch_view(name: str, catalog: Catalog, table: str, start: date, end: date) -> str:
    """The view of a window that `Database.window_view` makes, for both engines."""
    column = catalog.contracts[table].time_column
    return bind(
        f"create view {name} as select *, ({column} at time zone 'UTC')::date as day from {table} "
        f"where {column} >= :start and {column} < :end",
        window_parameters(start, end),
    )


def _window(case: Case) -> tuple[date, date]:
    return case.window.get("start", SOME_DAY), case.window.get("end", SOME_DAY)


def _validate(case: Case, *, is_explained: bool) -> None:
    kind, path = case.model.kind, case.path
    if unknown := set(case.engines) - set(ENGINES):
        raise CaseError(f"{path}: unknown engines {sorted(unknown)}; there are only {list(ENGINES)}")
    if set(case.engines) != set(ENGINES) and (kind not in ("checks", "sources") or not is_explained):
        raise CaseError(f"{path}: only a check or a source may run on one engine alone, and must give the reason")
    wanted = {"aggregates": {"start", "end"}, "reports": WINDOW_KEYS, "views": set(), "sources": set()}
    if kind == "queries" and set(case.parameters) - {"limit"} != set(case.model.parameters):
        raise CaseError(
            f"{path}: gives {sorted(case.parameters)}; expected {sorted(case.model.parameters)} and perhaps limit"
        )
    if kind in wanted and set(case.window) - {"previous_end"} != wanted[kind]:
        raise CaseError(f"{path}: the window of {kind} has {sorted(wanted[kind])}, not {sorted(case.window)}")
    if (kind == "checks" and case.model.family == "ops") != (case.table is not None):
        raise CaseError(f"{path}: a check of the family ops, and no other case, names the `table` it is for")
    readable = {*case.model.dependencies, case.table, "source" if kind == "sources" else None} - {None}
    if unread := set(case.given) - readable:
        raise CaseError(f"{path}: gives {sorted(unread)}, but the statement reads {sorted(map(str, readable))} only")
    _validate_rows(case)


def _validate_rows(case: Case) -> None:
    if not isinstance(case.expect, list):
        raise CaseError(f"{case.path}: `expect` is the list of all rows, [] for none")
    for row in [row for rows in (*case.given.values(), case.expect) for row in rows]:
        for name, value in row.items():
            if isinstance(value, datetime) and value.tzinfo is None:
                raise CaseError(f"{case.path}: {name} {value} has no time zone; write it with a Z")
    for row in case.expect if case.model.kind not in ("checks", "sources") else []:
        if list(row) != list(case.model.columns):
            raise CaseError(f"{case.path}: expected rows name {list(case.model.columns)} in order, not {list(row)}")
