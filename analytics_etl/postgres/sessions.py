"""What every database session of ours is set to, whatever the environment, the server, the database or the role say.

Three drivers open connections: psycopg 3 (ours), SQLAlchemy on it (Great Expectations) and SQLAlchemy on psycopg 2
(Dagster). All of them send the settings as startup options, which count for more than defaults of a role or a database,
and set them again after connecting, which counts for more than anything else. Knows no driver.
"""

import os
from collections.abc import Mapping

SESSION = {
    # Days are UTC days, and what a row looks like as a text tells which of two copies is kept.
    "timezone": "UTC",
    "datestyle": "ISO,YMD",
    "intervalstyle": "postgres",
    "extra_float_digits": "1",
    "bytea_output": "hex",
    "client_encoding": "UTF8",
    # What a statement means.
    "standard_conforming_strings": "on",
    "transform_null_equals": "off",
    "array_nulls": "on",
    "default_transaction_isolation": "read committed",
    "default_transaction_read_only": "off",
    "default_transaction_deferrable": "off",
    # Tables are named with their schema. A function that somebody made in public is a better match than one of
    # PostgreSQL's own when its types fit better, whatever comes first: so public is not looked into at all.
    "search_path": "pg_catalog,pg_temp",
    "application_name": "analytics_etl",
    # A reader that never ends must not keep a partition from being published for ever.
    "lock_timeout": "5min",
    # A query whose process was killed must not go on for minutes, holding its locks.
    "client_connection_check_interval": "5s",
    # A process that hangs must not hold its locks for ever. A load is idle in its transaction between two batches, and
    # archiving while the file is read back: seconds, of a very large day minutes.
    "idle_in_transaction_session_timeout": "30min",
    # Connections that wait for their next statement are meant to.
    "idle_session_timeout": "0",
}
SINCE = {"transaction_timeout": (170000, "0")}
"""Settings that older servers do not know: (from which version on, value)."""

AGGREGATION = {
    # Grouping a day of events spills to disk with the defaults.
    "work_mem": "256MB",
    "hash_mem_multiplier": "4",
    "jit": "off",
}

CLIENT = {"client_encoding": "UTF8", "application_name": SESSION["application_name"]}
"""What libpq sends by itself, and would take from the environment."""

MARK = "analytics_etl.session"
"""A setting without a meaning: where it did not arrive, something between us and the server drops startup options."""

_OF_ACCESS = (
    *("PGPASSWORD", "PGPASSFILE", "PGREQUIREAUTH", "PGCHANNELBINDING", "PGSSL", "PGGSS", "PGKRBSRVNAME"),
    *("PGREQUIRESSL", "PGMINPROTOCOLVERSION", "PGMAXPROTOCOLVERSION"),
)
"""How variables begin that say how to get in and how to encrypt, which a URL may leave to them."""


def startup_options(session: Mapping[str, str]) -> str:
    """The settings as libpq's `options`."""
    marked = {**session, MARK: "1"}
    return " ".join(f"-c {name}={value.replace(' ', chr(92) + ' ')}" for name, value in marked.items())


def set_statements(session: Mapping[str, str], server_version: int) -> str:
    """The settings as SET statements, to be sent as one text after connecting; `server_version` like 180004."""
    known = {name: value for name, (since, value) in SINCE.items() if server_version >= since}
    return "; ".join(f"set {name} to {_literal(name, value)}" for name, value in {**session, **known}.items())


def set_local_statements(session: Mapping[str, str]) -> str:
    """Settings for as long as a transaction lasts, to be sent as one text at its beginning."""
    return "; ".join(f"set local {name} to {_literal(name, value)}" for name, value in session.items())


def _literal(name: str, value: str) -> str:
    if name == "search_path":  # each schema by itself
        return ", ".join('"' + schema.replace('"', '""') + '"' for schema in value.split(","))
    return "'" + value.replace("'", "''") + "'"


def forget_variables(*, is_embedded: bool) -> None:
    """Take libpq's variables out of the environment of this process and of those it starts.

    Where the embedded server is meant none has an effect; where a URL is given, those stay that say how to get in and
    how to encrypt. Some (PGSERVICE, PGTZ) cannot be overruled in any other way.
    """
    for name in [name for name in os.environ.copy() if name.startswith("PG")]:
        if is_embedded or not name.startswith(_OF_ACCESS):
            del os.environ[name]
