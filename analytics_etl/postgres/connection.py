"""Connections to PostgreSQL: the server, the session settings, and the URLs that other programs need."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg
from psycopg import pq, sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.rows import dict_row

from analytics_etl.config.settings import Settings
from analytics_etl.postgres import server as embedded
from analytics_etl.postgres.sessions import (
    CLIENT,
    MARK,
    SESSION,
    forget_variables,
    set_statements,
    startup_options,
)

Connection = psycopg.Connection[tuple[Any, ...]]

_CONNECT_TIMEOUT_SECONDS = 10

_POOLER = (
    "between ANALYTICS_DATABASE_URL and the database is something that keeps no session, such as PgBouncer: settings "
    "and locks would not be safe there; name the address of the PostgreSQL server itself"
)


class DatabaseError(RuntimeError):
    """The database refused something; the message says what to do."""


class UnreachableError(DatabaseError):
    """The server does not answer; a later try may succeed."""


LOST_CONNECTION = (psycopg.OperationalError, psycopg.InterfaceError, UnreachableError)
"""Errors of a statement whose server went away. They have other causes, too: see `failures.is_lost`."""


def database_url(settings: Settings) -> str:
    """Libpq URL of the database. Starts the embedded server if no other is configured."""
    forget_variables(is_embedded=settings.database_url is None)
    return settings.database_url or _embedded_url(settings.home)


@cache
def _embedded_url(home: Path) -> str:
    """URL of the embedded server, cached until a connection fails: asking whether it runs starts a process."""
    return embedded.ensure_running(home)


def dagster_storage_url(settings: Settings) -> str:
    """URL of the same database for Dagster's own tables, in the schema `dagster`. May hold a password."""
    # PostgreSQL makes tables in the first schema of the path. pg_catalog is not named, so it is searched first anyway.
    session = {**session_of(settings), "search_path": "dagster,pg_temp"}
    # dagster-postgres works with psycopg 2 only.
    return engine_url("postgresql+psycopg2", url_parts(settings), session)


def url_parts(settings: Settings) -> dict[str, Any]:
    """The parts of the database's URL, with the parameters that all our connections share."""
    try:
        found = conninfo_to_dict(database_url(settings))
    except psycopg.ProgrammingError:  # its message may quote a password
        raise DatabaseError("ANALYTICS_DATABASE_URL has a part that this PostgreSQL client does not know") from None
    parts: dict[str, Any] = {name: value for name, value in found.items() if value is not None}
    return {"connect_timeout": _CONNECT_TIMEOUT_SECONDS, **parts, **CLIENT}


def engine_url(driver: str, parts: dict[str, Any], session: Mapping[str, str]) -> str:
    """A URL for SQLAlchemy from the parts of `url_parts`. May hold a password."""
    parts["options"] = f"{parts.get('options', '')} {startup_options(session)}".strip()
    user = quote(str(parts.pop("user", "")), safe="")
    password = quote(str(parts.pop("password", "")), safe="")
    database = quote(str(parts.pop("dbname", "")), safe="")
    host = str(parts.get("host", ""))
    if host.startswith("/") or "," in host:  # a folder or several hosts go into the query
        address = "localhost"
    else:
        port = parts.pop("port", None)
        address = (f"[{host}]" if ":" in host else host) + (f":{port}" if port else "")
        parts.pop("host", None)
    credentials = user + (f":{password}" if password else "") + ("@" if user else "")
    query = "&".join(f"{name}={quote(str(value), safe='')}" for name, value in parts.items())
    return f"{driver}://{credentials}{address}/{database}?{query}"


def connect(settings: Settings, extra: Mapping[str, str] | None = None) -> Connection:
    """A connection with pinned session settings. Starts the embedded server again if it is gone.

    Raises UnreachableError if the server does not answer, DatabaseError if the session cannot be pinned.
    """
    session = {**session_of(settings), **(extra or {})}
    try:
        return _connected(settings, session)
    except psycopg.OperationalError as error:
        if settings.database_url is None:
            _embedded_url.cache_clear()
            return _connected(settings, session)
        message = " ".join(str(error).split())
        if "unsupported startup parameter" in message:
            raise DatabaseError(_POOLER) from None
        raise UnreachableError(
            f"cannot connect to the database named by ANALYTICS_DATABASE_URL: {without_password(message, settings)}"
        ) from None


def _connected(settings: Settings, session: Mapping[str, str]) -> Connection:
    parts = url_parts(settings)
    options = f"{parts.pop('options', '')} {startup_options(session)}".strip()
    connection: Connection = psycopg.connect(
        make_conninfo(**parts, options=options), autocommit=True, prepare_threshold=None
    )
    try:
        pin(connection, session)
        _refuse_encoding(connection)
        connection.autocommit = False
    except BaseException:
        connection.close()
        raise
    return connection


def pin(connection: psycopg.Connection[Any], session: Mapping[str, str]) -> None:
    """Set the session in one round trip. Raise DatabaseError if the startup options did not reach the server."""
    text = f"{set_statements(session, connection.info.server_version)}; select current_setting('{MARK}', true)"
    result = connection.pgconn.exec_(text.encode())
    if result.status != pq.ExecStatus.TUPLES_OK:
        raise DatabaseError(f"the database refuses a setting of the session: {result.error_message.decode().strip()}")
    if not result.get_value(0, 0):
        raise DatabaseError(_POOLER)


def _refuse_encoding(connection: Connection) -> None:
    """Raise DatabaseError unless the database is in UTF-8."""
    encoding = connection.info.parameter_status("server_encoding")
    if encoding != "UTF8":
        raise DatabaseError(
            f"the database {connection.info.dbname} has the encoding {encoding}, which cannot hold every text; make "
            "one that can, and name it in ANALYTICS_DATABASE_URL: create database analytics encoding 'UTF8' template "
            "template0"
        )


def session_of(settings: Settings) -> dict[str, str]:
    """The session settings of every connection."""
    return {**SESSION, "statement_timeout": f"{settings.statement_hours}h"}


def without_password(text: str, settings: Settings) -> str:
    """A text with every secret of the URLs replaced."""
    for secret in sorted(settings.secrets, key=len, reverse=True):
        text = text.replace(secret, "***")
    return text


def _without_rows(message: str) -> str:
    """An error message without the parts in which PostgreSQL quotes rows."""
    return message.partition("\nDETAIL:")[0].partition("\nCONTEXT:")[0]


@contextmanager
def closing_what_is_under_way(connection: Connection) -> Iterator[None]:
    """Close the connection if the block fails during a COPY: rolling back would wait for ever.

    Removes quoted rows from PostgreSQL's error, since logs keep it.
    """
    try:
        yield
    except BaseException as error:
        if isinstance(error, psycopg.Error):
            error.args = (_without_rows(str(error)),)
        if connection.info.transaction_status == pq.TransactionStatus.ACTIVE:
            connection.close()
        raise


def lock(connection: Connection, *names: str) -> None:
    """Take the named advisory locks until the transaction ends, in sorted order to avoid deadlocks.

    Raises DatabaseError after waiting for `lock_timeout`.
    """
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
    """Make a schema if it is missing. IF NOT EXISTS alone would need the right to make one even if it exists."""
    found = connection.execute("select to_regnamespace(%s)", [name]).fetchone()
    if found is None or found[0] is None:
        connection.execute(sql.SQL("create schema if not exists {}").format(sql.Identifier(name)))


def identifier(table: str) -> sql.Identifier:
    """`schema.table` as a quoted identifier."""
    return sql.Identifier(*table.split("."))
