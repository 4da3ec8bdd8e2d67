"""The rows of whole tables and views, and of whole raw days, as a stream of Arrow batches for another engine."""

from collections.abc import Generator, Mapping, Sequence
from datetime import date, timedelta

import pyarrow as pa
from psycopg import sql

from analytics_etl.catalog.models import window_parameters
from analytics_etl.postgres.connection import Connection, identifier
from analytics_etl.tables.partition_rows import stream


def rows_of_table(
    connection: Connection, table: str, columns: Mapping[str, str]
) -> Generator[pa.RecordBatch, None, None]:
    """All rows of a table or view, see `stream`; arrays come as JSON, other types without an Arrow type as text."""
    values = sql.SQL(", ").join(
        sql.SQL("to_json({0})::text as {0}" if type_name.endswith("[]") else "{0}").format(sql.Identifier(name))
        for name, type_name in columns.items()
    )
    return stream(connection, sql.SQL("(select {} from {}) as found").format(values, identifier(table)), columns)


def rows_of_days(
    connection: Connection, table: str, time_column: str, columns: Mapping[str, str], days: Sequence[date]
) -> Generator[pa.RecordBatch, None, None]:
    """All rows of some days of a table, see `stream`; the column holds the time or the day of a row."""
    time = sql.Identifier(time_column)
    windows = (window_parameters(day, day + timedelta(days=1)) for day in days)
    within = (sql.SQL("{0} >= {1} and {0} < {2}").format(time, found["start"], found["end"]) for found in windows)
    return stream(connection, identifier(table), columns, sql.SQL(" or ").join(within))
