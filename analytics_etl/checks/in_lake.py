"""Checks that DuckDB evaluates: over the files of the lake that hold the rows, and what it needs of PostgreSQL.

What comes of a CTE that reads no table in the lake is brought from PostgreSQL. Of a table that is read beside the lake
come the days that are read, in the columns that are named.
"""

import re
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import date
from functools import cached_property

from analytics_etl.catalog.catalog import Catalog
from analytics_etl.catalog.models import window_parameters
from analytics_etl.checks import predicates
from analytics_etl.checks.declared import SAMPLE_ROWS, Check, Target, targets
from analytics_etl.checks.in_postgres import by_great_expectations
from analytics_etl.checks.parts import Split, split
from analytics_etl.checks.places import BATCH, EVENTS, PLACEHOLDERS, Places, reads_of
from analytics_etl.checks.selects import Broken, Limits, broken_by, counted, query_text
from analytics_etl.engines.duckdb import UnsupportedError, as_postgres_computes, quoted, utc_day
from analytics_etl.engines.session import LakeSession, as_postgres_gives, duckdb_type
from analytics_etl.postgres.columns import column_types, columns_of
from analytics_etl.postgres.database import Database
from analytics_etl.tables.batches import batch_table, batch_view
from analytics_etl.tables.held_rows import Source, bring_rows, define, rows_of_select
from analytics_etl.tables.model_sql import as_sql
from analytics_etl.tables.partition_rows import arrow_schema

_BATCH = "ops.batch"
"""The view of the rows of the window."""
_WORD = re.compile(r"\w+")


