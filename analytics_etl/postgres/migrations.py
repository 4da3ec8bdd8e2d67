"""The revision of the database, and migrating to another one: plain SQL up and down for event and ops tables.

Every command checks the revision, and nearly always there is nothing to do. So only `alembic_runs` imports Alembic, and
only for a migration: the import takes longer than the check.
"""

from collections.abc import Callable
from typing import TypeVar

from psycopg import sql

from analytics_etl.config.settings import SQL_DIR, Roles, Settings
from analytics_etl.postgres import roles
from analytics_etl.postgres.connection import Connection, DatabaseError
from analytics_etl.postgres.patience import HOLDERS, TRY_MS, refusal, until_locked
from analytics_etl.postgres.pool import transaction

Result = TypeVar("Result")

_USER_TABLES = "select oid from pg_class where relkind in ('r', 'p', 'm', 'v') and relnamespace >= 16384"
"""SELECT of the tables outside of PostgreSQL's own schemas."""

VERSIONS = SQL_DIR / "migrations" / "versions"


def upgrade(settings: Settings, revision: str = "head") -> str:
    """Migrate the database up to a revision, if it is not there; returns the revision it is at."""
    wanted = head() if revision == "head" else revision
    with transaction(settings) as connection:
        if _may_look(connection) and _revision(connection) == wanted:
            return wanted
    return _run(settings, wanted, up=True)


def downgrade(settings: Settings, revision: str) -> str:
    """Migrate the database down to a revision; refuses to drop a table that holds rows."""
    return _run(settings, revision, up=False)


def current(settings: Settings) -> str | None:
    """The revision the database is at; None before the first migration."""
    with transaction(settings) as connection:
        if _may_look(connection) is False:
            user = connection.execute("select current_user").fetchone()
            raise DatabaseError(
                f"{user[0] if user else 'somebody'} may not look into the schema ops: no grants are set for it"
            )
        return _revision(connection)


def head() -> str:
    """The newest revision."""
    return revisions()[-1]


def revisions() -> list[str]:
    """All revisions, oldest first, by the numbers in their file names."""
    return sorted(path.name.partition("_")[0] for path in VERSIONS.glob("[0-9]*_*.py"))


def set_grants(settings: Settings, names: Roles, tables: roles.Tables, *, create: bool) -> list[str]:
    """Set owners and rights for the roles; `create` makes missing roles first. Returns the roles that were made."""

    def set_all() -> list[str]:
        with transaction(settings, {"lock_timeout": f"{TRY_MS}ms"}) as connection:
            created = roles.create(connection, names) if create else []
            roles.grant(connection, names, tables)
        return created

    return _patiently(settings, "grants cannot be set", set_all)


def run_sql(name: str) -> None:
    """Run an SQL file that lies beside the revisions; for revisions."""
    from alembic import op  # noqa: PLC0415 - only where it runs already

    connection = op.get_bind().connection.dbapi_connection
    assert connection is not None
    # Not through SQLAlchemy, which treats % as a placeholder.
    connection.cursor().execute((VERSIONS / name).read_text(encoding="utf-8"))


def _run(settings: Settings, revision: str, *, up: bool) -> str:
    from analytics_etl.postgres.alembic_runs import run_once  # noqa: PLC0415 - takes a third of a second to import

    return _patiently(settings, "the database cannot be migrated", lambda: run_once(settings, revision, up=up))


def _patiently(settings: Settings, what: str, work: Callable[[], Result]) -> Result:
    """Retry a whole transaction until its statements get their locks, see `patience`."""

    def refused() -> str:
        with transaction(settings) as connection:
            return refusal(what, connection.execute(sql.SQL(HOLDERS.format(_USER_TABLES))).fetchall())

    return until_locked(work, refused)


def _may_look(connection: Connection) -> bool | None:
    """Whether this role may read the schema ops; None if there is none yet."""
    found = connection.execute("select has_schema_privilege(to_regnamespace('ops'), 'usage')").fetchone()
    return None if found is None or found[0] is None else bool(found[0])


def _revision(connection: Connection) -> str | None:
    there = connection.execute("select to_regclass('ops.schema_version')").fetchone()
    if there is None or there[0] is None:
        return None
    found = connection.execute("select version_num from ops.schema_version").fetchone()
    return None if found is None else str(found[0])
