"""Telling runs whose process is gone: each run holds an advisory lock of its name, which ends with its process."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from analytics_etl.config.settings import Settings
from analytics_etl.postgres.connection import LOST_CONNECTION, connect
from analytics_etl.postgres.pool import transaction

_LOCK = "hashtextextended('analytics_etl run ' || %s, 0)"
_CHECK_SECONDS = 10
"""Seconds between looks whether the connection, and so the lock, is still there."""


@contextmanager
def holding_run_lock(settings: Settings, run_id: str) -> Iterator[None]:
    """Hold the lock of a run as long as the block lasts; it is taken again after the server was restarted."""
    is_over = threading.Event()
    thread = threading.Thread(target=_hold, args=(settings, run_id, is_over), name=f"alive {run_id}", daemon=True)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()


def runs_without_lock(settings: Settings, run_ids: Sequence[str]) -> set[str]:
    """The runs whose lock nobody holds."""
    with transaction(settings) as connection:
        # A lock that can be had is had until the transaction ends, which is at once.
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
        except LOST_CONNECTION:  # the run itself meets the same and tells it
            is_over.wait(_CHECK_SECONDS / 2)
