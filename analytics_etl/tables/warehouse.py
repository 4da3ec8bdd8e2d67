"""PostgreSQL as the use cases see it: raw days, tables and the books, each method a transaction of its own."""

from collections.abc import Callable, Collection, Generator, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from datetime import date, timedelta
from typing import Any
from uuid import uuid4

import pyarrow as pa
from psycopg import sql

from analytics_etl.catalog.contracts import Contract
from analytics_etl.catalog.models import Model, cadence_of, window_parameters
from analytics_etl.config.settings import Settings
from analytics_etl.ops import archives, changes, days, dropped, operations, outbox
from analytics_etl.ops.changes import ChangeRefusedError, Gate
from analytics_etl.ops.forgetting import Forgotten, forget
from analytics_etl.ops.operations import CheckResult
from analytics_etl.postgres import roles
from analytics_etl.postgres.connection import (
    LOST_CONNECTION,
    Connection,
    DatabaseError,
    connect,
    identifier,
    transaction,
)
from analytics_etl.postgres.sessions import AGGREGATION
from analytics_etl.postgres.snapshot import Snapshot, ask, has_days, newest_day, snapshot
from analytics_etl.tables import dropping
from analytics_etl.tables.archiving import Archiver
from analytics_etl.tables.batches import (
    create_batch_schema,
    create_batch_view,
    drop_batch_schema,
    drop_batch_view,
)
from analytics_etl.tables.derived import Replaced, refresh_view, replace_window, view_versions
from analytics_etl.tables.loading import DayLoad
from analytics_etl.tables.overlay import overlay
from analytics_etl.tables.partition_rows import stream


