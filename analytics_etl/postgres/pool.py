"""A pool of connections: PostgreSQL starts a process for each connection, and a day's run has 500 transactions.

Each process has a pool for each database and session. A transaction leaves nothing behind in its session: its settings
are SET LOCAL, its locks end with it, its temporary tables are dropped on commit.
"""

import atexit
import logging
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg import sql
from psycopg_pool import ConnectionPool, PoolTimeout

from analytics_etl.config.settings import Settings
from analytics_etl.postgres.connection import Connection, closing_what_is_under_way, connect
from analytics_etl.postgres.sessions import set_local_statements

_MOST_CONNECTIONS = 8
_IDLE_SECONDS = 60
_TIMEOUT_SECONDS = 1
"""The pool opens connections on a thread of its own and does not pass on errors. After this time `pooled` connects
without the pool, which succeeds or raises the error that the pool hides."""

_pools: dict[tuple[str | None, str, int], ConnectionPool[Connection]] = {}
_opening = threading.Lock()
logging.getLogger("psycopg.pool").addHandler(logging.NullHandler())  # we report lost connections ourselves


class _Pinned(psycopg.Connection[Any]):
    """Lets the pool open connections by `connect`."""

    @classmethod
    def connect(cls, conninfo: str = "", **named: Any) -> Any:
        del conninfo
        return connect(named["settings"])


@contextmanager
def pooled(settings: Settings) -> Iterator[Connection]:
    """A pinned connection in a transaction, which is committed if the block succeeds."""
    pool = _pool_of(settings)
    try:
        connection = pool.getconn()
    except PoolTimeout:
        with connect(settings) as connection:
            yield connection
        return
    try:
        with connection:
            yield connection
    finally:
        pool.putconn(connection)


@contextmanager
def transaction(settings: Settings, session: Mapping[str, str] | None = None) -> Iterator[Connection]:
    """A transaction, committed if the block succeeds; `session` are settings for this transaction only."""
    with pooled(settings) as connection, closing_what_is_under_way(connection):
        if session:
            connection.execute(sql.SQL(set_local_statements(session)))
        yield connection


def close_pools() -> None:
    """Close all pools and their idle connections."""
    with _opening:
        while _pools:
            _, pool = _pools.popitem()
            pool.close()


def _pool_of(settings: Settings) -> ConnectionPool[Connection]:
    key = (settings.database_url, str(settings.home), settings.statement_hours)
    with _opening:
        if key not in _pools:
            _pools[key] = ConnectionPool(
                connection_class=_Pinned,
                kwargs={"settings": settings},
                min_size=0,
                max_size=_MOST_CONNECTIONS,
                open=True,
                check=ConnectionPool.check_connection,
                timeout=_TIMEOUT_SECONDS,
                max_idle=_IDLE_SECONDS,
                reconnect_timeout=0,
                num_workers=1,
            )
        return _pools[key]


atexit.register(close_pools)
