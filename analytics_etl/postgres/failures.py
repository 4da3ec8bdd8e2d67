"""Classifying database errors of all drivers (lost connection, full disk, timeout), and retrying lost connections.

The drivers are psycopg, SQLAlchemy on psycopg (Great Expectations, Alembic) and SQLAlchemy on psycopg 2 (Dagster).
"""

import errno
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import psycopg
from tenacity import Retrying, retry_if_exception, stop_after_attempt, stop_after_delay, wait_fixed

from analytics_etl.config.settings import Settings
from analytics_etl.postgres.connection import DatabaseError, UnreachableError, connect

if TYPE_CHECKING:
    from sqlalchemy.exc import DBAPIError
    from typing_extensions import TypeIs

Result = TypeVar("Result")

SERVER_ERRORS: tuple[type[Exception], ...] = (psycopg.Error, DatabaseError)
"""What a statement may raise."""
_WAIT_SECONDS = 60
_MOST_TRIES = 3
_DISK_FULL = "53100"
_CANCELED, _IDLE = "57014", "25P03"
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def is_lost(error: BaseException) -> bool:
    """Whether an error, or one of its causes, means that the connection was lost, so that a retry may succeed."""
    return any(_is_connection_error(cause) for cause in _causes(error))


def is_timed_out(error: BaseException) -> bool:
    """Whether an error, or one of its causes, means that a statement took longer than its timeout."""
    return any(_state(cause) == _CANCELED and "statement timeout" in str(cause) for cause in _causes(error))


def explained(error: BaseException) -> str | None:
    """A message for a person about an error of the server, the disk or the connection; None for other errors.

    May quote a password.
    """
    for cause in _causes(error):
        message = str(getattr(cause, "orig", None) or cause).strip().split("\n")[0]
        if _state(cause) == _DISK_FULL or getattr(cause, "errno", None) in _NO_ROOM:
            return f"the disk is full: {message}. Make room, then type the command again."
        if _state(cause) == _CANCELED and "statement timeout" in message:
            return f"a statement took longer than is allowed: {message}. See ANALYTICS_STATEMENT_HOURS."
        if _state(cause) == _IDLE:
            return f"nothing was heard of a transaction for too long: {message}. Was the process stopped? Run it again."
        if _is_connection_error(cause):
            return (
                f"the connection to the database was lost: {message}. Whatever was committed stays; type the command "
                "again, or `analytics-etl doctor` if that does not help."
            )
    return None


def wait_until_back(settings: Settings, seconds: float = _WAIT_SECONDS) -> None:
    """Wait until the server answers; start the embedded one. Raise the error of the last try after `seconds`."""
    tries = Retrying(
        retry=retry_if_exception(is_lost), wait=wait_fixed(0.5), stop=stop_after_delay(seconds), reraise=True
    )
    tries(lambda: connect(settings).close())


def persistently(settings: Settings, work: Callable[[], Result]) -> Result:
    """Do idempotent work, and retry it after a lost connection, at most three times in all.

    Does not wait for a server that does not answer at first: its URL may be wrong.
    """

    def is_lost_during_work(error: BaseException) -> bool:
        return isinstance(error, Exception) and not isinstance(error, UnreachableError) and is_lost(error)

    tries = Retrying(
        retry=retry_if_exception(is_lost_during_work),
        before_sleep=lambda _: wait_until_back(settings),
        stop=stop_after_attempt(_MOST_TRIES),
        reraise=True,
    )
    return tries(work)


@contextmanager
def raising_lost_connections() -> Iterator[None]:
    """Raise a lost connection at the end of the block, for code that turns SQLAlchemy's errors into text."""
    from sqlalchemy import event  # noqa: PLC0415 - only for this
    from sqlalchemy.engine import Engine  # noqa: PLC0415 - only for this

    met: list[BaseException] = []

    def note(context: Any) -> None:
        error = context.sqlalchemy_exception or context.original_exception
        if is_lost(error):
            met.append(error)

    event.listen(Engine, "handle_error", note)
    try:
        yield
    except Exception as error:
        if met:
            raise met[0] from error
        raise
    finally:
        event.remove(Engine, "handle_error", note)
    if met:
        raise met[0]


def _causes(error: BaseException) -> Iterator[BaseException]:
    """An error and the chain of its causes."""
    found: BaseException | None = error
    while found is not None:
        yield found
        found = found.__cause__


def _state(error: BaseException) -> str | None:
    """PostgreSQL's error code (SQLSTATE); None if the error is not the server's."""
    raised = error.orig if _is_sqlalchemy_error(error) else error
    return getattr(raised, "sqlstate", None) or getattr(raised, "pgcode", None)


def _is_sqlalchemy_error(error: BaseException) -> "TypeIs[DBAPIError]":
    """Whether SQLAlchemy wrapped a driver's error. Does not import SQLAlchemy: if nobody did, it wrapped nothing."""
    errors = sys.modules.get("sqlalchemy.exc")
    return errors is not None and isinstance(error, errors.DBAPIError)


def _is_connection_error(error: BaseException) -> bool:
    """Whether this very error means a lost connection."""
    if isinstance(error, UnreachableError):
        return True
    if _is_sqlalchemy_error(error):
        kinds: tuple[str, ...] = ("OperationalError", "InterfaceError")
        is_possible = error.connection_invalidated or type(error).__name__ in kinds
    else:
        is_possible = isinstance(error, psycopg.OperationalError | psycopg.InterfaceError)
    state = _state(error)  # None: the client noticed the loss itself
    return is_possible and (state is None or state.startswith("08") or state in ("57P01", "57P02", "57P03"))
