"""Spark: reads the lake, computes on this machine or on a cluster. pyspark is imported when it is asked for.

The result comes back as Parquet in the staging folder of the lake, which every machine of a cluster must reach, as it
must reach the lake. So neither this process nor Spark's driver holds it in memory, and a task that runs twice, after a
worker was lost, leaves its rows once.
"""

import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from analytics_etl.catalog.contracts import Contract
from analytics_etl.catalog.models import Model, window_parameters
from analytics_etl.engines.duckdb import by_columns
from analytics_etl.engines.spark_dialect import TYPES, spark_select
from analytics_etl.lake import Lake, LakeFile
from analytics_etl.lake.writing import ARROW_TYPES

NAME = "spark"
"""The engine as the books name it."""

_ROWS_AT_ONCE = 65_536
_LEAST_MEMORY_MB = 1024
"""Spark does not start with less than half of it."""
_STACK = "-Xss16m"
"""Java's regular expressions call themselves for each character of some texts; messages have up to 4,000."""
_POSTGRES_TYPES = {kept: name for name, kept in ARROW_TYPES.items()}
"""{type in the files of the lake: type in PostgreSQL}."""
_GROUPS_OF_A_UUID = ((1, 8), (9, 4), (13, 4), (17, 4), (21, 12))
"""(first digit, digits) of each."""
_MEANING = {
    "spark.sql.ansi.enabled": "true",
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.parser.escapedStringLiterals": "false",
    "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
}
"""Settings of a session on which the meaning of a SELECT depends."""
_WITHOUT_RULE = {"spark.sql.optimizer.excludedRules": "org.apache.spark.sql.catalyst.optimizer.RemoveRedundantAliases"}
"""Spark 4.3 fails with PLAN_VALIDATION_FAILED in this rule where a union reads one column twice (liveness)."""


class SparkError(RuntimeError):
    """Spark is not there or has failed; the message says what to do, or what failed."""


@dataclass(frozen=True)
class SparkEngine:
    """Computes tables from files of the lake."""

    lake: Lake
    contracts: Mapping[str, Contract]
    files: Mapping[str, Sequence[LakeFile]]
    """{table: the files that a SELECT may read}"""
    master: str = field(repr=False)  # may hold a token
    """`local[*]`, `spark://…`, or `sc://…` for a Spark Connect server."""
    memory_mb: int
    """Of Spark in this process; a cluster has its own."""
    temporary_dir: Path
    name: str = NAME

    @contextmanager
    def compute(
        self, model: Model, types: Mapping[str, str], start: date, end: date
    ) -> Iterator[Iterator[pa.RecordBatch]]:
        """The rows of the partitions that begin in [start, end), see `Engine`."""
        session = _session(self.master, self.memory_mb, self.temporary_dir)
        views = {table: f"{table.replace('.', '_')}_{secrets.token_hex(8)}" for table in model.dependencies}
        select = self._select(model, types, views, start, end)
        scratch = self.lake.scratch()
        try:
            with _failures(model):
                for table, view in views.items():
                    self._rows_of(session, table).createOrReplaceTempView(view)
                session.sql(select).write.parquet(f"file://{scratch.path / 'rows'}")
            yield _batches(scratch.path / "rows", types)
        finally:
            for view in views.values():
                session.catalog.dropTempView(view)
            scratch.remove()

    def _select(
        self, model: Model, types: Mapping[str, str], views: Mapping[str, str], start: date, end: date
    ) -> str:  # fmt: skip
        schema = {table: self._types_of(table) for table in views}
        select = spark_select(model.path, model.statement(window_parameters(start, end)), schema, views)
        columns = ", ".join(_result(model, name, kind) for name, kind in types.items())
        return f"select {columns} from ({select}) as computed"  # noqa: S608 - a file of ours

    def _types_of(self, table: str) -> dict[str, str]:
        """{column: its type in PostgreSQL} of a table: of an event table by its contract, of others by their files."""
        if contract := self.contracts.get(table):
            return {column.name: column.type for column in contract.columns}
        schemas = [pq.read_schema(paths[0]) for paths in self._paths_of(table)]
        return {item.name: _POSTGRES_TYPES[item.type] for schema in schemas for item in schema}

    def _rows_of(self, session: Any, table: str) -> Any:
        """The rows of a table. A file that was written before a column was added has NULL in it."""
        types = self._types_of(table)
        parts = [
            _columns(session.read.parquet(*(f"file://{path}" for path in paths)), types)
            for paths in self._paths_of(table)
        ]
        found = parts[0] if parts else _columns(session.range(0), types)
        for part in parts[1:]:
            found = found.unionAll(part)
        return found

    def _paths_of(self, table: str) -> list[list[Path]]:
        """The files of a table, those with the same columns together."""
        return by_columns(map(self.lake.verified, self.files[table]))


