"""A lake made of given rows, without a load, and what an engine computes from it."""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from importlib.util import find_spec
from pathlib import Path
from uuid import UUID

import pyarrow as pa
import pytest
from sql_engines import SOME_DAY, Row, Tables, complete, plain

from analytics_etl.catalog.catalog import Catalog, kept_in_lake
from analytics_etl.catalog.models import Model
from analytics_etl.config.settings import Settings
from analytics_etl.engines.engine import Engine
from analytics_etl.engines.spark import SparkEngine
from analytics_etl.lake import Lake, LakeFile
from analytics_etl.lake.days import schema_of
from analytics_etl.lake.folder import FolderLake
from analytics_etl.lake.writing import ARROW_TYPES, PartitionWriter

needs_spark = pytest.mark.skipif(
    find_spec("pyspark") is None or shutil.which("java") is None,
    reason="Spark needs pyspark (pip install 'analytics-etl[spark]') and Java 17 or 21",
)


@dataclass(frozen=True)
class GivenLake:
    """A lake and its files."""

    lake: Lake
    files: Mapping[str, Sequence[LakeFile]]


def lake_of(folder: Path, catalog: Catalog, tables: Tables, given: Mapping[str, Sequence[Row]]) -> GivenLake:
    """A lake with one file for each table and day of the given rows."""
    lake = FolderLake(folder)
    files: dict[str, list[LakeFile]] = {table: [] for table in kept_in_lake(catalog)}
    for table, rows in given.items():
        contract, types = catalog.contracts.get(table), {name: column.type for name, column in tables[table].items()}
        schema = schema_of(contract) if contract else pa.schema({name: ARROW_TYPES[of] for name, of in types.items()})
        version = contract.code_version if contract else catalog.aggregates[table].code_version
        start = contract.time_column if contract else catalog.aggregates[table].key[0]
        by_day: dict[date, list[Row]] = {}
        if contract is None and not rows:  # a derived table was computed, even if it has no rows
            by_day[SOME_DAY] = []
        for row in complete(tables, table, rows):
            by_day.setdefault(day_of(row[start]), []).append(row)
        with PartitionWriter(lake, table, version, schema, by_day) as writer:
            for day, of_day in by_day.items():
                writer.add(day, arrow(schema, of_day))
            files[table] += writer.place(None)
    return GivenLake(lake, files)


def day_of(moment: date) -> date:
    return moment.astimezone(UTC).date() if isinstance(moment, datetime) else moment


def arrow(schema: pa.Schema, rows: Sequence[Row]) -> pa.Table:
    """Rows as they are handed to the lake."""
    arrays = []
    for item in schema:
        values = [row.get(item.name) for row in rows]
        if item.type == pa.binary(16):
            values = [None if value is None else UUID(str(value)).bytes for value in values]
        if item.type == pa.string():  # as databases store what YAML does not read as a text
            values = [str(value).lower() if isinstance(value, bool) else value for value in values]
        arrays.append(pa.array(values, item.type))
    return pa.Table.from_arrays(arrays, schema=schema)


def spark_of(given: GivenLake, catalog: Catalog, temporary_dir: Path, master: str = "local[2]") -> SparkEngine:
    return SparkEngine(given.lake, catalog.contracts, given.files, master, Settings().engine_memory_mb, temporary_dir)


def rows_from(engine: Engine, model: Model, types: Mapping[str, str], start: date, end: date) -> list[Row]:
    """The rows of a window."""
    with engine.compute(model, types, start, end) as batches:
        return [row for batch in batches for row in batch.to_pylist()]


def computed(engine: Engine, model: Model, types: Mapping[str, str], start: date, end: date) -> list[Row]:
    """The rows of a window, as cases write them."""
    rows = rows_from(engine, model, types, start, end)
    return [{name: plain(value) for name, value in row.items()} for row in rows]
