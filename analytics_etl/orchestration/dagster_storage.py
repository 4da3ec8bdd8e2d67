"""Dagster's storage in PostgreSQL with a connection pool; `dagster.yaml` names its class.

Dagster's own class opens a connection for each of the thousands of statements of a run. That takes longer than the
statements.
"""

import math
import select
import time
from collections.abc import Mapping
from functools import cache
from typing import Any

from dagster_postgres.storage import DagsterPostgresStorage
from dagster_postgres.utils import create_pg_engine, get_token_provider_from_config, pg_url_from_config
from sqlalchemy import event
from sqlalchemy.exc import DisconnectionError

from analytics_etl.orchestration.dagster_events import EventLog
from analytics_etl.orchestration.dagster_private import ConfigurableClassData
from analytics_etl.orchestration.webserver import guard_webserver
from analytics_etl.postgres.sessions import SESSION, forget_variables, set_statements

PAUSE_SECONDS = 1.0
"""A connection that was used this recently, and on which the server sent nothing since, is used without a test."""
_USED_AT = "analytics_etl_used_at"


class PooledPostgresStorage(DagsterPostgresStorage):
    """Dagster's storage of runs, events and schedules with one connection pool for all three.

    The pool tests a connection that was idle before use, and replaces a lost one. It keeps one connection; others are
    open only while several threads need one.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        forget_variables(is_embedded=False)
        super().__init__(*arguments, **options)
        self._event_log_storage = EventLog(
            self.postgres_url, self.should_autocreate_tables, token_provider=options.get("token_provider")
        )
        engine = create_pg_engine(
            self.postgres_url,
            options.get("token_provider"),
            isolation_level="AUTOCOMMIT",
            pool_size=1,
            max_overflow=-1,
        )
        event.listen(engine, "connect", _pin)
        event.listen(engine, "checkin", _note_use)
        event.listen(engine, "checkout", _test_if_idle)
        for storage in (self._run_storage, self._event_log_storage, self._schedule_storage):
            storage._engine = engine  # noqa: SLF001 - the class has no option for it, and its version is pinned
        # Dagster asks before each event of a check, but its tables do not come and go.
        self._event_log_storage.has_table = cache(self._event_log_storage.has_table)  # type: ignore[method-assign]

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> "PooledPostgresStorage":
        """Make the storage from its part of `dagster.yaml`; takes the options of Dagster's own class."""
        guard_webserver()
        return cls(
            postgres_url=pg_url_from_config(config_value),
            should_autocreate_tables=config_value.get("should_autocreate_tables", True),
            inst_data=inst_data,
            token_provider=get_token_provider_from_config(config_value),
        )


def _pin(connection: Any, _: Any) -> None:
    """Apply our session settings to a new connection, except those that the URL sets: schema and statement timeout."""
    session = {name: value for name, value in SESSION.items() if name != "search_path"}
    with connection.cursor() as cursor:
        cursor.execute(set_statements(session, connection.server_version))
    connection.commit()


def _note_use(_: Any, record: Any) -> None:
    record.info[_USED_AT] = time.monotonic()


def _test_if_idle(connection: Any, record: Any, _: Any) -> None:
    """Test a connection that was idle, or on which the server sent something, as it does when it closes one. SQLAlchemy
    takes another connection when this raises DisconnectionError.

    SQLAlchemy's own `pool_pre_ping` would test before each of the thousands of statements of a run.
    """
    is_fresh = time.monotonic() - record.info.get(_USED_AT, -math.inf) < PAUSE_SECONDS
    if is_fresh and not _has_input(connection.fileno()):
        return
    try:
        with connection.cursor() as cursor:
            cursor.execute("select 1")
    except connection.Error as error:  # psycopg 2 has its classes of errors on its connections, too
        raise DisconnectionError(str(error)) from error


def _has_input(descriptor: int) -> bool:
    """Whether the server has sent something that nobody asked for."""
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(0))
