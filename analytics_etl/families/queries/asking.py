"""Run the SELECTs of `sql/<family>/queries`: PostgreSQL does, or DuckDB if it lacks rows that a SELECT reads."""

import threading
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from typing import Any

from analytics_etl.catalog.catalog import Catalog
from analytics_etl.catalog.models import Model, ModelError, bind, window_parameters
from analytics_etl.families.queries import QueryError
from analytics_etl.ops import places
from analytics_etl.ops.held import held, held_in_lake
from analytics_etl.ops.places import views_among
from analytics_etl.postgres.columns import column_types, columns_of
from analytics_etl.postgres.database import Database
from analytics_etl.tables.model_sql import as_sql

_ALL_DAYS = (date.min, date.max)
_TENANT = "tenant_id"
_LAKE_QUESTIONS = threading.BoundedSemaphore(2)
"""At once in this process: each may take the memory of an engine."""


def ask(
    database: Database, query: str, parameters: Mapping[str, str | int] | None = None, start: date | None = None,
    end: date | None = None,
) -> list[dict[str, Any]]:  # fmt: skip
    """The rows of a query, by its name with family, for the days [start, end) and its other parameters.

    Raise ModelError, which names the file, when it cannot be used.
    """
    catalog = Catalog.of(database.settings)
    model = catalog.query(query)
    window = (start, end) if start is not None and end is not None else _ALL_DAYS
    bound = {**(window_parameters(start, end) if start and end else {}), **(parameters or {})}
    if "since" in bound:
        window = _day(bound["since"]), _day(bound["until"]) + timedelta(days=1)
    raw = [table for table in model.dependencies if catalog.is_contract(table)]
    with database.transaction() as connection:
        fine = views_among(connection, model.dependencies)
        lacks_rows = bool(fine) or bool(raw and places.in_lake_only(connection, raw, *window))
    if not lacks_rows:
        return database.query(model.select, parameters, start, end)
    return _asked_of_the_lake(database, model, bound, window, {*raw, *fine})


def _asked_of_the_lake(
    database: Database, model: Model, bound: Mapping[str, str | int], window: tuple[date, date],
    in_lake: Collection[str],
) -> list[dict[str, Any]]:  # fmt: skip
    """The rows of a query, by DuckDB: from files of the lake, and rows of other tables that PostgreSQL has."""
    # Most questions are about tables of PostgreSQL, and need not wait for the import of Arrow and DuckDB.
    from analytics_etl.engines.duckdb import as_postgres_computes  # noqa: PLC0415
    from analytics_etl.engines.session import as_postgres_gives, lake_session  # noqa: PLC0415
    from analytics_etl.tables.held_rows import Source, bring_rows, define  # noqa: PLC0415

    settings, catalog = database.settings, Catalog.of(database.settings)
    if database.tenant_id is not None:
        _check_tenants(database, model)
    rows: list[dict[str, Any]]
    with (
        _one_of_few(database.seconds),
        lake_session(settings.engine_memory_mb, settings.temporary_dir, database.seconds) as session,
    ):
        with database.transaction() as connection:
            for table in model.dependencies:
                if reason := catalog.broken.get(table):
                    raise ModelError(reason)
                contract = catalog.contracts.get(table)
                source = Source(table, _period(catalog, table), contract)
                if contract and table in in_lake:
                    define(session, connection, settings, source, held(connection, [table], *window))
                elif table in in_lake:
                    define(session, connection, settings, source, held_in_lake(connection, table, *window))
                else:
                    bring_rows(session, connection, table, source, [window])
                if database.tenant_id is not None:  # files have no row-level security
                    session.narrow(table, _TENANT, database.tenant_id)
            select = bind(model.select, bound, model.path)
            types = dict(columns_of(connection, as_sql(select)))
        rows = as_postgres_gives(session.rows(as_postgres_computes(model, select)), types)
    return rows


def _check_tenants(database: Database, model: Model) -> None:
    """Refuse a query of a tenant that reads a table without tenants, as PostgreSQL would."""
    known = database.run(column_types, model.dependencies)
    without = [table for table in model.dependencies if _TENANT not in known.get(table, {})]
    if without:
        raise QueryError(f"the rows of {', '.join(without)} are of no tenant")


@contextmanager
def _one_of_few(seconds: float | None) -> Iterator[None]:
    """One of the questions that are asked of the lake at once; TimeoutError if others take too long."""
    if not _LAKE_QUESTIONS.acquire(timeout=seconds):
        raise TimeoutError("other questions to the lake take all of its time")
    try:
        yield
    finally:
        _LAKE_QUESTIONS.release()


def _period(catalog: Catalog, table: str) -> str | None:
    """The column with the time or the partition of a row; None for a view, which is read as a whole."""
    if contract := catalog.contracts.get(table):
        return contract.time_column
    return catalog.aggregates[table].key[0] if table in catalog.aggregates else None


def _day(moment: str | int) -> date:
    """The UTC day of a moment, as queries write it."""
    return datetime.fromisoformat(str(moment)).astimezone(UTC).date()
