"""SQL that derived tables and views share: a model's own statements, and comments from its header."""

from psycopg import sql

from analytics_etl.catalog.models import Model
from analytics_etl.postgres.connection import Connection, identifier


def comment(connection: Connection, model: Model, what: str, suffix: str = "") -> None:
    kind = as_sql(what)
    connection.execute(
        sql.SQL("comment on {} {} is {}").format(kind, identifier(model.table), model.description + suffix)
    )
    for column, text in model.columns.items():
        connection.execute(
            sql.SQL("comment on column {} is {}").format(sql.Identifier(*model.table.split("."), column), text)
        )


def as_sql(statement: str) -> sql.SQL:
    """A statement of ours (never of a user's) as it stands; psycopg's type wants a literal."""
    text: object = statement
    return sql.SQL(text)  # type: ignore[arg-type]
