"""Connections to PostgreSQL: which server, with which session settings, and the URLs other programs need."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.rows import dict_row

from analytics_etl import embedded
from analytics_etl.settings import Settings

Connection = psycopg.Connection[tuple[Any, ...]]

SESSION = {
    # Days are UTC days, whatever the server thinks.
    "timezone": "UTC",
    "application_name": "analytics_etl",
    # A reader that never ends must not keep a partition from being published for ever.
    "lock_timeout": "5min",
    # A query whose process was killed must not go on for minutes, holding its locks.
    "client_connection_check_interval": "5s",
}
AGGREGATION = {
    # Grouping a day of events spills to disk with the defaults.
    "work_mem": "256MB",
    "hash_mem_multiplier": "4",
    "jit": "off",
}


class DatabaseError(RuntimeError):
    """The database refuses something; the message says what to do."""


class UnreachableError(DatabaseError):
    """The server does not answer, which it may do a moment later."""


LOST_CONNECTION = (psycopg.OperationalError, psycopg.InterfaceError, UnreachableError)
"""What a statement raises when the server went away, among other things: see `failures.is_lost`."""


def database_url(settings: Settings) -> str:
    """Libpq URL of the database; starts the embedded server when it is the one to use."""
    return settings.database_url or _embedded_url(settings.home)


@cache
def _embedded_url(home: Path) -> str:
    """Looking whether the server runs takes a process; once is enough, until a connection fails."""
    return embedded.ensure_running(home)


def dagster_storage_url(settings: Settings) -> str:
    """URL of the same database for Dagster's own tables, in the schema `dagster`. May hold a password."""
    parts = conninfo_to_dict(database_url(settings))
    options = quote(f"-c search_path=dagster -c timezone=UTC {parts.pop('options', '')}".strip())
    # dagster-postgres works with psycopg 2 only; SQLAlchemy must be told.
    return _sqlalchemy_url("postgresql+psycopg2", parts) + f"&options={options}"


def sqlalchemy_url(settings: Settings, schema: str = "public") -> str:
    """URL for SQLAlchemy on psycopg 3 (Great Expectations, Alembic). May hold a password."""
    parts = conninfo_to_dict(database_url(settings))
    session = " ".join(f"-c {name}={value}" for name, value in {**SESSION, **AGGREGATION}.items())
    options = quote(f"-c search_path={schema} {session} {parts.pop('options', '')}".strip())
    return _sqlalchemy_url("postgresql+psycopg", parts) + f"&options={options}"


def _sqlalchemy_url(driver: str, parts: dict[str, Any]) -> str:
    user = quote(str(parts.pop("user", "")), safe="")
    password = quote(str(parts.pop("password", "")), safe="")
    database = quote(str(parts.pop("dbname", "")), safe="")
    port = parts.pop("port", None)
    host = str(parts.pop("host", ""))
    credentials = user + (f":{password}" if password else "") + ("@" if user else "")
    if host.startswith("/"):  # a socket folder goes into the query; a host part is wanted all the same
        parts["host"] = host
        host = "localhost"
    query = "&".join(f"{name}={quote(str(value), safe='')}" for name, value in parts.items() if value is not None)
    address = f"{host}:{port}" if port else host
    return f"{driver}://{credentials}{address}/{database}?{query or 'application_name=analytics_etl'}"


def connect(settings: Settings, extra: Mapping[str, str] | None = None) -> Connection:
    """A connection pinned to UTC. The embedded server is started again if it is gone."""
    options = " ".join(f"-c {name}={value}" for name, value in {**SESSION, **(extra or {})}.items())

    def attempt() -> Connection:
        url = database_url(settings)
        given = conninfo_to_dict(url).get("options") or ""
        return psycopg.connect(make_conninfo(url, options=f"{given} {options}".strip(), connect_timeout=10))

    try:
        return attempt()
    except psycopg.OperationalError as error:
        if settings.database_url is None:
            _embedded_url.cache_clear()
            return attempt()
        raise UnreachableError(
            f"cannot connect to the database named by ANALYTICS_DATABASE_URL: {without_password(str(error), settings)}"
        ) from None


def without_password(text: str, settings: Settings) -> str:
    """A text with the database's password, should it occur, replaced."""
    password = conninfo_to_dict(settings.database_url).get("password") if settings.database_url else None
    return text.replace(str(password), "***") if password else text


@contextmanager
def transaction(settings: Settings, extra: Mapping[str, str] | None = None) -> Iterator[Connection]:
    """A connection with one transaction, committed at the end."""
    with connect(settings, extra) as connection:
        yield connection


def lock(connection: Connection, *names: str) -> None:
    """Take the named advisory locks until the transaction ends; in sorted order, against deadlocks."""
    for name in sorted(names):
        try:
            connection.execute("select pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"analytics_etl {name}"])
        except psycopg.errors.LockNotAvailable:
            raise DatabaseError(
                f"{name}: another run has been working on it for more than {SESSION['lock_timeout']}; "
                "wait until it has ended (the UI lists runs), then run again"
            ) from None


def rows(connection: Connection, statement: str | sql.Composable, parameters: Any = None) -> list[dict[str, Any]]:
    """The result of a statement as dicts."""
    with connection.cursor(row_factory=dict_row) as cursor:
        text: Any = statement
        return cursor.execute(text, parameters).fetchall()


def ensure_schema(connection: Connection, name: str) -> None:
    """Make a schema unless it is there. IF NOT EXISTS would want the right to make one even then."""
    found = connection.execute("select to_regnamespace(%s)", [name]).fetchone()
    if found is None or found[0] is None:
        connection.execute(sql.SQL("create schema if not exists {}").format(sql.Identifier(name)))


def identifier(table: str) -> sql.Identifier:
    """`schema.table` as a quoted identifier."""
    return sql.Identifier(*table.split("."))
