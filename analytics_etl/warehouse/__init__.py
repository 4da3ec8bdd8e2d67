"""The only package that talks to PostgreSQL.

`connection` knows how to connect, `loading` replaces raw days, `derived` replaces windows of aggregates and refreshes
views, `operations` keeps the books. `Warehouse` ties them to the settings: it is the resource the assets get.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from typing import Any

from psycopg import sql

from analytics_etl.contracts import Contract
from analytics_etl.models import Model, bind, window_parameters
from analytics_etl.settings import Settings
from analytics_etl.warehouse import operations
from analytics_etl.warehouse.connection import (
    AGGREGATION,
    LOST_CONNECTION,
    DatabaseError,
    dagster_storage_url,
    database_url,
    rows,
    sqlalchemy_url,
    transaction,
)
from analytics_etl.warehouse.derived import Replaced, refresh_view, replace_window
from analytics_etl.warehouse.loading import DayLoad, LoadedDay
from analytics_etl.warehouse.operations import CheckResult

__all__ = [
    "LOST_CONNECTION",
    "CheckResult",
    "DatabaseError",
    "DayLoad",
    "LoadedDay",
    "Replaced",
    "Warehouse",
    "dagster_storage_url",
    "database_url",
    "sqlalchemy_url",
]


class Warehouse:
    """PostgreSQL as the assets see it. Each method is one transaction of its own."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def query(
        self, statement: str, parameters: Mapping[str, str | int] | None = None, start: date | None = None,
        end: date | None = None,
    ) -> list[dict[str, Any]]:  # fmt: skip
        """The rows of a SELECT; `:start` and `:end` from the dates, other `:parameters` by name."""
        window = window_parameters(start, end) if start is not None and end is not None else {}
        text: Any = bind(statement, {**window, **(parameters or {})})
        with transaction(self.settings, AGGREGATION) as connection:
            return rows(connection, sql.SQL(text))

    @contextmanager
    def load(self, contract: Contract, days: Sequence[date], run_id: str | None = None) -> Iterator[DayLoad]:
        """Replace days of a raw table; committed when the block ends without an error."""
        with transaction(self.settings, {"work_mem": "64MB"}) as connection:
            load = DayLoad(connection, contract, sorted(days), run_id)
            load.begin()
            yield load

    def replace(self, model: Model, periods: Mapping[date, date], run_id: str | None = None) -> Replaced:
        """Replace consecutive partitions (start -> end) of a derived table."""
        with transaction(self.settings, AGGREGATION) as connection:
            return replace_window(connection, model, periods, run_id)

    def refresh(self, model: Model) -> int:
        """Refresh a materialized view; returns its number of rows."""
        with transaction(self.settings, AGGREGATION) as connection:
            return refresh_view(connection, model, self.view_parameters)

    @property
    def view_parameters(self) -> dict[str, str | int]:
        """The settings a view's SELECT may name."""
        return {"trending_min_downloads": self.settings.trending_min_downloads}

    def ledger(self, table: str) -> list[dict[str, Any]]:
        with transaction(self.settings) as connection:
            return operations.ledger(connection, table)

    def partitions(self, start: date, end: date) -> list[dict[str, Any]]:
        with transaction(self.settings) as connection:
            return operations.partitions(connection, start, end)

    def record_checks(self, results: Sequence[CheckResult], run_id: str | None = None) -> None:
        with transaction(self.settings) as connection:
            operations.record_checks(connection, results, run_id)

    def record_audit(self, actor: str, action: str, subject: str, reason: str | None = None) -> None:
        with transaction(self.settings) as connection:
            operations.record_audit(connection, actor, action, subject, reason)

    def table_schema(self, tables: Sequence[str]) -> dict[str, dict[str, str]]:
        """{table: {column: type}} of the tables that exist, views included."""
        with transaction(self.settings) as connection:
            found = connection.execute(
                """
                select n.nspname || '.' || c.relname, a.attname, format_type(a.atttypid, a.atttypmod)
                from pg_attribute as a
                join pg_class as c on c.oid = a.attrelid
                join pg_namespace as n on n.oid = c.relnamespace
                where a.attnum > 0 and not a.attisdropped and n.nspname || '.' || c.relname = any(%s)
                order by a.attrelid, a.attnum""",
                [list(tables)],
            ).fetchall()
        schema: dict[str, dict[str, str]] = {}
        for table, column, type_name in found:
            schema.setdefault(table, {})[column] = type_name
        return schema
