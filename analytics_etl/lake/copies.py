"""Which copy of an event is kept: found by DuckDB among the rows whose event id occurs more than once in a day.

The kept row has the highest revision (NULL is the lowest), then the earliest event time, then the smallest MD5 of its
text. The text is the one that PostgreSQL writes for a row: days that were loaded when PostgreSQL made this choice keep
the same rows when they are loaded again. (PostgreSQL never chose among rows with JSON, which is the text in the lake.)
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import duckdb
import pyarrow as pa

from analytics_etl.catalog.contracts import REVISION, Column, Contract


@dataclass(frozen=True)
class Kept:
    """The kept rows, and the (event id, highest revision) of events whose copies of that revision differ."""

    rows: pa.Table
    conflicts: list[tuple[UUID, int | None]]


def kept_copies(path: Path, contract: Contract, ids: pa.Array, scratch: Path, memory_mb: int) -> Kept:
    """The kept row of each of the given ids (16 bytes each) among the rows of a Parquet file."""
    names = ", ".join(f'"{column.name}"' for column in contract.columns)
    revision = REVISION if contract.has_revisions else "null::bigint"
    config: dict[str, Any] = {"memory_limit": f"{memory_mb}MB", "temp_directory": str(scratch / "copies")}
    with duckdb.connect(config=config) as connection:
        connection.execute("set timezone = 'UTC'; set enable_progress_bar = false")
        connection.register("wanted", pa.table({"event_id": ids}))
        copies = f"""
            create table kept as
            select {names}, _revision, _lowest <> _highest as _differ from (
                select *,
                    row_number() over (
                        partition by event_id order by _revision desc nulls last, _time, _hash
                    ) as _position,
                    min(_hash) over (partition by event_id, _revision) as _lowest,
                    max(_hash) over (partition by event_id, _revision) as _highest
                from (
                    select {names}, {revision} as _revision, "{contract.time_column}" as _time,
                        md5({_row_text(contract.columns)}) as _hash
                    from read_parquet($1) semi join wanted using (event_id)
                )
            )
            where _position = 1"""  # noqa: S608 - names of a contract
        connection.execute(copies, [str(path)])
        rows = connection.sql(f"select {names} from kept").to_arrow_table()  # noqa: S608
        conflicts = connection.execute("select event_id::uuid, _revision from kept where _differ").fetchall()
    return Kept(rows, conflicts)


def _row_text(columns: Iterable[Column]) -> str:
    """The text of a row without its revision, as `row(…)::text` of PostgreSQL writes it."""
    return "'(' || " + " || ',' || ".join(_value(c) for c in columns if c.name != REVISION) + " || ')'"


def _value(column: Column) -> str:
    name = f'"{column.name}"'
    if column.type == "uuid":
        return f"coalesce({name}::uuid::varchar, '')"
    if column.type == "boolean":
        return f"coalesce(left({name}::varchar, 1), '')"
    if column.type == "timestamptz":  # it has a space, so PostgreSQL puts it in quotes
        return f"""coalesce('"' || {name}::varchar || '"', '')"""
    if column.type in ("text", "jsonb"):
        escaped = f"""'"' || replace(replace({name}, '\\', '\\\\'), '"', '""') || '"'"""
        is_special = f"""{name} = '' or regexp_matches({name}, '["\\\\(),\\s\\x0b]')"""
        return f"coalesce(case when {is_special} then {escaped} else {name} end, '')"
    return f"coalesce({name}::varchar, '')"
