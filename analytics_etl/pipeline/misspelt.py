"""Columns that are likely misspelt in landing files: lines for the end of a run and for `doctor`."""

from collections.abc import Collection

from analytics_etl.catalog.catalog import is_of
from analytics_etl.landing.rejections import UNKNOWN_COLUMN
from analytics_etl.ops.files import read_with_reason
from analytics_etl.postgres.database import Database
from analytics_etl.text.english import counted


def misspelt_columns(database: Database, seconds: float | None = None, families: Collection[str] = ()) -> list[str]:
    """A line for each such column of files read in the last `seconds`, or ever; all families unless some are named."""
    found = database.read(read_with_reason, UNKNOWN_COLUMN, 1e9 if seconds is None else seconds)
    return [
        f"{row['path']}{_others(row['files'] - 1)}: {row['remark']}"
        for row in found
        if is_of(row["table_name"], families)
    ]


def _others(files: int) -> str:
    return f" and {counted(files, 'more file')}" if files else ""
