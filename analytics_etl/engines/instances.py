"""One DuckDB for a process: starting one takes 15 milliseconds, of which a small day would need dozens.

It is kept until another memory limit or folder is asked for. Each session has a catalogue of its own in it, so sessions
of several threads do not see each other's tables, and share the memory limit.
"""

import atexit
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import duckdb

from analytics_etl.disk.scratch import Scratch

_lock = threading.Lock()
_numbers = count(1)


@dataclass
class _Instance:
    """A running DuckDB, its temporary folder, and the sessions in it."""

    key: tuple[int, Path]
    connection: duckdb.DuckDBPyConnection
    scratch: Scratch
    sessions: int = 0

    def close(self) -> None:
        self.connection.close()
        self.scratch.remove()


_kept: list[_Instance] = []
"""The instance for the next session, if any."""
_inherited: list[_Instance] = []


@contextmanager
def session(memory_mb: int, temporary_dir: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection to an empty catalogue of its own, which is dropped at the end."""
    instance = _taken(memory_mb, temporary_dir)
    name = f"session_{next(_numbers)}"
    try:
        connection = instance.connection.cursor()
        try:
            connection.execute(f"attach ':memory:' as {name}; use {name}")
            yield connection
        finally:
            connection.close()
            instance.connection.cursor().execute(f"detach database if exists {name}")
    finally:
        _give_back(instance)


def _taken(memory_mb: int, temporary_dir: Path) -> _Instance:
    with _lock:
        if not _kept or _kept[0].key != (memory_mb, temporary_dir) or not _kept[0].scratch.path.exists():
            close_kept()
            scratch = Scratch(temporary_dir)
            config: dict[str, str | bool | int | float | list[str]] = {
                "memory_limit": f"{memory_mb}MB",
                "temp_directory": str(scratch.path),
                "preserve_insertion_order": False,
            }
            _kept.append(_Instance((memory_mb, temporary_dir), duckdb.connect(config=config), scratch))
        _kept[0].sessions += 1
        return _kept[0]


def _give_back(instance: _Instance) -> None:
    with _lock:
        instance.sessions -= 1
        if not instance.sessions and instance not in _kept:
            instance.close()


def close_kept() -> None:
    """Close the instance that is kept for the next session; one in use is closed by its last session."""
    while _kept:
        instance = _kept.pop()
        if not instance.sessions:
            instance.close()


def _forget_kept() -> None:
    """In a forked process: leave the instance of the other process alone. Without its threads it cannot be closed."""
    _inherited.extend(_kept)
    _kept.clear()


atexit.register(close_kept)
os.register_at_fork(after_in_child=_forget_kept)
