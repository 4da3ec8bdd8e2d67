"""DuckDB inside the process: reads the lake, bounded in memory, and spills to a temporary folder beyond that."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from analytics_etl.catalog.contracts import DUCKDB_TYPES, Contract
from analytics_etl.catalog.models import Model
from analytics_etl.engines.engine import slices
from analytics_etl.engines.instances import session
from analytics_etl.lake import Lake, LakeFile
from analytics_etl.landing.batches import plain_booleans

NAME = "duckdb"
"""The engine as the books name it."""

_ROWS_AT_ONCE = 65_536
POSTGRES_TYPES = {**DUCKDB_TYPES, "timestamp with time zone": "TIMESTAMPTZ", "date": "DATE", "integer": "INTEGER"}
"""{type in PostgreSQL: type in DuckDB} of the columns of derived tables."""


_PERCENTILE = re.compile(
    r"\bpercentile_cont\(\s*([\d.]+)\s*\)\s+within\s+group\s*\(\s*order\s+by\s+([\w.]+)\s*\)(?!\s*filter\b)"
)
PERCENTILE_MACRO = """
    create macro postgres_percentile(sorted, fraction) as (
        sorted[floor(fraction * (len(sorted) - 1))::bigint + 1]
        + (fraction * (len(sorted) - 1) - floor(fraction * (len(sorted) - 1))) * (
            sorted[ceil(fraction * (len(sorted) - 1))::bigint + 1]
            - sorted[floor(fraction * (len(sorted) - 1))::bigint + 1]
        )
    )"""
"""PostgreSQL interpolates between two values as lower + fraction * (upper - lower), DuckDB as a weighted sum of both.

The last digit may differ, and a day must have the same figures whichever engine computes it.
"""
_DECIMAL = re.compile(r" as decimal\((\d+), (\d+)\)\)")
"""PostgreSQL rounds the 15 digits of a double, 101.65 to 101.7; DuckDB its binary value, which may be less."""
_UTC_DAY = re.compile(r"\(([\w.]+) at time zone 'UTC'\)::date\b")


class UnsupportedError(ValueError):
    """A SELECT that DuckDB would not compute as PostgreSQL does; the message names its file."""


@dataclass(frozen=True)
class DuckDBEngine:
    """Computes tables from files of the lake."""

    lake: Lake
    contracts: Mapping[str, Contract]
    files: Mapping[str, Sequence[LakeFile]]
    """{table: the files that a SELECT may read}"""
    memory_mb: int
    temporary_dir: Path
    name: str = NAME

    @contextmanager
    def compute(
        self, model: Model, types: Mapping[str, str], start: date, end: date
    ) -> Iterator[Iterator[pa.RecordBatch]]:
        """The rows of the partitions that begin in [start, end), see `Engine`."""
        with opened(self.memory_mb, self.temporary_dir) as connection:
            for table in model.dependencies:
                connection.execute(f"create schema if not exists {table.split('.')[0]}")
                connection.execute(f"create view {table} as {self._rows_of(table)}")
            yield self._computed(connection, model, types, start, end)

    def _computed(
        self, connection: duckdb.DuckDBPyConnection, model: Model, types: Mapping[str, str], start: date, end: date
    ) -> Iterator[pa.RecordBatch]:
        columns = ", ".join(f'cast("{name}" as {_type(model, name, kind)}) as "{name}"' for name, kind in types.items())
        rows: dict[date, int] = {}
        for table in model.dependencies:
            for file in self.files[table]:
                rows[file.day] = rows.get(file.day, 0) + file.rows
        for part in slices(model, rows, start, end):
            select = as_postgres_computes(model, model.statement(part.parameters))
            relation = connection.sql(f"select {columns} from ({select}) as computed")  # noqa: S608 - a file of ours
            for batch in relation.to_arrow_reader(_ROWS_AT_ONCE):
                yield plain_booleans(batch)

    def _rows_of(self, table: str) -> str:
        """A SELECT of the rows of a table. A file that was written before a column was added has NULL in it."""
        contract = self.contracts.get(table)
        types = {column.name: column.duckdb_type for column in contract.columns} if contract else {}
        return rows_in_files(types, map(self.lake.verified, self.files[table]))


@contextmanager
def opened(memory_mb: int, temporary_dir: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection that divides, sorts and knows days as PostgreSQL does in our sessions."""
    with session(memory_mb, temporary_dir) as connection:
        connection.execute(
            "set timezone = 'UTC'; set integer_division = true; set enable_progress_bar = false; "
            "set arrow_lossless_conversion = true"
        )
        connection.execute(PERCENTILE_MACRO)
        yield connection


