"""SQL that derived tables and views share: a model's statements, and comments from its header."""

from psycopg import sql

from analytics_etl.catalog.models import Model
from analytics_etl.postgres.connection import Connection, identifier


def comment(connection: Connection, model: Model, what: str, suffix: str = "") -> None:
    """Write the header's descriptions as comments; `what` is "table" or "materialized view"."""
    kind = as_sql(what)
    connection.execute(
        sql.SQL("comment on {} {} is {}").format(kind, identifier(model.table), model.description + suffix)
    )
    for column, text in model.columns.items():
        connection.execute(
            sql.SQL("comment on column {} is {}").format(sql.Identifier(*model.table.split("."), column), text)
        )


def as_sql(statement: str) -> sql.SQL:
    """A text of our own, never a user's, as SQL; psycopg's type accepts only literals."""
    text: object = statement
    return sql.SQL(text)  # type: ignore[arg-type]
