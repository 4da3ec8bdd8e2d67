"""Publishing days of a table: one transaction changes the rows, the books and the states of the days.

If it fails, it is rolled back, and a second transaction records why.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import date, timedelta
from functools import partial

from analytics_etl.catalog.catalog import Catalog, kept_in_lake
from analytics_etl.catalog.contracts import Contract
from analytics_etl.catalog.models import ALL_DAYS, Model, cadence_of
from analytics_etl.config.settings import Settings
from analytics_etl.engines.duckdb import DuckDBEngine
from analytics_etl.engines.engine import Engine
from analytics_etl.engines.spark import SparkEngine
from analytics_etl.families.functions import function_of
from analytics_etl.families.functions.anomalies import anomalies
from analytics_etl.families.functions.forecasts import forecasts
from analytics_etl.lake import Lake, LakeFile, open_lake
from analytics_etl.ops import archives, changes, days, dropped, lake_files, live, outbox, records
from analytics_etl.ops.changes import ChangeRefusedError, Gate
from analytics_etl.ops.records import CheckResult
from analytics_etl.pipeline.anomalies import known_of, measures_of
from analytics_etl.pipeline.partition_states import refresh_days
from analytics_etl.postgres import roles
from analytics_etl.postgres.connection import LOST_CONNECTION, Connection, DatabaseError, without_password
from analytics_etl.postgres.database import Database
from analytics_etl.postgres.sessions import AGGREGATION
from analytics_etl.tables.computed import Inputs
from analytics_etl.tables.derived import Replaced, replace_window
from analytics_etl.tables.functions import POSTGRES, as_selected
from analytics_etl.tables.loading import DayLoad
from analytics_etl.tables.overlay import overlay
from analytics_etl.tables.views import refresh_view

_LOADING = {"work_mem": "64MB", "backend_flush_after": "1MB"}


@contextmanager
def loading(
    database: Database, contract: Contract, wanted: Sequence[date], run_id: str | None = None, *,
    accept_change: bool = False,
) -> Iterator[DayLoad]:  # fmt: skip
    """Replace days of a raw table in one transaction, which commits if the block ends without an error."""
    settings = database.settings
    lateness = settings.lateness_of(contract.table, is_derived=False)
    gate = Gate(settings.change_limit_percent, lateness, accept_change)
    with (
        _recording_failure(database, contract.table, wanted, lateness, run_id),
        database.transaction(_LOADING) as connection,
    ):
        load = DayLoad(connection, settings, contract, sorted(wanted), run_id, gate)
        try:
            load.begin()
            archives.refuse_archived(connection, contract.table, wanted)
            yield load
            published = {day: day + timedelta(days=1) for day in load.days}
            _record_checks(connection, changes.passed_checks(contract.table, published), run_id)
            dropped.loaded_again(connection, contract.table, wanted)
            days.refresh(connection, contract.table, lateness, wanted)
            days.expect(connection, contract.table, wanted)
            live.published(connection, contract.table)
        except BaseException:
            connection.close()  # during a COPY, no rollback is possible
            raise
        finally:
            load.close()


def replace(
    database: Database, model: Model, periods: Mapping[date, date], run_id: str | None = None, *,
    accept_change: bool = False,
) -> Replaced:  # fmt: skip
    """Replace consecutive partitions (start -> end) of a derived table."""
    settings = database.settings
    lateness = settings.lateness_of(model.table, is_derived=True)
    gate = Gate(settings.change_limit_percent, lateness, accept_change)
    with (
        _recording_failure(database, model.table, list(periods), lateness, run_id),
        database.transaction(AGGREGATION) as connection,
    ):
        # The replacement also refreshes other partitions that read these, and reads days around each of them.
        needed = model.reads(*model.affected_between(min(periods), max(periods.values())))
        dropped.refuse(connection, [(model.dependencies, *needed)])
        find_inputs = partial(inputs, connection, settings, model, *needed)
        replaced = replace_window(connection, model, periods, run_id, find_inputs, gate)
        _record_checks(connection, changes.passed_checks(model.table, periods), run_id)
        _grant(connection, settings, model)
        if model.cadence == "day":
            days.refresh(connection, model.table, lateness, [*periods, *replaced.refreshed])
        live.published(connection, model.table)
        return replaced


def inputs(connection: Connection, settings: Settings, model: Model, start: date, end: date) -> Inputs:
    """Where the rows of [start, end) that a SELECT reads lie, and so who computes the table: its function, if any."""
    found = _inputs_of_select(connection, settings, model, start, end)
    if model.function is None:
        return found
    function = function_of(model)
    if function is anomalies:
        function = partial(anomalies, known=known_of(connection, Catalog.of(settings), model.family))
    elif function is forecasts:
        function = partial(forecasts, measures=measures_of(Catalog.of(settings), model.family))
    return found.through(function, connection)


def _inputs_of_select(connection: Connection, settings: Settings, model: Model, start: date, end: date) -> Inputs:
    """Where the rows of [start, end) that a SELECT reads lie, and so who computes it.

    The engine of the settings does if all these days of all its tables are in the lake. Else PostgreSQL does: it has
    all derived tables, and raw days that were loaded before there was a lake.
    """
    catalog, tables, lake = Catalog.of(settings), model.dependencies, open_lake(settings)
    in_lake = kept_in_lake(catalog)
    if in_lake.issuperset(tables) and model.lookback_days != ALL_DAYS:
        files = lake_files.current(connection, tables, start, end)
        is_empty = [table for table in tables if not files[table]]
        is_known = catalog.contracts.keys() >= set(is_empty) and len(is_empty) < len(tables)
        if is_known and not lake_files.partitions_without_file(connection, tables, start, end):
            engine = _engine(settings, lake, catalog, files)
            written = lake if model.table in in_lake else None
            return Inputs(engine, {}, written, settings.engine_memory_mb, settings.temporary_dir)
    schemas, written = overlay(connection, settings, tables, start, end), lake if model.table in in_lake else None
    found = Inputs(None, schemas, written, settings.engine_memory_mb, settings.temporary_dir)
    is_in_both = written is not None and not (model.is_in_lake_only or model.function)
    return found.through(as_selected, connection, POSTGRES) if is_in_both else found


def _engine(
    settings: Settings, lake: Lake, catalog: Catalog, files: Mapping[str, Sequence[LakeFile]]
) -> Engine:  # fmt: skip
    resources = settings.engine_memory_mb, settings.temporary_dir
    if settings.engine == "spark":
        return SparkEngine(lake, catalog.contracts, files, settings.spark, *resources)
    return DuckDBEngine(lake, catalog.contracts, files, *resources)


def refresh(database: Database, view: Model) -> int:
    """Refresh a materialized view; returns its number of rows."""
    with database.transaction(AGGREGATION) as connection:
        count = refresh_view(connection, view)
        _grant(connection, database.settings, view)
        live.published(connection, view.table)
        return count


def record_checks(database: Database, results: Sequence[CheckResult], run_id: str | None = None) -> None:
    """Record results of checks, queue failures for the owners, and refresh the states of the days."""
    with database.transaction() as connection:
        _record_checks(connection, results, run_id)
        refresh_days(connection, database.settings, {result.table for result in results})


@contextmanager
def _recording_failure(
    database: Database, table: str, starts: Sequence[date], lateness: int, run_id: str | None
) -> Iterator[None]:
    """Record why days of a table were not published: a refused change with its figures, any other error as text.

    The failed transaction was rolled back, so the record has a transaction of its own.
    """
    try:
        yield
    except ChangeRefusedError as error:
        with database.transaction() as connection:
            changes.record_changes(connection, error.changes, run_id, refused_at=error.percent)
            _record_checks(connection, error.results(), run_id)
            refresh_days(connection, database.settings, [table])
        raise
    except Exception as error:
        # The database itself may have failed. Then only the error reports it.
        with suppress(*LOST_CONNECTION, DatabaseError), database.transaction() as connection:
            if cadence_of(table) == "day":
                days.record_failure(connection, table, lateness, starts, _first_line(error, database.settings))
        raise


def _first_line(error: Exception, settings: Settings) -> str:
    """The first line of an error: without the rows that PostgreSQL quotes after it, and without passwords."""
    first, _, _ = str(error).strip().partition("\n")
    return without_password(f"{type(error).__name__}: {first}", settings)


def _record_checks(connection: Connection, results: Sequence[CheckResult], run_id: str | None) -> None:
    records.record_checks(connection, results, run_id)
    outbox.record_failures(connection, results, run_id)


def _grant(connection: Connection, settings: Settings, model: Model) -> None:
    if settings.roles is not None:
        roles.show(connection, settings.roles, model.table)