def as_postgres_computes(model: Model, select: str) -> str:
    """A SELECT with the percentiles and decimals of PostgreSQL; UnsupportedError for another form of percentile.

    Days in UTC are written in a faster form.
    """
    found = _PERCENTILE.sub(
        r"postgres_percentile(list_sort(list(\2::double) filter (where \2 is not null)), \1::double)", select
    )
    if re.search(r"\bpercentile_cont\s*\(", found):
        raise UnsupportedError(
            f"{model.path}: expected percentile_cont(0.5) within group (order by column), without a filter: DuckDB "
            "interpolates in another way than PostgreSQL, and only this form is mended"
        )
    found = _DECIMAL.sub(r" as decimal(38, 10))::decimal(\1, \2)", found)
    return _UTC_DAY.sub(lambda match: utc_day(match[1]), found)


def utc_day(time: str) -> str:
    """The day of a time in UTC, without the rules of time zones, which take five times as long.

    Times in the lake are finite; of an infinite one it would be NULL.
    """
    return f"make_timestamp(epoch_us({time}))::date"


def by_columns(paths: Iterable[Path]) -> list[list[Path]]:
    """Files of the lake, those with the same columns together.

    The version of the contract does not tell: a day that was loaded before there was a lake may have other columns.
    """
    with_columns: dict[tuple[str, ...], list[Path]] = {}
    for path in paths:
        with_columns.setdefault(tuple(pq.read_schema(path).names), []).append(path)
    return list(with_columns.values())


def rows_in_files(types: Mapping[str, str], paths: Iterable[Path]) -> str:
    """A SELECT of the given columns {name: type} from files; of all their columns without any.

    A file that was written before a column was added has NULL in it.
    """
    parts = [rows_of_files(types, same) for same in by_columns(paths)]
    return " union all by name ".join(parts or [f"select {_nothing(types)} where false"])


def rows_of_files(types: Mapping[str, str], paths: Sequence[Path]) -> str:
    """A SELECT of the given columns {name: type} from files with the same columns; of all their columns without any.

    UUIDs are 16 bytes in the files.
    """
    there = {item.name: item.type for item in pq.read_schema(paths[0])}
    missing = {name: kind for name, kind in types.items() if name not in there}
    columns = [
        f"{quoted(name)}{'::uuid' if there[name] == pa.binary(16) else ''} as {quoted(name)}"
        for name in there
        if not types or name in types
    ]
    selected = ", ".join([*columns, *([_nothing(missing)] if missing else [])])
    names = ", ".join("'" + str(path).replace("'", "''") + "'" for path in paths)
    return f"select {selected} from read_parquet([{names}], hive_partitioning = false)"  # noqa: S608 - paths of the lake


def _nothing(types: Mapping[str, str]) -> str:
    """NULLs of the given types."""
    return ", ".join(f"null::{kind} as {quoted(name)}" for name, kind in types.items())


def _type(model: Model, column: str, type_name: str) -> str:
    if type_name not in POSTGRES_TYPES:
        raise UnsupportedError(
            f"{model.path}: the column {column} has the type {type_name}, expected one of "
            f"{sorted(POSTGRES_TYPES)}; cast it"
        )
    return POSTGRES_TYPES[type_name]


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
