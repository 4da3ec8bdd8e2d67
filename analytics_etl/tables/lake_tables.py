"""Fine-grained tables: their rows lie in the lake alone, a file for each partition; `kept: lake` in a header says so.

PostgreSQL has a view of each, with its columns. Whoever reads rows there gets an error that says where they are: no
rows would look like none. Not here: tables whose rows are in PostgreSQL (`derived`).
"""

import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import date

import pyarrow as pa
from psycopg import sql

from analytics_etl.catalog.calendar import chunks
from analytics_etl.catalog.models import Model
from analytics_etl.lake import Lake, LakeFile
from analytics_etl.lake.comparison import comparison
from analytics_etl.lake.difference import Difference
from analytics_etl.lake.files import usable
from analytics_etl.lake.writing import ARROW_TYPES, PartitionWriter
from analytics_etl.ops import archives, changes, lake_files, places
from analytics_etl.ops.changes import Change, Gate
from analytics_etl.ops.partitions import has_version
from analytics_etl.ops.records import PartitionRecord, record_partition
from analytics_etl.postgres.columns import column_types, columns_of, relation_kind
from analytics_etl.postgres.connection import Connection, ensure_schema, identifier
from analytics_etl.tables.computed import PARTITIONS_AT_ONCE, Computed, Inputs, add_by_period, computed_batches
from analytics_etl.tables.functions import STREAMED, PostgresEngine
from analytics_etl.tables.model_sql import as_sql, columns_made, comment
from analytics_etl.tables.partition_rows import stream


@dataclass(frozen=True)
class LakeWindow:
    """Replaces windows of one fine-grained table in one transaction."""

    connection: Connection
    model: Model
    run_id: str | None
    started: float
    inputs: Inputs

    def replace(self, periods: Mapping[date, date], gate: Gate | None) -> dict[date, int]:
        """Replace the partitions by new files; return rows per partition. A file whose rows stay the same stays."""
        counts: dict[date, int] = {}
        for starts in chunks(sorted(periods), PARTITIONS_AT_ONCE):
            counts |= self._replace({start: periods[start] for start in starts}, gate)
        return counts

    def _replace(self, periods: Mapping[date, date], gate: Gate | None) -> dict[date, int]:
        table, version = self.model.table, self.model.code_version
        types = dict(columns_of(self.connection, sql.SQL("select * from {}").format(identifier(table))))
        files = {file.day: file for file in self._written(types, periods)}
        versions = changes.known_versions(self.connection, table, periods)
        before = lake_files.of_days(self.connection, table, periods)
        there = [start for start in sorted(versions) if start in before]
        found, same = list[Change](), set[date]()
        for start, difference in self._differences(types, {start: (before[start], files[start]) for start in there}):
            if difference is None:
                same.add(start)
            else:
                found.append(Change.of_files(table, start, periods[start], difference, (versions[start], version)))
        changes.judge(self.connection, found, gate)
        changes.record_changes(self.connection, found, self.run_id)
        for start, file in files.items():
            if start in same and before[start].contract_version == version:
                if file.path != before[start].path:
                    self._lake.remove(file.path)
            else:
                lake_files.book(self.connection, file, self.run_id)
            record_partition(
                self.connection,
                PartitionRecord(
                    table, start, periods[start], file.rows, version, self.elapsed_ms() // len(files), self.run_id,
                    is_changed=start not in same, engine=self.inputs.engine_name, in_postgres=False,
                ),
            )  # fmt: skip
        return {start: file.rows for start, file in files.items()}

    def elapsed_ms(self) -> int:
        return round(1000 * (time.monotonic() - self.started))

    @property
    def _lake(self) -> Lake:
        assert self.inputs.lake is not None
        return self.inputs.lake

    def _written(self, types: Mapping[str, str], periods: Mapping[date, date]) -> Iterator[LakeFile]:
        """The new file of each partition, which is not booked yet."""
        window = Computed(self.connection, self.model, types, periods, self.run_id)
        engine = self.inputs.engine or PostgresEngine(self.connection, self.inputs.schemas)
        with PartitionWriter(self._lake, self.model.table, self.model.code_version, _schema(types), periods) as writer:
            with computed_batches(window, engine) as batches:
                for batch in batches:
                    add_by_period(writer, batch, periods)
            yield from writer.place(self.run_id)

    def _differences(
        self, types: Mapping[str, str], pairs: Mapping[date, tuple[LakeFile, LakeFile]]
    ) -> Iterator[tuple[date, Difference | None]]:
        """How the rows of partitions differ between an old and a new file; None if they do not.

        A partition whose old file is missing or damaged is left out.
        """
        if not pairs:
            return
        with comparison(types, self.model.key, self.inputs.memory_mb, self.inputs.temporary_dir) as compared:
            for start, (old, new) in pairs.items():
                if (before := usable(self._lake, old)) is not None:
                    yield start, compared.compare(before, self._lake.locate(new))


def make_view(connection: Connection, lake: Lake, model: Model) -> None:
    """Make the view of a fine-grained table, or make it anew if the columns of its SELECT have changed.

    A table that an earlier version filled becomes files of the lake first.
    """
    kind = relation_kind(connection, model.table)
    if kind == "table":
        take_over(connection, lake, model, days_in_postgres(connection, model))
    elif kind == "view" and has_version(connection, model.table, model.code_version):
        return
    wanted = columns_made(connection, model)
    if list(column_types(connection, [model.table]).get(model.table, {}).items()) == wanted:
        return
    ensure_schema(connection, model.family)
    view = identifier(model.table)
    columns = sql.SQL(", ").join(sql.SQL("{} {}").format(sql.Identifier(name), as_sql(kind)) for name, kind in wanted)
    connection.execute(sql.SQL("drop view if exists {}").format(view))
    places.make_view(connection, model.table, columns)
    comment(connection, model, "view")


def days_in_postgres(connection: Connection, model: Model) -> list[date]:
    """The partitions of a fine-grained table that an earlier version wrote into PostgreSQL and that are still there."""
    if relation_kind(connection, model.table) != "table":
        return []
    statement = sql.SQL("select distinct {} from {} order by 1").format(
        sql.Identifier(model.key[0]), identifier(model.table)
    )
    return [day for (day,) in connection.execute(statement).fetchall()]


def take_over(connection: Connection, lake: Lake, model: Model, days: Collection[date]) -> None:
    """Move partitions of a fine-grained table from PostgreSQL into the lake; the last ones take the table along.

    A partition that has a file already has the same rows in it.
    """
    table, period = identifier(model.table), sql.Identifier(model.key[0])
    types = column_types(connection, [model.table])[model.table]
    for day in sorted(days):
        if not lake_files.of_days(connection, model.table, [day]):
            version = archives.contract_version(connection, model.table, day)
            with PartitionWriter(lake, model.table, version, _schema(types), [day]) as writer:
                condition = sql.SQL("{} = {}").format(period, day)
                with closing(stream(connection, table, types, condition, arrow_types=STREAMED)) as batches:
                    for batch in batches:
                        writer.add(day, batch)
                for file in writer.place(None):
                    lake.reread(file)  # before the rows leave PostgreSQL
                    lake_files.book(connection, file, None)
        connection.execute(sql.SQL("delete from {} where {} = {}").format(table, period, day))
        places.set_place(connection, model.table, day, in_postgres=False)
    if not days_in_postgres(connection, model):
        places.all_in_lake(connection, model.table)  # also those without rows
        connection.execute(sql.SQL("drop table {}").format(table))


def _schema(types: Mapping[str, str]) -> pa.Schema:
    return pa.schema([(name, ARROW_TYPES[kind]) for name, kind in types.items()])