def _columns(rows: Any, types: Mapping[str, str]) -> Any:
    """The given columns, UUIDs as text; NULL where the rows do not have one."""
    there = set(rows.columns)
    found = []
    for name, kind in types.items():
        value = f"`{name}`" if name in there else "null"
        if kind == "uuid" and name in there:
            digits = f"lower(hex({value}))"
            parts = ", ".join(f"substr({digits}, {start}, {length})" for start, length in _GROUPS_OF_A_UUID)
            value = f"if({value} is null, null, concat_ws('-', {parts}))"
        found.append(f"cast({value} as {TYPES[kind]}) as `{name}`")
    return rows.selectExpr(*found)


def _result(model: Model, column: str, type_name: str) -> str:
    """A column of the result as PostgreSQL has it; UUIDs as their bytes."""
    if type_name not in TYPES:
        raise SparkError(
            f"{model.path}: the column {column} has the type {type_name}, expected one of {sorted(TYPES)}; cast it"
        )
    if type_name == "uuid":
        return f"unhex(replace(`{column}`, '-', '')) as `{column}`"
    return f"cast(`{column}` as {TYPES[type_name]}) as `{column}`"


def _batches(folder: Path, types: Mapping[str, str]) -> Iterator[pa.RecordBatch]:
    """The rows that Spark has written."""
    for path in sorted(folder.glob("*.parquet")):
        with pq.ParquetFile(path) as parquet:
            for batch in parquet.iter_batches(batch_size=_ROWS_AT_ONCE, columns=list(types)):
                arrays = [
                    _uuids(column) if types[name] == "uuid" else column
                    for name, column in zip(batch.schema.names, batch.columns, strict=True)
                ]
                yield pa.RecordBatch.from_arrays(arrays, names=batch.schema.names)


def _uuids(column: pa.Array) -> pa.Array:
    return pa.ExtensionArray.from_storage(pa.uuid(), column.cast(pa.binary(16)))


# -- the session -------------------------------------------------------------------------------------------------------


def _session(master: str, memory_mb: int, temporary_dir: Path) -> Any:
    """The session of this process; the first call starts it."""
    try:
        from py4j.protocol import Py4JError  # noqa: PLC0415 - comes with pyspark
        from pyspark.errors import PySparkException  # noqa: PLC0415 - an extra, and slow to import
        from pyspark.sql import SparkSession  # noqa: PLC0415
    except ImportError as error:
        raise SparkError(
            f"ANALYTICS_ENGINE=spark needs pyspark: pip install 'analytics-etl[spark]' ({error})"
        ) from error
    builder = SparkSession.builder.appName("analytics-etl")
    for key, value in (_MEANING | _WITHOUT_RULE | _resources(master, memory_mb, temporary_dir)).items():
        builder = builder.config(key, value)
    try:
        return (builder.remote(master) if master.startswith("sc://") else builder.master(master)).getOrCreate()
    except (PySparkException, Py4JError) as error:
        hint = (
            "it needs the server that ANALYTICS_SPARK names, and pip install 'pyspark[connect]'"
            if master.startswith("sc://")
            else "it needs Java 17 or 21 (java on PATH, or JAVA_HOME), and the cluster that ANALYTICS_SPARK names"
        )
        where = master.partition(";")[0]  # a token may follow
        raise SparkError(f"Spark did not start at {where}: {hint}: {_reason(error)}") from error


def _resources(master: str, memory_mb: int, temporary_dir: Path) -> dict[str, str]:
    """What Spark may use: in this process as the settings say; a cluster is configured where it runs."""
    if master.startswith("sc://"):
        return {}
    stack = {"spark.driver.extraJavaOptions": _STACK, "spark.executor.extraJavaOptions": _STACK}
    quiet = {"spark.log.level": "ERROR", "spark.ui.showConsoleProgress": "false"}
    if not master.startswith("local"):
        return stack | quiet
    return {
        **stack,
        **quiet,
        "spark.driver.memory": f"{max(memory_mb, _LEAST_MEMORY_MB)}m",
        "spark.local.dir": str(temporary_dir),
        "spark.ui.enabled": "false",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
    }


@contextmanager
def _failures(model: Model) -> Iterator[None]:
    """Failures of Spark in one line that names the file."""
    from py4j.protocol import Py4JError  # noqa: PLC0415 - comes with pyspark
    from pyspark.errors import PySparkException  # noqa: PLC0415

    try:
        yield
    except (PySparkException, Py4JError) as error:
        raise SparkError(f"{model.path}: Spark failed: {_reason(error)}") from error


def _reason(error: Exception) -> str:
    """The first line that says something; py4j's first one names a call, then comes Java's error."""
    lines = [line.strip(": ") for line in str(error).splitlines()]
    return next(
        (line for line in lines if line and not line.startswith("An error occurred while calling")), repr(error)
    )
