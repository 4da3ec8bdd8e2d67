"""One DuckDB for a process: sessions apart, one limit for all, closed when another is asked for, and not inherited."""

import os
import threading
import warnings
from pathlib import Path

import duckdb
import pytest

from analytics_etl.engines import instances
from analytics_etl.engines.instances import session


def tables(connection: duckdb.DuckDBPyConnection) -> int:
    found = connection.execute("select count(*) from information_schema.tables").fetchone()
    assert found is not None
    return int(found[0])


def test_sessions_share_the_limit_and_no_tables(tmp_path: Path) -> None:
    with session(200, tmp_path) as one, session(200, tmp_path) as other:
        one.execute("create schema registry; create table registry.events as select 1 as n")
        with pytest.raises(duckdb.CatalogException):
            other.execute("from registry.events")
        other.execute("create schema registry; create table registry.events as select 2 as n")
        assert one.execute("from registry.events").fetchall() == [(1,)]
        limit = "select value from duckdb_settings() where name = 'memory_limit'"
        assert one.execute(limit).fetchall() == other.execute(limit).fetchall() == [("190.7 MiB",)]
        assert len(list(tmp_path.iterdir())) == 1
    with session(200, tmp_path) as again:
        assert tables(again) == 0
        again.execute("create table a as select 1")
    instances.close_kept()
    assert list(tmp_path.iterdir()) == []


def test_another_limit_ends_the_kept_one_but_not_a_session_in_it(tmp_path: Path) -> None:
    with session(200, tmp_path / "a") as one:
        one.execute("create table t as select 1 as n")
        with session(300, tmp_path / "b"):
            assert one.execute("from t").fetchall() == [(1,)]
            assert len(list((tmp_path / "a").iterdir())) == 1
    assert list((tmp_path / "a").iterdir()) == []
    assert len(list((tmp_path / "b").iterdir())) == 1
    instances.close_kept()
    assert list((tmp_path / "b").iterdir()) == []


def test_threads_have_sessions_of_their_own(tmp_path: Path) -> None:
    found: list[int] = []

    def work(number: int) -> None:
        for _ in range(10):
            with session(200, tmp_path) as connection:
                connection.execute(f"create table t as select {number} as n")
                found.append((connection.execute("from t").fetchone() or (None,))[0] == number)

    threads = [threading.Thread(target=work, args=[number]) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [True] * 40
    instances.close_kept()


def test_a_forked_process_makes_one_of_its_own(tmp_path: Path) -> None:
    with session(200, tmp_path) as connection:
        connection.execute("create table t as select 1")
    reading, writing = os.pipe()
    with warnings.catch_warnings(action="ignore"):
        pid = os.fork()
    if pid == 0:
        with session(200, tmp_path) as connection:
            os.write(writing, str(tables(connection)).encode())
        instances.close_kept()
        os._exit(0)
    _, status = os.waitpid(pid, 0)
    assert (os.waitstatus_to_exitcode(status), os.read(reading, 10)) == (0, b"0")
    with session(200, tmp_path) as connection:  # that of this process is still well
        assert connection.execute("select 1").fetchall() == [(1,)]
    instances.close_kept()
