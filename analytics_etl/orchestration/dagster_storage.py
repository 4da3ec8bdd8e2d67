"""Dagster's books in PostgreSQL over a connection that stays open, as `dagster.yaml` names them.

Dagster's own class connects anew for each of the thousands of statements of a run, which takes longer than the
statements do.
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
"""A connection that was used so short a time ago, and on which nothing was heard since, is taken to be there."""
_USED_AT = "analytics_etl_used_at"


class PooledPostgresStorage(DagsterPostgresStorage):
    """Dagster's storage of runs, events and schedules with one pool of connections for the three of them.

    A connection that was idle for a moment is tried before it is used and replaced when it was lost, so that one may
    break without harm. One is kept; others are opened while several threads work at once.
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
        event.listen(engine, "checkout", _try_if_in_doubt)
        for storage in (self._run_storage, self._event_log_storage, self._schedule_storage):
            storage._engine = engine  # noqa: SLF001 - the class has no option for it, and its version is pinned
        # Asked before each event of a check; tables of Dagster's do not come and go.
        self._event_log_storage.has_table = cache(self._event_log_storage.has_table)  # type: ignore[method-assign]

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> "PooledPostgresStorage":
        """The storage that a part of `dagster.yaml` describes; all options of Dagster's own class."""
        guard_webserver()
        return cls(
            postgres_url=pg_url_from_config(config_value),
            should_autocreate_tables=config_value.get("should_autocreate_tables", True),
            inst_data=inst_data,
            token_provider=get_token_provider_from_config(config_value),
        )


def _pin(connection: Any, _: Any) -> None:
    """Set a new connection to what every session of ours is set to, but for the schema and the time for a statement,
    which the URL says.
    """
    session = {name: value for name, value in SESSION.items() if name != "search_path"}
    with connection.cursor() as cursor:
        cursor.execute(set_statements(session, connection.server_version))
    connection.commit()


def _note_use(_: Any, record: Any) -> None:
    record.info[_USED_AT] = time.monotonic()


def _try_if_in_doubt(connection: Any, record: Any, _: Any) -> None:
    """Try a connection that was idle, or on which the server has said something meanwhile, as when it closed it;
    SQLAlchemy takes another one when this raises.

    SQLAlchemy's own way tries it before each of the thousands of statements of a run.
    """
    is_fresh = time.monotonic() - record.info.get(_USED_AT, -math.inf) < PAUSE_SECONDS
    if is_fresh and not _has_news(connection.fileno()):
        return
    try:
        with connection.cursor() as cursor:
            cursor.execute("select 1")
    except connection.Error as error:  # psycopg 2 has its classes of errors on its connections, too
        raise DisconnectionError(str(error)) from error


def _has_news(descriptor: int) -> bool:
    """Whether something can be read from a connection that nobody has asked anything."""
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(0))
