"""Marks that tell which groups of the rows of a SELECT have changed, without bringing these rows here."""

from psycopg import sql

from analytics_etl.postgres.connection import Connection
from analytics_etl.tables.model_sql import as_sql


def group_marks(connection: Connection, select: str, column: str) -> dict[str, str]:
    """{value of a column: a mark of its rows of a SELECT}. Other rows have another mark, whatever their order."""
    found = connection.execute(
        sql.SQL(
            "select {column}, count(*) || '/' || sum(hashtextextended(q::text, 0)) from ({select}) as q group by 1"
        ).format(column=sql.Identifier(column), select=as_sql(select))
    ).fetchall()
    return dict(found)