class Warehouse:
    """PostgreSQL as the assets see it. Each method is one transaction of its own."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def query(
        self, statement: str, parameters: Mapping[str, str | int] | None = None, start: date | None = None,
        end: date | None = None,
    ) -> list[dict[str, Any]]:  # fmt: skip
        """The rows of a SELECT; `:start` and `:end` from the dates, other `:parameters` by name."""
        with transaction(self.settings, AGGREGATION) as connection:
            return ask(connection, statement, parameters, start, end)

    @contextmanager
    def snapshot(self) -> Iterator[Snapshot]:
        """Several questions about one moment: a run that commits in between is seen by none of them."""
        with snapshot(self.settings) as found:
            yield found

    def event_rows(
        self, contract: Contract, columns: Sequence[str], start: date, end: date
    ) -> Generator[pa.RecordBatch, None, None]:
        """Some columns of the raw rows of [start, end) in batches of bounded size. Whoever takes them closes it."""
        types = {column.name: column.type for column in contract.columns if column.name in columns}
        time, window = sql.Identifier(contract.time_column), window_parameters(start, end)
        condition = sql.SQL("{} >= {} and {} < {}").format(time, window["start"], time, window["end"])
        with (
            transaction(self.settings) as connection,
            closing(stream(connection, identifier(contract.table), types, condition)) as batches,
        ):
            yield from batches

    @contextmanager
    def load(
        self, contract: Contract, wanted: Sequence[date], run_id: str | None = None, *, accept_change: bool = False
    ) -> Iterator[DayLoad]:
        """Replace days of a raw table; committed when the block ends without an error."""
        lateness = self.settings.lateness_of(contract.table, is_derived=False)
        with (
            self._keeping_failure(contract.table, wanted, lateness, run_id),
            transaction(self.settings, {"work_mem": "64MB", "backend_flush_after": "1MB"}) as connection,
        ):
            gate = Gate(self.settings.change_limit_percent, lateness, accept_change)
            load = DayLoad(connection, contract, sorted(wanted), run_id, gate)
            try:
                load.begin()
                archives.refuse_archived(connection, contract.table, wanted)
                yield load
                published = {day: day + timedelta(days=1) for day in load.days}
                _record_checks(connection, changes.passed(contract.table, published), run_id)
                dropped.loaded_again(connection, contract.table, wanted)
                days.refresh(connection, contract.table, lateness, wanted)
                days.expect(connection, contract.table, wanted)
            except BaseException:
                connection.close()  # a COPY may be under way, in which state nothing can be rolled back
                raise
            finally:
                load.close()

    def replace(
        self, model: Model, periods: Mapping[date, date], run_id: str | None = None, *, accept_change: bool = False
    ) -> Replaced:
        """Replace consecutive partitions (start -> end) of a derived table."""
        lateness = self.settings.lateness_of(model.table, is_derived=True)
        with (
            self._keeping_failure(model.table, list(periods), lateness, run_id),
            transaction(self.settings, AGGREGATION) as connection,
        ):
            # It brings other partitions up to date, too, and reads days around each of them.
            reach = model.reads(*model.touches(min(periods), max(periods.values())))
            dropped.refuse(connection, [(model.dependencies, *reach)])
            schemas = overlay(connection, self.settings, model.dependencies, *reach)
            gate = Gate(self.settings.change_limit_percent, lateness, accept_change)
            replaced = replace_window(connection, model, periods, run_id, schemas, gate)
            _record_checks(connection, changes.passed(model.table, periods), run_id)
            self._show(connection, model)
            if model.cadence == "day":
                days.refresh(connection, model.table, lateness, [*periods, *replaced.refreshed])
            return replaced

    def changes_of_run(self, table: str, run_id: str) -> list[dict[str, Any]]:
        """What a run changed in a table, or was refused to change."""
        with transaction(self.settings) as connection:
            return changes.changes_of_run(connection, table, run_id)

    def published_changes(self, tables: Sequence[str], start: date, end: date) -> list[dict[str, Any]]:
        """The latest published change of each partition of some tables that holds any of the days [start, end)."""
        with transaction(self.settings) as connection:
            return changes.published_changes(connection, tables, start, end)

    def changes(self, first: date, last: date, table: str | None, count: int) -> list[dict[str, Any]]:
        """The newest changes, published or refused, of partitions that hold any of some days."""
        with transaction(self.settings) as connection:
            return changes.newest_changes(connection, first, last, table, count)

    def forget_file(self, path: str, actor: str, reason: str) -> Forgotten:
        """Take a landing file that is gone out of the ledger."""
        with transaction(self.settings) as connection:
            forgotten = forget(connection, self.settings.landing_dirs, path, actor, reason)
            self._refresh_days(connection, [forgotten.table])
            return forgotten

    def find_days(self, target: dropping.Target) -> dropping.Found:
        """What dropping some days would do."""
        with transaction(self.settings) as connection:
            return dropping.find(connection, target, self.settings.landing_dirs)

    def drop_days(
        self,
        target: dropping.Target,
        actor: str,
        reason: str,
        before_commit: Callable[[Mapping[str, Sequence[date]]], None],
    ) -> dropping.Found:
        """Undo days, with an entry in the audit log; partitions that were made of them wait for `remake`."""
        with transaction(self.settings) as connection:
            found = dropping.drop(connection, target, self.settings.landing_dirs, before_commit)
            of = ", ".join(sorted({contract.family for contract in target.contracts}))
            operations.record_audit(connection, actor, "drop", f"{target.first} to {target.last} of {of}", reason)
            self._refresh_days(connection, target.tables)
            return found

    def remake(self, model: Model) -> list[date]:
        """Make the partitions of a derived table anew that were made of days which were dropped; their first days."""
        with transaction(self.settings, AGGREGATION) as connection:
            reach = dropping.marked_reach(connection, model)
            if reach is None:
                return []
            schemas = overlay(connection, self.settings, model.dependencies, *reach)
            starts = dropping.remake(connection, model, schemas)
            self._refresh_days(connection, [model.table])
            return starts

    @contextmanager
    def _keeping_failure(self, table: str, starts: Sequence[date], lateness: int, run_id: str | None) -> Iterator[None]:
        """Keep why days were not written; figures and failed check of a refused change, which its transaction took."""
        try:
            yield
        except ChangeRefusedError as error:
            with transaction(self.settings) as connection:
                changes.record_changes(connection, error.changes, run_id, published=False)
                _record_checks(connection, error.results(), run_id)
                self._refresh_days(connection, [table])
            raise
        except Exception as error:
            # What failed may be the database; then the error itself is all there is to tell.
            with suppress(*LOST_CONNECTION, DatabaseError), transaction(self.settings) as connection:
                if cadence_of(table) == "day":
                    days.record_failure(connection, table, lateness, starts, self._first_line(error))
            raise

    def _first_line(self, error: Exception) -> str:
        """What an error says, without the rows that PostgreSQL quotes below, and without secrets."""
        said = f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0]}"
        for secret in sorted(self.settings.secrets, key=len, reverse=True):
            said = said.replace(secret, "***")
        return said

    def refresh(self, model: Model) -> int:
        """Refresh a materialized view; returns its number of rows."""
        with transaction(self.settings, AGGREGATION) as connection:
            count = refresh_view(connection, model)
            self._show(connection, model)
            return count

    def view_versions(self, views: Sequence[str]) -> dict[str, str]:
        """{materialized view that is there: the version of the SELECT it was made of}."""
        with transaction(self.settings) as connection:
            return view_versions(connection, views)

    def _show(self, connection: Connection, model: Model) -> None:
        if self.settings.roles is not None:
            roles.show(connection, self.settings.roles, model.table)

    def missing_grants(self, tables: roles.Tables) -> list[str]:
        """What the configured roles may do, or may not, against what they should; in words."""
        with transaction(self.settings) as connection:
            return [] if self.settings.roles is None else roles.problems(connection, self.settings.roles, tables)

    def ledger(self, table: str, days: Sequence[date] = ()) -> list[dict[str, Any]]:
        """The landing files of a table as last read; `is_of_days` says whether one holds events of any of these."""
        with transaction(self.settings) as connection:
            return operations.ledger(connection, table, days)

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
        """The days of event tables that have files which were read and not loaded as they are now, with the number of
        files and of their valid rows, and whether the day has a partition.
        """
        with transaction(self.settings) as connection:
            return operations.waiting_days(connection)

    def newest_day(self, tables: Sequence[str]) -> date | None:
        """The newest partition of any of some tables that was materialised."""
        with transaction(self.settings) as connection:
            return newest_day(connection, tables)

    def has_days(self, tables: Sequence[str], start: date, end: date) -> bool:
        """Whether all days of [start, end) are there in all of some tables."""
        with transaction(self.settings) as connection:
            return has_days(connection, tables, start, end)

    def record_checks(self, results: Sequence[CheckResult], run_id: str | None = None) -> None:
        with transaction(self.settings) as connection:
            _record_checks(connection, results, run_id)
            self._refresh_days(connection, {result.table for result in results})

    def _refresh_days(self, connection: Connection, tables: Collection[str]) -> None:
        """The states of the days of some tables, as the last thing in a transaction."""
        for table in sorted(table for table in tables if cadence_of(table) == "day"):
            lateness = self.settings.lateness_of(table, is_derived=True)
            days.refresh(connection, table, lateness, keep_lateness=True)

    def settle_days(self, tables: Mapping[str, bool]) -> None:
        """Bring the states of all days up to date with the settings: {table kept by day: whether it is derived}."""
        with transaction(self.settings) as connection:
            for table, is_derived in tables.items():
                days.refresh(connection, table, self.settings.lateness_of(table, is_derived=is_derived))

    def expect_day(self, tables: Mapping[str, bool], day: date) -> None:
        """Say that a day is due in all of some tables: {table kept by day: whether it is derived}."""
        lateness = [self.settings.lateness_of(table, is_derived=is_derived) for table, is_derived in tables.items()]
        with transaction(self.settings) as connection:
            days.expect_day(connection, list(tables), lateness, day)

    def day_states(self, start: date, end: date) -> list[dict[str, Any]]:
        """The rows of ops.days in [start, end)."""
        with transaction(self.settings) as connection:
            return days.states(connection, start, end)

    def frozen_days(self) -> set[tuple[str, date]]:
        """(table, day) of the days that are final and have late or replaced files waiting."""
        with transaction(self.settings) as connection:
            return set(days.frozen(connection))

    def publish_report(self, family: str, cadence: str, start: date, figures: Mapping[str, float | None]) -> None:
        """Keep what a report said when it was first published; later versions change nothing."""
        with transaction(self.settings) as connection:
            operations.record_report(connection, family, cadence, start, figures)

    def record_written_report(self, written: Mapping[str, Any]) -> None:
        """Keep how and when a report was written: all columns of ops.written_reports."""
        with transaction(self.settings) as connection:
            operations.record_written_report(connection, written)

    @contextmanager
    def outbox(self) -> Iterator[Connection]:
        """A transaction for the statements of `outbox`, which commit earlier where they say so."""
        with transaction(self.settings) as connection:
            yield connection

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

    @contextmanager
    def archived_rows(
        self, tables: Sequence[str], start: date, end: date, needs: Sequence[dropped.Need] = ()
    ) -> Iterator[dict[str, str]]:
        """Archived rows of [start, end) beside those of their tables, as long as the block lasts: {table: schema to
        read it in} of the tables that have any. Raises DatabaseError when any of the days that are needed was not kept.
        """
        with connect(self.settings, {"idle_session_timeout": "0"}) as connection:
            connection.autocommit = True
            dropped.refuse(connection, needs)
            if not archives.archived_days(connection, tables, start, end):
                yield {}
                return
            name = f"batch_{uuid4().hex[:12]}"
            create_batch_schema(connection, name)
            try:
                with connection.transaction():
                    schemas = overlay(connection, self.settings, tables, start, end, name)
                yield schemas
            finally:
                if not connection.closed:
                    drop_batch_schema(connection, name)

    @property
    def archiver(self) -> Archiver:
        """Archive, restore and removal of personal data."""
        return Archiver(self.settings)

    def archived_days(self, tables: Sequence[str], start: date, end: date) -> dict[str, list[date]]:
        """{table: days of [start, end)} whose rows are in the archive and not in the table."""
        with transaction(self.settings) as connection:
            return archives.archived_days(connection, tables, start, end)

    def dropped_days(self, tables: Sequence[str], start: date, end: date) -> dict[str, list[date]]:
        """{table: days of [start, end)} whose raw rows were not kept."""
        with transaction(self.settings) as connection:
            return dropped.dropped_days(connection, tables, start, end)

    def days_to_drop(self, contract: Contract, margin: int, readers: Sequence[dropped.Reader]) -> list[date]:
        """Days of a raw table of which all was made. Those that a day may still read that is not final are not among
        them: `margin` is how many days before its own such a day reads.
        """
        settings = self.settings
        windows = [settings.lateness_of(contract.table, is_derived=False)]
        windows += [settings.lateness_of(reader.name, is_derived=True) for reader in readers]
        with transaction(settings) as connection:
            return dropped.due_days(connection, contract, max(windows) + margin, max(windows), readers)

    def drop_day(self, contract: Contract, day: date, actor: str) -> int:
        """Drop the raw rows of a day for good; returns how many there were."""
        with transaction(self.settings) as connection:
            count = dropped.drop(connection, contract, day, actor)
            days.refresh(connection, contract.table, self.settings.lateness_of(contract.table, is_derived=False))
        return count

    def table_schema(self, tables: Sequence[str]) -> dict[str, dict[str, str]]:
        """{table: {column: type}} of the tables that exist, views included."""
        with transaction(self.settings) as connection:
            found = connection.execute(
                """
                select name, a.attname, format_type(a.atttypid, a.atttypmod)
                from unnest(%s::text[]) as name
                join pg_attribute as a on a.attrelid = to_regclass(name)
                where a.attnum > 0 and not a.attisdropped
                order by a.attrelid, a.attnum""",
                [list(tables)],
            ).fetchall()
        schema: dict[str, dict[str, str]] = {}
        for table, column, type_name in found:
            schema.setdefault(table, {})[column] = type_name
        return schema


def _record_checks(connection: Connection, results: Sequence[CheckResult], run_id: str | None) -> None:
    operations.record_checks(connection, results, run_id)
    outbox.record_failures(connection, results, run_id)
