"""Comparing the old and the new rows of a partition in the lake: rows added, removed, changed, and sums of columns.

`ops.comparison` does the same for partitions in PostgreSQL.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq

from analytics_etl.catalog.additive import is_additive, measures, rows_that_add_up
from analytics_etl.disk.scratch import Scratch
from analytics_etl.lake.difference import Difference

Rows = Any
"""A Path of a file, a RecordBatchReader, or None for no rows."""


@dataclass(frozen=True)
class FileComparison:
    """Compares versions of partitions of one table, in one DuckDB."""

    connection: duckdb.DuckDBPyConnection
    types: Mapping[str, str]
    """{column: its type in PostgreSQL}"""
    key: Sequence[str]

    def compare(self, old: Rows, new: Rows) -> Difference | None:
        """The difference between old and new rows; None if they are the same in any order."""
        self._read("old_rows", old)
        self._read("new_rows", new)
        before, after = self._summary("old_rows"), self._summary("new_rows")
        if before[:2] == after[:2]:
            return None
        summed = measures(self.types, self.key)
        additive = [name for name, kind in summed.items() if is_additive(name, kind)]
        pairs = [(float(one or 0), float(other or 0)) for one, other in zip(before[2:], after[2:], strict=True)]
        totals, sums = pairs[: len(additive)], pairs[len(additive) :]
        return Difference(
            (before[0], after[0]),
            *self._counts(),
            dict(zip(additive, totals, strict=True)),
            dict(zip(summed, sums, strict=True)),
        )

    def _read(self, name: str, rows: Rows) -> None:
        """Name the rows. A column that they do not have, since it was added later, is NULL in them."""
        if rows is None:
            there, source, condition = list[str](), "(select 1)", "false"
        elif isinstance(rows, Path):
            there, condition = pq.read_schema(rows).names, "true"
            source = f"read_parquet({_text(str(rows))}, hive_partitioning = false)"
        else:
            there, source, condition = rows.schema.names, "copied", "true"
            self.connection.register("incoming", rows)
            self.connection.execute("create or replace temp table copied as from incoming")  # batches are read once
        columns = ", ".join(_quoted(c) if c in there else f"null as {_quoted(c)}" for c in self.types)
        select = f"select {columns} from {source} where {condition}"  # noqa: S608 - a path, and names of a contract
        self.connection.execute(f"create or replace temp view {name} as {select}")

    def _summary(self, name: str) -> tuple[Any, ...]:
        """The number of rows, a hash of them that does not depend on their order, totals and sums."""
        summed = measures(self.types, self.key)
        counted_once = " and ".join(
            f"{_quoted(column)} not in ({', '.join(map(_text, values))})"
            for column, values in rows_that_add_up(self.types).items()
        )
        totals = [
            f"{_sum(column, kind)} filter (where {counted_once or 'true'})"
            for column, kind in summed.items()
            if is_additive(column, kind)
        ]
        sums = [_sum(column, kind) for column, kind in summed.items()]
        selected = ", ".join(["count(*)", f"sum({_hash(self.types)}::hugeint)", *totals, *sums])
        found = self.connection.execute(f"select {selected} from {name}").fetchone()  # noqa: S608 - names of a contract
        assert found is not None
        return found

    def _counts(self) -> tuple[int, int, int]:
        """Rows (added, removed, changed), by a join on hashes of the key."""
        old, new = (
            f"(select {_hash(self.key)} as row_key, {_hash(self.types)} as content from {name})"  # noqa: S608 - likewise
            for name in ("old_rows", "new_rows")
        )
        found = self.connection.execute(
            "select count(*) filter (where o.content is null), count(*) filter (where n.content is null), "  # noqa: S608 - likewise
            f"count(*) filter (where o.content <> n.content) from {old} as o full join {new} as n using (row_key)"
        ).fetchone()
        assert found is not None
        added, removed, changed = found
        return added, removed, changed


@contextmanager
def comparison(
    types: Mapping[str, str], key: Sequence[str], memory_mb: int, temporary_dir: Path
) -> Iterator[FileComparison]:
    """A comparison of versions of partitions of a table with these {column: type in PostgreSQL} and this key."""
    scratch = Scratch(temporary_dir)
    config: dict[str, Any] = {"memory_limit": f"{memory_mb}MB", "temp_directory": str(scratch.path)}
    try:
        with duckdb.connect(config=config) as connection:
            connection.execute("set timezone = 'UTC'; set enable_progress_bar = false")
            yield FileComparison(connection, types, key)
    finally:
        scratch.remove()


def _hash(columns: Mapping[str, str] | Sequence[str]) -> str:
    return f"hash({', '.join(map(_quoted, columns))})"


def _sum(column: str, kind: str) -> str:
    """The sum of a column; of doubles with compensation, so that the order of the rows hardly matters."""
    return f"{'fsum' if kind in ('real', 'double precision') else 'sum'}({_quoted(column)})"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _text(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
