"""Running the Alembic revisions of `sql/migrations`: plain SQL up and down for the event and ops tables."""

from pathlib import Path

import sqlalchemy as sa
from alembic import command, op
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from analytics_etl.settings import SQL_DIR, Settings
from analytics_etl.warehouse.connection import connect

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
        return _context(connection).get_current_revision()


def head() -> str:
    """The newest revision there is."""
    revision = ScriptDirectory.from_config(_config()).get_current_head()
    assert revision is not None
    return revision


def run_sql(name: str) -> None:
    """For revisions: run one SQL file beside them, as it stands."""
    connection = op.get_bind().connection.dbapi_connection
    assert connection is not None
    # Not through SQLAlchemy, which would take % for a placeholder.
    connection.cursor().execute((VERSIONS / name).read_text(encoding="utf-8"))


def _run(settings: Settings, revision: str, *, up: bool) -> str:
    with _engine(settings).begin() as connection:
        # One at a time: two processes that start at once both want to migrate.
        connection.execute(sa.text("select pg_advisory_xact_lock(hashtextextended('analytics_etl migrate', 0))"))
        connection.execute(sa.text("create schema if not exists ops"))
        config = _config()
        config.attributes["connection"] = connection
        (command.upgrade if up else command.downgrade)(config, revision)
        return _context(connection).get_current_revision() or "base"


def _engine(settings: Settings) -> sa.Engine:
    # Our own connections, for our own errors: SQLAlchemy's would show a traceback to whoever named the wrong server.
    return sa.create_engine(
        "postgresql+psycopg://", creator=lambda: connect(settings, {"search_path": "public"}), poolclass=sa.NullPool
    )


def _context(connection: sa.Connection) -> MigrationContext:
    options = {"version_table": "schema_version", "version_table_schema": "ops"}
    return MigrationContext.configure(connection, opts=options)


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(SQL_DIR / "migrations")).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config
