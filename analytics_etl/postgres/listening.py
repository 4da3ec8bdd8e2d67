"""Hearing what other processes tell through PostgreSQL (LISTEN), on one connection that waits without a thread.

Not here: what is told (`ops.live`), and telling it.
"""

import logging
from collections.abc import Callable

import anyio
import anyio.to_thread
from psycopg import pq, sql

from analytics_etl.config.settings import Settings
from analytics_etl.postgres.connection import Connection, DatabaseError, connect
from analytics_etl.postgres.failures import SERVER_ERRORS

SECONDS_OF_SILENCE = 20.0
"""After so long without a word the connection is tried: one whose server vanished would be silent for ever."""
_FIRST_WAIT, _LONGEST_WAIT = 1.0, 30.0

_LOST: tuple[type[Exception], ...] = (*SERVER_ERRORS, OSError)

_log = logging.getLogger(__name__)


async def listen(
    settings: Settings, channel: str, on_connected: Callable[[], None], on_message: Callable[[str], None]
) -> None:
    """Hand over each message of a channel until the task is cancelled; connect again whenever the connection is lost.

    `on_connected` is called after each connecting: what was told before has not been heard.
    """
    wait = _FIRST_WAIT
    while True:
        try:
            connection = await anyio.to_thread.run_sync(connect, settings)
        except SERVER_ERRORS as error:
            _log.warning("live updates wait for the database: %s", error)
        else:
            try:
                _begin(connection, channel)
                on_connected()
                wait = _FIRST_WAIT
                await _hear(connection, on_message)
            except _LOST as error:
                _log.warning("live updates lost the database and connect again: %s", error)
            finally:
                connection.close()
        await anyio.sleep(wait)
        wait = min(2 * wait, _LONGEST_WAIT)


def _begin(connection: Connection, channel: str) -> None:
    connection.autocommit = True
    connection.execute(sql.SQL("listen {}").format(sql.Identifier(channel)))


async def _hear(connection: Connection, on_message: Callable[[str], None]) -> None:
    is_asked = False
    while True:
        with anyio.move_on_after(SECONDS_OF_SILENCE):
            await anyio.wait_readable(connection.fileno())
            is_asked = False
            _take(connection.pgconn, on_message)
            continue
        if is_asked:
            raise DatabaseError("the server does not answer")
        # Its answer makes the connection readable, and is thrown away like any other result.
        connection.pgconn.send_query(b"")
        connection.pgconn.flush()
        is_asked = True


def _take(connection: pq.abc.PGconn, on_message: Callable[[str], None]) -> None:
    """Hand over what has arrived."""
    connection.consume_input()
    while not connection.is_busy() and (result := connection.get_result()) is not None:
        result.clear()
    while (heard := connection.notifies()) is not None:
        on_message(heard.extra.decode())
