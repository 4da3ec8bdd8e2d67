"""Changing tables that somebody reads: short tries for their locks, and room for other readers between them.

A statement that waits for a lock which excludes readers makes every later reader wait behind it. So it waits for half a
second only; then readers have their turn, and it tries again, until it was patient for long enough.
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
PATIENCE_SECONDS = 300.0
_FIRST_PAUSE, _LONGEST_PAUSE = 0.2, 5.0


def patiently(
    connection: Connection, what: str, tables: Sequence[sql.Identifier], work: Callable[[], Result]
) -> Result:
    """Do some quick statements that exclude readers of some tables, again and again from a savepoint until they get
    their locks; whatever the transaction has done before stays. Raises DatabaseError with who is in the way.
    """

    def once() -> Result:
        with connection.transaction():
            connection.execute(sql.SQL("set local lock_timeout to {}").format(TRY_MS))
            result = work()
            # A setting of a savepoint stays when that is released.
            connection.execute(sql.SQL("set local lock_timeout to {}").format(SESSION["lock_timeout"]))
            return result

    return until_locked(once, lambda: refusal(what, _holders(connection, tables)))


def until_locked(work: Callable[[], Result], refused: Callable[[], str]) -> Result:
    """Do something again and again, with pauses, until it gets its locks; raise DatabaseError when patience ends."""

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
    """What to say when patience has ended; `holders` as `HOLDERS` finds them."""
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
"""Other sessions with a lock on some tables. Not what they asked: that may hold anything."""


def _lacks_lock(error: BaseException) -> bool:
    """Whether a statement did not get its lock in time: an error of ours, or SQLAlchemy's of it."""
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
