"""Detecting runs whose process died: each run holds an advisory lock, which is released with its connection."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from analytics_etl.config.settings import Settings
from analytics_etl.postgres.connection import LOST_CONNECTION, connect
from analytics_etl.postgres.pool import transaction

_LOCK = "hashtextextended('analytics_etl run ' || %s, 0)"
_CHECK_SECONDS = 10
"""Seconds between two checks that the connection, and with it the lock, still exists."""


@contextmanager
def holding_run_lock(settings: Settings, run_id: str) -> Iterator[None]:
    """Hold the lock of a run for the duration of the block; take it again if the server restarts."""
    is_over = threading.Event()
    thread = threading.Thread(target=_hold, args=(settings, run_id, is_over), name=f"lock of run {run_id}", daemon=True)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()


def runs_without_lock(settings: Settings, run_ids: Sequence[str]) -> set[str]:
    """The runs whose lock nobody holds: their process is gone."""
    with transaction(settings) as connection:
        # This transaction takes each free lock, and releases all of them when it ends, right after this statement.
        return {
            run_id
            for run_id in run_ids
            if connection.execute(f"select pg_try_advisory_xact_lock({_LOCK})", [run_id]).fetchone() == (True,)
        }


def _hold(settings: Settings, run_id: str, is_over: threading.Event) -> None:
    while not is_over.is_set():
        try:
            with connect(settings, {"idle_session_timeout": "0"}) as connection:
                connection.autocommit = True
                connection.execute(f"select pg_advisory_lock({_LOCK})", [run_id])
                while not is_over.wait(_CHECK_SECONDS):
                    connection.execute("select 1")
        except LOST_CONNECTION:  # the run has the same error on its own connection and reports it
            is_over.wait(_CHECK_SECONDS / 2)
