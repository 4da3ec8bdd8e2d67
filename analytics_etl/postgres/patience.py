"""Retrying statements that need an exclusive lock on tables with readers.

A statement that waits for an exclusive lock makes every later reader wait behind it. So each try waits for half a
second only, with pauses in which readers go on; after PATIENCE_SECONDS the retries end.
"""

from collections.abc import Callable, Sequence
from typing import Any, NoReturn, TypeVar

import psycopg
from psycopg import sql
from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_delay, wait_exponential

from analytics_etl.postgres.connection import Connection, DatabaseError
from analytics_etl.postgres.sessions import SESSION

Result = TypeVar("Result")

TRY_MS = 500
"""Milliseconds that one try waits for its locks."""
PATIENCE_SECONDS = 300.0
"""Seconds of retries in all."""
_FIRST_PAUSE, _LONGEST_PAUSE = 0.2, 5.0


def patiently(
    connection: Connection, what: str, tables: Sequence[sql.Identifier], work: Callable[[], Result]
) -> Result:
    """Do quick statements that need exclusive locks on `tables`, and retry them from a savepoint.

    What the transaction did before is kept. Raises DatabaseError, which begins with `what` and names the sessions that
    hold the locks.
    """

    def once() -> Result:
        with connection.transaction():
            connection.execute(sql.SQL("set local lock_timeout to {}").format(TRY_MS))
            result = work()
            # Releasing a savepoint keeps its settings.
            connection.execute(sql.SQL("set local lock_timeout to {}").format(SESSION["lock_timeout"]))
            return result

    return until_locked(once, lambda: refusal(what, _holders(connection, tables)))


def until_locked(work: Callable[[], Result], refused: Callable[[], str]) -> Result:
    """Retry `work` with pauses until it gets its locks; raise DatabaseError(refused()) after PATIENCE_SECONDS."""

    def give_up(_: RetryCallState) -> NoReturn:
        raise DatabaseError(refused()) from None

    tries = Retrying(
        retry=retry_if_exception(_lacks_lock),
        wait=wait_exponential(multiplier=_FIRST_PAUSE, max=_LONGEST_PAUSE),
        stop=stop_after_delay(PATIENCE_SECONDS),
        retry_error_callback=give_up,
    )
    return tries(work)


def refusal(what: str, holders: Sequence[tuple[Any, ...]]) -> str:
    """The message after the last retry; `holders` are rows of HOLDERS."""
    who = "; ".join(_described(*holder) for holder in holders) or "a session that has just ended"
    pids = ", ".join(f"select pg_terminate_backend({pid})" for pid, *_ in holders if pid is not None)
    advice = f"let it end, or end it ({pids}), then run again" if pids else "run again"
    return f"{what}: readers were in the way for {PATIENCE_SECONDS / 60:.0f} minutes: {who}; {advice}"


HOLDERS = """
    select l.pid, a.usename, a.application_name, a.state, a.query_start
    from pg_locks as l
    left join pg_stat_activity as a using (pid)
    where l.granted and l.locktype = 'relation' and l.pid is distinct from pg_backend_pid()
      and l.database = (select oid from pg_database where datname = current_database())
      and l.relation in ({})
    group by 1, 2, 3, 4, 5
    order by a.query_start, 1"""
"""Sessions that hold a lock on some tables. Without their statements, which may quote personal data."""


def _lacks_lock(error: BaseException) -> bool:
    """Whether a statement did not get its lock in time: an error of psycopg, maybe wrapped by SQLAlchemy."""
    return isinstance(getattr(error, "orig", error), psycopg.errors.LockNotAvailable)


def _holders(connection: Connection, tables: Sequence[sql.Identifier]) -> list[tuple[Any, ...]]:
    names = [table.as_string(connection) for table in tables]
    of_tables = "select to_regclass(name)::oid from unnest(%s::text[]) as name"
    return connection.execute(sql.SQL(HOLDERS.format(of_tables)), [names]).fetchall()


def _described(pid: int | None, user: str | None, application: str | None, state: str | None, since: Any) -> str:
    if pid is None:
        return "a prepared transaction"
    started = f", its last statement began {since:%F %T} UTC" if since is not None else ""
    return f"process {pid} of {user or 'an unknown user'} ({application or 'no name'}), {state or 'busy'}{started}"
