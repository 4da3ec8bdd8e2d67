"""Running the Alembic revisions of `sql/migrations` in one transaction."""

from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext

from analytics_etl.config.settings import SQL_DIR, Settings
from analytics_etl.postgres.connection import DatabaseError, connect
from analytics_etl.postgres.patience import TRY_MS
from analytics_etl.postgres.tenants import protect_all


def run_once(settings: Settings, revision: str, *, up: bool) -> str:
    """Bring the database to a revision, or back to one; returns the revision it is at."""
    with _engine(settings).begin() as connection:
        # Two processes that start at the same time would both migrate.
        connection.execute(sa.text("select pg_advisory_xact_lock(hashtextextended('analytics_etl migrate', 0))"))
        may_change = connection.scalar(sa.text("select has_database_privilege(current_database(), 'create')"))
        if up and (may_change or _may_look(connection)) and _context(connection).get_current_revision() == revision:
            return revision  # nothing to do, so no right to change tables is needed
        if not may_change:
            raise DatabaseError(
                f"the database is not at revision {revision}, and {connection.scalar(sa.text('select current_user'))} "
                "may not change its tables; type analytics-etl migrate with a URL of their owner"
            )
        connection.execute(sa.text(f"set local lock_timeout to {TRY_MS}"))
        connection.execute(sa.text("create schema if not exists ops"))
        config = _config()
        config.attributes["connection"] = connection
        (command.upgrade if up else command.downgrade)(config, revision)
        driver: Any = connection.connection.dbapi_connection
        protect_all(driver)
        return _context(connection).get_current_revision() or "base"


def _may_look(connection: sa.Connection) -> bool | None:
    """Whether this role may read the schema ops; None if there is none yet."""
    found = connection.scalar(sa.text("select has_schema_privilege(to_regnamespace('ops'), 'usage')"))
    return None if found is None else bool(found)


def _engine(settings: Settings) -> sa.Engine:
    # Connections by `connect`: its errors say what to do, SQLAlchemy would show a traceback.
    return sa.create_engine("postgresql+psycopg://", creator=lambda: connect(settings), poolclass=sa.NullPool)


def _context(connection: sa.Connection) -> MigrationContext:
    options = {"version_table": "schema_version", "version_table_schema": "ops"}
    return MigrationContext.configure(connection, opts=options)


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(SQL_DIR / "migrations")).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config
