"""Three database roles and their rights: the owner (migrations), the loader (the pipeline), the reader (dashboards).

Attaching partitions, refreshing materialized views and ANALYZE need ownership in PostgreSQL, so the loader owns
everything in the schemas of families and of Dagster. The owner owns the books in `ops`: the loader writes them, but can
neither drop them nor change the audit log. The owner is a member of the loader, since migrations change event tables.

The reader has no default privileges: they would also show new partitions of raw events. So the right to read a derived
table is granted when the table is made (`show`); if that fails, the table stays hidden.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from psycopg import sql

from analytics_etl.config.settings import Roles
from analytics_etl.postgres import tenants
from analytics_etl.postgres.connection import Connection, DatabaseError, identifier

_KEPT = "select, insert, update, delete"
_LOADER_OPS: Mapping[str, str] = {"audit": "select, insert", "schema_version": "select"}
"""Rights of the loader on tables of `ops` that differ from _KEPT."""

_READER_OPS: Mapping[str, str | None] = {
    "partitions": None,
    "loaded_days": None,
    "lake_files": None,
    "days": "table_name, day, state, is_final, final_from, rows, rows_waiting, files_waiting, failed_checks, "
    "warned_checks, changed_at",
    "loaded_files": "table_name, path, size_bytes, modified_at, checksum, state, first_day, last_day, rows_read, "
    "rows_valid, rows_rejected, read_at, found_at, rows_not_for_table",
    "check_results": "table_name, check_name, period_start, period_end, passed, severity, description, "
    "unexpected_count, run_id, checked_at, code_version",
}
"""Tables of `ops` that the reader may read: None for all columns, else those that cannot repeat raw rows."""

_RELATIONS = """
    select n.nspname, c.relname, c.relkind::text, pg_get_userbyid(c.relowner)
    from pg_class as c join pg_namespace as n on n.oid = c.relnamespace
    where n.nspname = any(%s) and c.relkind in ('r', 'p', 'm', 'v')
    order by 1, 2"""


@dataclass(frozen=True)
class Tables:
    """The declared tables, by the rights of the roles."""

    raw: Collection[str]
    derived: Collection[str]
    families: Collection[str] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "families", sorted({name.split(".")[0] for name in (*self.raw, *self.derived)}))


def create(connection: Connection, roles: Roles) -> list[str]:
    """Make missing roles, as groups without login; returns their names. The loader may act as a tenant."""
    missing = _missing(connection, roles)
    for role in missing:
        connection.execute(sql.SQL("create role {} nologin").format(sql.Identifier(role)))
    tenants.protect_all(connection)
    names = sql.Identifier(tenants.ROLE), sql.Identifier(roles.loader)
    connection.execute(sql.SQL("grant {} to {}").format(*names))
    return missing


def grant(connection: Connection, roles: Roles, tables: Tables) -> None:
    """Set owners and rights of all existing tables, whatever they were. Needs a superuser or the owner."""
    if missing := _missing(connection, roles):
        raise DatabaseError(f"there is no role {', '.join(missing)}: type analytics-etl migrate --roles")
    _set_owners(connection, roles, tables)
    owner, loader, reader = map(sql.Identifier, (roles.owner, roles.loader, roles.reader))
    run = _runner(connection, owner=owner, loader=loader, reader=reader)
    for family in tables.families:
        schema = sql.Identifier(family)
        run("revoke all on all tables in schema {schema} from public, {reader}", schema=schema)
        run("revoke all on schema {schema} from public, {reader}", schema=schema)
        run("grant usage, create on schema {schema} to {loader}", schema=schema)
        run("grant usage on schema {schema} to {reader}", schema=schema)
    run("revoke all on schema ops, dagster from public, {reader}")
    run("revoke all on all tables in schema ops from public, {loader}, {reader}")
    # The loader makes views in ops, through which checks read.
    run("grant usage, create on schema ops to {loader}")
    run("grant usage on schema ops to {reader}")
    run(f"alter default privileges for role {{owner}} in schema ops grant {_KEPT} on tables to {{loader}}")
    for _, name, kind, _ in _relations(connection, ["ops"]):
        rights = _text(_LOADER_OPS.get(name, _KEPT))
        if kind != "v":
            run("grant {rights} on {table} to {loader}", rights=rights, table=identifier(f"ops.{name}"))
    for name, columns in _READER_OPS.items():
        what = _text(f"select ({columns})" if columns else "select")
        run("grant {what} on {table} to {reader}", what=what, table=identifier(f"ops.{name}"))
    for table in tables.derived:
        show(connection, roles, table)
    tenants.protect_all(connection)


def show(connection: Connection, roles: Roles, table: str) -> None:
    """Grant the reader the right to read a derived table, if the table exists and the right is missing."""
    found = connection.execute(
        "select has_table_privilege(%s, to_regclass(%s), 'select')", [roles.reader, table]
    ).fetchone()
    if found is not None and found[0] is False:
        connection.execute(sql.SQL("grant select on {} to {}").format(identifier(table), sql.Identifier(roles.reader)))


def problems(connection: Connection, roles: Roles, tables: Tables) -> list[str]:
    """What differs from the owners and rights that `grant` sets, in words."""
    if missing := _missing(connection, roles):
        return [f"there is no role {role}" for role in missing]
    found = []
    for schema, name, kind, owner in _relations(connection, [*tables.families, "ops", "dagster"]):
        table, is_book = f"{schema}.{name}", schema == "ops" and kind != "v"
        wanted = roles.owner if is_book else roles.loader
        if owner != wanted:
            found.append(f"{table} belongs to {owner} instead of {wanted}")
        if is_book:
            rights = _LOADER_OPS.get(name, _KEPT).split(", ")
            has = [right for right in _KEPT.split(", ") if _has(connection, roles.loader, table, right)]
            if has != rights:
                found.append(
                    f"{roles.loader} may {', '.join(has) or 'nothing'} on {table} instead of {', '.join(rights)}"
                )
        may, should = _has(connection, roles.reader, table, "select"), _is_for_readers(tables, table)
        if may != should:
            found.append(f"{roles.reader} {'may' if may else 'may not'} read {table}")
    return found + [f"{table} has no policy for tenants" for table in tenants.unprotected(connection)]


def _is_for_readers(tables: Tables, table: str) -> bool:
    schema, name = table.split(".")
    return table in tables.derived or (schema == "ops" and name in _READER_OPS)


def _set_owners(connection: Connection, roles: Roles, tables: Tables) -> None:
    owner, loader = sql.Identifier(roles.owner), sql.Identifier(roles.loader)
    run = _runner(connection, owner=owner, loader=loader, database=sql.Identifier(connection.info.dbname))
    if not _is_true(connection, "select pg_has_role(%s, %s, 'member')", [roles.owner, roles.loader]):
        run("grant {loader} to {owner}")
    if not _is_true(connection, "select has_database_privilege(%s, current_database(), 'create')", [roles.owner]):
        run("grant connect, create on database {database} to {owner}")
    families = [*tables.families, "dagster"]
    owners: dict[str, str] = dict(
        connection.execute("select nspname, pg_get_userbyid(nspowner) from pg_namespace").fetchall()
    )
    for schema in [*families, "ops"]:
        wanted = roles.loader if schema == "dagster" else roles.owner
        if owners.get(schema) != wanted:
            run("alter schema {schema} owner to {to}", schema=sql.Identifier(schema), to=sql.Identifier(wanted))
    # PostgreSQL requires that the new owner of a table may make tables in its schema.
    for schema in tables.families:
        run("grant create on schema {schema} to {loader}", schema=sql.Identifier(schema))
    run("grant usage, create on schema ops to {loader}")
    for schema, name, kind, current in _relations(connection, [*families, "ops"]):
        wanted = roles.owner if schema == "ops" and kind != "v" else roles.loader
        if current != wanted:
            table = sql.Identifier(schema, name)  # ALTER TABLE does it for views, too
            run("alter table {table} owner to {to}", table=table, to=sql.Identifier(wanted))


def _runner(connection: Connection, **names: sql.Composable) -> Callable[..., None]:
    """A function that executes statements with these names filled in."""

    def run(statement: str, **more: sql.Composable) -> None:
        connection.execute(_text(statement).format(**names, **more))

    return run


def _missing(connection: Connection, roles: Roles) -> list[str]:
    present = {name for (name,) in connection.execute("select rolname from pg_roles").fetchall()}
    return [role for role in (roles.owner, roles.loader, roles.reader) if role not in present]


def _relations(connection: Connection, schemas: Sequence[str]) -> list[tuple[str, str, str, str]]:
    """(schema, name, kind, owner) of every table and view, partitions included."""
    return [(str(s), str(n), str(k), str(o)) for s, n, k, o in connection.execute(_RELATIONS, [list(schemas)])]


def _is_true(connection: Connection, statement: str, parameters: Sequence[Any]) -> bool:
    found = connection.execute(_text(statement), parameters).fetchone()
    return found is not None and bool(found[0])


def _has(connection: Connection, role: str, table: str, right: str) -> bool:
    """Whether a role has a right on a table, or on a column of it."""
    if right == "delete":  # no right of columns
        return _is_true(connection, "select has_table_privilege(%s, %s, %s)", [role, table, right])
    return _is_true(connection, "select has_any_column_privilege(%s, %s, %s)", [role, table, right])


def _text(statement: str) -> sql.SQL:
    """A text of our own as SQL; psycopg's type accepts only literals."""
    text: Any = statement
    return sql.SQL(text)
