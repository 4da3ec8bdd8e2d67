"""The books of anomalies: those of the tables of families, and what people said of them."""

from collections.abc import Sequence
from datetime import date
from typing import Any

from psycopg import sql

from analytics_etl.postgres.connection import Connection, identifier, rows

Row = dict[str, Any]

_FOUND = sql.SQL(
    """
    select
        {family} as family, found.series_id, found.bucket, found.grain, found.day, found.tenant_id, found.metric,
        found.entity, found.severity, found.aspect, found.direction, found.sentence, found.cause, found.incident_id,
        said.verdict, said.who
    from {table} as found
    left join lateral (
        select verdict, who from ops.anomaly_feedback
        where family = {family} and series_id = found.series_id and bucket = found.bucket
        order by feedback_id desc limit 1
    ) as said on true
    where found.is_anomaly and found.day >= {first} and found.day < {after}
    """
)


def begun(connection: Connection, tables: Sequence[str], first: date, after: date) -> list[Row]:
    """The anomalies that begin on the days [first, after), of the tables that are there."""
    found: list[Row] = []
    for table in tables:
        present = connection.execute("select to_regclass(%s) is not null", [table]).fetchone()
        if present is not None and present[0]:
            family = sql.Literal(table.partition(".")[0])
            text = _FOUND.format(table=identifier(table), family=family, first=first, after=after)
            found += rows(connection, text)
    return found


def newest_day(connection: Connection, tables: Sequence[str]) -> date | None:
    """The newest day of some tables."""
    query = "select max(period_start) as day from ops.partitions where table_name = any(%s)"
    return rows(connection, query, [list(tables)])[0]["day"]  # type: ignore[no-any-return]


def say(connection: Connection, row: Row) -> None:
    """Record what a person said of an anomaly."""
    connection.execute(
        """
        insert into ops.anomaly_feedback (
            family, series_id, bucket, ends_at, aspect, direction, verdict, given_at, who, reason
        ) values (
            %(family)s, %(series_id)s, %(bucket)s, %(ends_at)s, %(aspect)s, %(direction)s, %(verdict)s, %(given_at)s,
            %(who)s, %(reason)s
        )""",
        row,
    )


def said(connection: Connection, family: str) -> list[Row]:
    """What was said of the anomalies of a family, in order."""
    return rows(
        connection,
        "select series_id, bucket, ends_at, aspect, direction, verdict, given_at from ops.anomaly_feedback "
        "where family = %s order by feedback_id",
        [family],
    )
