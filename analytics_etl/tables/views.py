"""Materialized views: made from the SELECT of their model, refreshed without blocking readers."""

from collections.abc import Sequence

from psycopg import sql

from analytics_etl.catalog.models import Model
from analytics_etl.ops.records import record_refresh
from analytics_etl.postgres.connection import Connection, ensure_schema, identifier, lock
from analytics_etl.postgres.patience import patiently
from analytics_etl.tables.model_sql import as_sql, comment

ROW_KEY = "row_key"
"""The last column of a materialized view: a hash of its key, added to the SELECT for refreshing."""


def refresh_view(connection: Connection, model: Model) -> int:
    """Refresh a materialized view without blocking readers; make it anew if its SELECT changed. Returns its rows."""
    lock(connection, model.table)
    select, version = model.statement({}), model.code_version
    view = identifier(model.table)
    if view_versions(connection, [model.table]).get(model.table) != version or not _has_row_key(connection, model):

        def drop() -> None:
            connection.execute(sql.SQL("drop materialized view if exists {}").format(view))

        patiently(connection, f"{model.table}: the view cannot be made anew", [view], drop)
        ensure_schema(connection, model.family)
        keys = sql.SQL(", ").join(sql.Identifier("q", name) for name in model.key)
        row_key = sql.Identifier(ROW_KEY)
        connection.execute(
            sql.SQL("create materialized view {} as select q.*, md5(row({})::text)::uuid as {} from ({}) as q").format(
                view, keys, row_key, as_sql(select)
            )
        )
        # A concurrent refresh needs a unique index. The texts of a key may be too long for one, so the hash is indexed.
        connection.execute(sql.SQL("create unique index on {} ({})").format(view, row_key))
        comment(connection, model, "materialized view", f" [{version}]")
        connection.execute(
            sql.SQL("comment on column {} is 'MD5 of the key, which refreshing goes by.'").format(
                sql.Identifier(*model.table.split("."), ROW_KEY)
            )
        )
    else:
        connection.execute(sql.SQL("refresh materialized view concurrently {}").format(view))
    record_refresh(connection, model.table)
    counted = connection.execute(sql.SQL("select count(*) from {}").format(view)).fetchone()
    assert counted is not None
    return int(counted[0])


def _has_row_key(connection: Connection, model: Model) -> bool:
    """Whether an existing view has the column ROW_KEY; views of older versions do not."""
    found = connection.execute(
        "select exists (select from pg_attribute where attrelid = to_regclass(%s) and attname = %s)",
        [model.table, ROW_KEY],
    ).fetchone()
    return found is not None and bool(found[0])


def view_versions(connection: Connection, views: Sequence[str]) -> dict[str, str]:
    """{existing materialized view: code version of the SELECT it was made of}."""
    found = connection.execute(
        "select name, substring(obj_description(to_regclass(name), 'pg_class') from '\\[([^][]*)\\]$') "
        "from unnest(%s::text[]) as name where to_regclass(name) is not null",
        [list(views)],
    ).fetchall()
    return {name: version or "unknown" for name, version in found}
