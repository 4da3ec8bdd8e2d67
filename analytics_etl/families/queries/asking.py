"""Run the SELECTs of `sql/<family>/queries`: PostgreSQL does, or DuckDB if it lacks rows that a SELECT reads."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

from analytics_etl.catalog.catalog import Catalog
from analytics_etl.catalog.models import bind, window_parameters
from analytics_etl.engines.duckdb import as_postgres_computes
from analytics_etl.engines.session import as_postgres_gives, lake_session
from analytics_etl.ops import places
from analytics_etl.ops.held import held
from analytics_etl.postgres.columns import columns_of
from analytics_etl.postgres.database import Database
from analytics_etl.tables.held_rows import Source, bring_rows, define
from analytics_etl.tables.lake_tables import views_among
from analytics_etl.tables.model_sql import as_sql

_ALL_DAYS = (date.min, date.max)


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
    raw = [table for table in model.dependencies if table in catalog.contracts]
    with database.transaction() as connection:
        fine = views_among(connection, catalog, model.dependencies)
        lacks_rows = bool(fine) or bool(raw and places.in_lake_only(connection, raw, *window))
    if not lacks_rows:
        return database.query(model.select, parameters, start, end)
    settings = database.settings
    with lake_session(settings.engine_memory_mb, settings.temporary_dir) as session:
        with database.transaction() as connection:
            for table in model.dependencies:
                source = _source(catalog, table)
                if table in raw or table in fine:
                    define(session, connection, settings, source, held(connection, [table], *window))
                else:
                    bring_rows(session, connection, table, source, [window])
            select = bind(model.select, bound, model.path)
            types = dict(columns_of(connection, as_sql(select)))
        return as_postgres_gives(session.rows(as_postgres_computes(model, select)), types)


def _source(catalog: Catalog, table: str) -> Source:
    if contract := catalog.contracts.get(table):
        return Source(table, contract.time_column, contract)
    model = catalog.aggregates.get(table)
    return Source(table, model.key[0] if model else None, None)


def _day(moment: str | int) -> date:
    """The UTC day of a moment, as queries write it."""
    return datetime.fromisoformat(str(moment)).astimezone(UTC).date()
