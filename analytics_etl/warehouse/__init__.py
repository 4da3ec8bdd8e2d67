"""The only package that talks to PostgreSQL.

`connection` knows how to connect, `loading` replaces raw days, `derived` replaces windows of aggregates and refreshes
views, `operations` keeps the books. `Warehouse` ties them to the settings: it is the resource the assets get.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from typing import Any
from uuid import uuid4

from psycopg import sql

from analytics_etl.contracts import Contract
from analytics_etl.models import Model, bind, window_parameters
from analytics_etl.settings import Settings
from analytics_etl.warehouse import operations
from analytics_etl.warehouse.batches import create_batch_view, drop_batch_view
from analytics_etl.warehouse.connection import (
    AGGREGATION,
    LOST_CONNECTION,
    DatabaseError,
    connect,
    dagster_storage_url,
    database_url,
    is_lost,
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
    "is_lost",
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
        with transaction(self.settings, {"work_mem": "64MB", "backend_flush_after": "1MB"}) as connection:
            load = DayLoad(connection, contract, sorted(days), run_id)
            try:
                load.begin()
                yield load
            except BaseException:
                connection.close()  # a COPY may be under way, in which state nothing can be rolled back
                raise
            finally:
                load.close()

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

    def failed_partitions(self, start: date, end: date) -> set[tuple[str, date]]:
        """(table, start) of the partitions beginning in [start, end] in which a check of severity error failed."""
        with transaction(self.settings) as connection:
            found = connection.execute(
                "select distinct table_name, period_start from ops.check_results "
                "where not passed and severity = 'error' and period_start between %s and %s",
                [start, end],
            ).fetchall()
        return {(table, day) for table, day in found}

    def waiting_days(self) -> list[dict[str, Any]]:
        """The days of event tables that have rows which were read and not loaded, and whether they have a partition."""
        with transaction(self.settings) as connection:
            return operations.waiting_days(connection)

    def newest_day(self, tables: Sequence[str]) -> date | None:
        """The newest partition of any of some tables that was materialised."""
        with transaction(self.settings) as connection:
            found = connection.execute(
                "select max(period_start) from ops.partitions where table_name = any(%s)", [list(tables)]
            ).fetchone()
        return None if found is None else found[0]

    def record_checks(self, results: Sequence[CheckResult], run_id: str | None = None) -> None:
        with transaction(self.settings) as connection:
            operations.record_checks(connection, results, run_id)

    def record_audit(self, actor: str, action: str, subject: str, reason: str | None = None) -> None:
        with transaction(self.settings) as connection:
            operations.record_audit(connection, actor, action, subject, reason)

    @contextmanager
    def batch_view(self, table: str, period: str | None, start: date, end: date) -> Iterator[str]:
        """A view of some days of a table, under a name of its own in the schema `ops`, for as long as the block lasts.

        `period` is the column the days are in, None for all rows; for an event table it is its time column, and the
        view then has a column `day`, too. Constants in a view let PostgreSQL pass over the other partitions.
        """
        name = f"batch_{uuid4().hex[:12]}"
        with connect(self.settings, {"idle_session_timeout": "0"}) as connection:
            connection.autocommit = True
            create_batch_view(connection, name, table, period, window_parameters(start, end))
            try:
                yield f"ops.{name}"
            finally:
                drop_batch_view(connection, name)

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
