"""The rows of each tenant for that tenant alone: row-level security for the role ROLE.

A session with this role and the setting SETTING sees the rows of one tenant in the tables with a column `tenant_id`,
and nothing else: without the setting no row, and never those of the platform, whose tenant is NULL or empty. Owners of
tables are not bound by policies, and other roles see what their grants let them see.

Views are not granted to the role: PostgreSQL has no policies for materialized ones, and those of the lake have no rows.
Partitions of event tables are not granted either, only their parents.
"""

from psycopg import sql

from analytics_etl.config.settings import SQL_DIR
from analytics_etl.postgres.connection import Connection, identifier

ROLE = "analytics_tenant"
SETTING = "analytics.tenant"

_CURRENT = f"nullif(current_setting('{SETTING}', true), '')"
"""The tenant of the session. A setting that was local to a transaction is empty after it."""

_NO_FAMILIES = {"migrations", "ops"}
_MAKE_ROLE = """
    do $$
    begin
        create role analytics_tenant nologin;
        -- Whoever made the role may take it on; a superuser may anyway.
        if not (select rolsuper from pg_roles where rolname = current_user) then
            grant analytics_tenant to current_user;
        end if;
    exception when duplicate_object or unique_violation then
        null; -- by a migration of another database of the server
    end
    $$"""
_MAY_MAKE = "select rolsuper or rolcreaterole from pg_roles where rolname = current_user"
_EXISTS = "select exists (select from pg_roles where rolname = %s)"
_CLOSED = """
    select nspname from pg_namespace
    where nspname = any(%s) and not has_schema_privilege(%s, oid, 'usage')"""
_UNPROTECTED = """
    select n.nspname || '.' || c.relname
    from pg_class as c
    join pg_namespace as n on n.oid = c.relnamespace
    join pg_attribute as a on a.attrelid = c.oid and a.attname = 'tenant_id' and not a.attisdropped
    where c.relkind in ('r', 'p') and not c.relispartition and n.nspname = any(%s)
        and not (
            c.relrowsecurity
            and exists (
                select from pg_policy as p
                where p.polrelid = c.oid and not p.polpermissive
                    and p.polroles = array[%s::regrole::oid]
            )
        )
    order by 1"""
_STATEMENTS = (
    "alter table {table} enable row level security",
    "drop policy if exists everyone on {table}",
    "drop policy if exists tenant on {table}",
    # Where there are policies, roles without one see nothing. So there is one for all, which the other narrows.
    "create policy everyone on {table} using (true)",
    "create policy tenant on {table} as restrictive to {role} using (tenant_id = " + _CURRENT + ")",
    "grant select on {table} to {role}",
)


def protect_all(connection: Connection) -> None:
    """Make the role if it is missing and this user may, and protect the tables of all families that are not yet."""
    if not is_there(connection) and _is_true(connection, _MAY_MAKE):
        connection.execute(_MAKE_ROLE)
    if is_there(connection):
        for (schema,) in connection.execute(_CLOSED, [_families(), ROLE]).fetchall():
            _open(connection, schema)
    for table in unprotected(connection):
        protect(connection, table)


def is_there(connection: Connection) -> bool:
    """Whether the role is there."""
    return _is_true(connection, _EXISTS, ROLE)


def unprotected(connection: Connection) -> list[str]:
    """The tables with tenants that have no policy; none as long as there is no role."""
    if not is_there(connection):
        return []
    return [str(table) for (table,) in connection.execute(_UNPROTECTED, [_families(), ROLE]).fetchall()]


def protect(connection: Connection, table: str) -> None:
    """Let the role read the rows of its tenant in a new table that has tenants; only if there is the role."""
    if not is_there(connection):
        return
    for statement in _STATEMENTS:
        connection.execute(sql.SQL(statement).format(table=identifier(table), role=sql.Identifier(ROLE)))
    schema, _, _ = table.partition(".")
    # The owner has opened the schemas of event tables; this one may be made by whoever makes the table.
    if not _is_true(connection, "select has_schema_privilege(%s, %s, 'usage')", ROLE, schema):
        _open(connection, schema)


def _families() -> list[str]:
    folders = sorted(folder.name for folder in SQL_DIR.iterdir() if folder.is_dir())
    return [name for name in folders if name not in _NO_FAMILIES]


def _open(connection: Connection, schema: str) -> None:
    names = sql.Identifier(schema), sql.Identifier(ROLE)
    connection.execute(sql.SQL("grant usage on schema {} to {}").format(*names))


def _is_true(connection: Connection, question: str, *parameters: str) -> bool:
    found = connection.execute(question, list(parameters)).fetchone()
    return found is not None and bool(found[0])
