"""Derived tables: their schema follows from their SELECT, their rows are replaced window by window."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date

from psycopg import sql

from analytics_etl.catalog.calendar import neighbours
from analytics_etl.catalog.models import Model, rename_schemas, window_parameters
from analytics_etl.ops import changes, lake_files
from analytics_etl.ops.changes import Gate
from analytics_etl.ops.comparison import Side, changes_between
from analytics_etl.ops.partitions import has_version, touched
from analytics_etl.ops.records import PartitionRecord, record_partition
from analytics_etl.postgres.columns import columns_of, relation_kind
from analytics_etl.postgres.connection import Connection, DatabaseError, ensure_schema, identifier, lock
from analytics_etl.postgres.tenants import protect
from analytics_etl.tables.computed import Computed, Inputs, copy_computed
from analytics_etl.tables.lake_tables import LakeWindow, make_view
from analytics_etl.tables.model_sql import as_sql, columns_made, comment


@dataclass(frozen=True)
class Replaced:
    """The outcome of replacing a window: rows per partition, and the other partitions that were recomputed."""

    rows: dict[date, int]
    refreshed: list[date]
    duration_ms: int


def replace_window(
    connection: Connection,
    model: Model,
    periods: Mapping[date, date],
    run_id: str | None,
    find_inputs: Callable[[], Inputs] = Inputs,
    gate: Gate | None = None,
) -> Replaced:
    """Replace the rows of consecutive partitions {start: end} by the result of the SELECT.

    Then recompute existing partitions that read the replaced days: later ones if the table looks back, earlier ones if
    it looks ahead. So the order in which days run does not matter. `find_inputs` is called under the table's lock, so
    that of two transactions the later one reads the newer inputs.
    """
    started = time.monotonic()
    lock(connection, model.table)
    window = _open(connection, model, run_id, started, find_inputs())
    counts = window.replace(periods, gate)
    if isinstance(window, _Window):
        if window.is_new:  # after the rows: with an index each row costs nearly twice as much
            _make_index(connection, model)
        _analyze_if_grown(connection, model, sum(counts.values()))
    refreshed: list[date] = []
    for others in _others(connection, model, periods):
        # Without the gate: it has judged the replaced days, and these follow from them.
        window.replace(others, None)
        refreshed += others
    return Replaced(counts, refreshed, window.elapsed_ms())


def replace_marked(
    connection: Connection, model: Model, stretches: Iterable[Mapping[date, date]], find_inputs: Callable[[], Inputs]
) -> None:
    """Recompute existing partitions that were marked as outdated, one stretch of neighbours {start: end} at a time.

    Records their changes without a gate: they follow from days that somebody has dropped.
    """
    lock(connection, model.table)
    window = _open(connection, model, None, time.monotonic(), find_inputs())
    for stretch in stretches:
        window.replace(stretch, None)
    if isinstance(window, _Window) and window.is_new:  # somebody has dropped the table
        _make_index(connection, model)


def _open(
    connection: Connection, model: Model, run_id: str | None, started: float, inputs: Inputs
) -> "_Window | LakeWindow":
    """What replaces windows of a table, whose table or view is there then, still without an index if it is new."""
    if model.is_in_lake_only and inputs.lake is not None:
        make_view(connection, inputs.lake, model)
        return LakeWindow(connection, model, run_id, started, inputs)
    return _Window(connection, model, run_id, started, inputs, _make_table(connection, model))


def _others(connection: Connection, model: Model, periods: Mapping[date, date]) -> Iterator[dict[date, date]]:
    """Other existing partitions that read some of these days, {start: end} of each stretch of neighbours."""
    first, last = min(periods), max(periods.values())
    after, before = model.affected_between(first, last)
    found = touched(connection, model.table, after, before).items()
    return neighbours({start: end for start, end in found if start < first or end > last})


def _analyze_if_grown(connection: Connection, model: Model, inserted: int) -> None:
    """Analyze a table that is new or has grown by a tenth.

    The next statements would be planned before autovacuum analyzes it, and took twice as long.
    """
    known = connection.execute("select reltuples from pg_class where oid = %s::regclass", [model.table]).fetchone()
    assert known is not None
    if inserted > known[0] / 10:
        connection.execute(sql.SQL("analyze {}").format(identifier(model.table)))


@dataclass(frozen=True)
class _Window:
    """Replaces windows of one table in one transaction."""

    connection: Connection
    model: Model
    run_id: str | None
    started: float
    inputs: Inputs
    is_new: bool
    """Whether this transaction made the table: then there is nothing to compare with, whatever the books say."""

    def elapsed_ms(self) -> int:
        return round(1000 * (time.monotonic() - self.started))

    def replace(self, periods: Mapping[date, date], gate: Gate | None) -> dict[date, int]:
        """Replace the partitions; return rows per partition. Rows that stay the same are not written."""
        lake_files.supersede(self.connection, self.model.table, periods)
        versions = {} if self.is_new else changes.known_versions(self.connection, self.model.table, periods)
        same: set[date] = set()
        if versions:
            self._stage(periods)
            found = self._rows_by_period(sql.SQL("pg_temp.rows_after"), sql.SQL("true"))
            changed = self._record_changes(periods, versions, gate)
            same = set(versions) - changed
            if changed or len(versions) < len(periods):
                self._delete(periods)
                self._insert(sql.SQL("select * from pg_temp.rows_after"))
            self.connection.execute("drop table pg_temp.rows_after")
        else:
            self._delete(periods)
            if self.inputs.engine is None:
                written = self._insert(self._select(periods))
            else:
                table = identifier(self.model.table)
                written = self._copy(periods, table, is_made_here=self.is_new)
            if len(periods) == 1:
                found = dict.fromkeys(periods, written)
            else:
                found = self._rows_by_period(identifier(self.model.table), self._within(periods))
        counts = {day: found.get(day, 0) for day in periods}
        for day, count in counts.items():
            record_partition(
                self.connection,
                PartitionRecord(
                    self.model.table, day, periods[day], count, self.model.code_version,
                    self.elapsed_ms() // len(counts), self.run_id, is_changed=day not in same,
                    engine=self.inputs.engine_name,
                ),
            )  # fmt: skip
        return counts

    def _stage(self, periods: Mapping[date, date]) -> None:
        """Make the temporary table `rows_after` with the new rows of the window."""
        if self.inputs.engine is None:
            self.connection.execute(sql.SQL("create temporary table rows_after as {}").format(self._select(periods)))
            return
        table = identifier(self.model.table)
        self.connection.execute(sql.SQL("create temporary table rows_after (like {})").format(table))
        self._copy(periods, sql.Identifier("pg_temp", "rows_after"), is_made_here=True)
        self.connection.execute("analyze pg_temp.rows_after")

    def _copy(self, periods: Mapping[date, date], table: sql.Identifier, *, is_made_here: bool) -> int:
        """Compute the window with its engine and copy the rows into a table; return how many there are."""
        types = dict(columns_of(self.connection, sql.SQL("select * from {}").format(identifier(self.model.table))))
        window = Computed(self.connection, self.model, types, periods, self.run_id)
        return copy_computed(window, self.inputs, table, is_made_here=is_made_here)

    def _select(self, periods: Mapping[date, date]) -> sql.Composable:
        statement = self.model.statement(window_parameters(min(periods), max(periods.values())))
        return as_sql(rename_schemas(statement, self.inputs.schemas))

    def _within(self, periods: Mapping[date, date]) -> sql.Composable:
        period = sql.Identifier(self.model.key[0])
        return sql.SQL("{} >= {} and {} < {}").format(period, min(periods), period, max(periods.values()))

    def _delete(self, periods: Mapping[date, date]) -> None:
        table = identifier(self.model.table)
        self.connection.execute(sql.SQL("delete from {} where {}").format(table, self._within(periods)))

    def _insert(self, select: sql.Composable) -> int:
        """Insert the rows of a SELECT; return how many there were."""
        names = sql.SQL(", ").join(map(sql.Identifier, self.model.columns))
        return self.connection.execute(
            sql.SQL("insert into {} ({}) {}").format(identifier(self.model.table), names, select)
        ).rowcount

    def _rows_by_period(self, relation: sql.Composable, condition: sql.Composable) -> dict[date, int]:
        counting = sql.SQL("select {}, count(*) from {} where {} group by 1").format(
            sql.Identifier(self.model.key[0]), relation, condition
        )
        return dict(self.connection.execute(counting).fetchall())

    def _record_changes(
        self, periods: Mapping[date, date], versions: Mapping[date, str], gate: Gate | None
    ) -> set[date]:
        """Compare the new rows with those of the partitions that are there; those of which anything is different."""
        model, period = self.model, sql.Identifier(self.model.key[0])
        found = changes_between(
            self.connection,
            model.table,
            model.key,
            list(model.columns),
            Side(identifier(model.table), period, self._within(periods)),
            Side(sql.SQL("pg_temp.rows_after"), period),
            {day: periods[day] for day in sorted(versions)},
            (versions, model.code_version),
        )
        changes.judge(self.connection, found, gate)
        changes.record_changes(self.connection, found, self.run_id)
        return {change.start for change in found}


def ensure_table(connection: Connection, model: Model) -> None:
    """Create the table of a model with its index, or refuse one whose columns are no longer those of the SELECT."""
    if _make_table(connection, model):
        _make_index(connection, model)


def _make_table(connection: Connection, model: Model) -> bool:
    """Make the table without its index, or check its columns; return whether it is new."""
    kind = relation_kind(connection, model.table)
    if kind == "view":
        raise DatabaseError(
            f"{model.table} was kept in the lake alone, but {model.path} does not say `kept: lake` any more; to have "
            f"it in PostgreSQL: drop view {model.table}, then backfill its partitions"
        )
    if kind == "table" and has_version(connection, model.table, model.code_version):
        return False  # to plan the SELECT takes milliseconds, for each table of a run
    wanted = columns_made(connection, model)
    if kind == "table":
        present = columns_of(connection, sql.SQL("select * from {}").format(identifier(model.table)))
        if present != wanted:
            raise DatabaseError(
                f"the table {model.table} has the columns {_listed(present)}, but {model.path} now gives "
                f"{_listed(wanted)}; to rebuild it: drop table {model.table}, then backfill its partitions"
            )
        return False
    columns = sql.SQL(", ").join(
        sql.SQL("{} {}").format(sql.Identifier(name), as_sql(type_name)) for name, type_name in wanted
    )
    table = identifier(model.table)
    ensure_schema(connection, model.family)
    connection.execute(sql.SQL("create table {} ({})").format(table, columns))
    comment(connection, model, "table")
    if "tenant_id" in model.columns:
        protect(connection, model.table)
    return True


def _make_index(connection: Connection, model: Model) -> None:
    """Index the period only: windows are replaced and read by it, and further indexes would dominate the cost."""
    period = sql.Identifier(model.key[0])
    connection.execute(sql.SQL("create index on {} ({})").format(identifier(model.table), period))


def _listed(columns: list[tuple[str, str]]) -> str:
    return ", ".join(f"{name} {type_name}" for name, type_name in columns)
