"""Running the Alembic revisions of `sql/migrations`: plain SQL up and down for the event and ops tables."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import sqlalchemy as sa
from alembic import command, op
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from psycopg import sql

from analytics_etl.config.settings import SQL_DIR, Roles, Settings
from analytics_etl.postgres import roles
from analytics_etl.postgres.connection import DatabaseError, connect
from analytics_etl.postgres.patience import HOLDERS, TRY_MS, refusal, until_locked
from analytics_etl.postgres.pool import transaction

Result = TypeVar("Result")

_OURS = "select oid from pg_class where relkind in ('r', 'p', 'm', 'v') and relnamespace >= 16384"
"""The tables of all schemas but PostgreSQL's own."""

VERSIONS = SQL_DIR / "migrations" / "versions"


def upgrade(settings: Settings, revision: str = "head") -> str:
    """Bring the database to a revision; returns the revision it is at. Does nothing when it is there already."""
    return _run(settings, revision, up=True)


def downgrade(settings: Settings, revision: str) -> str:
    """Take the database back to a revision; refuses to drop a table that holds rows."""
    return _run(settings, revision, up=False)


def current(settings: Settings) -> str | None:
    """The revision the database is at; None before the first migration."""
    with _engine(settings).connect() as connection:
        if _may_look(connection) is False:
            user = connection.scalar(sa.text("select current_user"))
            raise DatabaseError(f"{user} may not look into the schema ops: no grants are set for it")
        return _context(connection).get_current_revision()


def head() -> str:
    """The newest revision there is."""
    revision = ScriptDirectory.from_config(_config()).get_current_head()
    assert revision is not None
    return revision


def revisions() -> list[str]:
    """The revisions there are, oldest first."""
    return sorted(script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions())


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
    connection = op.get_bind().connection.dbapi_connection
    assert connection is not None
    # Not through SQLAlchemy, which would take % for a placeholder.
    connection.cursor().execute((VERSIONS / name).read_text(encoding="utf-8"))


def _run(settings: Settings, revision: str, *, up: bool) -> str:
    return _patiently(settings, "the database cannot be migrated", lambda: _run_once(settings, revision, up=up))


def _patiently(settings: Settings, what: str, work: Callable[[], Result]) -> Result:
    """Do a whole transaction again and again, until its statements get their locks; see `patience`."""

    def refused() -> str:
        with transaction(settings) as connection:
            return refusal(what, connection.execute(sql.SQL(HOLDERS.format(_OURS))).fetchall())

    return until_locked(work, refused)


def _run_once(settings: Settings, revision: str, *, up: bool) -> str:
    with _engine(settings).begin() as connection:
        # One at a time: two processes that start at once both want to migrate.
        connection.execute(sa.text("select pg_advisory_xact_lock(hashtextextended('analytics_etl migrate', 0))"))
        wanted = head() if revision == "head" else revision
        may_change = connection.scalar(sa.text("select has_database_privilege(current_database(), 'create')"))
        if up and (may_change or _may_look(connection)) and _context(connection).get_current_revision() == wanted:
            return wanted  # every run asks, also as a role that may change nothing
        if not may_change:
            raise DatabaseError(
                f"the database is not at revision {wanted}, and {connection.scalar(sa.text('select current_user'))} "
                "may not change its tables; type analytics-etl migrate with a URL of their owner"
            )
        connection.execute(sa.text(f"set local lock_timeout to {TRY_MS}"))
        connection.execute(sa.text("create schema if not exists ops"))
        config = _config()
        config.attributes["connection"] = connection
        (command.upgrade if up else command.downgrade)(config, revision)
        return _context(connection).get_current_revision() or "base"


def _may_look(connection: sa.Connection) -> bool | None:
    """Whether the books may be looked into; None when there are none yet."""
    found = connection.scalar(sa.text("select has_schema_privilege(to_regnamespace('ops'), 'usage')"))
    return None if found is None else bool(found)


def _engine(settings: Settings) -> sa.Engine:
    # Our own connections, for our own errors: SQLAlchemy's would show a traceback to whoever named the wrong server.
    return sa.create_engine("postgresql+psycopg://", creator=lambda: connect(settings), poolclass=sa.NullPool)


def _context(connection: sa.Connection) -> MigrationContext:
    options = {"version_table": "schema_version", "version_table_schema": "ops"}
    return MigrationContext.configure(connection, opts=options)


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(SQL_DIR / "migrations")).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config