@dataclass(frozen=True)
class LakeWindow:
    """The rows of [start, end) of a table, and what its checks read beside them."""

    database: Database
    session: LakeSession
    target: Target
    checks: Sequence[Check]
    places: Places
    start: date
    end: date

    def failed(self) -> tuple[dict[str, Broken], dict[str, str]]:
        """Failed checks by name, with their unexpected rows; and why DuckDB could not evaluate others."""
        found, unknown = dict[str, Broken](), dict[str, str]()
        self._define()
        for check in self.checks:
            try:
                if check.select and (broken := self._unexpected(check))[0]:
                    found[check.name] = broken
            except UnsupportedError as error:
                unknown[check.name] = str(error)
        of_columns = [check for check in self.checks if not check.select]
        known = [check for check in of_columns if predicates.condition(check, _BATCH) is not None]
        try:
            found |= self._by_conditions(known)
        except UnsupportedError as error:
            unknown |= {check.name: str(error) for check in known}
        others = [check for check in of_columns if check not in known]
        return found | self._by_great_expectations(others), unknown

    # -- what DuckDB reads --------------------------------------------------------------------------------------------

    @cached_property
    def _catalog(self) -> Catalog:
        return Catalog.of(self.database.settings)

    @cached_property
    def _windows(self) -> dict[str, tuple[date, date]]:
        """{table: the days [first, after) that any check reads of it}."""
        found: dict[str, tuple[date, date]] = {}
        for reads in (reads_of(self.target, check, self.start, self.end) for check in self.checks):
            for table in reads.tables:
                first, after = found.get(table, (reads.start, reads.end))
                found[table] = min(first, reads.start), max(after, reads.end)
        return found

    @cached_property
    def _in_lake(self) -> frozenset[str]:
        """The tables that are read in the lake."""
        return self.places.in_lake_of(
            held for table, window in self._windows.items() for held in self.places.of(table, *window)
        )

    @cached_property
    def _splits(self) -> dict[str, Split]:
        """{check: its SELECT, without what PostgreSQL computes}."""
        in_lake = {*self._in_lake, *PLACEHOLDERS}
        return {c.name: split(c.select, self._windows.keys() - in_lake, in_lake) for c in self.checks if c.select}

    def _define(self) -> None:
        """Make the tables that DuckDB is to read, and the view of the window."""
        named = frozenset[str]().union(*(found.names for found in self._splits.values()))
        reads_batch = BATCH in named or any(not check.select for check in self.checks)
        if reads_batch or EVENTS in named:
            named |= {self.target.table}
        for table in sorted(named & self._windows.keys()):
            self._define_table(table)
        if reads_batch:
            self._define_batch()

    def _define_table(self, table: str) -> None:
        window, target = self._windows[table], targets(self._catalog).get(table)
        source = Source(table, target.period_column if target else None, self._catalog.contracts.get(table))
        words = {word for check in self.checks for word in _WORD.findall(check.select or str(check.arguments))}
        words |= {*self.target.key, str(source.period), self.target.time_column}
        with self.database.transaction() as connection:
            if table in self._in_lake:
                define(self.session, connection, self.database.settings, source, self.places.of(table, *window), words)
            else:
                bring_rows(self.session, connection, table, source, [window], words)

    def _define_batch(self) -> None:
        """Make the view of the rows of [start, end), with their day."""
        table, period = self.target.table, quoted(self.target.period_column or "")
        window = window_parameters(self.start, self.end)
        day = f", {utc_day(period)} as day" if self.target.time_column else ""
        within = f" where {period} >= '{window['start']}' and {period} < '{window['end']}'"
        self.session.define(_BATCH, f"select *{day} from {table}{within if self.target.period_column else ''}")  # noqa: S608

    # -- what it says -------------------------------------------------------------------------------------------------

    def _unexpected(self, check: Check) -> Broken:
        """The unexpected rows of a SELECT."""
        found = self._splits[check.name]
        for name, select in found.brought.items():
            self._bring_result(name, self._text(check, _BATCH, select))
        select = self._text(check, _BATCH, found.select)
        if check.query is not None:
            select = as_postgres_computes(check.query, select)
        count, sample = broken_by(self.session.rows(counted(select, " order by all")))
        return count, as_postgres_gives(sample, self._types_of(check)) if count else []

    def _text(self, check: Check, relation: str, select: str | None = None) -> str:
        limits = Limits.of(self.database.settings, self.target.table)
        return query_text(check, self.target, relation, self.start, self.end, limits, select)

    def _bring_result(self, name: str, select: str) -> None:
        """Bring what comes of a SELECT of PostgreSQL."""
        with self.database.transaction() as connection:
            types = dict(columns_of(connection, as_sql(select)))
            with closing(rows_of_select(connection, as_sql(select), types)) as batches:
                self.session.fill(name, types, arrow_schema(types), batches)

    def _types_of(self, check: Check) -> Mapping[str, str]:
        """{column of a check's SELECT: its type in PostgreSQL}."""
        table, period = self.target.table, self.target.period_column
        with (
            batch_view(self.database.settings, table, period, self.start, self.end) as relation,
            self.database.transaction() as connection,
        ):
            return dict(columns_of(connection, as_sql(self._text(check, relation))))

    def _by_conditions(self, checks: Sequence[Check]) -> dict[str, Broken]:
        """Count the unexpected rows of all checks in one pass over the rows; then query samples for the failed ones."""
        conditions = [each for check in checks if (each := predicates.condition(check, _BATCH)) is not None]
        if not conditions:
            return {}
        (counts,) = self.session.rows(predicates.counts(conditions, _BATCH))
        found: dict[str, Broken] = {}
        for check, condition, count in zip(checks, conditions, counts.values(), strict=True):
            if count:
                rows = predicates.rows(check, self.target.key, condition, _BATCH, SAMPLE_ROWS)
                found[check.name] = count, as_postgres_gives(self.session.rows(rows), self._own_types)
        return found

    def _by_great_expectations(self, checks: Sequence[Check]) -> dict[str, Broken]:
        """Let Great Expectations judge a copy of the columns that the checks name."""
        if not checks:
            return {}
        named = {*self.target.key, *(word for check in checks for word in _WORD.findall(str(check.arguments)))}
        every = any(check.expectation.startswith("expect_table_column") for check in checks)
        types = {name: kind for name, kind in self._own_types.items() if every or name in named}
        columns = ", ".join(f"{quoted(name)}::{duckdb_type(kind)} as {quoted(name)}" for name, kind in types.items())
        batches = self.session.batches(f"select {columns} from {_BATCH}")  # noqa: S608 - columns of the catalogue
        with batch_table(self.database.settings, types, batches) as relation:
            return by_great_expectations(self.database, self.target, checks, relation)

    @cached_property
    def _own_types(self) -> dict[str, str]:
        """{column of the window: its type in PostgreSQL}."""
        with self.database.transaction() as connection:
            types = column_types(connection, [self.target.table])[self.target.table]
        return {**types, "day": "date"} if self.target.time_column else types
