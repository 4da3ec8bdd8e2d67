"""Which revision the database is at, and bringing it to another one: plain SQL up and down for event and ops tables.

Every command asks, and mostly there is nothing to do. So Alembic, which takes longer to import than that takes to find
out, is imported by `alembic_runs` only when there is.
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

_OURS = "select oid from pg_class where relkind in ('r', 'p', 'm', 'v') and relnamespace >= 16384"
"""The tables of all schemas but PostgreSQL's own."""

VERSIONS = SQL_DIR / "migrations" / "versions"


def upgrade(settings: Settings, revision: str = "head") -> str:
    """Bring the database to a revision; returns the revision it is at. Does nothing when it is there already."""
    wanted = head() if revision == "head" else revision
    with transaction(settings) as connection:
        if _may_look(connection) and _revision(connection) == wanted:
            return wanted
    return _run(settings, wanted, up=True)


def downgrade(settings: Settings, revision: str) -> str:
    """Take the database back to a revision; refuses to drop a table that holds rows."""
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
    """The newest revision there is."""
    return revisions()[-1]


def revisions() -> list[str]:
    """The revisions there are, oldest first: their files begin with their numbers."""
    return sorted(path.name.partition("_")[0] for path in VERSIONS.glob("[0-9]*_*.py"))


def set_grants(settings: Settings, names: Roles, tables: roles.Tables, *, create: bool) -> list[str]:
    """Set owners and rights of everything for the roles, made first if told so; returns the roles that were made."""

    def set_all() -> list[str]:
        with transaction(settings, {"lock_timeout": f"{TRY_MS}ms"}) as connection:
            created = roles.create(connection, names) if create else []
            roles.grant(connection, names, tables)
        return created

    return _patiently(settings, "grants cannot be set", set_all)


def run_sql(name: str) -> None:
    """For revisions: run one SQL file beside them, as it stands."""
    from alembic import op  # noqa: PLC0415 - only where it runs already

    connection = op.get_bind().connection.dbapi_connection
    assert connection is not None
    # Not through SQLAlchemy, which would take % for a placeholder.
    connection.cursor().execute((VERSIONS / name).read_text(encoding="utf-8"))


def _run(settings: Settings, revision: str, *, up: bool) -> str:
    from analytics_etl.postgres.alembic_runs import run_once  # noqa: PLC0415 - takes a third of a second to import

    return _patiently(settings, "the database cannot be migrated", lambda: run_once(settings, revision, up=up))


def _patiently(settings: Settings, what: str, work: Callable[[], Result]) -> Result:
    """Do a whole transaction again and again, until its statements get their locks; see `patience`."""

    def refused() -> str:
        with transaction(settings) as connection:
            return refusal(what, connection.execute(sql.SQL(HOLDERS.format(_OURS))).fetchall())

    return until_locked(work, refused)


def _may_look(connection: Connection) -> bool | None:
    """Whether the books may be looked into; None when there are none yet."""
    found = connection.execute("select has_schema_privilege(to_regnamespace('ops'), 'usage')").fetchone()
    return None if found is None or found[0] is None else bool(found[0])


def _revision(connection: Connection) -> str | None:
    there = connection.execute("select to_regclass('ops.schema_version')").fetchone()
    if there is None or there[0] is None:
        return None
    found = connection.execute("select version_num from ops.schema_version").fetchone()
    return None if found is None else str(found[0])
