"""SQL that derived tables and views share: a model's statements, and comments from its header."""

from datetime import date

from psycopg import sql

from analytics_etl.catalog.models import Model, window_parameters
from analytics_etl.postgres.columns import columns_of
from analytics_etl.postgres.connection import Connection, identifier


def columns_made(connection: Connection, model: Model) -> list[tuple[str, str]]:
    """The name and type of each column of a derived table: of its SELECT, or as its function declares them."""
    if model.function:
        return list(model.function.types.items())
    return columns_selected(connection, model)


def columns_selected(connection: Connection, model: Model) -> list[tuple[str, str]]:
    """The name and type of each column that the SELECT of a model gives."""
    parameters = window_parameters(date(2000, 1, 1), date(2000, 1, 1))
    return columns_of(connection, as_sql(model.statement(parameters)))


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
