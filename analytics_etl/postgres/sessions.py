"""Settings of every database session. They override those of the environment, the server, the database and the role.

Three drivers open connections: psycopg 3, SQLAlchemy on it (Great Expectations) and SQLAlchemy on psycopg 2 (Dagster).
All send the settings as startup options, which override defaults of a role or a database, and set them again after
connecting, which overrides everything. Knows no driver.
"""

import os
from collections.abc import Mapping

SESSION = {
    # Days are UTC days. The text of a row decides which of two copies is kept, so its format is fixed.
    "timezone": "UTC",
    "datestyle": "ISO,YMD",
    "intervalstyle": "postgres",
    "extra_float_digits": "1",
    "bytea_output": "hex",
    "client_encoding": "UTF8",
    # Settings that change the meaning of statements.
    "standard_conforming_strings": "on",
    "transform_null_equals": "off",
    "array_nulls": "on",
    "default_transaction_isolation": "read committed",
    "default_transaction_read_only": "off",
    "default_transaction_deferrable": "off",
    # Tables are named with their schema. public is not searched: a function in it with closer argument types would be
    # called instead of PostgreSQL's own, even if pg_catalog comes first.
    "search_path": "pg_catalog,pg_temp",
    "application_name": "analytics_etl",
    # A reader that never ends must not block publishing for ever.
    "lock_timeout": "5min",
    # The query of a killed process must not go on for minutes and hold its locks.
    "client_connection_check_interval": "5s",
    # A process that hangs must not hold its locks for ever. A load is idle between two batches, and archiving while it
    # reads the file back: for seconds, or minutes on a very large day.
    "idle_in_transaction_session_timeout": "30min",
    # Idle connections of the pool must stay open.
    "idle_session_timeout": "0",
}
SINCE = {"transaction_timeout": (170000, "0")}
"""{setting that older servers do not know: (first server version, value)}."""

AGGREGATION = {
    # With the defaults, grouping a day of events spills to disk.
    "work_mem": "256MB",
    "hash_mem_multiplier": "4",
    "jit": "off",
}

CLIENT = {"client_encoding": "UTF8", "application_name": SESSION["application_name"]}
"""Connection parameters that libpq would otherwise take from the environment."""

MARK = "analytics_etl.session"
"""A setting without effect. If the server does not have it, a pooler in between drops startup options."""

_ACCESS_VARIABLES = (
    *("PGPASSWORD", "PGPASSFILE", "PGREQUIREAUTH", "PGCHANNELBINDING", "PGSSL", "PGGSS", "PGKRBSRVNAME"),
    *("PGREQUIRESSL", "PGMINPROTOCOLVERSION", "PGMAXPROTOCOLVERSION"),
)
"""Beginnings of libpq's variables for authentication and encryption, which a URL may leave to the environment."""


def startup_options(session: Mapping[str, str]) -> str:
    """The settings as libpq's `options`."""
    marked = {**session, MARK: "1"}
    return " ".join(f"-c {name}={value.replace(' ', chr(92) + ' ')}" for name, value in marked.items())


def set_statements(session: Mapping[str, str], server_version: int) -> str:
    """The settings as SET statements in one text; `server_version` is a number like 180004."""
    known = {name: value for name, (since, value) in SINCE.items() if server_version >= since}
    return "; ".join(f"set {name} to {_literal(name, value)}" for name, value in {**session, **known}.items())


def set_local_statements(session: Mapping[str, str]) -> str:
    """The settings as SET LOCAL statements in one text, for one transaction."""
    return "; ".join(f"set local {name} to {_literal(name, value)}" for name, value in session.items())


def _literal(name: str, value: str) -> str:
    if name == "search_path":  # each schema by itself
        return ", ".join('"' + schema.replace('"', '""') + '"' for schema in value.split(","))
    return "'" + value.replace("'", "''") + "'"


def forget_variables(*, is_embedded: bool) -> None:
    """Remove libpq's variables from the environment of this process and of those it starts.

    With a configured URL, the variables for authentication and encryption stay. Removing is necessary, since some
    (PGSERVICE, PGTZ) cannot be overridden in another way.
    """
    for name in [name for name in os.environ.copy() if name.startswith("PG")]:
        if is_embedded or not name.startswith(_ACCESS_VARIABLES):
            del os.environ[name]
